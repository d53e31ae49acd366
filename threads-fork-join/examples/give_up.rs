//! Timeout for a blocking call.
//!
//! Use it when the call has no timeout of its own, as
//! `TcpStream::connect_timeout` has.
//! Ends: in time. The call itself cannot be stopped: its thread goes on, with
//! all that it owns, until it returns or the process ends. A panic of the call
//! is re-raised.
//! Needs: std alone.
//!
//! ```text
//! in time: Ok(4)
//! too late: Err(TimedOut)
//! and yet it went on
//! the call panicked: out of letters
//! ```

use std::io::{self, ErrorKind};
use std::panic::resume_unwind;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// Returns an error of the kind `TimedOut` if `call` takes longer than `limit`,
/// or the OS error if no thread can be spawned.
pub fn with_timeout<R: Send + 'static>(
    limit: Duration,
    call: impl FnOnce() -> R + Send + 'static, // `'static`: it may outlive us
) -> io::Result<R> {
    let (sender, result) = mpsc::channel();
    let handle = thread::Builder::new().spawn(move || {
        let _ = sender.send(call()); // the receiver is gone after a timeout
    })?;
    match result.recv_timeout(limit) {
        Ok(value) => Ok(value),
        // Dropping the handle detaches the thread.
        Err(RecvTimeoutError::Timeout) => Err(ErrorKind::TimedOut.into()),
        Err(RecvTimeoutError::Disconnected) => match handle.join() {
            Err(payload) => resume_unwind(payload),
            Ok(()) => unreachable!("disconnected only by a panic"),
        },
    }
}

fn main() {
    use std::cell::RefCell;
    use std::panic::catch_unwind;
    use std::sync::mpsc::Receiver;

    const HOUR: Duration = Duration::from_secs(3600);
    let result = with_timeout(HOUR, || "four".len());
    assert!(matches!(result, Ok(4)));
    println!("in time: Ok(4)");

    // The result does not wait for the destructors of thread-locals.
    struct Slow(Receiver<()>);
    impl Drop for Slow {
        fn drop(&mut self) {
            let _ = self.0.recv();
        }
    }
    thread_local!(static LOCAL: RefCell<Option<Slow>> = const { RefCell::new(None) });
    let (release, released) = mpsc::channel();
    let result = with_timeout(HOUR, move || LOCAL.set(Some(Slow(released))));
    assert!(result.is_ok());
    drop(release); // only now can the thread end

    // The case that goes wrong: the call blocks, or it panics.
    let (gate, closed) = mpsc::channel::<()>();
    let (sender, went_on) = mpsc::channel();
    let result = with_timeout(Duration::from_millis(5), move || {
        let _ = closed.recv(); // until the gate is dropped
        let _ = sender.send(());
    });
    assert_eq!(
        result.map_err(|error| error.kind()),
        Err(ErrorKind::TimedOut)
    );
    println!("too late: Err(TimedOut)");
    drop(gate);
    assert_eq!(went_on.recv(), Ok(()));
    println!("and yet it went on");

    let letters = 0;
    let call = move || assert!(letters > 0, "out of letters");
    let payload = catch_unwind(|| with_timeout(HOUR, call)).err();
    let text = payload.and_then(|payload| payload.downcast::<&str>().ok());
    assert_eq!(text.as_deref(), Some(&"out of letters"));
    println!("the call panicked: out of letters");
}
