//! Send messages between threads: the first program.
//!
//! Use it when threads pass values on instead of sharing them. Copy it whole.
//! Ends: the loop ends when the last sender is dropped, also by a panic. `send`
//! fails when the receiver has been dropped.
//! Needs: `cargo add crossbeam-channel`.
//!
//! ```text
//! received 1
//! received 2
//! received 3
//! the sender is gone
//! received 1
//! the receiver is gone
//! ```

use crossbeam_channel::bounded;
use std::thread;

fn main() {
    let (sender, receiver) = bounded(10); // if 10 messages wait, `send` waits too
    let handle = thread::spawn(move || {
        for number in 1..=3 {
            assert!(sender.send(number).is_ok());
        }
        // Here the sender is dropped. Kept elsewhere, it would keep the loop
        // below from ending.
    });
    for number in receiver {
        println!("received {number}");
    }
    assert!(handle.join().is_ok());
    println!("the sender is gone");

    // The other end may leave first.
    let (sender, receiver) = bounded(10);
    let handle = thread::spawn(move || {
        for number in 1.. {
            if sender.send(number).is_err() {
                return; // nothing is received any more
            }
        }
    });
    if let Ok(number) = receiver.recv() {
        println!("received {number}");
    }
    drop(receiver);
    assert!(handle.join().is_ok());
    println!("the receiver is gone");
}
