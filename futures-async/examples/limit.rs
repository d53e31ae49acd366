//! Concurrency limit: semaphore, `buffer_unordered`, JoinSet; errors kept.
//!
//! Use it when a limit is all you need: `limited` for a list, `Semaphore` for
//! calls from many places. To fail fast or stop gracefully, use `tasks.rs`.
//! Ends: after the last result. With `limited`, a panic is the result of its
//! future; with `with_permit`, it reaches the caller. Dropping the stream aborts
//! what runs. A closed semaphore is an error.
//! Needs: `cargo add futures --no-default-features --features std`,
//! `cargo add tokio --features macros,rt,sync,time`,
//! `cargo add tokio-util --features rt`. To run this file, also
//! `cargo add tokio --features test-util`.
//!
//! ```text
//! 0: page 0
//! 1: no such page
//! 2: panicked
//! 3: page 3
//! dropped: the others are aborted
//! with a semaphore: 3 calls, 1 at a time; once it is closed: an error
//! in a loop that takes 100 ms a turn, the requests end
//! spawned: after [10, 10, 10] ms
//! only polled: after [10, 110, 210] ms
//! ```

use futures::stream::{self, Stream, StreamExt};
use std::future::Future;
use std::num::NonZero;
use tokio::sync::{AcquireError, Semaphore};
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;

/// Runs the futures as tasks, at most `limit` at a time. Results come in input
/// order; with `buffer_unordered` in place of `buffered`, as they are ready.
pub fn limited<F>(
    limit: NonZero<usize>, // `buffered(0)` never ends
    futures: impl IntoIterator<Item = F>,
) -> impl Stream<Item = Result<F::Output, JoinError>>
where
    F: Future<Output: Send> + Send + 'static,
{
    // Spawned when there is room. With a semaphore inside of the tasks, all of
    // them would be in memory. A plain `JoinHandle` would not abort its task.
    let tasks = stream::iter(futures).map(|future| AbortOnDropHandle::new(tokio::spawn(future)));
    tasks.buffered(limit.get())
}

/// Waits for a permit, then for the future. Share the semaphore, in an `Arc` or
/// a `static`: a new one for each call would limit nothing.
pub async fn with_permit<F: Future>(
    semaphore: &Semaphore,
    future: F,
) -> Result<F::Output, AcquireError> {
    // Not `let _ =`, which would drop the permit here.
    let _permit = semaphore.acquire().await?;
    Ok(future.await)
}

// `start_paused`: when every task waits, tokio's clock jumps to the next timer,
// so times are exact. A program of yours leaves it out.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::time::Duration;
    use tokio::time::{Instant, sleep, timeout};

    const TWO: NonZero<usize> = NonZero::new(2).unwrap();
    const THREE: NonZero<usize> = NonZero::new(3).unwrap();

    // Drops its count wherever it ends.
    struct Running(Arc<[AtomicUsize; 2]>);
    impl Drop for Running {
        fn drop(&mut self) {
            self.0[0].fetch_sub(1, Relaxed);
        }
    }
    let counts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let enter = || {
        let running = counts[0].fetch_add(1, Relaxed) + 1;
        counts[1].fetch_max(running, Relaxed);
        Running(Arc::clone(&counts))
    };

    let request = |n: u64| {
        let running = enter(); // spawned one by one
        async move {
            let _running = running;
            sleep(Duration::from_millis(40 - 10 * n)).await;
            assert!(n != 2, "a panic on purpose");
            (n != 1).then(|| format!("page {n}")).ok_or("no such page")
        }
    };
    let mut results = limited(TWO, (0..4).map(request)).enumerate();
    while let Some((n, result)) = results.next().await {
        match result {
            Ok(Ok(page)) => println!("{n}: {page}"),
            Ok(Err(error)) => println!("{n}: {error}"),
            Err(error) if error.is_panic() => println!("{n}: panicked"),
            Err(_) => println!("{n}: cancelled, as the runtime shuts down"),
        }
    }
    let [running, peak] = &*counts;
    assert_eq!((running.load(Relaxed), peak.load(Relaxed)), (0, 2));

    let mut results = limited(TWO, (0..4).map(request));
    assert!(
        timeout(Duration::from_millis(5), results.next())
            .await
            .is_err()
    );
    assert_eq!(running.load(Relaxed), 2);
    drop(results);
    sleep(Duration::from_millis(1)).await; // the scheduler drops aborted tasks
    assert_eq!(running.load(Relaxed), 0);
    println!("dropped: the others are aborted");

    peak.store(0, Relaxed);
    let semaphore = Semaphore::new(1);
    let call = || {
        with_permit(&semaphore, async {
            let _running = enter();
            sleep(Duration::from_millis(10)).await;
        })
    };
    let start = Instant::now();
    let (first, _, _) = tokio::join!(call(), call(), call());
    assert!(first.is_ok());
    assert_eq!((peak.load(Relaxed), start.elapsed().as_millis()), (1, 30));
    semaphore.close(); // as at a shutdown: nothing more is begun
    assert!(call().await.is_err());
    println!("with a semaphore: 3 calls, 1 at a time; once it is closed: an error");

    // The case that goes wrong: futures that are not spawned make no progress
    // while the loop body waits.
    println!("in a loop that takes 100 ms a turn, the requests end");
    let timed = |start: Instant| async move {
        sleep(Duration::from_millis(10)).await;
        start.elapsed().as_millis()
    };
    let requests = || vec![Instant::now(); 3].into_iter().map(timed);
    let spawned = limited(THREE, requests()).map(Result::unwrap_or_default);
    let spawned = ends(spawned).await;
    let polled = ends(stream::iter(requests()).buffered(3)).await;
    println!("spawned: after {spawned:?} ms");
    println!("only polled: after {polled:?} ms");
    assert_eq!((spawned[2], polled[2]), (10, 210));

    async fn ends(results: impl Stream<Item = u128>) -> Vec<u128> {
        let mut results = std::pin::pin!(results);
        let mut ends = Vec::new();
        while let Some(end) = results.next().await {
            ends.push(end);
            sleep(Duration::from_millis(100)).await;
        }
        ends
    }
}
