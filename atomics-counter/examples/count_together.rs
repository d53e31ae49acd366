//! Count from several threads with one atomic: the first program.
//!
//! Use it when threads count something together. Copy it whole.
//! Ends: when the scope has joined its threads; then the count is exact.
//! Needs: std alone.
//!
//! ```text
//! 4 threads counted to 4000000
//! load then store: 2 threads counted to 1
//! ```

use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;

fn main() {
    let count = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1_000_000 {
                    count.fetch_add(1, Relaxed); // one step: nothing is lost
                }
            });
        }
    });
    let count = count.into_inner();
    assert_eq!(count, 4_000_000);
    println!("4 threads counted to {count}");

    // The case that goes wrong: both threads load 0, then both store 1.
    let count = AtomicU32::new(0);
    let both_have_loaded = Barrier::new(2);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let loaded = count.load(Relaxed);
                both_have_loaded.wait();
                count.store(loaded + 1, Relaxed);
            });
        }
    });
    let count = count.into_inner();
    assert_eq!(count, 1);
    println!("load then store: 2 threads counted to {count}");
}
