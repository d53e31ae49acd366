//! Progress bar of worker threads.
//!
//! Use it when a job of many items runs long and a person may be watching. If
//! the job prints, or has several bars, use the crate `indicatif`.
//! Ends: with the result of the job, or with its panic; the bar is removed. It
//! does not wait for `done` to reach `total`: after a panic, it never would.
//! Without a terminal, as in a log file, nothing is printed.
//! Needs: std alone.
//!
//! ```text
//! 50 of 100 was shown while the job ran
//! the terminal was closed; the result is there
//! a worker panicked: item 20 failed; the bar is gone
//! not a terminal: nothing printed
//! ```

use std::convert::Infallible;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// The time between two pictures; a shorter job shows none.
const INTERVAL: Duration = Duration::from_millis(100);

/// Runs `job` with a progress bar on standard error, if that is a terminal.
///
/// The job adds 1 after each item, on whatever threads it starts:
/// `done.fetch_add(1, Relaxed)`.
pub fn with_progress<R>(total: u64, job: impl FnOnce(&AtomicU64) -> R) -> R {
    let stderr = io::stderr();
    if stderr.is_terminal() {
        with_progress_on(stderr, total, job)
    } else {
        job(&AtomicU64::new(0))
    }
}

/// The same on any output. Write errors are ignored: no result is lost.
pub fn with_progress_on<R>(
    output: impl Write + Send,
    total: u64,
    job: impl FnOnce(&AtomicU64) -> R,
) -> R {
    let done = &AtomicU64::new(0);
    thread::scope(|scope| {
        // Dropped at the end of the job, also by a panic: the bar ends.
        let (running, end) = mpsc::channel();
        let show = move || show(output, total, done, &end);
        // If spawning fails, the job runs without a bar.
        let _ = thread::Builder::new().spawn_scoped(scope, show);
        let result = job(done);
        drop(running);
        result
    })
}

fn show(mut out: impl Write, total: u64, done: &AtomicU64, end: &Receiver<Infallible>) {
    let mut is_shown = false;
    while end.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
        // Relaxed: the count publishes only itself. One write, so that nothing
        // that other threads print comes in between.
        let _ = out.write_all(line(done.load(Relaxed), total).as_bytes());
        is_shown = true;
    }
    if is_shown {
        let _ = out.write_all(CLEAR.as_bytes());
    }
}

/// To the start of the line; erase it.
const CLEAR: &str = "\r\x1b[K";

fn line(done: u64, total: u64) -> String {
    let filled = (20.0 * done as f64 / total as f64) as usize;
    let bar = "#".repeat(filled.min(20));
    format!("\r[{bar:-<20}] {done} of {total}\x1b[K")
}

fn main() -> io::Result<()> {
    use std::env;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
    use std::process::Command;

    if env::args().nth(1).as_deref() == Some("to a pipe") {
        with_progress(1, |_| thread::sleep(3 * INTERVAL)); // time for a picture
        return Ok(());
    }

    // Two threads do `items` together. Item 20 of each may fail.
    let work = |items: u64, may_fail: bool, done: &AtomicU64| {
        thread::scope(|scope| {
            let mut workers = Vec::new();
            for _ in 0..2 {
                workers.push(scope.spawn(move || {
                    for item in 0..items / 2 {
                        assert!(!may_fail || item != 20, "item {item} failed");
                        done.fetch_add(1, Relaxed);
                    }
                }));
            }
            for worker in workers {
                worker
                    .join()
                    .unwrap_or_else(|payload| resume_unwind(payload));
            }
        });
    };

    let (screen, lines) = Screen::new(false);
    let result = with_progress_on(screen, 100, |done| {
        work(50, false, done);
        let half = "\r[##########----------] 50 of 100\x1b[K"; // in one write
        assert!(lines.iter().take(100).any(|line| line == half));
        work(50, false, done);
        "the result"
    });
    assert_eq!(result, "the result");
    assert_eq!(lines.iter().last().as_deref(), Some(CLEAR));
    println!("50 of 100 was shown while the job ran");
    let (screen, lines) = Screen::new(false);
    let (running, end) = mpsc::channel();
    drop(running); // the job ends before the first picture
    show(screen, 1, &AtomicU64::new(1), &end);
    assert_eq!(lines.iter().count(), 0);
    assert_eq!(line(5, 4), "\r[####################] 5 of 4\x1b[K");
    assert_eq!(line(0, 0), "\r[--------------------] 0 of 0\x1b[K");

    // The case that goes wrong: the output is closed, or a worker panics.
    let (screen, lines) = Screen::new(true);
    let result = with_progress_on(screen, 0, |_| {
        assert_eq!(lines.iter().take(2).count(), 2); // two writes have failed
        "the result"
    });
    assert_eq!(result, "the result");
    println!("the terminal was closed; the result is there");

    let (screen, lines) = Screen::new(false);
    let job = || {
        with_progress_on(screen, 100, |done| {
            assert!(lines.recv().is_ok()); // the bar is shown
            work(100, true, done);
        });
    };
    let payload = catch_unwind(AssertUnwindSafe(job)).err();
    let text = payload.and_then(|payload| payload.downcast::<String>().ok());
    assert_eq!(text.as_deref().map(String::as_str), Some("item 20 failed"));
    assert_eq!(lines.iter().last().as_deref(), Some(CLEAR));
    println!("a worker panicked: item 20 failed; the bar is gone");

    let output = Command::new(env::current_exe()?)
        .arg("to a pipe")
        .output()?;
    assert!(output.status.success() && output.stderr.is_empty());
    println!("not a terminal: nothing printed");
    Ok(())
}

/// Sends what is written, one message for each write; may be broken.
struct Screen {
    writes: mpsc::Sender<String>,
    is_broken: bool,
}

impl Screen {
    fn new(is_broken: bool) -> (Self, Receiver<String>) {
        let (writes, lines) = mpsc::channel();
        (Self { writes, is_broken }, lines)
    }
}

impl Write for Screen {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let _ = self.writes.send(String::from_utf8_lossy(buffer).into());
        if self.is_broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
