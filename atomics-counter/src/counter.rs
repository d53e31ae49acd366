//! Atomic counter shared between threads.
//!
//! ```ignore
//! use counter::Counter;
//! use std::thread;
//!
//! static REQUESTS: Counter = Counter::new();
//!
//! fn main() {
//!     thread::scope(|scope| {
//!         for _ in 0..4 {
//!             scope.spawn(|| {
//!                 let number = REQUESTS.add(1); // 1 to 4, in any order
//!                 if number == 4 {
//!                     println!("this was the last thread");
//!                 }
//!             });
//!         }
//!     });
//!     assert_eq!(REQUESTS.get(), 4);
//! }
//! ```
//!
//! - Once the threads that add have been joined, the count is exact.
//! - Until then, a read returns a value that the count had a moment ago.
//! - `take` returns the count and restarts it at 0; nothing is lost or counted twice.
//! - Never decide on a read, as the count may change right after it: decide on what `add` returns.
//!   A threshold ("grow at about n") is fine.
//!
//! # When to use it
//!
//! For what threads count now and then, such as requests or errors. For ids that are never given
//! twice. To find the first or the last of several threads.
//!
//! # When not to use it
//!
//! - The count can wait: count in a local variable and call `add` once per batch, or return the
//!   count from the thread. Nothing is faster.
//! - Several cores add millions of times a second: they contend for one cache line. Use
//!   `sharded_counter.rs`.
//! - The count must agree with other data, such as a sum and its length: use a `Mutex`.
//! - The count must stop at a limit: use the loop of `unique_ids.rs`.
//!
//! # How it ends
//!
//! No operation blocks, fails or allocates. What a thread added before it panicked stays counted.
//!
//! # To use it
//!
//! Declare it with `#[allow(dead_code, unreachable_pub)] mod counter;`. The tests start at
//! `#[cfg(test)]`; cut them off if you do not want them.
//!
//! Needs: std alone.
//!
//! Its tests: std alone.
//!
//! # Details
//!
//! - To subtract n, add `n.wrapping_neg()`. The count does not fall below 0 if each subtraction
//!   happens after its addition.
//! - A read includes every addition that happens before it, and none that happens after it. (What
//!   another thread did happened before if a join, a channel, a lock, or a `Release` store and an
//!   `Acquire` load came in between.)
//! - If one read happens before another, the later one is not smaller, unless a thread subtracts or
//!   calls `take`.
//! - If all threads add 1 and none calls `take`, no two additions return the same number: of n
//!   additions, one returns 1 and one returns n. (The count wraps around at 2^64.)
//! - All operations are `Relaxed`: a thread that sees an addition may not see what was written
//!   before it.
//! - One thread adds and then looks at a flag; another sets the flag and then calls `take`: both may
//!   miss what the other did. Call the last `take` after a join, or see `store_buffering.rs`.

#[cfg(not(target_has_atomic = "64"))]
compile_error!(
    "this target has no 64-bit atomics: replace `AtomicU64` and `u64` by `AtomicUsize` and `usize`, \
     or take `AtomicU64` from the crate `portable-atomic`"
);

// Relaxed everywhere: no addition is lost under any ordering, and the count publishes only itself.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A number on one atomic that threads add to. It may be a `static`.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Starts at 0.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds, and returns the new count.
    ///
    /// Wraps around at 2^64. Adding 1 every nanosecond, that takes 584 years.
    pub fn add(&self, amount: u64) -> u64 {
        self.0.fetch_add(amount, Relaxed).wrapping_add(amount)
    }

    /// Returns the count.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// Returns the count and restarts it at 0, in one step.
    pub fn take(&self) -> u64 {
        self.0.swap(0, Relaxed)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use std::sync::atomic::Ordering::SeqCst;
    use std::sync::{Barrier, mpsc};
    use std::thread;
    use std::time::{Duration, Instant};

    /// Runs a test on a thread of its own, so that a hang fails the test instead of blocking it.
    fn within_deadline(test: impl FnOnce() + Send + 'static) {
        let (sender, ended) = mpsc::channel();
        thread::spawn(move || {
            test();
            sender.send(())
        });
        let ended = ended.recv_timeout(Duration::from_secs(60));
        assert_eq!(ended, Ok(()), "it hangs, or has panicked");
    }

    /// Runs `body` on threads that start together, and returns their results.
    fn on_threads<R: Send>(threads: usize, body: impl Fn(usize) -> R + Sync) -> Vec<R> {
        let (start, body) = (&Barrier::new(threads), &body);
        thread::scope(|scope| {
            let mut handles = Vec::new();
            for index in 0..threads {
                handles.push(scope.spawn(move || {
                    start.wait();
                    body(index)
                }));
            }
            handles
                .into_iter()
                .map(|handle| handle.join().unwrap())
                .collect()
        })
    }

    #[test]
    fn a_new_counter_is_zero_and_shows_its_count() {
        static COUNT: Counter = Counter::new();
        assert_eq!((COUNT.get(), COUNT.take()), (0, 0));
        assert_eq!(Counter::default().get(), 0);
        assert_eq!((COUNT.add(2), COUNT.add(0), COUNT.add(3)), (2, 2, 5));
        assert_eq!(format!("{COUNT:?}"), "Counter(5)");
        assert_eq!((COUNT.take(), COUNT.get(), COUNT.take()), (5, 0, 0));
    }

    #[test]
    fn it_wraps_around_at_2_to_the_64_so_that_a_negated_number_subtracts() {
        let count = Counter::new();
        assert_eq!(count.add(u64::MAX), u64::MAX);
        assert_eq!((count.add(2), count.get()), (1, 1));
        assert_eq!(count.add(9), 10);
        assert_eq!((count.add(4_u64.wrapping_neg()), count.get()), (6, 6));
        let years = u64::MAX / 1_000_000_000 / (60 * 60 * 24 * 365);
        assert_eq!(years, 584); // at an addition per nanosecond
    }

    #[test]
    fn no_two_additions_return_the_same_and_after_a_join_the_count_is_exact() {
        const EACH: u64 = 50_000; // long enough for threads to meet
        within_deadline(|| {
            for threads in [1, 4] {
                let count = Counter::new();
                let numbers = on_threads(threads, |_| {
                    let numbers: Vec<u64> = (0..EACH).map(|_| count.add(1)).collect();
                    assert!(numbers.is_sorted());
                    numbers
                });
                let mut numbers = numbers.concat();
                numbers.sort_unstable();
                let total = threads as u64 * EACH;
                assert_eq!(numbers, Vec::from_iter(1..=total));
                assert_eq!(count.get(), total);
            }
        });
    }

    #[test]
    fn of_two_threads_that_add_and_then_read_one_sees_both() {
        within_deadline(|| {
            let counts: Vec<Counter> = (0..20_000).map(|_| Counter::new()).collect();
            let arrived = AtomicU64::new(0);
            let seen = on_threads(2, |_| {
                let mut seen = Vec::new();
                for (round, count) in (1..).zip(&counts) {
                    arrived.fetch_add(1, SeqCst);
                    while arrived.load(SeqCst) < 2 * round {
                        thread::yield_now();
                    }
                    count.add(1);
                    seen.push(count.get());
                }
                seen
            });
            for pair in seen[0].iter().zip(&seen[1]) {
                assert!(matches!(pair, (1 | 2, 2) | (2, 1)), "{pair:?}");
            }
        });
    }

    #[test]
    fn takes_among_additions_lose_and_double_nothing() {
        within_deadline(|| {
            let (count, added, taken) = (Counter::new(), Counter::new(), Counter::new());
            let begin = Instant::now();
            on_threads(4, |index| {
                // Long enough to meet.
                while begin.elapsed() < Duration::from_millis(100) {
                    for _ in 0..1000 {
                        if index < 2 {
                            count.add(1);
                            added.add(1);
                        } else {
                            taken.add(count.take());
                        }
                    }
                }
            });
            assert_eq!(taken.get() + count.get(), added.get());
        });
    }

    #[test]
    #[cfg(panic = "unwind")]
    fn what_a_panicking_thread_added_stays_counted() {
        let count = Counter::new();
        let panicking = || {
            count.add(3);
            std::panic::resume_unwind(Box::new("after three"));
        };
        assert!(thread::scope(|scope| scope.spawn(panicking).join()).is_err());
        assert_eq!(count.get(), 3);
    }
}
