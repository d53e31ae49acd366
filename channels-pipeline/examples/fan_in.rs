//! Many producers, one consumer, and it ends when the last producer does.
//!
//! Use it when threads find things that one thread uses (std's `sync_channel` does as well); to map
//! items in order, see `src/pipeline.rs`.
//! Ends: when all producers have, by a panic too, which the consumer learns from the join.
//! Needs: `cargo add crossbeam-channel`.
//!
//! ```text
//! sum: 33, panics: 0
//! sum: 15, panics: 1
//! with a spare sender: no end
//! without it: the end
//! ```

use crossbeam_channel::{RecvTimeoutError, bounded};
use std::thread;
use std::time::Duration;

/// The sum of what three producers send, and how many of them panicked.
fn gather(fail: bool) -> (u64, usize) {
    let (sender, receiver) = bounded(4); // producers wait for the consumer, if it is slow
    let produce = |first: u64| {
        let sender = sender.clone();
        thread::spawn(move || {
            for n in first..first + 3 {
                assert!(!(fail && n == 5), "five is too many");
                if sender.send(n).is_err() {
                    return; // the consumer has left
                }
            }
        })
    };
    let producers = [1, 2, 5].map(produce);
    // The one that was cloned. Kept, it would make the loop below wait for ever.
    drop(sender);
    let sum = receiver.iter().sum();
    // The end alone does not tell that everything came.
    let panics = producers
        .into_iter()
        .filter_map(|producer| producer.join().err());
    (sum, panics.count())
}

fn main() {
    let (sum, panics) = gather(false);
    println!("sum: {sum}, panics: {panics}");
    assert_eq!((sum, panics), (1 + 2 + 3 + 2 + 3 + 4 + 5 + 6 + 7, 0));
    let (sum, panics) = gather(true);
    println!("sum: {sum}, panics: {panics}");
    assert_eq!((sum, panics), (1 + 2 + 3 + 2 + 3 + 4, 1));

    let (spare, receiver) = bounded::<u64>(1);
    drop(spare.clone()); // the only producer, which has ended
    let waited = receiver.recv_timeout(Duration::from_millis(20));
    assert_eq!(waited, Err(RecvTimeoutError::Timeout));
    println!("with a spare sender: no end");
    drop(spare);
    let waited = receiver.recv_timeout(Duration::from_secs(60));
    assert_eq!(waited, Err(RecvTimeoutError::Disconnected));
    println!("without it: the end");
}
