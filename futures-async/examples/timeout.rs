//! Give up on a future after a while.
//!
//! Use it when an answer that comes late is worth nothing; to try again, see `Retry`.
//! Ends: with the value, or with an error, once the future has been dropped where it awaited. What
//! it had spawned would go on, unless it holds a handle that aborts. A future that computes or
//! blocks without awaiting is not interrupted, and its late value is still `Ok`: see `compute.rs`.
//! Needs: `cargo add tokio --features macros,rt,test-util,time`,
//! `cargo add tokio-util --features rt`; `test-util` goes when `start_paused` does.
//!
//! ```text
//! in time: Ok(42)
//! too late: deadline has elapsed
//! dropped, with all that it owned
//! spawned by it: still runs
//! spawned by it with a handle: aborted
//! for all attempts together: 2 of 3
//! ```

use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::task::AbortOnDropHandle;

const SECOND: Duration = Duration::from_secs(1);

async fn answer_after(time: Duration) -> u32 {
    sleep(time).await;
    42
}

// `start_paused`: when every task waits, tokio's clock jumps to the next timer, so this ends at
// once and with exact times. A program of yours leaves it out.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    let answer = timeout(2 * SECOND, answer_after(SECOND)).await;
    assert_eq!(answer, Ok(42));
    println!("in time: {answer:?}");
    match timeout(SECOND, answer_after(2 * SECOND)).await {
        Ok(answer) => println!("in time: {answer}"),
        Err(elapsed) => println!("too late: {elapsed}"),
    }

    let alive = Arc::new(());
    let job = |alive: Arc<()>| async move {
        sleep(1000 * SECOND).await;
        drop(alive);
    };
    assert!(timeout(SECOND, job(Arc::clone(&alive))).await.is_err());
    assert_eq!(Arc::strong_count(&alive), 1);
    println!("dropped, with all that it owned");

    // The case that goes wrong: what it has spawned is not dropped with it.
    let spawns = async { tokio::spawn(job(Arc::clone(&alive))).await };
    assert!(timeout(SECOND, spawns).await.is_err());
    assert_eq!(Arc::strong_count(&alive), 2);
    println!("spawned by it: still runs");

    let aborts = async { AbortOnDropHandle::new(tokio::spawn(job(Arc::clone(&alive)))).await };
    assert!(timeout(SECOND, aborts).await.is_err());
    sleep(SECOND).await; // the scheduler drops an aborted task when it gets round to it
    assert_eq!(Arc::strong_count(&alive), 2, "the one from before");
    println!("spawned by it with a handle: aborted");

    // One point in time for several steps: a duration for each would add up.
    let (deadline, mut done) = (Instant::now() + 5 * SECOND, 0);
    while timeout_at(deadline, answer_after(2 * SECOND)).await.is_ok() {
        done += 1;
    }
    assert!(Instant::now() >= deadline && done == 2);
    println!("for all attempts together: {done} of 3");
}
