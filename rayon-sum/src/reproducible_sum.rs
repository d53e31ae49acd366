//! Deterministic parallel float sum (Kahan, Neumaier): same bits on every run.
//!
//! ```ignore
//! use reproducible_sum::{reproducible_sum, reproducible_sum_by};
//!
//! let values = [1e16, 1.0, -1e16];
//! assert_eq!(reproducible_sum(&values), 1.0);
//! assert_eq!(values.iter().sum::<f64>(), 0.0); // a plain sum loses the 1.0
//!
//! // What is computed from the items of a slice, or of several in step:
//! let points = [(3.0_f64, 4.0), (5.0, 12.0)];
//! let weights = [0.5, 2.0];
//! assert_eq!(reproducible_sum_by(&points, |(x, y)| x.hypot(*y)), 18.0);
//! assert_eq!(reproducible_sum_by((&points, &weights), |((x, _), weight)| x * weight), 11.5);
//! ```
//!
//! # When to use it
//!
//! When a float sum must not depend on the number of threads. `par_iter().sum::<f64>()` is
//! non-deterministic: where rayon splits the slice depends on which thread happens to be idle, and
//! float addition is not associative. Here the chunks depend on the number of values alone, and
//! their sums are added in order. As they are compensated, the result is also more accurate.
//!
//! # When not to use it
//!
//! - When the last digits do not matter: `par_iter().sum()` is faster.
//! - When the sum must be correct to the last bit for *every* input: compensation works with twice
//!   the digits of `f64`. That is plenty, but not unlimited. Use a crate for exact summation.
//! - For money: add up an integer number of cents.
//! - When values arrive over time: [`CompensatedSum`] takes them one by one.
//! - When few values are expensive to compute: up to three chunks, 24,576 values, are left to the
//!   calling thread. Compute them first, `items.into_par_iter().map(value).collect::<Vec<f64>>()`.
//! - While holding a lock, as with all of rayon: a thread of the pool that waits for rayon may run
//!   another job meanwhile. If that job wants the same lock, it deadlocks.
//!
//! # How it ends
//!
//! It returns when every value is added. It runs in the current pool: rayon's global one, unless a
//! `ThreadPool::install` encloses the call. One thread is enough, and calls may be nested in other
//! parallel iterators. A panic of your closure is re-raised on the calling thread.
//!
//! # To use it
//!
//! Declare it with `#[allow(dead_code, unreachable_pub)] mod reproducible_sum;`. The tests start at
//! `#[cfg(test)]`; cut them off if you do not want them.
//!
//! Needs: `cargo add rayon`.
//!
//! Its tests: nothing more.

use rayon::prelude::*;

/// Values that are added from the first to the last: some 8 to 15 µs of work. Another number gives
/// other last digits.
const CHUNK: usize = 1 << 13;

/// The sequential cutoff: rayon halves a row of chunks as long as both halves have this many. To
/// add them up takes as long as waking another thread, 10 to 20 µs.
const MIN_CHUNKS: usize = 2;

/// Adds up floats in parallel, with compensation: the same bits on any number of threads.
///
/// The slice is cut into chunks of 8,192 values. Each is added up with compensation, from its first
/// value to its last, then their sums in order. With up to three chunks, the calling thread adds
/// alone.
///
/// # Panics
///
/// If rayon cannot start the threads of its global pool, which the first call outside of another
/// pool does.
///
/// # Details
///
/// An infinity or NaN among the values makes the result an infinity or NaN. So does a running sum
/// of a chunk, or of the chunks, that leaves the range of `f64`, even if the total would fit.
/// `iter().sum()` has other running sums, so either may overflow where the other does not. IEEE 754
/// leaves the bits of a NaN open. A sum of zero is `+0.0`.
#[must_use]
pub fn reproducible_sum(values: &[f64]) -> f64 {
    reproducible_sum_by(values, |&value| value)
}

/// Adds up a float of each item, in the same way as [`reproducible_sum`].
///
/// `items` can be a slice, a range of `usize`, several slices in step (`(&a, &b)`, up to the end of
/// the shortest), or any other indexed parallel iterator. `value` is called once for each item. The
/// bits are the same on every run if its results are.
///
/// # Panics
///
/// Re-raises a panic of `value` when the other threads have finished; with several, the panic of
/// the first item. Also panics as [`reproducible_sum`] does.
#[must_use]
pub fn reproducible_sum_by<I>(items: I, value: impl Fn(I::Item) -> f64 + Sync) -> f64
where
    I: IntoParallelIterator<Iter: IndexedParallelIterator>,
{
    let add = |mut sum: CompensatedSum, item| {
        sum.add(value(item));
        sum
    };
    let items = items.into_par_iter();
    let sums = items.fold_chunks(CHUNK, CompensatedSum::default, add);
    // Not `reduce`: how rayon pairs up the chunks varies, and this addition is not associative.
    // `collect` keeps them in order.
    in_order(sums.with_min_len(MIN_CHUNKS).collect())
}

fn in_order(sums: Vec<CompensatedSum>) -> f64 {
    let mut total = CompensatedSum::default();
    for sum in sums {
        total.merge(sum);
    }
    total.value()
}

/// A running sum of floats that also adds up what rounding took away: Neumaier's variant of Kahan
/// summation.
///
/// The result is as accurate as if it had been computed with twice the digits of `f64` and rounded
/// at the end (Ogita, Rump and Oishi, "Accurate sum and dot product", 2005, algorithm `Sum2`). It
/// depends on the order of the values, but far less than a plain sum does.
///
/// ```ignore
/// use reproducible_sum::CompensatedSum;
///
/// let mut sum = CompensatedSum::default();
/// for _ in 0..10 {
///     sum.add(0.1);
/// }
/// assert_eq!(sum.value(), 1.0); // a plain sum gives 0.9999999999999999
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct CompensatedSum {
    sum: f64,
    lost: f64,
}

impl CompensatedSum {
    /// Adds one value.
    pub fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        // Neumaier's variant: the smaller operand is the one that lost digits.
        self.lost += if self.sum.abs() >= value.abs() {
            (self.sum - sum) + value
        } else {
            (value - sum) + self.sum
        };
        self.sum = sum;
    }

    /// Adds all values of another sum.
    pub fn merge(&mut self, other: Self) {
        self.add(other.sum);
        self.lost += other.lost;
    }

    /// Returns the sum so far, rounded to `f64`.
    #[must_use]
    pub fn value(self) -> f64 {
        // Once the sum was infinite or NaN, `lost` is NaN and means nothing.
        if self.sum.is_finite() {
            self.sum + self.lost
        } else {
            self.sum
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use rayon::ThreadPoolBuilder;
    use std::panic::{self, AssertUnwindSafe, panic_any};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Barrier, mpsc};
    use std::thread;
    use std::time::Duration;

    /// Lengths at which something changes: nothing, one value, a chunk, the cutoff.
    const LENGTHS: [usize; 10] = [
        0,
        1,
        2,
        CHUNK - 1,
        CHUNK,
        CHUNK + 1,
        2 * CHUNK + 1,
        3 * CHUNK,
        3 * CHUNK + 1,
        17 * CHUNK + 123,
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

    /// Floats of many sizes, each with its opposite: all that is left of them in the end is what
    /// rounding took away, which the order of addition decides.
    fn cancelling_floats(length: usize) -> Vec<f64> {
        // Marsaglia's xorshift64: all of `u64` but 0, the same on every run.
        let mut state = 0x2545_F491_4F6C_DD1D_u64;
        let random = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state as i64 as f64) * 2_f64.powi((state % 64) as i32 - 32)
        });
        let half: Vec<f64> = random.take(length / 2).collect();
        let negated = half.iter().rev().map(|float| -float);
        let odd_one = vec![0.0; length % 2];
        half.iter().copied().chain(negated).chain(odd_one).collect()
    }

    /// The documented scheme written out a second time, with Knuth's TwoSum in place of Neumaier's
    /// branch.
    fn as_documented(values: &[f64]) -> f64 {
        let add = |(sum, lost): (f64, f64), value: f64| {
            let total = sum + value;
            let added = total - sum;
            (total, lost + ((sum - (total - added)) + (value - added)))
        };
        let chunks = values.chunks(8192);
        let chunks = chunks.map(|chunk| chunk.iter().copied().fold((0.0, 0.0), add));
        let (sum, lost) = chunks.fold((0.0, 0.0), |total, (sum, lost)| {
            let (sum, total_lost) = add(total, sum);
            (sum, total_lost + lost)
        });
        sum + lost
    }

    #[test]
    fn the_bits_are_those_of_the_documented_scheme_in_every_pool() {
        for length in LENGTHS {
            let values = cancelling_floats(length);
            let expected = as_documented(&values).to_bits();
            for threads in [1, 2, 3, 8] {
                let sum = in_pool(threads, || reproducible_sum(&values));
                assert_eq!(sum.to_bits(), expected, "{length} on {threads} threads");
            }
        }
    }

    #[test]
    fn the_bits_are_the_same_in_a_hundred_runs() {
        let values = cancelling_floats(17 * CHUNK + 123);
        let expected = as_documented(&values).to_bits();
        in_pool(3, || {
            for run in 0..100 {
                assert_eq!(reproducible_sum(&values).to_bits(), expected, "run {run}");
            }
        });
    }

    /// Otherwise the tests of equal bits could not fail.
    #[test]
    fn the_order_of_the_chunks_matters() {
        let values = cancelling_floats(17 * CHUNK + 123);
        let sum_of_chunk = |values: &[f64]| {
            let mut sum = CompensatedSum::default();
            values.iter().for_each(|&value| sum.add(value));
            sum
        };
        let reversed = in_order(values.chunks(CHUNK).rev().map(sum_of_chunk).collect());
        assert_ne!(reversed.to_bits(), reproducible_sum(&values).to_bits());
    }

    #[test]
    fn items_are_summed_as_their_values_are_each_converted_once() {
        for length in LENGTHS {
            let values = cancelling_floats(length);
            let calls = AtomicUsize::new(0);
            let value = |index: usize| {
                calls.fetch_add(1, Ordering::Relaxed); // read after all have ended
                values[index]
            };
            let indices: Vec<usize> = (0..length).collect();
            let ones = vec![1.0; length + 1];
            let sums = [
                reproducible_sum_by(&indices, |&index| value(index)),
                reproducible_sum_by(0..length, value),
                reproducible_sum_by((&indices, &ones), |(&index, one)| value(index) * one),
            ];
            let expected = as_documented(&values).to_bits();
            assert_eq!(sums.map(f64::to_bits), [expected; 3], "{length}");
            assert_eq!(calls.into_inner(), 3 * length);
        }
    }

    #[test]
    fn up_to_three_chunks_of_8192_the_calling_thread_adds_alone() {
        // It is none of the pool's: had it asked the pool, others would convert.
        let caller = thread::current().id();
        let sum = reproducible_sum_by(&[(); 3 * 8192], |()| {
            assert_eq!(thread::current().id(), caller);
            1.0
        });
        assert_eq!(sum, 24_576.0);
    }

    #[test]
    fn from_one_value_more_on_two_threads_add_at_once() {
        // The first and the last item wait for each other, so a sequential sum would never end.
        const LAST: usize = 3 * 8192;
        let sum = within_deadline(|| {
            let both = Barrier::new(2);
            let value = |item: usize| {
                if item == 0 || item == LAST {
                    both.wait();
                }
                1.0
            };
            in_pool(2, || reproducible_sum_by(0..LAST + 1, value))
        });
        assert_eq!(sum, 24_577.0);
    }

    #[test]
    fn nested_calls_in_a_pool_of_one_thread_end() {
        let sums: Vec<f64> = within_deadline(|| {
            let values = vec![0.5; 5 * CHUNK];
            let sums = (0..8).into_par_iter().map(|_| reproducible_sum(&values));
            in_pool(1, || sums.collect())
        });
        assert_eq!(sums, [2.5 * CHUNK as f64; 8]);
    }

    #[test]
    #[cfg(panic = "unwind")]
    fn of_several_panics_the_one_of_the_first_item_reaches_the_caller_unchanged() {
        for panicking in [&[0_usize][..], &[40_959], &[0, 40_959], &[16_000, 40_000]] {
            let payload = within_deadline(move || {
                let both = Barrier::new(panicking.len());
                let value = |item: usize| {
                    if panicking.contains(&item) {
                        both.wait(); // two panics at the same time
                        panic_any(item);
                    }
                    1.0
                };
                let sum = || in_pool(2, || reproducible_sum_by(0..5 * CHUNK, value));
                panic::catch_unwind(AssertUnwindSafe(sum)).unwrap_err()
            });
            assert_eq!(payload.downcast_ref(), Some(&panicking[0]));
        }
    }

    #[test]
    fn what_rounding_takes_away_is_added_back() {
        // Large values cancel across chunks; only the ones in between remain.
        let mut values = vec![1.0; 5 * CHUNK];
        let last = values.len() - 1;
        (values[0], values[last]) = (1e17, -1e17);
        assert_eq!(reproducible_sum(&values), (last - 1) as f64);
        assert_ne!(values.iter().sum::<f64>(), (last - 1) as f64);
    }

    #[test]
    fn an_infinity_or_nan_and_a_running_sum_out_of_range_make_it_infinite_or_nan() {
        let (max, infinity, nan) = (f64::MAX, f64::INFINITY, f64::NAN);
        for (values, expected) in [
            (&[1.0, infinity, 2.0][..], infinity),
            (&[-infinity, 1.0], -infinity),
            (&[infinity, -infinity], nan),
            (&[1.0, nan], nan),
            (&[infinity, nan], nan),
            (&[max, max], infinity),
            (&[max, max, -max], infinity),
            (&[max, max, -infinity], nan),
        ] {
            // Alone, and with a chunk of zeros before and behind.
            for zeros in [0, CHUNK] {
                let zeros = vec![0.0; zeros];
                let sum = reproducible_sum(&[&zeros, values, &zeros].concat());
                assert!(
                    sum == expected || (sum.is_nan() && expected.is_nan()),
                    "{values:?}"
                );
            }
        }
        // Two chunks, of which each stays in range where a plain sum does not.
        let mut values = vec![0.0; CHUNK + 3];
        (values[0], values[CHUNK], values[CHUNK + 1]) = (max, max, -max);
        values[CHUNK + 2] = -infinity;
        assert_eq!(reproducible_sum(&values), -infinity);
        assert!(values.iter().sum::<f64>().is_nan());
    }

    #[test]
    fn a_sum_of_zero_is_positive() {
        for zeros in [&[][..], &[-0.0], &[-0.0; 9], &[1.0, -1.0]] {
            assert_eq!(reproducible_sum(zeros).to_bits(), 0);
        }
    }

    #[test]
    fn finite_floats_near_the_end_of_the_range_add_up() {
        // The smaller one has an odd last bit, so the exact sum needs rounding.
        let (small, large) = (8.988465674311543e307, 1.7976931348623157e308);
        for values in [[small, -large], [-large, small]] {
            assert_eq!(reproducible_sum(&values), small - large);
        }
    }
}
