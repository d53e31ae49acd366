//! Broadcast channel, pub/sub: every subscriber gets every message.
//!
//! Use it when all threads must see all messages. A queue that several threads
//! share gives each message to one of them. In async code use
//! `tokio::sync::broadcast`, which counts what a slow subscriber has missed.
//! Ends: a subscription, when the publisher is gone, or when it is cut off
//! because it stayed full for longer than the publisher's patience.
//! Needs: `cargo add crossbeam-channel`.
//!
//! ```text
//! a burst of 1000, queues of 3: each subscriber received 1000
//! a slow one received [1, 2, 3], then CutOff
//! a healthy one received [4], then PublisherGone
//! ```

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, bounded};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Sends each message to all subscribers.
pub struct Publisher<T> {
    capacity: usize,
    patience: Duration,
    subscribers: Vec<(Sender<Arc<T>>, Sender<CutOff>)>,
}

/// One subscriber's end.
pub struct Subscription<T> {
    messages: Receiver<Arc<T>>,
    cut_off: Receiver<CutOff>,
}

struct CutOff;

/// Why a subscription gets no more messages.
#[derive(Debug, PartialEq)]
pub enum End {
    /// It has received all messages.
    PublisherGone,
    /// It was too slow, and misses the later messages.
    CutOff,
}

impl<T> Publisher<T> {
    /// A subscriber may be behind by `capacity` messages. A burst beyond that
    /// makes `publish` wait, up to `patience`.
    pub fn new(capacity: usize, patience: Duration) -> Self {
        Self {
            capacity,
            patience,
            subscribers: Vec::new(),
        }
    }

    /// For the messages from now on.
    pub fn subscribe(&mut self) -> Subscription<T> {
        let (sender, messages) = bounded(self.capacity);
        let (notice, cut_off) = bounded(1);
        self.subscribers.push((sender, notice));
        Subscription { messages, cut_off }
    }

    /// Returns how many subscribers were cut off.
    pub fn publish(&mut self, message: T) -> usize {
        // In an `Arc`: a `clone` that panics would leave out some subscribers.
        let message = Arc::new(message);
        let start = Instant::now(); // one patience for all of them
        let mut cut_off = 0;
        self.subscribers.retain(|(subscriber, notice)| {
            let left = self.patience.saturating_sub(start.elapsed());
            match subscriber.send_timeout(Arc::clone(&message), left) {
                Ok(()) => true,
                Err(SendTimeoutError::Disconnected(_)) => false,
                Err(SendTimeoutError::Timeout(_)) => {
                    let _ = notice.send(CutOff); // has room for it
                    cut_off += 1;
                    false
                }
            }
        });
        cut_off
    }
}

impl<T> Subscription<T> {
    /// Waits for the next message.
    pub fn recv(&self) -> Result<Arc<T>, End> {
        self.messages.recv().map_err(|_| {
            // Both senders are dropped together: this does not wait.
            match self.cut_off.recv() {
                Ok(CutOff) => End::CutOff,
                Err(_) => End::PublisherGone,
            }
        })
    }
}

fn main() {
    use std::thread;

    const HOUR: Duration = Duration::from_secs(3600);
    const MOMENT: Duration = Duration::from_millis(20);

    fn received<T: Copy>(subscription: &Subscription<T>) -> (Vec<T>, End) {
        let mut messages = Vec::new();
        loop {
            match subscription.recv() {
                Ok(message) => messages.push(*message),
                Err(end) => return (messages, end),
            }
        }
    }

    let counts = thread::scope(|scope| {
        let mut publisher = Publisher::new(3, HOUR);
        let subscribers = [(); 3].map(|()| {
            let subscription = publisher.subscribe();
            scope.spawn(move || {
                let mut count = 0;
                while subscription.recv().is_ok() {
                    count += 1;
                    if count % 100 == 0 {
                        thread::sleep(MOMENT / 10); // and the queue is full
                    }
                }
                count
            })
        });
        for message in 0..1000 {
            assert_eq!(publisher.publish(message), 0);
        }
        drop(publisher);
        subscribers.map(|subscriber| subscriber.join().unwrap_or(0))
    });
    assert_eq!(counts, [1000; 3]);
    println!("a burst of 1000, queues of 3: each subscriber received 1000");

    // The case that goes wrong: a subscriber that does not receive.
    let mut publisher = Publisher::new(3, MOMENT);
    let (slow, left) = (publisher.subscribe(), publisher.subscribe());
    drop(left); // not cut off
    for message in 1..=3 {
        assert_eq!(publisher.publish(message), 0);
    }
    let healthy = publisher.subscribe();
    assert_eq!(publisher.publish(4), 1); // has waited for `slow`, not for `healthy`
    let (messages, end) = received(&slow);
    assert_eq!((&messages, &end), (&vec![1, 2, 3], &End::CutOff));
    println!("a slow one received {messages:?}, then {end:?}");
    let all_slow = || {
        let mut publisher = Publisher::new(0, MOMENT);
        let _slow = [(); 10].map(|()| publisher.subscribe());
        let start = Instant::now();
        assert_eq!(publisher.publish(1), 10);
        start.elapsed()
    };
    // One patience for all of them. On a busy machine it may take longer.
    assert!((0..10).any(|_| all_slow() < MOMENT * 10));

    drop(publisher);
    let (messages, end) = received(&healthy);
    assert_eq!((&messages, &end), (&vec![4], &End::PublisherGone));
    println!("a healthy one received {messages:?}, then {end:?}");
}
