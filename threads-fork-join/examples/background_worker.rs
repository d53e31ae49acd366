//! Background thread: runs until its owner is dropped, then is joined.
//!
//! Use it when one owner sends jobs to a thread. For a single call,
//! `thread::scope` joins by itself. For a call every second: `every_second.rs`.
//! Ends: jobs that were sent are finished first. `finish` returns the thread's
//! result or its panic; a drop discards both. After a panic, `send` fails.
//! Needs: std alone.
//!
//! ```text
//! dropped after 3 jobs were done
//! finished with the total 9
//! the worker panicked: 0 is no job
//! dropped by its own job
//! ```

use std::sync::mpsc::{self, Receiver, SendError, SyncSender};
use std::thread::{self, JoinHandle};
use std::{io, mem};

/// Owns a thread and the sender of its queue.
///
/// Dropping it waits for the jobs: hold no lock that they need.
#[must_use = "dropping it ends the thread"]
pub struct Worker<J, R> {
    /// `None` once the thread is being joined.
    running: Option<(SyncSender<J>, JoinHandle<R>)>,
}

impl<J, R> Worker<J, R> {
    /// Runs `work` on a new thread. Its queue ends when the owner is dropped.
    /// Returns the OS error if spawning fails.
    pub fn start(
        capacity: usize,
        work: impl FnOnce(Receiver<J>) -> R + Send + 'static,
    ) -> io::Result<Self>
    where
        J: Send + 'static,
        R: Send + 'static,
    {
        let (jobs, queue) = mpsc::sync_channel(capacity);
        let builder = thread::Builder::new().name("worker".into());
        let handle = builder.spawn(move || work(queue))?;
        let running = Some((jobs, handle));
        Ok(Self { running })
    }

    /// Blocks while the queue is full. Fails once the thread has ended. A job
    /// that sends to its own worker deadlocks if the queue is full.
    pub fn send(&self, job: J) -> Result<(), SendError<J>> {
        match &self.running {
            Some((jobs, _)) => jobs.send(job),
            None => Err(SendError(job)),
        }
    }

    /// Waits until all jobs are done.
    pub fn finish(mut self) -> thread::Result<R> {
        match self.join() {
            Some(result) => result,
            None => unreachable!("only `finish` and `drop` join"),
        }
    }

    fn join(&mut self) -> Option<thread::Result<R>> {
        let (jobs, handle) = self.running.take()?;
        drop(jobs); // before the join: until then, the thread waits for jobs
        if handle.thread().id() == thread::current().id() {
            // One of its own jobs was the last owner. It ends after this job.
            return Some(Err(Box::new("a thread cannot join itself")));
        }
        Some(handle.join())
    }
}

impl<J, R> Drop for Worker<J, R> {
    fn drop(&mut self) {
        // Re-raising a panic would abort if the owner is unwinding, and so
        // would a payload whose destructor panics.
        if let Some(Err(payload)) = self.join() {
            mem::forget(payload);
        }
    }
}

fn main() -> io::Result<()> {
    #![allow(clippy::panic)] // on purpose

    use std::panic::panic_any;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    use std::time::Duration;

    let done = Arc::new(AtomicU32::new(0));
    let done_by_worker = Arc::clone(&done);
    let worker = Worker::start(100, move |jobs: Receiver<Duration>| {
        for job in jobs {
            thread::sleep(job); // some work
            done_by_worker.fetch_add(1, Relaxed); // read after the join
        }
    })?;
    for _ in 0..3 {
        assert!(worker.send(Duration::from_millis(5)).is_ok());
    }
    drop(worker);
    assert_eq!(done.load(Relaxed), 3);
    println!("dropped after 3 jobs were done");

    let add_up = |numbers: Receiver<u32>| {
        let mut total = 0;
        for number in numbers {
            assert!(number > 0, "0 is no job");
            total += number;
        }
        total
    };
    let worker = Worker::start(100, add_up)?;
    assert!(worker.send(4).is_ok());
    assert!(worker.send(5).is_ok());
    assert_eq!(worker.finish().ok(), Some(9));
    println!("finished with the total 9");

    // The case that goes wrong: the worker panics.
    let worker = Worker::start(0, add_up)?;
    while worker.send(0).is_ok() {} // until the thread has ended
    let payload = worker.finish().err();
    let text = payload.and_then(|payload| payload.downcast::<&str>().ok());
    assert_eq!(text.as_deref(), Some(&"0 is no job"));
    println!("the worker panicked: 0 is no job");

    struct PanicsWhenDropped;
    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            assert!(thread::panicking(), "dropped");
        }
    }
    let worker = Worker::start(0, |_: Receiver<u32>| panic_any(PanicsWhenDropped))?;
    drop(worker); // raises nothing

    // The last owner is one of the worker's own jobs.
    type Job = Box<dyn FnOnce() + Send>;
    let run_all = |jobs: Receiver<Job>| {
        for job in jobs {
            job();
        }
    };
    let worker = Arc::new(Worker::start(1, run_all)?);
    let last_owner = Arc::clone(&worker);
    let (other_owner, other_owner_gone) = mpsc::channel::<()>();
    let (done, job_done) = mpsc::channel();
    let job: Job = Box::new(move || {
        let _ = other_owner_gone.recv();
        drop(last_owner);
        let _ = done.send(());
    });
    assert!(worker.send(job).is_ok());
    drop(worker);
    drop(other_owner);
    assert_eq!(job_done.recv(), Ok(()));
    println!("dropped by its own job");
    Ok(())
}
