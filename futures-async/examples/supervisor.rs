//! A background task panics silently: notice, restart, or shut down.
//!
//! Use it when the program cannot do without a task: dropping its `JoinHandle`
//! would drop its result and its panic too.
//! Ends: with the task's value; or with the last panic if restarts have not
//! helped: then shut down. Dropping it aborts the task.
//! Needs: `cargo add tokio --features macros,rt,time`,
//! `cargo add tokio-util --features rt`. To run this file, also
//! `cargo add tokio --features test-util`.
//!
//! ```text
//! panicked, restarted after 1 s
//! panicked, restarted after 2 s
//! the third run succeeded
//! gave up after 8 restarts, at most a minute apart: shut down
//! healthy for a minute before each panic: restarted 20 times
//! dropped: the task is aborted
//! a handle that was dropped: the panic goes unnoticed
//! ```

use std::future::Future;
use std::time::Duration;
use tokio::task::JoinError;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

/// When to restart.
pub struct Policy {
    /// At most this many restarts in a row.
    pub restarts: u32,
    /// The delay before the first restart; it doubles with each one, up to
    /// `healthy`.
    pub delay: Duration,
    /// A run that lasts this long was healthy: the count starts again. With zero
    /// it restarts forever.
    pub healthy: Duration,
}

/// Runs the task that `start` makes, again after each panic.
///
/// Each run starts with a state of its own, so none sees a half-changed one. A
/// panic of `start` itself reaches the caller.
pub async fn supervise<T: Send + 'static, F>(
    policy: &Policy,
    mut start: impl FnMut() -> F,
    mut report: impl FnMut(&JoinError),
) -> Result<T, JoinError>
where
    F: Future<Output = T> + Send + 'static,
{
    let mut restarts = 0;
    loop {
        let started = Instant::now();
        // In a task, so that a panic is an error.
        let error = match AbortOnDropHandle::new(tokio::spawn(start())).await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if started.elapsed() >= policy.healthy {
            restarts = 0;
        }
        if restarts >= policy.restarts || error.is_cancelled() {
            return Err(error); // cancelled: the runtime shuts down
        }
        report(&error);
        let doubled = policy.delay.saturating_mul(2_u32.saturating_pow(restarts));
        sleep(doubled.min(policy.healthy)).await;
        restarts += 1;
    }
}

// `start_paused`: when every task waits, tokio's clock jumps to the next timer,
// so times are exact. A program of yours leaves it out.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), JoinError> {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    use tokio::time::timeout;

    const POLICY: Policy = Policy {
        restarts: 8,
        delay: Duration::from_secs(1),
        healthy: Duration::from_secs(60),
    };
    std::panic::set_hook(Box::new(|_| ())); // its messages are on purpose

    // Panics `times` times, after it has run for `seconds`.
    let runs = Arc::new(AtomicU32::new(0));
    let task = |times: u32, seconds: u64| {
        let runs = Arc::clone(&runs);
        async move {
            sleep(Duration::from_secs(seconds)).await;
            let run = runs.fetch_add(1, Relaxed);
            assert!(run >= times, "no data yet");
        }
    };
    let start = Instant::now();
    let mut delays = [1, 2].into_iter();
    let report = |error: &JoinError| {
        assert!(error.to_string().contains("no data yet"));
        let delay = delays.next().unwrap_or_default();
        println!("panicked, restarted after {delay} s");
    };
    supervise(&POLICY, || task(2, 0), report).await?;
    assert_eq!((runs.load(Relaxed), start.elapsed().as_secs()), (3, 3));
    println!("the third run succeeded");

    // The case that goes wrong: it panics again and again.
    runs.store(0, Relaxed);
    let start = Instant::now();
    let error = supervise(&POLICY, || task(u32::MAX, 0), |_| ()).await;
    assert!(error.is_err_and(|error| error.is_panic()));
    let delays = 1 + 2 + 4 + 8 + 16 + 32 + 60 + 60;
    assert_eq!((runs.load(Relaxed), start.elapsed().as_secs()), (9, delays));
    println!("gave up after 8 restarts, at most a minute apart: shut down");

    runs.store(0, Relaxed);
    supervise(&POLICY, || task(20, 60), |_| ()).await?;
    assert_eq!(runs.load(Relaxed), 21);
    println!("healthy for a minute before each panic: restarted 20 times");

    let supervised = supervise(&POLICY, || task(0, 3600), |_| ());
    assert!(timeout(Duration::from_secs(1), supervised).await.is_err());
    sleep(Duration::from_secs(1)).await; // the scheduler drops aborted tasks
    assert_eq!(Arc::strong_count(&runs), 1);
    println!("dropped: the task is aborted");

    runs.store(0, Relaxed);
    drop(tokio::spawn(task(1, 0)));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(runs.load(Relaxed), 1);
    println!("a handle that was dropped: the panic goes unnoticed");
    Ok(())
}
