//! Give up on a future after a while.
//!
//! Use it when an answer that comes late is worth nothing; to try again, see `Retry`.
//! Ends: with the value, or with an error, once the future has been dropped where it awaited. What
//! it had spawned would go on, unless it holds a handle that aborts.
//! Needs: `cargo add tokio --features macros,rt,test-util,time`,
//! `cargo add tokio-util --features rt`.
//!
//! ```text
//! in time: Ok(42)
//! too late: deadline has elapsed
//! dropped: what it borrowed is free
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

// `start_paused`: time passes at once when all wait, so that this ends soon. Leave it out.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    println!(
        "in time: {:?}",
        timeout(2 * SECOND, answer_after(SECOND)).await
    );
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
    println!("dropped: what it borrowed is free");

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
    assert_eq!(Instant::now(), deadline);
    println!("for all attempts together: {done} of 3");
}
