//! Batching with timeout: by size or time.
//!
//! Use it when each use of a batch has a cost, such as a write to a database.
//! Ends: when all senders are gone, after the last batch, however small.
//! Needs: `cargo add crossbeam-channel`.
//!
//! ```text
//! by size: [1, 2, 3], [4, 5, 6]
//! the last one: [7]
//! by time: [8], [9]
//! by time, although items keep coming
//! an item in between does not put it off
//! ```

use crossbeam_channel::Receiver;
use std::num::NonZero;
use std::time::{Duration, Instant};

/// Waits for the first item as long as it takes, then at most `max_wait` for
/// others; with zero, a batch has one item. Returns `None` after the last batch.
pub fn next_batch<T>(
    items: &Receiver<T>,
    max_size: NonZero<usize>,
    max_wait: Duration,
) -> Option<Vec<T>> {
    let mut batch = vec![items.recv().ok()?];
    let begun = Instant::now();
    while batch.len() < max_size.get() {
        // What is left for the whole batch, not anew for each item.
        let left = max_wait.saturating_sub(begun.elapsed());
        if left.is_zero() {
            break; // `recv_timeout` returns an item that is there, even with zero
        }
        match items.recv_timeout(left) {
            Ok(item) => batch.push(item),
            Err(_) => break, // the time is over or all senders are gone
        }
    }
    Some(batch)
}

fn main() {
    use crossbeam_channel::{tick, unbounded};
    use std::thread;

    const WAIT: Duration = Duration::from_millis(20);
    let three = NonZero::<usize>::MIN.saturating_add(2);

    let (sender, items) = unbounded();
    for item in 1..=7 {
        assert!(sender.send(item).is_ok());
    }
    let mut batches = Vec::new();
    for _ in 0..2 {
        batches.extend(next_batch(&items, three, Duration::MAX));
    }
    println!("by size: {:?}, {:?}", batches[0], batches[1]);
    drop(sender);
    let last = next_batch(&items, three, Duration::MAX);
    assert_eq!(last, Some(vec![7]));
    assert_eq!(next_batch(&items, three, Duration::MAX), None);
    println!("the last one: [7]");

    let (sender, items) = unbounded();
    assert!(sender.send(8).is_ok());
    let start = Instant::now();
    assert_eq!(next_batch(&items, three, WAIT), Some(vec![8])); // `sender` lives
    assert!(start.elapsed() >= WAIT);
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(WAIT); // there is no hurry for the first item
            sender.send(9)
        });
        assert_eq!(next_batch(&items, three, Duration::ZERO), Some(vec![9]));
    });
    println!("by time: [8], [9]");

    // The case that goes wrong: items that never stop coming, or come in between.
    let always_ready = tick(Duration::ZERO);
    assert!(next_batch(&always_ready, NonZero::<usize>::MAX, WAIT).is_some());
    let batch = next_batch(&always_ready, three, Duration::ZERO);
    assert_eq!(batch.map_or(0, |batch| batch.len()), 1);
    println!("by time, although items keep coming");

    // With a wait for each item, no batch ended in time. On a busy machine some
    // do not either, so one in time is enough.
    let wait = WAIT * 15;
    let in_time = || {
        let (sender, items) = unbounded();
        thread::scope(|scope| {
            assert!(sender.send(Instant::now()).is_ok());
            scope.spawn(|| {
                thread::sleep(wait / 2);
                assert!(sender.send(Instant::now()).is_ok());
            });
            let batch = next_batch(&items, three, wait).unwrap_or_default();
            batch.len() == 2 && batch[1].elapsed() < wait
        })
    };
    assert!((0..10).any(|_| in_time()));
    println!("an item in between does not put it off");
}
