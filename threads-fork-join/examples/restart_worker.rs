//! A worker thread panics: report it, restart it, or end the program.
//!
//! Use it when a panic must not go unnoticed: a thread that panics ends alone,
//! and only the thread that joins it gets an error.
//! Ends: `run_with_restarts` ends when the work returns, when the sender of
//! `stop` is dropped during a pause, or with the last panic after too many in a
//! row. After `exit_on_panic`, any `panic!` ends the process with exit code 101,
//! also one that would be caught, as by `run_with_restarts`, rayon or tokio.
//! The setting `panic = "abort"` of Cargo ends it with SIGABRT instead.
//! Needs: std alone.
//!
//! ```text
//! no data yet, restarts left: 2
//! no data yet, restarts left: 1
//! the third run succeeded
//! gave up after 2 restarts
//! stopped while waiting for a restart
//! with exit_on_panic: exit code 101, no data
//! ```

use std::any::Any;
use std::convert::Infallible;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use std::{mem, process};

/// When to restart.
pub struct Policy {
    /// How often in a row.
    pub restarts: u32,
    /// The time between a panic and the restart.
    pub pause: Duration,
    /// A run of at least this duration was healthy: the count starts afresh.
    pub healthy: Duration,
}

/// Calls `work` until it returns. After a panic, calls `report` with its
/// message and the number of restarts that are left, and starts again.
///
/// Let `work` make its own state, so that no run sees a half-changed one. It
/// must look for the end itself; dropping the sender of `stop` ends a pause.
pub fn run_with_restarts(
    policy: &Policy,
    stop: &Receiver<Infallible>,
    work: impl Fn(),
    report: impl Fn(&str, u32),
) -> Result<(), Box<dyn Any + Send>> {
    let mut left = policy.restarts;
    loop {
        let started = Instant::now();
        let Err(payload) = catch_unwind(AssertUnwindSafe(&work)) else {
            return Ok(());
        };
        if started.elapsed() >= policy.healthy {
            left = policy.restarts;
        }
        report(message(&payload), left);
        if left == 0 {
            return Err(payload);
        }
        left -= 1;
        mem::forget(payload); // its destructor may panic
        // `sleep` could not be interrupted.
        match stop.recv_timeout(policy.pause) {
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Ok(never) => match never {},
        }
    }
}

/// The message of a panic, as `join` and `catch_unwind` return it.
#[allow(clippy::borrowed_box)] // `&dyn Any` would take the box for the payload
pub fn message(payload: &Box<dyn Any + Send>) -> &str {
    if let Some(text) = payload.downcast_ref::<String>() {
        return text; // a formatted message
    }
    payload.downcast_ref().copied().unwrap_or("no message")
}

/// From now on, a panic on any thread ends the process, once it is printed,
/// also if `catch_unwind` would catch it. `resume_unwind` is not seen.
pub fn exit_on_panic() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        print(info);
        process::exit(101); // like a panic of the main thread
    }));
}

fn main() -> std::io::Result<()> {
    use std::process::Command;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    use std::sync::mpsc;
    use std::{env, thread};

    static RUNS: AtomicU32 = AtomicU32::new(0);
    let fails_twice = || assert!(RUNS.fetch_add(1, Relaxed) >= 2, "no data yet");
    let fails_often = || {
        let run = RUNS.fetch_add(1, Relaxed);
        assert!(run >= 10, "no data in run {run}");
    };

    if env::args().nth(1).as_deref() == Some("exit_on_panic") {
        exit_on_panic();
        thread::spawn(fails_often); // not joined
        loop {
            thread::park(); // a main thread that is busy elsewhere
        }
    }

    const HOUR: Duration = Duration::from_secs(3600);
    let policy = |pause, healthy| Policy {
        restarts: 2,
        pause,
        healthy,
    };
    let (_running, stop) = mpsc::channel();
    let worker = thread::spawn(move || {
        let report = |text: &str, left| println!("{text}, restarts left: {left}");
        let strict = policy(Duration::from_millis(1), HOUR);
        run_with_restarts(&strict, &stop, fails_twice, report)
    });
    assert!(matches!(worker.join(), Ok(Ok(()))));
    assert_eq!(RUNS.swap(0, Relaxed), 3);
    println!("the third run succeeded");

    // The case that goes wrong: it panics again and again.
    let (running, stop) = mpsc::channel();
    let strict = policy(Duration::ZERO, HOUR);
    let payload = run_with_restarts(&strict, &stop, fails_often, |_, _| ()).err();
    assert_eq!(payload.as_ref().map(message), Some("no data in run 2"));
    assert_eq!(RUNS.swap(0, Relaxed), 3);
    println!("gave up after 2 restarts");

    let every_run_is_healthy = policy(Duration::ZERO, Duration::ZERO);
    assert!(run_with_restarts(&every_run_is_healthy, &stop, fails_often, |_, _| ()).is_ok());
    assert_eq!(RUNS.swap(0, Relaxed), 11);

    drop(running);
    let patient = policy(HOUR, HOUR);
    assert!(run_with_restarts(&patient, &stop, fails_often, |_, _| ()).is_ok());
    println!("stopped while waiting for a restart");

    let mut child = Command::new(env::current_exe()?);
    let output = child.arg("exit_on_panic").output()?;
    assert_eq!(output.status.code(), Some(101));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no data in run 0"));
    println!("with exit_on_panic: exit code 101, no data");
    Ok(())
}
