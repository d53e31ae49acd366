//! Results as threads complete (as completed).
//!
//! Use it when the result that is ready first should be used first. For
//! results in order, join the threads in order: `fork_join.rs`.
//! Ends: when all jobs have ended. A panic is the result of its job.
//! Needs: std alone.
//!
//! ```text
//! job 2 gives 20
//! job 0 gives 0
//! job 1 panicked: cannot do 1
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::{io, thread};

/// Runs each job on a thread of its own, and calls `use_result` on this thread
/// with the index and the result of each, in the order in which they complete.
///
/// Returns the OS error if spawning fails, after the results of the jobs that
/// have started.
pub fn as_they_finish<J: Send, R: Send>(
    jobs: impl IntoIterator<Item = J>,
    work: impl Fn(J) -> R + Sync,
    mut use_result: impl FnMut(usize, thread::Result<R>),
) -> io::Result<()> {
    let work = &work;
    thread::scope(|scope| {
        let (sender, results) = mpsc::channel();
        let mut spawned = Ok(());
        for (index, job) in jobs.into_iter().enumerate() {
            let sender = sender.clone();
            let builder = thread::Builder::new().name(format!("job {index}"));
            let handle = builder.spawn_scoped(scope, move || {
                let result = catch_unwind(AssertUnwindSafe(|| work(job)));
                let _ = sender.send((index, result)); // the receiver may be gone
            });
            if let Err(error) = handle {
                spawned = Err(error);
                break;
            }
        }
        drop(sender); // while it lives, the loop below waits for more
        for (index, result) in results {
            use_result(index, result);
        }
        spawned
    })
}

fn main() -> io::Result<()> {
    use std::sync::mpsc::Receiver;

    // A gate for each job: they complete in the same order on every run.
    let (mut gates, mut jobs) = (Vec::new(), Vec::new());
    for number in 0..3 {
        let (open, opened) = mpsc::channel();
        gates.push(open);
        jobs.push((number, opened));
    }
    let work = |(number, opened): (u32, Receiver<()>)| {
        assert_eq!(opened.recv(), Ok(()));
        assert_ne!(number, 1, "cannot do 1");
        number * 10
    };
    let mut order = [2, 0, 1].into_iter();
    let mut open_next = move || match order.next() {
        Some(next) => assert!(gates[next].send(()).is_ok()),
        None => gates.clear(),
    };
    let mut indices = Vec::new();

    open_next();
    as_they_finish(jobs, work, |index, result| {
        match result {
            Ok(number) => println!("job {index} gives {number}"),
            // The case that goes wrong: the job has panicked.
            Err(_) => println!("job {index} panicked: cannot do 1"),
        }
        indices.push(index);
        open_next(); // while the others are still at work
    })?;
    assert_eq!(indices, [2, 0, 1]);
    Ok(())
}
