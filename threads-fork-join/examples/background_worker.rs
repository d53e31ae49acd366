//! Stop my thread when its owner is dropped: `Drop` closes its queue, then joins it.
//!
//! Use it when a thread works for one owner. Not for one call: `thread::scope` joins by itself.
//! Ends: what was sent is finished first. Once the thread has panicked, `send` fails, and the panic
//! goes on where the owner is dropped.
//! Needs: std alone.
//!
//! ```text
//! the worker adds up to 6
//! dropped
//! the worker panicked: 0 is no job
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

/// Both are there until it is dropped.
struct Worker {
    jobs: Option<Sender<u32>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    fn start() -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel();
        let builder = thread::Builder::new().name("worker".into());
        let thread = builder.spawn(move || work(queue))?;
        let (jobs, thread) = (Some(jobs), Some(thread));
        Ok(Self { jobs, thread })
    }

    /// `false` if the worker is gone. `true` is queued: a panic of the worker may still lose it.
    fn send(&self, job: u32) -> bool {
        let jobs = self.jobs.as_ref();
        jobs.is_some_and(|jobs| jobs.send(job).is_ok())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.jobs.take()); // before the join: while this lives, the thread waits for more
        match self.thread.take().map(JoinHandle::join) {
            // While a panic unwinds, a second one would abort the process.
            Some(Err(payload)) if !thread::panicking() => resume_unwind(payload),
            _ => {}
        }
    }
}

fn work(queue: Receiver<u32>) {
    let mut total = 0;
    for job in queue {
        assert!(job > 0, "0 is no job");
        total += job;
    }
    println!("the worker adds up to {total}"); // the owner is gone and the queue is empty
}

fn main() -> std::io::Result<()> {
    let worker = Worker::start()?;
    assert!([1, 2, 3].into_iter().all(|job| worker.send(job)));
    drop(worker);
    println!("dropped");

    let worker = Worker::start()?;
    while worker.send(0) {} // until the thread is gone
    let panic = catch_unwind(AssertUnwindSafe(|| drop(worker))).err();
    let text = panic.and_then(|payload| payload.downcast::<&str>().ok());
    println!("the worker panicked: {}", text.unwrap_or_default());
    Ok(())
}
