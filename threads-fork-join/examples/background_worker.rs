//! Stop my thread when its owner is dropped: `Drop` closes its queue, then joins it.
//!
//! Use it when a thread works for one owner. Not for one call: `thread::scope` joins by itself.
//! Ends: what was sent is finished first. `finish` gives what the thread returns, or its panic; a
//! plain drop loses that. Once the thread has panicked, `send` fails.
//! Needs: std alone.
//!
//! ```text
//! dropped, once 6 was added up
//! the worker panicked: 0 is no job
//! ```

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, JoinHandle};

/// `Some` until `close` takes it.
struct Worker(Option<(SyncSender<u32>, JoinHandle<u32>)>);

impl Worker {
    fn start() -> std::io::Result<Self> {
        // Room for a burst of jobs; full, the queue holds its senders back.
        let (jobs, queue) = mpsc::sync_channel(100);
        let thread = thread::Builder::new().spawn(move || work(queue))?;
        Ok(Self(Some((jobs, thread))))
    }

    /// `false` if the worker is gone. `true` is queued: a panic of the worker may still lose it.
    fn send(&self, job: u32) -> bool {
        let open = self.0.as_ref();
        open.is_some_and(|(jobs, _)| jobs.send(job).is_ok())
    }

    fn finish(mut self) -> thread::Result<u32> {
        self.close().unwrap_or_else(|| unreachable!("closed once"))
    }

    fn close(&mut self) -> Option<thread::Result<u32>> {
        let (jobs, thread) = self.0.take()?;
        drop(jobs); // before the join: while this lives, the thread waits for more
        Some(thread.join())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Not raised: a panic of the worker would come in place of the error with which the owner
        // leaves, and abort the process if that is a panic.
        let _ = self.close();
    }
}

static LAST: AtomicU32 = AtomicU32::new(0);

fn work(queue: Receiver<u32>) -> u32 {
    let jobs = queue.iter().inspect(|&job| assert!(job > 0, "0 is no job"));
    let total = jobs.sum(); // until the owner is gone and the queue is empty
    LAST.store(total, Relaxed); // read after the join
    total
}

fn main() -> std::io::Result<()> {
    let [dropped, finished] = [Worker::start()?, Worker::start()?];
    assert!([1, 2, 3].into_iter().all(|job| dropped.send(job)));
    drop(dropped);
    assert_eq!(LAST.load(Relaxed), 6);
    println!("dropped, once 6 was added up");
    assert!([4, 5].into_iter().all(|job| finished.send(job)));
    assert!(matches!(finished.finish(), Ok(9)));

    // The case that goes wrong: the worker panics.
    let [dropped, finished] = [Worker::start()?, Worker::start()?];
    while dropped.send(0) || finished.send(0) {} // until the threads are gone
    let panic = finished.finish().err();
    let text = panic.and_then(|payload| payload.downcast::<&str>().ok());
    assert_eq!(text.as_deref(), Some(&"0 is no job"));
    println!("the worker panicked: 0 is no job");
    drop(dropped); // raises nothing
    Ok(())
}
