//! Give up on a blocking call after a while: it runs on another thread, which is left behind.
//!
//! Use it when the call cannot be given a limit itself, as `TcpStream::connect_timeout` can.
//! Ends: in time. A call given up goes on, with all that it holds, until it returns or the process
//! ends: nothing stops a thread from outside. A panic of the call is not taken for lack of time.
//! Needs: std alone.
//!
//! ```text
//! in time: Ok(4)
//! too late: Err(TimedOut)
//! and yet it went on
//! the call panicked: out of letters
//! ```

use std::io::{self, ErrorKind};
use std::panic::{catch_unwind, resume_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// An error of the kind `TimedOut` if `call` takes longer than `limit`.
fn within<R: Send + 'static>(
    limit: Duration,
    call: impl FnOnce() -> R + Send + 'static, // `'static`: it may outlive this function
) -> io::Result<R> {
    let (alive, ended) = mpsc::channel::<()>();
    let thread = thread::Builder::new().spawn(move || {
        let _alive = alive; // dropped when the call has ended, also by a panic
        call()
    })?;
    match ended.recv_timeout(limit) {
        // Dropping `thread` detaches it.
        Err(RecvTimeoutError::Timeout) => Err(ErrorKind::TimedOut.into()),
        Err(RecvTimeoutError::Disconnected) | Ok(()) => match thread.join() {
            Ok(result) => Ok(result),
            Err(payload) => resume_unwind(payload),
        },
    }
}

fn main() {
    let (hour, moment) = (Duration::from_secs(3600), Duration::from_millis(5));
    let kind = |error: io::Error| error.kind();
    assert_eq!(within(hour, || "four".len()).map_err(kind), Ok(4));
    println!("in time: Ok(4)");

    // The case that goes wrong: it blocks, or it panics.
    let (gate, closed) = mpsc::channel::<()>();
    let (sender, went_on) = mpsc::channel();
    let blocked = move || {
        let _ = closed.recv(); // until the gate is dropped
        let _ = sender.send(());
    };
    let late = within(moment, blocked).map_err(kind);
    assert_eq!(late, Err(ErrorKind::TimedOut));
    println!("too late: Err(TimedOut)");
    drop(gate);
    assert_eq!(went_on.recv(), Ok(()));
    println!("and yet it went on");

    let letters = 0;
    let panic = catch_unwind(|| within(hour, move || assert!(letters > 0, "out of letters"))).err();
    let text = panic.and_then(|payload| payload.downcast::<&str>().ok());
    assert_eq!(text.as_deref(), Some(&"out of letters"));
    println!("the call panicked: out of letters");
}
