//! Thread pool: submit jobs, get results.
//!
//! Use it when jobs come one by one, from several places. For one stream of
//! items see `pipeline.rs`; to compute on a slice use rayon.
//! Ends: `finish` and a drop wait for the queued jobs and join the threads. A
//! panic is the result of its job, and its thread takes the next one. A job
//! deadlocks if it waits for a job behind it, or submits to its own full pool.
//! Needs: `cargo add crossbeam-channel`.
//!
//! ```text
//! squares, the last one first: [16, 9, 4, 1]
//! two jobs at the same time
//! 5 of 5 panics are results, and the threads go on: 42
//! panics that no receiver waits for: 3
//! a drop waits for all 4 jobs
//! the last owner may be a job
//! ```

use crossbeam_channel::{Receiver, Sender, bounded};
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self, Builder, JoinHandle};
use std::{io, mem};

/// Returns whether it has panicked.
type Job = Box<dyn FnOnce() -> bool + Send>;

/// Threads that take jobs from one queue.
pub struct Pool {
    jobs: Option<Sender<Job>>,
    handles: Vec<JoinHandle<usize>>,
}

impl Pool {
    /// While `capacity` jobs wait, `submit` does too. Returns the OS error if a
    /// thread cannot be spawned.
    pub fn new(threads: NonZero<usize>, capacity: usize) -> io::Result<Self> {
        let (sender, jobs) = bounded(capacity);
        let mut pool = Self {
            jobs: Some(sender),
            handles: Vec::new(),
        };
        for _ in 0..threads.get() {
            // A receiver for each: one behind a lock is locked during the job.
            let jobs = jobs.clone();
            let builder = Builder::new().name("pool".into());
            pool.handles.push(builder.spawn(move || run(jobs))?);
        }
        Ok(pool)
    }

    /// The receiver gets the result, or the payload of the job's panic. To use
    /// results as they come, let each job send to one channel of yours.
    pub fn submit<R: Send + 'static>(
        &self,
        job: impl FnOnce() -> R + Send + 'static,
    ) -> Receiver<thread::Result<R>> {
        let (sender, result) = bounded(1); // the thread does not wait until it is received
        let job: Job = Box::new(move || {
            let outcome = catch_unwind(AssertUnwindSafe(job));
            let panicked = outcome.is_err();
            let _ = sender.send(outcome); // fails if the receiver was dropped
            panicked
        });
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(job); // the threads live as long as this sender
        }
        result
    }

    /// Waits for all jobs. Returns how many have panicked.
    pub fn finish(mut self) -> usize {
        self.join()
    }

    fn join(&mut self) -> usize {
        drop(self.jobs.take()); // this ends the threads, once the queue is empty
        let mut panics = 0;
        for handle in self.handles.drain(..) {
            // The last owner may be a job, whose thread cannot join itself.
            if handle.thread().id() != thread::current().id() {
                panics += handle.join().unwrap_or(1);
            }
        }
        panics
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.join();
    }
}

/// Does jobs until all senders are gone. Returns how many have panicked.
fn run(jobs: Receiver<Job>) -> usize {
    let mut panics = 0;
    for job in jobs {
        // Catches the panic of a destructor, of a result that is not received.
        let panicked = catch_unwind(AssertUnwindSafe(job)).unwrap_or_else(|payload| {
            mem::forget(payload); // its own destructor may panic as well
            true
        });
        panics += usize::from(panicked);
    }
    panics
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    use std::panic::resume_unwind;
    use std::sync::{Arc, Barrier};
    use std::time::Duration;

    let two = NonZero::<usize>::MIN.saturating_add(1);
    let pool = Pool::new(two, 4)?;
    let mut results = Vec::new();
    for number in 1..=4 {
        results.push(pool.submit(move || number * number));
    }
    let mut squares = Vec::new();
    for result in results.iter().rev() {
        squares.push(result.recv()?.unwrap_or_default()); // the last one first
    }
    assert_eq!(squares, [16, 9, 4, 1]);
    println!("squares, the last one first: {squares:?}");

    // Neither ends before the other has begun.
    let meeting = Arc::new(Barrier::new(2));
    let meet = |both: Arc<Barrier>| pool.submit(move || _ = both.wait());
    for result in [meet(Arc::clone(&meeting)), meet(meeting)] {
        assert!(result.recv()?.is_ok());
    }
    println!("two jobs at the same time");

    // The case that goes wrong: more jobs panic than there are threads.
    let mut panics = 0;
    for index in 3..8 {
        let result = pool.submit(move || [1, 4, 9][index]);
        panics += usize::from(result.recv()?.is_err());
    }
    let answer = pool.submit(|| 42).recv()?.unwrap_or_default();
    assert_eq!((panics, answer), (5, 42));
    println!("{panics} of 5 panics are results, and the threads go on: {answer}");
    assert_eq!(pool.finish(), 5);

    /// Its destructor panics, and so does the destructor of that payload.
    struct Awkward(u32);
    impl Drop for Awkward {
        fn drop(&mut self) {
            if self.0 > 0 {
                resume_unwind(Box::new(Awkward(self.0 - 1)));
            }
        }
    }
    let pool = Pool::new(NonZero::<usize>::MIN, 4)?;
    let (open, gate) = bounded::<()>(0);
    drop(pool.submit(move || gate.recv())); // so that the receivers go first
    drop(pool.submit(|| unreachable!("no receiver waits for this")));
    drop(pool.submit(|| Awkward(2)));
    drop(pool.submit(|| resume_unwind(Box::new(Awkward(2)))));
    drop(open);
    let panics = pool.finish();
    assert_eq!(panics, 3);
    println!("panics that no receiver waits for: {panics}");

    let pool = Pool::new(two, 4)?;
    let (done, count) = bounded(4);
    for _ in 0..4 {
        let done = done.clone();
        drop(pool.submit(move || {
            thread::sleep(Duration::from_millis(5)); // some work
            done.send(())
        }));
    }
    drop(pool);
    assert_eq!(count.len(), 4);
    println!("a drop waits for all 4 jobs");

    let pool = Arc::new(Pool::new(two, 4)?);
    let (open, gate) = bounded::<()>(0);
    let owner = Arc::clone(&pool);
    let result = pool.submit(move || {
        let _ = gate.recv();
        drop(owner);
    });
    drop(pool);
    drop(open);
    assert!(result.recv()?.is_ok());
    println!("the last owner may be a job");
    Ok(())
}
