//! Several tasks on one queue (async MPMC).
//!
//! Use it when a fixed number of workers shares jobs that arrive over time. For
//! a list that is known, use `limit.rs`; for more throughput, `async-channel`.
//! Ends: the workers when all senders are gone and the queue is empty. A job
//! that panics ends its worker alone. When all are gone, `send` is an error, and
//! the jobs in the queue are lost: to survive panics, spawn each job.
//! Needs: `cargo add tokio --features macros,rt,sync,time`.
//!
//! ```text
//! 100 jobs, each done once, by 3 workers at once
//! a full queue: send waits
//! one worker panics: the others do the rest
//! all workers are gone: send is an error
//! the guard held while working: 1 worker at a time
//! ```

use std::future::Future;
use std::num::NonZero;
use std::sync::Arc;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

/// The receiving end, for several tasks.
pub struct Queue<T>(Arc<Mutex<mpsc::Receiver<T>>>);

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Queue<T> {
    /// A bounded queue: if it is full, `send` waits.
    pub fn bounded(capacity: NonZero<usize>) -> (mpsc::Sender<T>, Self) {
        let (sender, receiver) = mpsc::channel(capacity.get());
        (sender, Self(Arc::new(Mutex::new(receiver))))
    }

    /// The next job; `None` when all senders are gone and the queue is empty.
    pub async fn next(&self) -> Option<T> {
        // Here a lock across an await is right: one task waits for a job, the
        // others for the lock. It is released when the job is there.
        self.0.lock().await.recv().await
    }
}

/// Starts workers. The set reports panics, and aborts the workers when dropped.
pub fn spawn_workers<T, F>(
    workers: NonZero<usize>,
    queue: Queue<T>,
    work: impl Fn(T) -> F + Clone + Send + 'static,
) -> JoinSet<()>
where
    T: Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let mut set = JoinSet::new();
    for _ in 0..workers.get() {
        let (queue, work) = (queue.clone(), work.clone());
        set.spawn(async move {
            // `while let Some(job) = lock().await.recv().await` would hold the
            // lock during the body.
            while let Some(job) = queue.next().await {
                work(job).await;
            }
        });
    }
    set // and `queue` is dropped: once all workers are gone, `send` fails
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    use std::time::Duration;
    use tokio::sync::Barrier;
    use tokio::time::timeout;

    const THREE: NonZero<usize> = NonZero::new(3).unwrap();
    const MOMENT: Duration = Duration::from_millis(20);
    std::panic::set_hook(Box::new(|_| ())); // some jobs panic on purpose

    let (sender, queue) = Queue::bounded(THREE);
    let (done, mut all_done) = mpsc::unbounded_channel();
    let together = Arc::new(Barrier::new(3));
    let workers = spawn_workers(THREE, queue, move |job| {
        let (done, together) = (done.clone(), Arc::clone(&together));
        async move {
            if job < 3 {
                together.wait().await; // none ends before three have begun
            }
            let _ = done.send(job);
        }
    });
    let send_all = async {
        for job in 0..100 {
            assert!(sender.send(job).await.is_ok());
        }
        drop(sender);
        workers.join_all().await;
    };
    assert!(timeout(Duration::from_secs(5), send_all).await.is_ok());
    let mut jobs = Vec::new();
    while let Some(job) = all_done.recv().await {
        jobs.push(job);
    }
    jobs.sort_unstable();
    assert!(jobs.into_iter().eq(0..100));
    println!("100 jobs, each done once, by 3 workers at once");

    let (sender, queue) = Queue::bounded(THREE);
    for job in 0..3 {
        assert!(sender.send(job).await.is_ok());
    }
    assert!(timeout(MOMENT, sender.send(3)).await.is_err());
    println!("a full queue: send waits");

    // The case that goes wrong: workers panic.
    let mut workers = spawn_workers(THREE, queue, |job| async move { assert!(job != 0) });
    assert!(
        workers
            .join_next()
            .await
            .is_some_and(|ended| ended.is_err())
    );
    assert!(timeout(MOMENT, workers.join_next()).await.is_err());
    for _ in 0..100 {
        assert!(sender.send(1).await.is_ok());
    }
    println!("one worker panics: the others do the rest");
    for _ in 0..2 {
        assert!(sender.send(0).await.is_ok());
        assert!(
            workers
                .join_next()
                .await
                .is_some_and(|ended| ended.is_err())
        );
    }
    assert!(sender.send(1).await.is_err());
    println!("all workers are gone: send is an error");

    let (sender, Queue(queue)) = Queue::bounded(THREE);
    for job in 0..3 {
        assert!(sender.send(job).await.is_ok());
    }
    let together = Arc::new(Barrier::new(2));
    for _ in 0..2 {
        let (queue, together) = (Arc::clone(&queue), Arc::clone(&together));
        tokio::spawn(async move {
            while let Some(_job) = queue.lock().await.recv().await {
                together.wait().await;
            }
        });
    }
    let both = timeout(MOMENT, together.wait()).await;
    assert!(both.is_ok()); // one of the workers and this task: never two workers
    println!("the guard held while working: 1 worker at a time");
}
