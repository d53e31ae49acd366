//! Atomic maximum: `fetch_max`, peak.
//!
//! Use it when only the highest number is kept, such as the longest wait or
//! the most connections at once. If something belongs to that number, such as
//! the name of the request, keep both in a `Mutex`.
//! Ends: it never blocks. What a thread recorded before it panicked is kept.
//! Needs: std alone.
//!
//! ```text
//! the highest number of 4 threads: 399999
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
        for thread in 0..4 {
            scope.spawn(move || {
                for number in (thread..400_000).step_by(4) {
                    highest.record(number);
                    assert!(highest.get() >= number);
                }
            });
        }
    });
    assert_eq!(highest.get(), 399_999);
    println!("the highest number of 4 threads: {}", highest.get());
    let [first, again] = [highest.record(400_000), highest.record(400_000)];
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
