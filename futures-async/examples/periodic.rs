//! `interval`, missed ticks: every n ms.
//!
//! Use it when the work is short or may be late. To wait n ms after each work,
//! use `sleep` in a loop.
//! Ends: `every` never returns: drop it, spawn it and abort its handle, or put
//! it into a `select!` with the stop. A panic of the work ends it.
//! Needs: `cargo add tokio --features macros,rt,time`. To run this file, also
//! `cargo add tokio --features test-util`.
//!
//! ```text
//! work of 30 ms, every 100 ms:
//! sleep:  0 130 260 390 520
//! every:  0 100 200 300 400
//! work that takes 350 ms once, and ends at 450:
//! every:  0 100 450 500 600 700 800
//! burst:  0 100 450 450 450 500 600
//! delay:  0 100 450 550 650 750 850
//! ```

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// Does the work at once and then every `period`, in step with the first time;
/// skips what it misses. Panics if `period` is zero.
pub async fn every<F: Future>(period: Duration, mut work: impl FnMut() -> F) -> Infallible {
    let mut ticks = interval(period);
    // The default, `Burst`, makes up for missed ticks all at once; `Delay` waits
    // a full period after a late one.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        work().await;
    }
}

// `start_paused`: when every task waits, tokio's clock jumps to the next timer,
// so times are exact. A program of yours leaves it out.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    use tokio::time::MissedTickBehavior::{Burst, Delay};
    use tokio::time::{sleep, timeout};

    const PERIOD: Duration = Duration::from_millis(100);
    const SHORT: [u64; 5] = [30; 5];
    const ONE_LONG: [u64; 7] = [0, 350, 0, 0, 0, 0, 0];

    println!("work of 30 ms, every 100 ms:");
    let mut log = Log::new(&SHORT);
    let drifts = async {
        loop {
            log.work().await;
            sleep(PERIOD).await;
        }
    };
    let stopped: Result<(), _> = timeout(10 * PERIOD, drifts).await;
    assert!(stopped.is_err());
    println!("sleep: {}", log.times);
    let mut log = Log::new(&SHORT);
    let stopped = timeout(10 * PERIOD, every(PERIOD, || log.work())).await;
    assert!(stopped.is_err());
    println!("every: {}", log.times);

    // The case that goes wrong: ticks are missed.
    println!("work that takes 350 ms once, and ends at 450:");
    let mut log = Log::new(&ONE_LONG);
    let stopped = timeout(10 * PERIOD, every(PERIOD, || log.work())).await;
    assert!(stopped.is_err());
    println!("every: {}", log.times);
    for (name, behavior) in [("burst", Burst), ("delay", Delay)] {
        let mut log = Log::new(&ONE_LONG);
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(behavior);
        for _ in ONE_LONG {
            ticks.tick().await;
            log.work().await;
        }
        println!("{name}: {}", log.times);
    }
}

/// Notes when each work begins, in ms. The n-th takes `takes[n]`.
struct Log<'a> {
    start: tokio::time::Instant,
    takes: std::slice::Iter<'a, u64>,
    times: String,
}

impl<'a> Log<'a> {
    fn new(takes: &'a [u64]) -> Self {
        let start = tokio::time::Instant::now();
        let (takes, times) = (takes.iter(), String::new());
        Self {
            start,
            takes,
            times,
        }
    }

    fn work(&mut self) -> impl Future<Output = ()> + use<> {
        let takes = self.takes.next().copied();
        if takes.is_some() {
            self.times += &format!(" {}", self.start.elapsed().as_millis());
        }
        let takes = takes.unwrap_or(3_600_000); // until it is stopped
        tokio::time::sleep(Duration::from_millis(takes))
    }
}
