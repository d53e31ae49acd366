//! Pause and resume a worker thread.
//!
//! Use it when a thread works in steps and may be held up between two of them.
//! Nothing can pause a thread from outside in the middle of a step.
//! Ends: when the worker is dropped, also while it is paused: the end of the
//! channel is the stop. `stop` returns a panic of the worker.
//! Needs: std alone.
//!
//! ```text
//! paused: no step until it is resumed
//! stopped while paused
//! the worker panicked: step 2
//! ```

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
    let mut command = commands.try_recv();
    loop {
        command = match command {
            // Blocks until the next command or the end.
            Ok(Command::Pause) => commands.recv().map_err(TryRecvError::from),
            Ok(Command::Resume) => commands.try_recv(),
            Err(TryRecvError::Empty) => return true,
            Err(TryRecvError::Disconnected) => return false,
        };
    }
}

/// Owns a thread that calls `step` over and over; dropping it stops the thread.
pub struct Worker(Option<(Sender<Command>, JoinHandle<()>)>);

impl Worker {
    /// Returns the OS error if the thread cannot be spawned.
    pub fn start(mut step: impl FnMut() + Send + 'static) -> io::Result<Self> {
        let (sender, commands) = mpsc::channel();
        let handle = thread::Builder::new().spawn(move || {
            while may_go_on(&commands) {
                step();
            }
        })?;
        Ok(Self(Some((sender, handle))))
    }

    /// Takes effect after the current step.
    pub fn pause(&self) {
        self.send(Command::Pause);
    }

    /// Takes effect at once.
    pub fn resume(&self) {
        self.send(Command::Resume);
    }

    /// Returns the panic if a step has panicked.
    pub fn stop(mut self) -> thread::Result<()> {
        self.join()
    }

    fn send(&self, command: Command) {
        if let Some((sender, _)) = &self.0 {
            let _ = sender.send(command); // fails if the worker has panicked
        }
    }

    fn join(&mut self) -> thread::Result<()> {
        let Some((sender, handle)) = self.0.take() else {
            return Ok(());
        };
        drop(sender); // the stop, which also ends a pause
        handle.join()
    }
}

impl Drop for Worker {
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

    const MOMENT: Duration = Duration::from_millis(20);

    // Each step reports its begin and waits for permission to end.
    let (begin, begun) = mpsc::channel();
    let (end, may_end) = mpsc::channel();
    let worker = Worker::start(move || {
        let _ = begin.send(());
        let _ = may_end.recv();
    })?;
    assert_eq!(begun.recv(), Ok(()));
    worker.pause(); // in the middle of the first step
    assert_eq!(end.send(()), Ok(()));
    assert!(begun.recv_timeout(MOMENT).is_err());
    worker.resume();
    assert_eq!(begun.recv(), Ok(()));
    println!("paused: no step until it is resumed");

    worker.pause();
    assert_eq!(end.send(()), Ok(()));
    assert!(begun.recv_timeout(MOMENT).is_err());
    assert!(worker.stop().is_ok());
    println!("stopped while paused");

    // The case that goes wrong: a step panics.
    let (ended, end) = mpsc::channel::<()>();
    let mut number = 0;
    let worker = Worker::start(move || {
        let _ended = &ended; // dropped when the thread ends
        number += 1;
        assert!(number < 2, "step {number}");
    })?;
    assert!(end.recv().is_err());
    let payload = worker.stop().err();
    let text = payload.and_then(|payload| payload.downcast::<String>().ok());
    assert_eq!(text.as_deref().map(String::as_str), Some("step 2"));
    println!("the worker panicked: step 2");
    Ok(())
}
