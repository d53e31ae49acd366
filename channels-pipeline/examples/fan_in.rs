//! Many producers, one consumer (mpsc), that ends.
//!
//! Use it when several threads find what one thread uses, in any order. To map
//! items in order, see `pipeline.rs`. std's `sync_channel` does it as well.
//! Ends: the consumer's loop, when all producers have ended. A consumer that
//! leaves early makes `send` fail. A panic of a producer is counted.
//! Needs: `cargo add crossbeam-channel`.
//!
//! ```text
//! the sum is 33, no producer panicked
//! the consumer left after 1 item
//! a slow consumer: 4 items wait, the producer too
//! the sum is 15, and 1 producer panicked
//! ```

use crossbeam_channel::{Receiver, Sender, bounded};
use std::thread::{self, Builder};
use std::{io, mem};

/// Runs each producer on a thread of its own, and `consume` on this one, with
/// what all of them send. A producer should end when `send` fails.
///
/// Returns the consumer's result and how many producers panicked, or the OS
/// error if a thread cannot be spawned.
pub fn fan_in<T: Send, R, P: FnOnce(Sender<T>) + Send>(
    producers: impl IntoIterator<Item = P>,
    capacity: usize,
    consume: impl FnOnce(Receiver<T>) -> R,
) -> io::Result<(R, usize)> {
    thread::scope(|scope| {
        let (sender, receiver) = bounded(capacity); // when full, producers wait
        let mut handles = Vec::new();
        for produce in producers {
            let sender = sender.clone();
            let handle = Builder::new().spawn_scoped(scope, || produce(sender))?;
            handles.push(handle);
        }
        drop(sender); // the original: while it is alive, the receiver waits
        let result = consume(receiver);
        // The end of the channel does not tell whether everything came.
        let mut panics = 0;
        for handle in handles {
            if let Err(payload) = handle.join() {
                panics += 1;
                mem::forget(payload); // its destructor may panic
            }
        }
        Ok((result, panics))
    })
}

fn main() -> io::Result<()> {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::time::Duration;

    let three_from = |first: u64| {
        move |sender: Sender<u64>| {
            for number in first..first + 3 {
                if sender.send(number).is_err() {
                    return; // the consumer has left
                }
            }
        }
    };
    let add_up = |numbers: Receiver<u64>| numbers.iter().sum::<u64>();
    let (sum, panics) = fan_in([1, 2, 5].map(three_from), 4, add_up)?;
    assert_eq!((sum, panics), (1 + 2 + 3 + 2 + 3 + 4 + 5 + 6 + 7, 0));
    println!("the sum is {sum}, no producer panicked");

    let endless = |sender: Sender<u64>| while sender.send(0).is_ok() {};
    let take_one = |numbers: Receiver<u64>| numbers.iter().take(1).count();
    let (taken, panics) = fan_in([endless; 3], 4, take_one)?;
    assert_eq!((taken, panics), (1, 0));
    println!("the consumer left after {taken} item");

    let sent = AtomicUsize::new(0);
    let produce = |sender: Sender<u64>| {
        while sender.send(0).is_ok() {
            sent.fetch_add(1, Relaxed); // a count of its own
        }
    };
    fan_in([produce], 4, |_receiver| {
        while sent.load(Relaxed) < 4 {
            thread::yield_now();
        }
        thread::sleep(Duration::from_millis(20));
        assert_eq!(sent.load(Relaxed), 4);
    })?;
    println!("a slow consumer: 4 items wait, the producer too");

    // The case that goes wrong: a producer panics half-way.
    let fails_at_5 = |first: u64| {
        move |sender: Sender<u64>| {
            for number in first..first + 3 {
                assert!(number < 5, "{number} is too many");
                assert!(sender.send(number).is_ok());
            }
        }
    };
    let (sum, panics) = fan_in([1, 2, 5].map(fails_at_5), 4, add_up)?;
    assert_eq!((sum, panics), (1 + 2 + 3 + 2 + 3 + 4, 1));
    println!("the sum is {sum}, and {panics} producer panicked");
    Ok(())
}
