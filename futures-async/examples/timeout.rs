//! Timeout for a future (`tokio::time::timeout`).
//!
//! Use it when an answer that comes late is worth nothing. To try again, use
//! `retry.rs`; for a call that blocks, see `compute.rs`.
//! Ends: with the value, or with an error of the kind `TimedOut`, once the
//! future has been dropped where it awaits. A future that computes without
//! awaiting is not interrupted, and its late value is still `Ok`.
//! Needs: `cargo add tokio --features macros,rt,time`,
//! `cargo add tokio-util --features rt`. To run this file, also
//! `cargo add tokio --features test-util`.
//!
//! ```text
//! in time: 42
//! too late: timed out, dropped with all that it owned
//! a task with `in_task`: aborted
//! a plain task: still runs
//! three steps of 2 s, within 3 s each: done after 6 s
//! all three within 5 s: timed out after 5 s
//! ```

use std::future::Future;
use std::io;
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

/// A future that does not end in time is an error. For several steps within one
/// limit, put them into one async block: a limit for each would add up.
pub async fn within<T>(
    limit: Duration,
    future: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    timeout(limit, future).await? // of the kind `TimedOut`
}

/// A task that ends with its caller. A plain one goes on when the future that
/// has spawned it is dropped by a timeout.
pub async fn in_task<T: Send + 'static>(
    future: impl Future<Output = io::Result<T>> + Send + 'static,
) -> io::Result<T> {
    AbortOnDropHandle::new(tokio::spawn(future)).await?
}

// `start_paused`: when every task waits, tokio's clock jumps to the next timer,
// so times are exact. A program of yours leaves it out.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> io::Result<()> {
    use std::sync::Arc;
    use tokio::time::{Instant, sleep};

    const SECOND: Duration = Duration::from_secs(1);
    let alive = Arc::new(());
    let answer_after = |time: Duration| {
        let alive = Arc::clone(&alive);
        async move {
            sleep(time).await;
            drop(alive);
            Ok(42)
        }
    };

    println!(
        "in time: {}",
        within(2 * SECOND, answer_after(SECOND)).await?
    );
    if let Err(error) = within(SECOND, answer_after(2 * SECOND)).await {
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(Arc::strong_count(&alive), 1);
        println!("too late: {error}, dropped with all that it owned");
    }

    let task = in_task(answer_after(1000 * SECOND));
    assert!(within(SECOND, task).await.is_err());
    sleep(Duration::from_millis(1)).await; // the scheduler drops aborted tasks
    assert_eq!(Arc::strong_count(&alive), 1);
    println!("a task with `in_task`: aborted");

    // The case that goes wrong: a task goes on, or each step has its own limit.
    let future = answer_after(1000 * SECOND);
    let spawns = async { tokio::spawn(future).await? };
    assert!(within(SECOND, spawns).await.is_err());
    sleep(Duration::from_millis(1)).await;
    assert_eq!(Arc::strong_count(&alive), 2);
    println!("a plain task: still runs");

    let start = Instant::now();
    for _ in 0..3 {
        within(3 * SECOND, answer_after(2 * SECOND)).await?;
    }
    assert_eq!(start.elapsed().as_secs(), 6);
    println!("three steps of 2 s, within 3 s each: done after 6 s");
    let start = Instant::now();
    let steps = async {
        for _ in 0..3 {
            answer_after(2 * SECOND).await?;
        }
        Ok(())
    };
    assert!(within(5 * SECOND, steps).await.is_err());
    assert_eq!(start.elapsed().as_secs(), 5);
    println!("all three within 5 s: timed out after 5 s");
    Ok(())
}
