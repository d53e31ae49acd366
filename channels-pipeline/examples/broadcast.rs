//! Every subscriber gets every message, and a slow one holds up nobody.
//!
//! Use it when all must see all; a queue that several share gives each message to one of them. If
//! only the newest message counts, keep it in an `RwLock`.
//! Ends: a subscriber, when the publisher is gone, or when it has fallen behind and is cut off.
//! Needs: `cargo add crossbeam-channel`.
//!
//! ```text
//! subscribers left: 1
//! fast: [1, 2, 3, 4, 5]
//! slow: [1, 2, 3], then the end
//! ```

use crossbeam_channel::{Receiver, Sender, bounded};

#[derive(Default)]
struct Publisher<T> {
    subscribers: Vec<Sender<T>>,
}

impl<T: Clone> Publisher<T> {
    /// May fall behind by `capacity` messages.
    fn subscribe(&mut self, capacity: usize) -> Receiver<T> {
        let (sender, receiver) = bounded(capacity);
        self.subscribers.push(sender);
        receiver
    }

    fn publish(&mut self, message: &T) {
        // With `send`, all would wait for the slowest. One that is full or gone is dropped, so that
        // a slow one sees an end, and not a gap that it does not know of.
        let delivered = |subscriber: &Sender<T>| subscriber.try_send(message.clone()).is_ok();
        self.subscribers.retain(delivered);
    }
}

fn main() {
    let mut publisher = Publisher::default();
    let fast = publisher.subscribe(8);
    let slow = publisher.subscribe(3);
    drop(publisher.subscribe(8)); // gone, without a word
    for message in 1..=5 {
        publisher.publish(&message); // never blocks, though nobody receives
    }
    println!("subscribers left: {}", publisher.subscribers.len());
    assert_eq!(publisher.subscribers.len(), 1);
    let slow: Vec<_> = slow.iter().collect(); // ends, though the publisher lives
    drop(publisher);
    let fast: Vec<_> = fast.iter().collect();
    println!("fast: {fast:?}");
    println!("slow: {slow:?}, then the end");
    assert_eq!(fast, [1, 2, 3, 4, 5]);
    assert_eq!(slow, [1, 2, 3]);
}
