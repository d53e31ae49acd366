//! Pause and resume a worker thread.
//!
//! Use it when a thread works in steps and may be held up between two of them.
//! Nothing can pause a thread from outside in the middle of a step.
//! Ends: when a step breaks or the owner is dropped, also while it is paused:
//! the end of the channel is the stop. `stop` returns a panic of a step.
//! Needs: std alone.
//!
//! ```text
//! paused: no step until it is resumed
//! stopped while paused
//! the worker panicked: step 2
//! ```

use std::ops::ControlFlow;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread::{self, JoinHandle};
use std::{io, mem};

/// What the owner tells the worker.
pub enum Command {
    /// Wait for the next command.
    Pause,
    /// Go on.
    Resume,
}

/// To be called by the worker before each step. Blocks while it is paused;
/// `false` means stop.
pub fn may_go_on(commands: &Receiver<Command>) -> bool {
    let mut is_paused = false;
    loop {
        let command = if is_paused {
            commands.recv().map_err(TryRecvError::from) // also ends with the channel
        } else {
            commands.try_recv()
        };
        match command {
            Ok(Command::Pause) => is_paused = true,
            Ok(Command::Resume) => is_paused = false,
            Err(TryRecvError::Empty) => return true,
            Err(TryRecvError::Disconnected) => return false,
        }
    }
}

/// Owns a thread that works in steps.
///
/// Dropping it waits for the current step: hold no lock that the step needs.
#[must_use = "dropping it stops the thread"]
pub struct Pausable {
    /// `None` once the thread is being joined.
    running: Option<(Sender<Command>, JoinHandle<()>)>,
}

impl Pausable {
    /// Calls `step` on a new thread until it breaks. Returns the OS error if
    /// spawning fails.
    pub fn start(mut step: impl FnMut() -> ControlFlow<()> + Send + 'static) -> io::Result<Self> {
        let (sender, commands) = mpsc::channel();
        let builder = thread::Builder::new().name("pausable".into());
        let handle = builder.spawn(move || {
            while may_go_on(&commands) {
                if step().is_break() {
                    break;
                }
            }
        })?;
        let running = Some((sender, handle));
        Ok(Self { running })
    }

    /// Does not wait: the current step goes on, and one more may begin.
    /// `false` if the thread has ended.
    pub fn pause(&self) -> bool {
        self.send(Command::Pause)
    }

    /// `false` if the thread has ended.
    pub fn resume(&self) -> bool {
        self.send(Command::Resume)
    }

    /// Returns the panic if a step has panicked.
    pub fn stop(mut self) -> thread::Result<()> {
        self.join()
    }

    fn send(&self, command: Command) -> bool {
        let running = self.running.as_ref();
        running.is_some_and(|(sender, _)| sender.send(command).is_ok())
    }

    fn join(&mut self) -> thread::Result<()> {
        let Some((sender, handle)) = self.running.take() else {
            return Ok(());
        };
        drop(sender); // the stop, which also ends a pause
        if handle.thread().id() == thread::current().id() {
            return Ok(()); // stopped by its own step, which a thread cannot join
        }
        handle.join()
    }
}

impl Drop for Pausable {
    fn drop(&mut self) {
        // Re-raising a panic would abort if the owner is unwinding, and so
        // would a payload whose destructor panics.
        if let Err(payload) = self.join() {
            mem::forget(payload);
        }
    }
}

fn main() -> io::Result<()> {
    use std::time::Duration;

    const BRIEFLY: Duration = Duration::from_millis(20);

    // Each step reports its begin and waits for permission to end.
    let (begin, begun) = mpsc::channel();
    let (end, may_end) = mpsc::channel();
    let worker = Pausable::start(move || {
        let _ = begin.send(());
        let _ = may_end.recv();
        ControlFlow::Continue(())
    })?;
    assert_eq!(begun.recv(), Ok(()));
    assert!(worker.pause()); // in the middle of the first step
    assert_eq!(end.send(()), Ok(()));
    assert!(begun.recv_timeout(BRIEFLY).is_err());
    assert!(worker.resume());
    assert_eq!(begun.recv(), Ok(()));
    println!("paused: no step until it is resumed");

    assert!(worker.pause());
    assert_eq!(end.send(()), Ok(()));
    assert!(begun.recv_timeout(BRIEFLY).is_err());
    assert!(worker.stop().is_ok());
    println!("stopped while paused");

    // The case that goes wrong: a step panics, or ends the work.
    let (ended, end) = mpsc::channel::<()>();
    let mut number = 0;
    let worker = Pausable::start(move || {
        let _ended = &ended; // dropped when the thread ends
        number += 1;
        assert!(number < 2, "step {number}");
        ControlFlow::Continue(())
    })?;
    assert!(end.recv().is_err());
    while worker.pause() {} // until the receiver is gone, too
    let payload = worker.stop().err();
    let text = payload.and_then(|payload| payload.downcast::<String>().ok());
    assert_eq!(text.as_deref().map(String::as_str), Some("step 2"));
    println!("the worker panicked: step 2");

    let (ended, end) = mpsc::channel::<()>();
    let worker = Pausable::start(move || {
        let _ended = &ended;
        ControlFlow::Break(())
    })?;
    assert!(end.recv().is_err());
    assert!(worker.stop().is_ok());
    Ok(())
}
