//! Do it periodically, and stop at once: wait on a stop channel for as long as the period.
//!
//! Use it when a thread of its own may wait; in async code there is tokio's `interval`.
//! Ends: at once when the other end of the channel is dropped, also while it waits; if the work
//! panics, with that panic for whoever joins.
//! Needs: std alone.
//!
//! ```text
//! 3 ticks, none too early, no drift
//! stopped with most of an hour to go
//! the work panicked: tick 2
//! ```

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Nothing is ever sent through the channel; that its other end is dropped is the message. So the
/// owner cannot forget it, not even by a panic.
enum Never {}

fn every(period: Duration, stop: Receiver<Never>, mut work: impl FnMut(Instant)) {
    let mut next = Instant::now() + period;
    // Not `sleep`, which nothing interrupts. The wait is 0 for a tick that is late.
    let wait = |next: Instant| next.saturating_duration_since(Instant::now());
    while let Err(RecvTimeoutError::Timeout) = stop.recv_timeout(wait(next)) {
        work(next); // when it was due
        // Not `now + period`, which drifts by what the work takes. What is late is made up for,
        // without a pause; to skip it instead, add periods until `next` lies ahead.
        next += period;
    }
}

fn main() {
    let period = Duration::from_millis(5);
    let (stop, stopped) = mpsc::channel();
    let (ticked, ticks) = mpsc::channel();
    let tick = move |due| _ = ticked.send((due, Instant::now())); // nobody may listen any more
    let ticker = thread::spawn(move || every(period, stopped, tick));
    let ticks: Vec<_> = ticks.iter().take(3).collect();
    assert!(ticks.iter().all(|(due, now)| now >= due));
    assert!(ticks.windows(2).all(|pair| pair[1].0 - pair[0].0 == period)); // whatever work takes
    drop(stop);
    assert!(ticker.join().is_ok());
    println!("{} ticks, none too early, no drift", ticks.len());

    let hour = Duration::from_secs(3600);
    let (stop, stopped) = mpsc::channel();
    let ticker = thread::spawn(move || every(hour, stopped, |_| unreachable!()));
    drop(stop);
    assert!(ticker.join().is_ok());
    println!("stopped with most of an hour to go");

    // The case that goes wrong: the work panics. That alone ends it, as `_stop` is alive.
    let (_stop, stopped) = mpsc::channel();
    let mut number = 0;
    let work = move |_| {
        number += 1;
        assert!(number < 2, "tick {number}");
    };
    let ticker = thread::spawn(move || every(period, stopped, work));
    let panic = ticker.join().err();
    let text = panic.and_then(|payload| payload.downcast::<String>().ok());
    assert_eq!(text.as_deref().map(String::as_str), Some("tick 2"));
    println!("the work panicked: tick 2");
}
