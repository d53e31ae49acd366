//! Ctrl-C, SIGTERM: graceful shutdown of threads.
//!
//! Use it when work that has begun must be finished. If it may be cut off,
//! Ctrl-C does that without any code. For threads of another kind, wait with
//! `let _ = stop_on_ctrl_c()?.recv();`, then stop them; leave out `run`.
//! Ends: when the input ends, at the first error, or at the first Ctrl-C,
//! SIGTERM or SIGHUP: it takes no more items, and finishes those it has taken. A
//! second Ctrl-C, 0.2 s later or more, ends the process at once, with exit code
//! 130. Under `nohup` SIGHUP stops it too: start it with `setsid`.
//! Needs: `cargo add crossbeam-channel`,
//! `cargo add ctrlc --features termination`; for `run`, `pipeline.rs` as a
//! module.
//!
//! ```text
//! stopped: nothing is taken, although the input is full
//! an item fails while the input is silent: invalid digit found in string
//! two signals at once are one: finished 1, 4, 9
//! an item that never ends: a second Ctrl-C, exit code 130
//! ```

use channels_pipeline::pipeline::PipelineExt; // yours: `crate::pipeline`
use crossbeam_channel::{Receiver, bounded, select_biased};
use std::convert::Infallible;
use std::time::{Duration, Instant};
use std::{io, iter, process, thread};

/// A signal that comes so soon after the first is the same one: `timeout` sends
/// it to the process and to its group.
const SAME: Duration = Duration::from_millis(200);

/// The first Ctrl-C, SIGTERM or SIGHUP ends the channel: `recv` fails.
pub fn stop_on_ctrl_c() -> Result<Receiver<Infallible>, ctrlc::Error> {
    let (running, stop) = bounded(0);
    let mut running = Some(running);
    let mut first: Option<Instant> = None;
    ctrlc::set_handler(move || {
        drop(running.take()); // nothing is ever sent: this is the stop
        if first.get_or_insert_with(Instant::now).elapsed() > SAME {
            process::exit(130); // as shells report an end by Ctrl-C
        }
    })?;
    Ok(stop)
}

/// Standard input as a channel. Nothing wakes a thread that reads, so this one
/// is not joined: it ends with the process. Lines that are read ahead are lost.
pub fn stdin_lines() -> io::Result<Receiver<io::Result<String>>> {
    let (sender, lines) = bounded(16);
    thread::Builder::new().spawn(move || {
        for line in io::stdin().lines() {
            if sender.send(line).is_err() {
                return;
            }
        }
    })?;
    Ok(lines)
}

/// The input, until it ends or one of the others does. A plain `recv` would not
/// notice those while the input is silent.
pub fn until_end_of<T>(
    stop: Receiver<Infallible>,
    left: Receiver<Infallible>,
    input: Receiver<T>,
) -> impl Iterator<Item = T> {
    iter::from_fn(move || {
        select_biased! { // in this order, if several are ready
            recv(stop) -> _ => None,
            recv(left) -> _ => None,
            recv(input) -> item => item.ok(),
        }
    })
}

/// Does each item's job on a worker, and uses the results on this thread.
pub fn run<T: Send, R: Send, E: From<io::Error> + Send>(
    stop: Receiver<Infallible>,
    input: Receiver<T>,
    job: impl Fn(T) -> Result<R, E> + Sync,
    mut use_result: impl FnMut(R),
) -> Result<(), E> {
    let workers = thread::available_parallelism()?;
    thread::scope(|scope| {
        // Dropped at the end of this closure, also at an error. Otherwise the
        // scope would wait until a silent input has its next item.
        let (_here, left) = bounded(0);
        let items = until_end_of(stop, left, input);
        for result in items.parallel_map(scope, workers, workers.get(), || &job)? {
            use_result(result?);
        }
        Ok(())
    })
}

fn main() -> Result<(), Failure> {
    use crossbeam_channel::unbounded;
    use std::env;

    if let Some(mode) = env::args().nth(1) {
        return squares_of_stdin(&mode);
    }

    let (_here, left) = bounded(0);
    let (sender, input) = unbounded();
    for _ in 0..100 {
        sender.send(0)?;
        let (running, stop) = bounded(0);
        drop(running);
        assert_eq!(until_end_of(stop, left.clone(), input.clone()).next(), None);
    }
    println!("stopped: nothing is taken, although the input is full");

    // The cases that go wrong: an item fails, or one never ends.
    let (_running, stop) = bounded(0);
    let (sender, input) = unbounded(); // silent, after this item
    sender.send("x")?;
    let parse = |text: &str| -> Result<u32, Failure> {
        thread::sleep(SAME / 4); // so that the input is waited for
        Ok(text.parse()?)
    };
    let Err(error) = run(stop, input, parse, |_| ()) else {
        unreachable!("`x` is no number");
    };
    println!("an item fails while the input is silent: {error}");

    if cfg!(unix) {
        assert_eq!(outcome("signalled")?, (Some(0), "1\n4\n9\n".into()));
    }
    println!("two signals at once are one: finished 1, 4, 9");
    if cfg!(unix) {
        assert_eq!(outcome("stuck")?, (Some(130), "1\n4\n".into()));
    }
    println!("an item that never ends: a second Ctrl-C, exit code 130");
    Ok(())
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Runs this program in that mode, with an input that is silent after 3 lines.
/// Returns its exit code and output.
fn outcome(mode: &str) -> Result<(Option<i32>, String), Failure> {
    use std::io::Write;
    use std::process::{Command, Stdio};

    let mut command = Command::new(std::env::current_exe()?);
    let command = command.arg(mode).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take().ok_or("no pipe")?;
    input.write_all(b"1\n2\n3\n")?;
    let output = child.wait_with_output()?;
    drop(input); // only now does it end
    Ok((output.status.code(), String::from_utf8(output.stdout)?))
}

/// The program that is stopped, while it works on 3.
fn squares_of_stdin(mode: &str) -> Result<(), Failure> {
    let stop = stop_on_ctrl_c()?;
    let stopped = &stop.clone();
    let square = |line: io::Result<String>| -> Result<u32, Failure> {
        let number: u32 = line?.parse()?;
        if number == 3 {
            send_to_self("kill -INT $PPID; kill -HUP $PPID")?;
            let _ = stopped.recv();
            thread::sleep(SAME / 4); // some work; the second signal has come
            if mode == "stuck" {
                loop {
                    thread::sleep(SAME);
                    send_to_self("kill -INT $PPID")?;
                }
            }
        }
        Ok(number * number)
    };
    run(stop, stdin_lines()?, square, |square| println!("{square}"))
}

fn send_to_self(signals: &str) -> io::Result<()> {
    let status = process::Command::new("sh").args(["-c", signals]).status()?;
    assert!(status.success());
    Ok(())
}
