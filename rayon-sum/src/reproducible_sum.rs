//! Adds up the floats of a slice in parallel, with the same bits on every run and machine.
//!
//! # When to use it
//!
//! When a float sum must not depend on the number of threads. `par_iter().sum::<f64>()` can differ
//! from run to run: where rayon splits the slice depends on which thread happens to be idle, and
//! float addition is not associative. Here the pieces depend on the length of the slice alone, and
//! their sums are added in order. As they are compensated, the result is also the more accurate
//! one.
//!
//! # When not to use it
//!
//! - When the last digits do not matter: `par_iter().sum()` is faster.
//! - When the sum must be correct to the last bit for *every* input: compensation works with twice
//!   the digits of `f64`: plenty, but not unlimited. Use a crate for exact summation.
//! - For money: add up an integer number of cents.
//! - When values arrive over time: [`CompensatedSum`] takes them one by one.
//! - While holding a lock: a thread of the pool that waits for rayon may run another of its jobs
//!   meanwhile, and that job may want the same lock.
//!
//! # How it ends
//!
//! It returns when every value is added, in the caller's pool (rayon's global one, or that of the
//! enclosing `ThreadPool::install`), also when that has one thread or the call is nested in another
//! parallel iterator. Only starting rayon's global pool can fail: see Panics.
//!
//! Needs: `cargo add rayon`.

use rayon::prelude::*;

/// Values that are added from the first to the last: some 8 to 15 µs of work. Another number gives
/// other last digits.
const PIECE: usize = 1 << 13;

/// The sequential cutoff: rayon halves a row of pieces as long as both halves have this many. To
/// add them up takes as long as waking another thread, 10 to 20 µs.
const MIN_PIECES: usize = 2;

/// Adds up floats in parallel, with compensation: the same bits for every number of threads.
///
/// The slice is cut into pieces of 8,192 values; each piece is added up with compensation, from its
/// first value to its last; the sums of the pieces are added with compensation, in order. Up to
/// three pieces the calling thread adds alone.
///
/// An infinity or NaN among the values gives what `iter().sum()` gives, but for the bits of a NaN,
/// which IEEE 754 leaves open. Where the running sum of the finite values in a piece, or that of
/// the pieces, leaves the range of `f64`, the result is an infinity or NaN, even if the total would
/// fit, and whatever else there is. A sum of zero is `+0.0`.
///
/// # Panics
///
/// If rayon cannot start the threads of its global pool, which the first call outside of another
/// pool does.
///
/// # Examples
///
/// ```
/// use rayon_sum::reproducible_sum;
///
/// let values = [1e16, 1.0, -1e16];
/// assert_eq!(values.iter().sum::<f64>(), 0.0);
/// assert_eq!(reproducible_sum(&values), 1.0);
/// ```
#[must_use]
pub fn reproducible_sum(values: &[f64]) -> f64 {
    let pieces = values.par_chunks(PIECE).with_min_len(MIN_PIECES);
    // Not `reduce`: how rayon pairs up the pieces varies, and this addition is not associative.
    // `collect` keeps them in order of position.
    let sums: Vec<CompensatedSum> = pieces.map(sum_of_piece).collect();
    in_order(sums)
}

fn sum_of_piece(values: &[f64]) -> CompensatedSum {
    let mut sum = CompensatedSum::default();
    for &value in values {
        sum.add(value);
    }
    sum
}

fn in_order(sums: Vec<CompensatedSum>) -> f64 {
    let mut total = CompensatedSum::default();
    for sum in sums {
        total.merge(sum);
    }
    total.value()
}

/// A running sum of floats that also adds up what rounding took away.
///
/// The result is as accurate as if it had been computed with twice the digits of `f64` and rounded
/// at the end (Ogita, Rump and Oishi, "Accurate sum and dot product", 2005, algorithm `Sum2`). It
/// depends on the order of the values, if far less than a plain sum does.
///
/// # Examples
///
/// ```
/// use rayon_sum::CompensatedSum;
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
    #![allow(clippy::unwrap_used)]

    use super::*;
    use rayon::ThreadPoolBuilder;

    /// Lengths at which something changes: nothing, one value, a piece, the cutoff.
    const LENGTHS: [usize; 10] = [
        0,
        1,
        2,
        PIECE - 1,
        PIECE,
        PIECE + 1,
        2 * PIECE + 1,
        3 * PIECE,
        3 * PIECE + 1,
        17 * PIECE + 123,
    ];

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
        let pieces = values.chunks(8192);
        let pieces = pieces.map(|piece| piece.iter().copied().fold((0.0, 0.0), add));
        let (sum, lost) = pieces.fold((0.0, 0.0), |total, (sum, lost)| {
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
        let values = cancelling_floats(17 * PIECE + 123);
        let expected = as_documented(&values).to_bits();
        in_pool(3, || {
            for run in 0..100 {
                assert_eq!(reproducible_sum(&values).to_bits(), expected, "run {run}");
            }
        });
    }

    /// Otherwise the tests of equal bits could not fail.
    #[test]
    fn the_order_of_the_pieces_matters() {
        let values = cancelling_floats(17 * PIECE + 123);
        let reversed = in_order(values.chunks(PIECE).rev().map(sum_of_piece).collect());
        assert_ne!(reversed.to_bits(), reproducible_sum(&values).to_bits());
    }

    #[test]
    fn nested_calls_in_a_pool_of_one_thread_end() {
        let values = vec![0.5; 5 * PIECE];
        let sums = (0..8).into_par_iter().map(|_| reproducible_sum(&values));
        let sums: Vec<f64> = in_pool(1, || sums.collect());
        assert_eq!(sums, [2.5 * PIECE as f64; 8]);
    }

    #[test]
    fn what_rounding_takes_away_is_added_back() {
        // Large values cancel across pieces; only the ones in between remain.
        let mut values = vec![1.0; 5 * PIECE];
        let last = values.len() - 1;
        (values[0], values[last]) = (1e17, -1e17);
        assert_eq!(reproducible_sum(&values), (last - 1) as f64);
        assert_ne!(values.iter().sum::<f64>(), (last - 1) as f64);
    }

    #[test]
    fn infinities_and_nan_give_what_a_plain_sum_gives() {
        let (infinity, nan) = (f64::INFINITY, f64::NAN);
        assert_eq!(reproducible_sum(&[1.0, infinity, 2.0]), infinity);
        assert_eq!(reproducible_sum(&[-infinity, 1.0]), -infinity);
        assert!(reproducible_sum(&[infinity, -infinity]).is_nan());
        assert!(reproducible_sum(&[1.0, nan]).is_nan());
    }

    #[test]
    fn a_sum_of_zero_is_positive() {
        for zeros in [&[][..], &[-0.0], &[-0.0; 9], &[1.0, -1.0]] {
            assert_eq!(reproducible_sum(zeros).to_bits(), 0);
        }
    }

    #[test]
    fn finite_floats_near_the_end_of_the_range_add_up() {
        let max = f64::MAX;
        assert_eq!(reproducible_sum(&[max, max]), f64::INFINITY);
        assert_eq!(reproducible_sum(&[max, max, -max]), f64::INFINITY);
        // The smaller one has an odd last bit, so the exact sum needs rounding.
        let (small, large) = (8.988465674311543e307, 1.7976931348623157e308);
        for values in [[small, -large], [-large, small]] {
            assert_eq!(reproducible_sum(&values), small - large);
        }
    }
}
