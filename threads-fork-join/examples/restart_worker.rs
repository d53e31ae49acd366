//! A worker thread panics: report it, restart it, or end the program.
//!
//! Use it when a panic must not go unnoticed: a thread that panics ends alone,
//! and only the thread that joins it gets an error.
//! Ends: `run_with_restarts` when the work returns, when it is stopped, or with
//! the last panic when too many came in a row. After `exit_on_panic`, any panic
//! ends the process with exit code 101. So does `panic = "abort"` in
//! `Cargo.toml`, with a core dump where those are enabled.
//! Needs: std alone.
//!
//! ```text
//! panicked, restarted: no data yet
//! panicked, restarted: no data yet
//! the third run succeeded
//! gave up after 2 restarts
//! stopped while waiting for a restart
//! with exit_on_panic: exit code 101
//! ```

use std::any::Any;
use std::convert::Infallible;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use std::{process, thread};

/// When to restart.
pub struct Policy {
    /// The highest number of restarts in a row.
    pub restarts: u32,
    /// The time between a panic and the restart.
    pub pause: Duration,
    /// A run of at least this duration was healthy: the count starts afresh.
    pub healthy: Duration,
}

/// Calls `work` until it returns; after a panic, reports it and calls it again.
///
/// Let `work` make its own state, so that no run sees a half-changed one.
/// Dropping the sender of `stop` ends a pause.
pub fn run_with_restarts(
    policy: &Policy,
    stop: &Receiver<Infallible>,
    work: impl Fn(),
    report: impl Fn(&str),
) -> thread::Result<()> {
    let mut left = policy.restarts;
    loop {
        let started = Instant::now();
        let Err(payload) = catch_unwind(AssertUnwindSafe(&work)) else {
            return Ok(());
        };
        report(message(&*payload));
        if started.elapsed() >= policy.healthy {
            left = policy.restarts;
        }
        if left == 0 {
            return Err(payload);
        }
        left -= 1;
        if stop.recv_timeout(policy.pause) == Err(RecvTimeoutError::Disconnected) {
            return Ok(());
        }
    }
}

/// The text of a panic: a `String` if it was formatted, else a `&str`.
pub fn message(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<String>() {
        return text;
    }
    payload.downcast_ref().copied().unwrap_or("no message")
}

/// From now on, a panic on any thread ends the process, once it is printed.
pub fn exit_on_panic() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        print(info);
        process::exit(101); // like a panic of the main thread
    }));
}

fn main() -> std::io::Result<()> {
    use std::env;
    use std::process::{Command, Stdio};
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    use std::sync::mpsc;

    if env::args().nth(1).as_deref() == Some("exit_on_panic") {
        exit_on_panic();
        let worker = thread::spawn(|| unreachable!("nobody will join"));
        drop(worker);
        loop {
            thread::park(); // a main thread that is busy elsewhere
        }
    }

    let (_running, stop) = mpsc::channel();
    let strict = Policy {
        restarts: 2,
        pause: Duration::from_millis(1),
        healthy: Duration::MAX,
    };
    let runs = AtomicU32::new(0);
    let fails_twice = || assert!(runs.fetch_add(1, Relaxed) >= 2, "no data yet");
    let report = |text: &str| println!("panicked, restarted: {text}");
    assert!(run_with_restarts(&strict, &stop, fails_twice, report).is_ok());
    assert_eq!(runs.load(Relaxed), 3);
    println!("the third run succeeded");

    // The case that goes wrong: it panics again and again.
    let runs = AtomicU32::new(0);
    let fails = || assert!(runs.fetch_add(1, Relaxed) >= 10, "no data");
    assert!(run_with_restarts(&strict, &stop, fails, |_| ()).is_err());
    assert_eq!(runs.load(Relaxed), 3);
    println!("gave up after 2 restarts");

    let lenient = Policy {
        healthy: Duration::ZERO, // every run was healthy
        ..strict
    };
    assert!(run_with_restarts(&lenient, &stop, fails, |_| ()).is_ok());
    assert_eq!(runs.load(Relaxed), 11);

    let (running, stop) = mpsc::channel();
    drop(running);
    let patient = Policy {
        pause: Duration::from_secs(3600),
        ..lenient
    };
    assert!(run_with_restarts(&patient, &stop, || unreachable!(), |_| ()).is_ok());
    println!("stopped while waiting for a restart");

    let mut child = Command::new(env::current_exe()?);
    let status = child.arg("exit_on_panic").stderr(Stdio::null()).status()?;
    assert_eq!(status.code(), Some(101));
    println!("with exit_on_panic: exit code 101");
    Ok(())
}
