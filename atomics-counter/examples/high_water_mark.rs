//! The maximum ever seen, by any thread: `fetch_max`.
//!
//! Use it when one number is kept, such as the longest wait; if more belongs to it (which request
//! it was), keep both in a `Mutex`.
//! Ends: nobody waits. What a thread noted before it panicked stays noted.
//! Needs: std alone.
//!
//! ```text
//! the maximum of 4 threads: 3999
//! a record is told at once: true, then false
//! load, compare, store forgets the 9: 5
//! fetch_max does not: 9
//! ```

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

/// Whether it is more than all before.
fn note(highest: &AtomicU64, value: u64) -> bool {
    // Relaxed: the maximum publishes only itself. `fetch_max` returns what was there before.
    highest.fetch_max(value, Relaxed) < value
}

/// Two threads look before either writes; then the one with 9 writes, then the one with 5.
fn race(write: impl Fn(&AtomicU64, u64) + Sync) -> u64 {
    let (highest, step) = (AtomicU64::new(0), Barrier::new(2));
    thread::scope(|scope| {
        scope.spawn(|| {
            let seen = highest.load(Relaxed);
            step.wait();
            if 9 > seen {
                write(&highest, 9);
            }
            step.wait();
        });
        let seen = highest.load(Relaxed);
        step.wait();
        step.wait();
        if 5 > seen {
            write(&highest, 5);
        }
    });
    highest.into_inner()
}

fn main() {
    let highest = AtomicU64::new(0);
    thread::scope(|scope| {
        for thread in 0..4 {
            let highest = &highest;
            scope.spawn(move || {
                for value in 1000 * thread..1000 * (thread + 1) {
                    note(highest, value);
                }
            });
        }
    });
    assert_eq!(highest.load(Relaxed), 3999);
    println!("the maximum of 4 threads: {highest:?}");
    let [first, again] = [note(&highest, 4000), note(&highest, 4000)];
    println!("a record is told at once: {first}, then {again}");

    // The case that goes wrong: between a load and a store, others come.
    let kept = race(|highest, value| highest.store(value, Relaxed));
    assert_eq!(kept, 5);
    println!("load, compare, store forgets the 9: {kept}");
    let kept = race(|highest, value| _ = note(highest, value));
    assert_eq!(kept, 9);
    println!("fetch_max does not: {kept}");
}
