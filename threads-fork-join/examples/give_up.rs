//! Timeout for a blocking call.
//!
//! Use it when the call has no timeout of its own. `TcpStream::connect`, for
//! example, has `connect_timeout`. For lines of stdin, keep one thread that
//! reads and sends them: a read that is given up on takes the next line.
//! Ends: in time. The call itself cannot be stopped: its thread goes on, with
//! all that it owns, until the call returns or the process ends. A panic of the
//! call is re-raised.
//! Needs: std alone.
//!
//! ```text
//! in time: Ok(4)
//! too late: Err(TimedOut)
//! and yet it went on
//! the call panicked: out of letters
//! ```

use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Returns an error of the kind `TimedOut` if `call` takes longer than `limit`,
/// or the OS error if spawning a thread fails.
pub fn with_timeout<R: Send + 'static>(
    limit: Duration,
    call: impl FnOnce() -> R + Send + 'static, // `'static`: it may outlive us
) -> io::Result<R> {
    let (sender, result) = mpsc::channel();
    let builder = thread::Builder::new().name("with timeout".into());
    builder.spawn(move || {
        let result = catch_unwind(AssertUnwindSafe(call));
        let _ = sender.send(result); // the receiver is gone after a timeout
    })?;
    // The thread is not joined: that would wait for its thread-locals, too.
    match result.recv_timeout(limit) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(payload)) => resume_unwind(payload),
        Err(_) => Err(ErrorKind::TimedOut.into()),
    }
}

fn main() {
    use std::cell::RefCell;
    use std::sync::mpsc::Receiver;

    const HOUR: Duration = Duration::from_secs(3600);
    let result = with_timeout(HOUR, || "four".len());
    assert!(matches!(result, Ok(4)));
    println!("in time: Ok(4)");

    // The case that goes wrong: the call blocks.
    let (release, released) = mpsc::channel::<()>();
    let (sender, went_on) = mpsc::channel();
    let result = with_timeout(Duration::from_millis(5), move || {
        let _ = released.recv();
        let _ = sender.send(());
    });
    let result = result.map_err(|error| error.kind());
    assert_eq!(result, Err(ErrorKind::TimedOut));
    println!("too late: {result:?}");
    drop(release);
    assert_eq!(went_on.recv(), Ok(()));
    println!("and yet it went on");

    // It panics, and its thread cannot end before this thread has the panic.
    struct Slow(Receiver<()>);
    impl Drop for Slow {
        fn drop(&mut self) {
            let _ = self.0.recv();
        }
    }
    thread_local!(static LOCAL: RefCell<Option<Slow>> = const { RefCell::new(None) });
    let (release, released) = mpsc::channel();
    let letters = 0;
    let call = move || {
        LOCAL.set(Some(Slow(released)));
        assert!(letters > 0, "out of letters");
    };
    let payload = catch_unwind(|| with_timeout(HOUR, call)).err();
    drop(release);
    let text = payload.and_then(|payload| payload.downcast::<&str>().ok());
    assert_eq!(text.as_deref(), Some(&"out of letters"));
    println!("the call panicked: out of letters");
}
