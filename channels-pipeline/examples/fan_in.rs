//! Many producers, one consumer (mpsc), that ends.
//!
//! Use it when several threads find what one thread uses, in any order. To map
//! items in order, see `pipeline.rs`. std's `sync_channel` does it as well.
//! Ends: the consumer's loop, when all producers have ended. A consumer that
//! leaves early makes `send` fail. A panic of a producer is its outcome.
//! Needs: `cargo add crossbeam-channel`.
//!
//! ```text
//! the sum is 33, no producer panicked
//! the consumer left after 1 item
//! a slow consumer: 4 items wait, the producer too
//! the sum is 15, and the last producer panicked
//! ```

use crossbeam_channel::{Receiver, Sender, bounded};
use std::io;
use std::thread::{self, Builder};

/// Runs each producer on a thread of its own, and `consume` on this one, with
/// what all of them send. A producer should end when `send` fails.
///
/// Returns the consumer's result and the outcome of each producer: the end of
/// the channel does not tell whether everything came. If a thread cannot be
/// spawned, returns the OS error, and nothing is consumed.
pub fn fan_in<T: Send, R, P: FnOnce(Sender<T>) + Send>(
    producers: impl IntoIterator<Item = P>,
    capacity: usize,
    consume: impl FnOnce(Receiver<T>) -> R,
) -> io::Result<(R, Vec<thread::Result<()>>)> {
    thread::scope(|scope| {
        let (sender, receiver) = bounded(capacity); // when full, producers wait
        let (mut handles, mut spawn_error) = (Vec::new(), None);
        for produce in producers {
            let sender = sender.clone();
            match Builder::new().spawn_scoped(scope, || produce(sender)) {
                Ok(handle) => handles.push(handle),
                Err(error) => {
                    spawn_error = Some(error);
                    break;
                }
            }
        }
        drop(sender); // the original: while it is alive, the receiver waits
        let result = match spawn_error {
            None => Ok(consume(receiver)),
            Some(error) => {
                drop(receiver); // makes `send` fail, so that the others end
                Err(error)
            }
        };
        // Each is joined: otherwise the scope panics after a panic of a thread.
        let outcomes = handles.into_iter().map(|handle| handle.join()).collect();
        Ok((result?, outcomes))
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
    let (sum, outcomes) = fan_in([1, 2, 5].map(three_from), 4, add_up)?;
    assert_eq!(sum, 1 + 2 + 3 + 2 + 3 + 4 + 5 + 6 + 7);
    assert!(outcomes.iter().all(|outcome| outcome.is_ok()));
    println!("the sum is {sum}, no producer panicked");

    let endless = |sender: Sender<u64>| while sender.send(0).is_ok() {};
    let take_one = |numbers: Receiver<u64>| numbers.iter().take(1).count();
    let (taken, outcomes) = fan_in([endless; 3], 4, take_one)?;
    assert_eq!((taken, outcomes.len()), (1, 3));
    assert!(outcomes.iter().all(|outcome| outcome.is_ok()));
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
    let (sum, outcomes) = fan_in([1, 2, 5].map(fails_at_5), 4, add_up)?;
    let panicked: Vec<bool> = outcomes.iter().map(|outcome| outcome.is_err()).collect();
    assert_eq!(sum, 1 + 2 + 3 + 2 + 3 + 4);
    assert_eq!(panicked, [false, false, true]);
    println!("the sum is {sum}, and the last producer panicked");
    Ok(())
}
