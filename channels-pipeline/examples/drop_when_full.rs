//! A full queue must not hold up the producer: drop what does not fit, and count it.
//!
//! Use it when the producer must not wait and gaps are allowed, as with metrics or logs. It drops
//! the new ones; if only the newest counts, as with video, the producer takes an old one out first,
//! with a receiver of its own (and then never hears that the consumer is gone).
//! Ends: when the consumer is gone, which is not the same as a full queue.
//! Needs: `cargo add crossbeam-channel`.
//!
//! ```text
//! a slow consumer: [1, 2, 3, 11], dropped: 7
//! the consumer is gone after: 1, dropped: 0
//! ```

use crossbeam_channel::{Sender, TrySendError, bounded};

/// Sends without waiting, and counts what was dropped.
struct Lossy<T> {
    sender: Sender<T>,
    dropped: u64,
}

impl<T> Lossy<T> {
    /// Gives the item back if nobody will ever receive it.
    fn offer(&mut self, item: T) -> Result<(), T> {
        match self.sender.try_send(item) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => {
                self.dropped += 1;
                Ok(())
            }
            // Not one more that was dropped: a producer that took it so would run for ever.
            Err(TrySendError::Disconnected(item)) => Err(item),
        }
    }
}

fn main() {
    let (sender, queue) = bounded(3); // so many may wait
    let mut lossy = Lossy { sender, dropped: 0 };
    // Nobody receives meanwhile, and no `offer` blocks.
    assert_eq!((1..=10).try_for_each(|n| lossy.offer(n)), Ok(()));
    let mut received: Vec<_> = queue.try_iter().collect();
    assert_eq!(lossy.offer(11), Ok(()));
    received.extend(queue.try_iter());
    println!("a slow consumer: {received:?}, dropped: {}", lossy.dropped);
    assert_eq!((received, lossy.dropped), (vec![1, 2, 3, 11], 7));

    let (sender, queue) = bounded(3);
    let mut lossy = Lossy { sender, dropped: 0 };
    let mut queue = Some(queue);
    let end = (1..).try_for_each(|n| {
        lossy.offer(n)?;
        queue = None; // the consumer leaves after the first
        Ok(())
    });
    println!("the consumer is gone after: 1, dropped: {}", lossy.dropped);
    assert_eq!((end, lossy.dropped), (Err::<(), i32>(2), 0));
}
