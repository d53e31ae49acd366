//! `try_send`: drop when the queue is full, and count.
//!
//! Use it when a producer must not wait and gaps are allowed, as with metrics
//! and logs. It drops what is new. If only the newest counts, keep that in a
//! `Mutex` instead.
//! Ends: the producer, when the consumer is gone. What is queued then is lost:
//! `accepted` less what was received.
//! Needs: `cargo add crossbeam-channel`.
//!
//! ```text
//! a slow consumer received [1, 2, 3, 11], dropped: 7
//! the consumer left after 1, accepted: 3, so 2 are lost
//! ```

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Sends without waiting. Several threads may share it.
pub struct Lossy<T> {
    sender: Sender<T>,
    // Relaxed: nothing else depends on these counts.
    accepted: AtomicU64,
    dropped: AtomicU64,
}

impl<T> Lossy<T> {
    /// At most `capacity` items wait.
    pub fn new(capacity: usize) -> (Self, Receiver<T>) {
        let (sender, receiver) = bounded(capacity);
        let lossy = Self {
            sender,
            accepted: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        };
        (lossy, receiver)
    }

    /// Never waits. Returns the item if the receiver is gone.
    pub fn offer(&self, item: T) -> Result<(), T> {
        // Counted first: at any time, no more was received than is counted.
        self.accepted.fetch_add(1, Relaxed);
        let Err(error) = self.sender.try_send(item) else {
            return Ok(());
        };
        self.accepted.fetch_sub(1, Relaxed);
        match error {
            TrySendError::Full(_) => {
                self.dropped.fetch_add(1, Relaxed);
                Ok(())
            }
            // Counted as dropped, it would let the producer run forever.
            TrySendError::Disconnected(item) => Err(item),
        }
    }

    /// How many items the queue took, exact once the producers have ended. Until
    /// then it includes items that are being offered.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Relaxed)
    }

    /// How many items did not fit.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }
}

fn main() {
    let (lossy, queue) = Lossy::new(3);
    for item in 1..=10 {
        assert_eq!(lossy.offer(item), Ok(())); // and nothing receives meanwhile
    }
    let mut received: Vec<u32> = queue.try_iter().collect();
    assert_eq!(lossy.offer(11), Ok(()));
    received.extend(queue.try_iter());
    assert_eq!(received, [1, 2, 3, 11]);
    assert_eq!((lossy.accepted(), lossy.dropped()), (4, 7));
    println!("a slow consumer received {received:?}, dropped: 7");

    // The case that goes wrong: the consumer leaves with items in the queue.
    let (lossy, queue) = Lossy::new(3);
    for item in 1..=3 {
        assert_eq!(lossy.offer(item), Ok(()));
    }
    assert_eq!(queue.recv(), Ok(1));
    drop(queue);
    assert_eq!(lossy.offer(4), Err(4));
    assert_eq!((lossy.accepted(), lossy.dropped()), (3, 0));
    println!("the consumer left after 1, accepted: 3, so 2 are lost");
}
