//! Batches: so many items at most, and no batch is gathered for longer than so long.
//!
//! Use it when each use of a batch costs, as with a database; not to share work among threads.
//! Ends: when all senders are gone, after the last batch, however small.
//! Needs: `cargo add crossbeam-channel`.
//!
//! ```text
//! by number: [1, 2, 3]
//! by number: [4, 5, 6]
//! the last one: [7]
//! by time: [8]
//! by time, though items kept coming: yes
//! ```

use crossbeam_channel::{Receiver, bounded, unbounded};
use std::thread;
use std::time::{Duration, Instant};

/// Waits for the first item as long as it takes; `None` after the last one.
fn next_batch<T>(items: &Receiver<T>, most: usize, wait: Duration) -> Option<Vec<T>> {
    let mut batch = vec![items.recv().ok()?];
    // One for the batch. A timeout for each item would begin again with every one that comes.
    let deadline = Instant::now() + wait;
    // `recv_deadline` looks at the clock only when nothing is ready.
    while batch.len() < most && Instant::now() < deadline {
        match items.recv_deadline(deadline) {
            Ok(item) => batch.push(item),
            // Time is over, or all senders are gone: what there is must not be lost.
            Err(_) => break,
        }
    }
    Some(batch)
}

fn main() {
    const MOMENT: Duration = Duration::from_millis(50);
    const LONG: Duration = Duration::from_secs(60);

    let (sender, items) = unbounded();
    let _: Vec<_> = (1..=7).map(|n| sender.send(n)).collect();
    drop(sender);
    let mut batches = std::iter::from_fn(|| next_batch(&items, 3, LONG));
    for title in ["by number", "by number", "the last one"] {
        println!("{title}: {:?}", batches.next().unwrap_or_default());
    }
    assert_eq!(batches.next(), None);

    let (sender, items) = unbounded(); // and the sender stays
    let _ = sender.send(8);
    let start = Instant::now();
    let batch = next_batch(&items, 3, MOMENT).unwrap_or_default();
    assert!(start.elapsed() >= MOMENT);
    println!("by time: {batch:?}");

    let (sender, items) = bounded(1000);
    let _ = [9, 9].map(|n| sender.send(n)); // there at the start, however slow the thread is
    thread::scope(|scope| {
        scope.spawn(move || while sender.send(9).is_ok() {}); // as fast as it can
        let batch = next_batch(&items, usize::MAX, MOMENT).unwrap_or_default();
        let at_once = next_batch(&items, 3, Duration::ZERO).unwrap_or_default();
        drop(items);
        println!("by time, though items kept coming: yes");
        assert!(batch.len() > 1);
        assert_eq!(at_once, [9]); // though more were ready
    });
}
