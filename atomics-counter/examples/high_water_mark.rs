//! Atomic maximum: `fetch_max`, peak.
//!
//! Use it when only the highest number is kept, such as the longest wait or
//! the most connections at once. If something belongs to that number, such as
//! the name of the request, keep both in a `Mutex`.
//! Ends: it never blocks. What a thread recorded before it panicked is kept.
//! Needs: std alone.
//!
//! ```text
//! 4 threads recorded 4000000 numbers; the maximum never fell
//! a record is known at once: true, then false
//! load, compare, store: the 9 is lost, the highest is 5
//! ```

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The highest number that any thread has recorded. It may be a `static`.
#[derive(Default)]
pub struct HighWaterMark(AtomicU64);

impl HighWaterMark {
    /// Starts at 0.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Returns whether the number is higher than all before it.
    pub fn record(&self, number: u64) -> bool {
        // Relaxed: the maximum publishes only itself. `fetch_max` is one step,
        // and returns what was there before.
        self.0.fetch_max(number, Relaxed) < number
    }

    /// The highest number so far.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

fn main() {
    use std::sync::Barrier;
    use std::thread;

    let highest = &HighWaterMark::new();
    thread::scope(|scope| {
        for distance in 1..=4 {
            scope.spawn(move || {
                let mut last = 0;
                for _ in 0..1_000_000 {
                    let seen = highest.get();
                    assert!(seen >= last, "{last} was overwritten by {seen}");
                    last = seen + distance; // close to what others record
                    highest.record(last);
                }
            });
        }
    });
    println!("4 threads recorded 4000000 numbers; the maximum never fell");
    let [first, again] = [highest.record(u64::MAX), highest.record(u64::MAX)];
    assert!(first && !again);
    println!("a record is known at once: {first}, then {again}");

    // The case that goes wrong: both threads load 0, then the 9 is stored, and
    // then the 5.
    let (highest, step) = (AtomicU64::new(0), Barrier::new(2));
    thread::scope(|scope| {
        scope.spawn(|| {
            let loaded = highest.load(Relaxed);
            step.wait();
            if loaded < 9 {
                highest.store(9, Relaxed);
            }
            step.wait();
        });
        let loaded = highest.load(Relaxed);
        step.wait();
        step.wait();
        if loaded < 5 {
            highest.store(5, Relaxed);
        }
    });
    let highest = highest.into_inner();
    assert_eq!(highest, 5);
    println!("load, compare, store: the 9 is lost, the highest is {highest}");
}
