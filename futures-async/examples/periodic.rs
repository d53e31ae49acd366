//! Do it every n milliseconds, and skip what was missed.
//!
//! Use it when the work is short, or may be late; to wait n ms after each, `sleep` in a loop.
//! Ends: with the loop; a panic ends the task and so the ticking, which its handle tells.
//! Needs: `cargo add tokio --features macros,rt,test-util,time`; `test-util` goes when
//! `start_paused` does.
//!
//! ```text
//! sleep:  0 130 260 390 520
//! skip:   0 100 200 300 400
//! after a pause of 350 ms, which ends at 450:
//! burst:  0 100 450 450 450 500 600
//! skip:   0 100 450 500 600 700 800
//! delay:  0 100 450 550 650 750 850
//! ```

use std::time::Duration;
use tokio::time::MissedTickBehavior::{self, Burst, Delay, Skip};
use tokio::time::{Instant, interval, sleep};

const PERIOD: Duration = Duration::from_millis(100);

/// When the work begins each time; the n-th takes `work(n)` ms.
async fn ticks(behavior: MissedTickBehavior, count: usize, work: fn(usize) -> u64) -> String {
    let start = Instant::now();
    let mut interval = interval(PERIOD); // the first tick is at once
    interval.set_missed_tick_behavior(behavior);
    let mut times = String::new();
    for n in 0..count {
        interval.tick().await;
        times += &format!(" {}", start.elapsed().as_millis());
        sleep(Duration::from_millis(work(n))).await;
    }
    times
}

// `start_paused`: when every task waits, tokio's clock jumps to the next timer, so this ends at
// once; the exact times below need it. A program of yours leaves it out.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    // Each period lasts as long as the sleep and the work: it drifts.
    let (start, mut times) = (Instant::now(), String::new());
    for _ in 0..5 {
        times += &format!(" {}", start.elapsed().as_millis());
        sleep(Duration::from_millis(30)).await; // the work
        sleep(PERIOD).await;
    }
    println!("sleep: {times}");
    println!("skip:  {}", ticks(Skip, 5, |_| 30).await);

    // The case that goes wrong: ticks are missed.
    println!("after a pause of 350 ms, which ends at 450:");
    let pause = |n| if n == 1 { 350 } else { 0 };
    let burst = ticks(Burst, 7, pause).await; // the default: all that was missed, at once
    let skip = ticks(Skip, 7, pause).await; // in step with the first tick
    let delay = ticks(Delay, 7, pause).await; // never less than a period apart
    println!("burst: {burst}\nskip:  {skip}\ndelay: {delay}");
    assert!(burst.contains("450 450 450"));
}
