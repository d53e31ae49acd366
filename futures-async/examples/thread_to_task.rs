//! Channel between a thread and a task, both directions.
//!
//! Use it when something that blocks needs a thread of its own for long: a
//! device, SQLite, a read of stdin. For a single call, use `spawn_blocking`.
//! Ends: the thread when the last sender of requests is dropped. If only the
//! answers' receiver is dropped, it ends at its next answer, which is lost. The
//! answers end after the last one, or when `work` panics: then `join` returns
//! the panic.
//! Needs: `cargo add tokio --features macros,rt,sync,time`.
//!
//! ```text
//! 100 requests, 100 answers in order
//! backpressure: the thread is at most 9 answers ahead
//! a panic: the answers end, join reports it
//! all requests before the first answer: deadlock
//! `blocking_send` in a task: panics
//! ```

use std::io;
use std::thread::{self, JoinHandle};
use tokio::sync::mpsc;

/// Of each channel, in messages; a full one blocks its sender (backpressure).
const CAPACITY: usize = 8;

/// A thread that works on requests from tasks.
pub struct Worker<Q, A> {
    /// Dropping the last one ends the thread.
    pub requests: mpsc::Sender<Q>,
    /// In the order of the requests.
    pub answers: mpsc::Receiver<A>,
    /// Join it once the answers have ended, or a panic goes unnoticed. Earlier,
    /// `join` would block the task.
    pub handle: JoinHandle<()>,
}

impl<Q: Send + 'static, A: Send + 'static> Worker<Q, A> {
    /// Returns the OS error if spawning fails.
    pub fn spawn(mut work: impl FnMut(Q) -> A + Send + 'static) -> io::Result<Self> {
        let (requests, mut incoming) = mpsc::channel(CAPACITY);
        let (outgoing, answers) = mpsc::channel(CAPACITY);
        let handle = thread::Builder::new()
            .name("worker".into())
            .spawn(move || {
                // `blocking_*` is for threads; in a task it panics.
                while let Some(request) = incoming.blocking_recv() {
                    if outgoing.blocking_send(work(request)).is_err() {
                        break; // the receiver is gone
                    }
                }
            })?;
        Ok(Self {
            requests,
            answers,
            handle,
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::time::Duration;
    use tokio::time::{sleep, timeout};

    let double = |n: u32| 2 * n;
    let Worker {
        requests,
        mut answers,
        handle,
    } = Worker::spawn(double)?;
    // Another task sends, while this one receives.
    tokio::spawn(async move {
        for n in 0..100 {
            if requests.send(n).await.is_err() {
                break;
            }
        }
    });
    let mut expected = (0..100).map(double);
    while let Some(answer) = answers.recv().await {
        assert_eq!(Some(answer), expected.next());
    }
    assert_eq!(expected.next(), None);
    assert!(handle.join().is_ok());
    println!("100 requests, 100 answers in order");

    let worked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&worked);
    let worker = Worker::spawn(move |()| _ = count.fetch_add(1, SeqCst))?;
    let Worker {
        requests,
        answers,
        handle,
    } = worker;
    let sending = tokio::spawn(async move { while requests.send(()).await.is_ok() {} });
    // Until it is ahead; should it get further, it would do so in this time.
    while worked.load(SeqCst) < CAPACITY + 1 {
        sleep(Duration::from_millis(1)).await;
    }
    sleep(Duration::from_millis(20)).await;
    assert_eq!(worked.load(SeqCst), CAPACITY + 1);
    println!(
        "backpressure: the thread is at most {} answers ahead",
        CAPACITY + 1
    );
    drop(answers);
    sending.await?; // its `send` fails, as the thread has ended
    assert!(handle.join().is_ok());

    // The case that goes wrong: a panic, a deadlock, or the wrong function.
    let mut worker = Worker::spawn(|divisor: u32| 100 / divisor)?;
    for divisor in [5, 0, 2] {
        let _ = worker.requests.send(divisor).await;
    }
    assert_eq!(worker.answers.recv().await, Some(20));
    assert_eq!(worker.answers.recv().await, None);
    assert!(worker.handle.join().is_err());
    println!("a panic: the answers end, join reports it");

    let worker = Worker::spawn(double)?;
    let all_first = async {
        for n in 0..100 {
            let _ = worker.requests.send(n).await;
        }
    };
    assert!(timeout(Duration::from_millis(50), all_first).await.is_err());
    println!("all requests before the first answer: deadlock");

    let blocks = tokio::spawn(async move { worker.requests.blocking_send(1) });
    assert!(blocks.await.is_err_and(|error| error.is_panic()));
    println!("`blocking_send` in a task: panics");
    Ok(())
}
