//! Debounce: act once it has been quiet for a while.
//!
//! Use it when events come in bursts and only the last one counts, such as key
//! presses or changes of a file. To act on all of them, see `batch.rs`.
//! Ends: when all senders are gone, after the last event.
//! Needs: `cargo add crossbeam-channel`.
//!
//! ```text
//! a burst of 1, 2, 3: 3
//! the last event is not lost at the end: 5
//! events without a pause: after the longest wait
//! ```

use crossbeam_channel::Receiver;
use std::time::{Duration, Instant};

/// Waits for an event, then until none has come for `quiet`, but not longer
/// than `longest_wait`. Returns the last event; `None` if all senders are gone.
pub fn next_after_quiet<T>(
    events: &Receiver<T>,
    quiet: Duration,
    longest_wait: Duration,
) -> Option<T> {
    let mut last = events.recv().ok()?;
    let begun = Instant::now();
    loop {
        // Events that never pause must not put it off forever.
        let left = longest_wait.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Some(last);
        }
        match events.recv_timeout(quiet.min(left)) {
            Ok(event) => last = event,
            Err(_) => return Some(last), // it is quiet, or all senders are gone
        }
    }
}

fn main() {
    use crossbeam_channel::{tick, unbounded};

    const QUIET: Duration = Duration::from_millis(20);
    const HOUR: Duration = Duration::from_secs(3600);

    let (sender, events) = unbounded();
    for event in 1..=3 {
        assert!(sender.send(event).is_ok());
    }
    let start = Instant::now();
    assert_eq!(next_after_quiet(&events, QUIET, HOUR), Some(3));
    assert!(start.elapsed() >= QUIET);
    println!("a burst of 1, 2, 3: 3");

    // The cases that go wrong: the end comes before the quiet, or no quiet comes.
    for event in 4..=5 {
        assert!(sender.send(event).is_ok());
    }
    drop(sender);
    assert_eq!(next_after_quiet(&events, Duration::MAX, HOUR), Some(5));
    assert_eq!(next_after_quiet(&events, Duration::MAX, HOUR), None);
    println!("the last event is not lost at the end: 5");

    let start = Instant::now();
    let always_ready = tick(Duration::ZERO);
    assert!(next_after_quiet(&always_ready, QUIET, QUIET * 2).is_some());
    assert!(start.elapsed() >= QUIET * 2);
    println!("events without a pause: after the longest wait");

    let (sender, events) = unbounded();
    assert!(sender.send(6).is_ok());
    assert_eq!(next_after_quiet(&events, HOUR, QUIET), Some(6)); // `sender` lives
}
