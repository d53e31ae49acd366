//! At most n requests at a time, each with its own result.
//!
//! Use it when a limit is all you need; to fail fast or stop gracefully, see `Tasks`.
//! Ends: after the last result; an error or a panic is that request's result. Dropped earlier, it
//! aborts what runs.
//! Needs: `cargo add futures --no-default-features --features std`,
//! `cargo add tokio --features macros,rt,test-util,time`, `cargo add tokio-util --features rt`;
//! `test-util` goes when `start_paused` does.
//!
//! ```text
//! 0: page 0
//! 1: no such page
//! 2: panicked
//! 3: page 3
//! spawned, the requests end after [10, 10, 10] ms
//! only polled, after [10, 110, 210] ms
//! ```

use futures::stream::{self, StreamExt};
use std::num::NonZero;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

const LIMIT: NonZero<usize> = NonZero::new(2).unwrap(); // `buffered(0)` would wait for ever

async fn request(n: usize) -> Result<String, &'static str> {
    // Both assertions only for this demonstration.
    assert!(Handle::current().metrics().num_alive_tasks() <= LIMIT.get());
    assert!(n != 2, "a panic on purpose");
    sleep(Duration::from_millis(10)).await;
    (n != 1).then(|| format!("page {n}")).ok_or("no such page")
}

// `start_paused`: when every task waits, tokio's clock jumps to the next timer, so this ends at
// once and with exact times. A program of yours leaves it out.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    // Spawned one by one, as there is room: a semaphore inside of the tasks would come too late, as
    // all of them would be in memory. A plain `JoinHandle`, dropped, would leave its task running.
    let spawned = stream::iter(0..4).map(|n| AbortOnDropHandle::new(tokio::spawn(request(n))));
    let mut results = spawned.buffered(LIMIT.get()).enumerate(); // `buffer_unordered`: as ready
    while let Some((n, result)) = results.next().await {
        match result {
            Ok(Ok(page)) => println!("{n}: {page}"),
            Ok(Err(error)) => println!("{n}: {error}"),
            Err(join_error) if join_error.is_panic() => println!("{n}: panicked"),
            Err(_) => println!("{n}: cancelled, as the runtime shuts down"),
        }
    }

    // The case that goes wrong: futures that are not spawned stand still while the loop body waits.
    async fn ends(mut ended: impl stream::Stream<Item = u128> + Unpin) -> Vec<u128> {
        let mut ends = Vec::new();
        while let Some(end) = ended.next().await {
            ends.push(end);
            sleep(Duration::from_millis(100)).await;
        }
        ends
    }
    let timed = |start: Instant| async move {
        sleep(Duration::from_millis(10)).await;
        start.elapsed().as_millis()
    };
    let polled = || stream::repeat(Instant::now()).take(3).map(timed);
    let spawned = polled().map(|future| AbortOnDropHandle::new(tokio::spawn(future)));
    let spawned = spawned.buffered(3).map(|end| end.unwrap_or(0));
    let (spawned, polled) = (ends(spawned).await, ends(polled().buffered(3)).await);
    println!("spawned, the requests end after {spawned:?} ms");
    println!("only polled, after {polled:?} ms");
    assert!(spawned[2] < 100 && polled[1] >= 100);
}
