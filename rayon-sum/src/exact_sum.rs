//! Parallel sum of integers without overflow.
//!
//! ```ignore
//! use exact_sum::exact_sum;
//!
//! assert_eq!(exact_sum(&[2_000_000_000_i32; 3]), 6_000_000_000);
//! assert_eq!(exact_sum(&[u64::MAX, u64::MAX]), 2 * i128::from(u64::MAX));
//!
//! let balance = exact_sum(&[i64::MAX, 1, -2]);
//! assert_eq!(i64::try_from(balance), Ok(i64::MAX - 1));
//! ```
//!
//! # When to use it
//!
//! For long slices of integers in memory. `par_iter().sum::<i32>()` adds in `i32`: with overflow
//! checks, a partial sum that does not fit panics, even where the total would fit; without, a total
//! that does not fit wraps silently. The remedy is one line, which widens before it adds:
//!
//! ```ignore
//! use rayon::prelude::*;
//!
//! let values = [i64::MAX, i64::MAX, i64::MIN];
//! let sum = values.par_iter().map(|&value| i128::from(value)).sum::<i128>();
//! assert_eq!(sum, i128::from(i64::MAX) - 1);
//! ```
//!
//! [`exact_sum`] is that line with a sequential cutoff, so that a short slice does not pay for
//! waking threads.
//!
//! # When not to use it
//!
//! - When the values are known to be small: `par_iter().sum()` is faster while they are in the
//!   cache, and as fast beyond.
//! - For `usize` and `isize`, which are not `Into<i128>`: write the line, with `value as i128`.
//! - When values arrive over time: send batches of them through a channel pipeline.
//! - While holding a lock, as with all of rayon: a thread of the pool that waits for rayon may run
//!   another job meanwhile. If that job wants the same lock, it deadlocks.
//!
//! # How it ends
//!
//! It returns when every value is added. It runs in the current pool: rayon's global one, unless a
//! `ThreadPool::install` encloses the call. One thread is enough, and calls may be nested in other
//! parallel iterators. If a conversion of yours panics, the panic is re-raised on the calling thread
//! when the other threads have finished.
//!
//! # To use it
//!
//! Declare it with `#[allow(dead_code, unreachable_pub)] mod exact_sum;`. The tests start at
//! `#[cfg(test)]`; cut them off if you do not want them.
//!
//! Needs: `cargo add rayon`.
//!
//! Its tests: nothing more.

use rayon::prelude::*;

/// The sequential cutoff: rayon halves a slice as long as both halves have this many values. To add
/// up 2^16 `i64` takes 15 to 25 µs, as long as waking another thread.
const MIN_LEN: usize = 1 << 16;

/// Adds up integers in parallel, exactly.
///
/// Of values of at most 64 bits the sum cannot overflow: that would take 2^63 of them. For a
/// narrower type, narrow the total once, at the end, with `try_from`.
///
/// The sum of `i128` values can overflow, a partial sum too, and where rayon splits decides which
/// there are: that panics with overflow checks and wraps without, as with `iter().sum()`.
///
/// Below 2^17 values the calling thread adds alone.
///
/// # Panics
///
/// If converting a value does; with overflow checks, if a sum of `i128` values overflows; or if
/// rayon cannot start the threads of its global pool, which the first call outside of another pool
/// does.
#[must_use]
pub fn exact_sum<T: Copy + Into<i128> + Sync>(values: &[T]) -> i128 {
    let values = values.par_iter().with_min_len(MIN_LEN);
    // Exact addition is associative: it does not matter where rayon splits the slice.
    values.map(|&value| value.into()).sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use rayon::ThreadPoolBuilder;
    use std::panic::{self, AssertUnwindSafe};
    use std::sync::{Barrier, mpsc};
    use std::thread::{self, ThreadId};
    use std::time::Duration;

    /// Lengths at which something changes.
    const LENGTHS: [usize; 8] = [
        0,
        1,
        2,
        MIN_LEN,
        2 * MIN_LEN - 1,
        2 * MIN_LEN,
        2 * MIN_LEN + 1,
        5 * MIN_LEN + 3,
    ];

    /// Runs `body` on a thread of its own, so that a hang fails the test instead of blocking it.
    fn within_deadline<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> R {
        let (sender, receiver) = mpsc::channel();
        let runner = thread::spawn(move || sender.send(body()));
        match receiver.recv_timeout(Duration::from_secs(60)) {
            Ok(result) => result,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("does not end"),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                panic::resume_unwind(runner.join().expect_err("ended without a result"))
            }
        }
    }

    fn in_pool<R: Send>(threads: usize, body: impl FnOnce() -> R + Send) -> R {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(body)
    }

    #[test]
    fn sums_equal_a_plain_sum_at_every_length_that_matters() {
        for length in LENGTHS {
            // All 64 bits in use.
            let values = (0..length as u64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15) as i64);
            let values: Vec<i64> = values.collect();
            let expected: i128 = values.iter().map(|&value| i128::from(value)).sum();
            for threads in [1, 2, 3] {
                assert_eq!(in_pool(threads, || exact_sum(&values)), expected);
            }
        }
    }

    #[test]
    fn extreme_integers_do_not_overflow() {
        for length in LENGTHS {
            let n = length as i128;
            assert_eq!(exact_sum(&vec![i64::MIN; length]), n * i128::from(i64::MIN));
            assert_eq!(exact_sum(&vec![u64::MAX; length]), n * i128::from(u64::MAX));
            assert_eq!(exact_sum(&vec![i8::MIN; length]), n * -128);
        }
    }

    #[test]
    #[cfg(panic = "unwind")]
    fn a_sum_of_128_bits_that_overflows_panics_or_wraps_as_a_plain_one_does() {
        for values in [[i128::MAX, 1, -1], [i128::MAX, 1, 0]] {
            let sum = panic::catch_unwind(|| exact_sum(&values));
            let plain = panic::catch_unwind(|| values.iter().sum());
            assert_eq!(sum.ok(), plain.ok());
        }
    }

    #[test]
    fn pools_of_one_thread_and_nested_calls_end() {
        let sums = within_deadline(|| {
            let values = vec![1_i64; 2 * MIN_LEN];
            let sums = |_| exact_sum(&values);
            in_pool(1, || (0..8).into_par_iter().map(sums).collect::<Vec<_>>())
        });
        assert_eq!(sums, [2 * MIN_LEN as i128; 8]);
    }

    /// An integer that does something when it is converted.
    #[derive(Clone, Copy)]
    enum Probe<'a> {
        One,
        OnlyOn(ThreadId),
        Meet(&'a Barrier),
        Panic,
    }

    impl From<Probe<'_>> for i128 {
        fn from(probe: Probe<'_>) -> i128 {
            match probe {
                Probe::One => {}
                Probe::OnlyOn(caller) => assert_eq!(thread::current().id(), caller),
                Probe::Meet(barrier) => _ = barrier.wait(),
                Probe::Panic => panic!("this value cannot be converted"),
            }
            1
        }
    }

    #[test]
    fn below_2_to_the_17_values_the_calling_thread_adds_alone() {
        // It is none of the pool's: had it asked the pool, others would convert.
        let caller = thread::current().id();
        let values = vec![Probe::OnlyOn(caller); (1 << 17) - 1];
        assert_eq!(exact_sum(&values), (1 << 17) - 1);
    }

    #[test]
    fn from_2_to_the_17_values_on_two_threads_add_at_once() {
        // The first and the last value wait for each other, so a sequential sum would never end.
        let sum = within_deadline(|| {
            let barrier = Barrier::new(2);
            let mut values = vec![Probe::One; 1 << 17];
            values[0] = Probe::Meet(&barrier);
            values[(1 << 17) - 1] = Probe::Meet(&barrier);
            in_pool(2, || exact_sum(&values))
        });
        assert_eq!(sum, 1 << 17);
    }

    #[test]
    #[cfg(panic = "unwind")]
    fn a_panic_in_any_part_reaches_the_caller_unchanged() {
        for position in [0, MIN_LEN, 2 * MIN_LEN - 1] {
            let payload = within_deadline(move || {
                let mut values = vec![Probe::One; 2 * MIN_LEN];
                values[position] = Probe::Panic;
                let sum = AssertUnwindSafe(|| in_pool(2, || exact_sum(&values)));
                panic::catch_unwind(sum).unwrap_err()
            });
            let expected = "this value cannot be converted";
            assert_eq!(payload.downcast_ref(), Some(&expected));
        }
    }
}
