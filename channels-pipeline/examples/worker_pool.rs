//! A pool of threads that jobs are submitted to, and whose results come back.
//!
//! Use it when jobs come one by one from several places; not for one stream of them: see
//! `src/pipeline.rs`, nor to compute on a slice: see rayon.
//! Ends: dropping the pool finishes the jobs in the queue and joins the threads. A job that panics
//! is an error for whoever submitted it, and its thread takes the next one. A job must not submit to
//! its own pool and wait: with all threads doing so, none is left.
//! Needs: `cargo add crossbeam-channel`.
//!
//! ```text
//! squares: [1, 4, 9, 16]
//! jobs that panicked, each an error: 5 of 5
//! after more panics than threads: 42
//! done when the pool was gone: 5 of 5
//! ```

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self, Builder, JoinHandle};

type Job = Box<dyn FnOnce() + Send>;

struct Pool {
    jobs: Sender<Job>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// While `capacity` jobs wait, `submit` does too.
    fn new(threads: usize, capacity: usize) -> io::Result<Self> {
        let (jobs, queue) = bounded::<Job>(capacity);
        // Each has a receiver of its own: with one behind a lock, it would be held during the job.
        let threads = (0..threads).map(|_| {
            let queue = queue.clone();
            // Nor may the drop of a result that nobody wants end a thread by its panic.
            let run = |job: Job| _ = catch_unwind(AssertUnwindSafe(job));
            Builder::new()
                .name("pool".into())
                .spawn(move || queue.into_iter().for_each(run))
        });
        let threads = threads.collect::<Result<_, _>>()?;
        Ok(Self { jobs, threads })
    }

    /// What comes back is the result, or the payload of the job's panic.
    fn submit<R: Send + 'static>(
        &self,
        job: impl FnOnce() -> R + Send + 'static,
    ) -> Receiver<thread::Result<R>> {
        let (sender, result) = bounded(1);
        let job = move || {
            let outcome = catch_unwind(AssertUnwindSafe(job));
            let _ = sender.send(outcome); // fails if nobody wants it
        };
        let _ = self.jobs.send(Box::new(job)); // the threads live as long as the sender
        result
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.jobs = bounded(0).0; // in place of the sender, whose end is what ends the threads
        for thread in self.threads.drain(..) {
            let _ = thread.join(); // no panic gets there
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pool = Pool::new(2, 4)?;
    let squares = [1, 2, 3, 4].map(|n| pool.submit(move || n * n));
    let squares: Vec<_> = squares.iter().flat_map(Receiver::recv).flatten().collect();
    println!("squares: {squares:?}");
    assert_eq!(squares, [1, 4, 9, 16]);

    let out_of_bounds = |index: usize| pool.submit(move || [1, 4, 9][index]).recv();
    let panics = (3..8).map(out_of_bounds);
    let panics = panics.filter(|outcome| matches!(outcome, Ok(Err(_payload))));
    println!("jobs that panicked, each an error: {} of 5", panics.count());
    let answer = pool.submit(|| 42).recv()?;
    println!("after more panics than threads: {}", answer.unwrap_or(0));

    let (done, count) = unbounded();
    for _ in 0..5 {
        let done = done.clone();
        pool.submit(move || done.send(()));
    }
    drop(pool);
    println!("done when the pool was gone: {} of 5", count.len());
    assert_eq!(count.len(), 5);
    Ok(())
}
