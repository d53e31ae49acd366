//! A count on one atomic, which any number of threads share.
//!
//! # When to use it
//!
//! For what many threads count now and then and others read, such as requests or errors; for ids
//! that are never given twice; for telling which of several threads was the first or the last.
//!
//! # When not to use it
//!
//! - The count can wait: count in a local variable and [`add`](Counter::add) once per batch, or
//!   return it from `join`. Nothing is faster.
//! - Several cores count millions of times a second: each addition takes the cache line away from
//!   the others. See `ShardedCounter` in `sharded_counter.rs`.
//! - The count must agree with other data (a sum and its length), or must stop at a limit: use a
//!   `Mutex` around all of it, or a compare-exchange loop (`unique_ids.rs`).
//!
//! # How it ends
//!
//! No operation waits, fails or allocates. What a thread added before it ended or panicked stays
//! counted.
//!
//! # What other threads see
//!
//! - A read holds every addition that happens before it (less what was taken), and none that happens
//!   after it. "Happens before" is Rust's word: earlier on the same thread, or on another one that was
//!   joined or that handed something over since, by a channel, a lock, or a `Release` store and an
//!   `Acquire` load. Of the other additions, a read holds those up to some point: it is a value that
//!   the count had.
//! - Of two reads, the second gives no less than the first if the first happens before it, and
//!   nobody takes. By the clock alone that is not so, between two threads.
//! - Additions queue up, each on top of the last: no two additions of 1 return the same (before it
//!   wraps around, and if nobody takes), and of n threads that add 1 each, one gets 1 and one n. So
//!   the first and the last one know by what `add` returns.
//! - All here is `Relaxed`: the count publishes nothing else, and whoever sees it may not yet see
//!   what was written before it.
//! - A thread that adds and then looks at a flag, and one that sets the flag and then takes, may
//!   both miss the other's doing. Take the rest after a `join`; or put `fence(SeqCst)` between
//!   the two steps of both (`store_buffering.rs`).
//!
//! Needs: std alone.

#[cfg(not(target_has_atomic = "64"))]
compile_error!(
    "this target has no 64-bit atomics: replace `AtomicU64` and `u64` by `AtomicUsize` and `usize`, \
     or take `AtomicU64` from the crate `portable-atomic`"
);

// Relaxed throughout: no addition is lost under any ordering, and the count publishes only itself.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A count on one atomic; in a `static` too.
///
/// # Examples
///
/// ```
/// use atomics_counter::Counter;
/// use std::thread;
///
/// static REQUESTS: Counter = Counter::new();
/// thread::scope(|scope| {
///     for _ in 0..4 {
///         scope.spawn(|| {
///             let id = REQUESTS.add(1); // 1 to 4, in any order
///             if id == 4 {
///                 println!("that was the last one");
///             }
///         });
///     }
/// });
/// assert_eq!(REQUESTS.get(), 4);
/// ```
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Starts at 0.
    #[must_use]
    pub const fn new() -> Self {
        Counter(AtomicU64::new(0))
    }

    /// Adds, and returns the new count.
    ///
    /// Wraps around at 2^64, one by one in 584 years at an addition per nanosecond.
    pub fn add(&self, amount: u64) -> u64 {
        self.0.fetch_add(amount, Relaxed).wrapping_add(amount)
    }

    /// Returns the count.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// Returns the count and starts again at 0, in one step: what is added is returned by exactly one
    /// `take`, or still there.
    pub fn take(&self) -> u64 {
        self.0.swap(0, Relaxed)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::Ordering::SeqCst;
    use std::thread;
    use std::time::{Duration, Instant};

    /// Runs `body` on `threads` threads, which start together, and returns the results.
    fn on_threads<R: Send>(threads: usize, body: impl Fn() -> R + Sync) -> Vec<R> {
        let start = Barrier::new(threads);
        let run = || {
            start.wait();
            body()
        };
        thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
            let results = running.into_iter().map(|thread| thread.join());
            results.map(Result::unwrap).collect()
        })
    }

    #[test]
    fn a_new_counter_is_zero_and_shows_its_count() {
        static COUNT: Counter = Counter::new();
        assert_eq!(
            (COUNT.get(), COUNT.take(), Counter::default().get()),
            (0, 0, 0)
        );
        assert_eq!((COUNT.add(2), COUNT.add(0), COUNT.add(3)), (2, 2, 5));
        assert_eq!(format!("{COUNT:?}"), "Counter(5)");
        assert_eq!((COUNT.take(), COUNT.get(), COUNT.take()), (5, 0, 0));
    }

    #[test]
    fn it_wraps_around_at_the_maximum() {
        let count = Counter::new();
        assert_eq!(count.add(u64::MAX), u64::MAX);
        assert_eq!((count.add(2), count.get()), (1, 1));
    }

    #[test]
    fn no_two_additions_return_the_same_and_the_last_one_the_total() {
        const EACH: u64 = 100_000; // long enough for threads to meet
        for threads in [1, 2, 4] {
            let count = Counter::new();
            let counts = on_threads(threads, || {
                let counts: Vec<_> = (0..EACH).map(|_| count.add(1)).collect();
                assert!(counts.is_sorted());
                counts
            });
            let mut counts = counts.concat();
            counts.sort_unstable();
            let total = threads as u64 * EACH;
            assert_eq!(counts, Vec::from_iter(1..=total));
            assert_eq!(count.get(), total);
        }
    }

    #[test]
    fn of_two_threads_that_add_and_then_read_one_sees_both() {
        let rounds: Vec<_> = (0..20_000).map(|_| Counter::new()).collect();
        let arrived = AtomicU64::new(0);
        let seen = on_threads(2, || {
            let round = |(round, count): (u64, &Counter)| {
                arrived.fetch_add(1, SeqCst);
                while arrived.load(SeqCst) < 2 * (round + 1) {
                    thread::yield_now();
                }
                count.add(1);
                count.get()
            };
            (0..).zip(&rounds).map(round).collect::<Vec<_>>()
        });
        for seen in seen[0].iter().zip(&seen[1]) {
            assert!(matches!(seen, (1..=2, 2) | (2, 1)), "{seen:?}");
        }
    }

    #[test]
    fn takes_among_additions_lose_and_double_nothing() {
        let (count, taken, added) = (Counter::new(), Counter::new(), Counter::new());
        let begin = Instant::now();
        let ongoing = || begin.elapsed() < Duration::from_millis(100); // enough to meet
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while ongoing() {
                        for _ in 0..1000 {
                            count.add(1);
                        }
                        added.add(1000);
                    }
                });
                scope.spawn(|| {
                    while ongoing() {
                        taken.add((0..1000).map(|_| count.take()).sum());
                    }
                });
            }
        });
        assert_eq!(taken.get() + count.get(), added.get());
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
