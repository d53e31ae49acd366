//! Exact integer sums and reproducible float sums of a slice, in parallel with rayon.
//!
//! | values | function | result |
//! |---|---|---|
//! | `i8` to `i64`, `u8` to `u32` | [`exact_sum`] | the true sum, as `i128` |
//! | `f64` | [`reproducible_sum`] | compensated; the same bits on any number of threads |
//!
//! # When to use it
//!
//! For long slices in memory, when the answer must not depend on the machine. rayon's own integer
//! sum is as fast, its float sum twice as fast, but:
//!
//! - `par_iter().sum::<i32>()` adds in `i32`: in a debug build, a partial sum that overflows panics,
//!   even where the total would fit; in a release build, a total that does not fit wraps silently.
//!   Here nothing overflows, and the total is an `i128`.
//! - `par_iter().sum::<f64>()` can differ from run to run: where rayon splits the slice depends on
//!   which thread happens to be idle, and float addition is not associative. Here the pieces
//!   depend on the slice's length alone, and their sums are added in order of position.
//!
//! # When not to use it
//!
//! - Short slices: below 2^18 integers or 2^15 floats these functions run their sequential twins on
//!   the calling thread, because waking another costs more than it saves.
//! - Values that arrive over time, from files or sockets: send batches through a channel pipeline.
//! - Work that blocks: rayon has one thread per core, and a blocked one is a core lost. Use threads
//!   or async.
//! - While holding a lock: the calling thread may run another job of the pool while it waits, and
//!   that job may want the same lock.
//!
//! # How it ends
//!
//! The functions return when every piece is done. They run in the caller's pool (rayon's global
//! one, or that of the enclosing `ThreadPool::install`), also when that has one thread or the call
//! is nested in another parallel iterator. The sums themselves do not panic; should a caller's
//! `Into<i64>` panic, rayon finishes or skips the other pieces and raises that panic again on the
//! calling thread.

use rayon::prelude::*;

/// Values per piece of an integer sum: 512 KiB of `i64`, some 10 µs of work, against well under
/// 1 µs for splitting off a piece. Must stay below 2^32, see `sum_piece`.
const INTEGER_PIECE: usize = 1 << 16;

/// Integers from which threads are woken. Measured with `cargo bench`: the two ways cost the same
/// between 2^17 and 2^18 `i64` on two cores.
const INTEGER_CUTOFF: usize = 1 << 18;

/// Values per piece of a float sum: an eighth of an integer piece, as each takes eight times as
/// long. Changing it changes the last digits of results.
const FLOAT_PIECE: usize = 1 << 13;

/// Floats from which threads are woken. Lower than for integers because compensated addition takes
/// eight times as long.
const FLOAT_CUTOFF: usize = 1 << 15;

/// Adds up integers in parallel, exactly: the sum cannot overflow.
///
/// A total that has to fit a narrower type is narrowed once, at the end, with `try_from`.
///
/// Not for `u64`, `usize` and `isize`, of which not all values fit `i64`; for these,
/// `values.par_iter().map(|&value| value as i128).sum::<i128>()` is exact as well.
///
/// # Panics
///
/// If converting a value does; or if rayon cannot start the threads of its global pool, which the
/// first long sum outside of another pool does.
///
/// # Examples
///
/// ```
/// use rayon_sum::exact_sum;
///
/// let values = [i64::MAX, i64::MAX, i64::MIN];
/// assert_eq!(exact_sum(&values), i128::from(i64::MAX) - 1);
/// assert_eq!(exact_sum(&[2_000_000_000_i32; 3]), 6_000_000_000);
/// ```
#[must_use]
pub fn exact_sum<T: Copy + Into<i64> + Sync>(values: &[T]) -> i128 {
    if values.len() < INTEGER_CUTOFF {
        return exact_sum_sequential(values);
    }
    // Exact addition is associative, so `sum` may combine the pieces in whatever order they are
    // ready.
    values.par_chunks(INTEGER_PIECE).map(sum_piece).sum()
}

/// The sequential twin of [`exact_sum`].
///
/// # Examples
///
/// ```
/// assert_eq!(rayon_sum::exact_sum_sequential(&[1, 2, 3]), 6);
/// ```
#[must_use]
pub fn exact_sum_sequential<T: Copy + Into<i64>>(values: &[T]) -> i128 {
    values.chunks(INTEGER_PIECE).map(sum_piece).sum()
}

/// Adds up fewer than 2^32 values in 64-bit lanes, which the compiler turns into vector
/// instructions; additions of `i128` it does not, and they take nearly twice as long for `i64`.
///
/// A value `v` is `2^32 * high + low`, with `high = v >> 32` and `low` in `0..2^32`. The sum of the
/// `high`s fits 64 bits, and so does that of the `low`s. The latter need not be added up: modulo
/// 2^64, it is the sum of the `v`s less 2^32 times that of the `high`s.
fn sum_piece<T: Copy + Into<i64>>(values: &[T]) -> i128 {
    /// Flipping this bit adds 2^63 and makes an `i64` a `u64`: SSE2 cannot shift signed 64-bit lanes
    /// to the right.
    const BIAS: u64 = 1 << 63;
    let (mut wrapped, mut biased_high) = (0_i64, 0_u64);
    for &value in values {
        let value: i64 = value.into();
        wrapped = wrapped.wrapping_add(value);
        // Cannot wrap; but an overflow check would keep debug builds from vectorising.
        biased_high = biased_high.wrapping_add((value as u64 ^ BIAS) >> 32);
    }
    // Each `high` was 2^63 >> 32 too large.
    let high = biased_high.wrapping_sub((values.len() as u64) << 31) as i64;
    let low = wrapped.wrapping_sub(high << 32) as u64;
    (i128::from(high) << 32) + i128::from(low)
}

/// Adds up floats in parallel, with compensation: the same bits for every number of threads.
///
/// The slice is cut into pieces of 8,192 values; each piece is added up with compensation, from its
/// first value to its last; the piece sums are added with compensation, in order.
///
/// An infinity or NaN among the values gives what `iter().sum()` gives. But where the running sum of
/// the finite values in a piece, or that of the pieces, leaves the range of `f64`, the result is an
/// infinity or NaN, even if the total would fit, and whatever else there is. A sum of zero is `+0.0`.
///
/// # Panics
///
/// As [`exact_sum`] does.
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
    if values.len() < FLOAT_CUTOFF {
        return reproducible_sum_sequential(values);
    }
    // Not `reduce`: how rayon pairs up the pieces varies, and this addition is not associative.
    // `collect` keeps them in order of position.
    let pieces: Vec<CompensatedSum> = values.par_chunks(FLOAT_PIECE).map(compensated).collect();
    in_order(pieces)
}

/// The sequential twin of [`reproducible_sum`]: the same pieces in the same order, hence the same
/// bits.
///
/// # Examples
///
/// ```
/// assert_eq!(rayon_sum::reproducible_sum_sequential(&[0.5, 0.25]), 0.75);
/// ```
#[must_use]
pub fn reproducible_sum_sequential(values: &[f64]) -> f64 {
    in_order(values.chunks(FLOAT_PIECE).map(compensated))
}

fn compensated(values: &[f64]) -> CompensatedSum {
    let mut sum = CompensatedSum::default();
    for &value in values {
        sum.add(value);
    }
    sum
}

fn in_order(pieces: impl IntoIterator<Item = CompensatedSum>) -> f64 {
    let mut sum = CompensatedSum::default();
    for piece in pieces {
        sum.merge(piece);
    }
    sum.value()
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
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use rayon::ThreadPoolBuilder;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    /// Lengths at which something changes: nothing, one value, a piece, the cutoffs.
    const LENGTHS: [usize; 14] = [
        0,
        1,
        2,
        FLOAT_PIECE - 1,
        FLOAT_PIECE,
        FLOAT_PIECE + 1,
        FLOAT_CUTOFF - 1,
        FLOAT_CUTOFF,
        INTEGER_PIECE - 1,
        INTEGER_PIECE,
        INTEGER_PIECE + 1,
        INTEGER_CUTOFF - 1,
        INTEGER_CUTOFF,
        INTEGER_CUTOFF + INTEGER_PIECE + 1,
    ];

    /// Runs `body` on a thread of its own, so that a hang fails the test instead of blocking it.
    fn within_deadline<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> R {
        let (sender, receiver) = mpsc::channel();
        let runner = thread::spawn(move || sender.send(body()));
        match receiver.recv_timeout(Duration::from_secs(20)) {
            Ok(result) => result,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("did not end within 20 s"),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                std::panic::resume_unwind(runner.join().expect_err("ended without a result"))
            }
        }
    }

    fn in_pool<R: Send>(threads: usize, body: impl FnOnce() -> R + Send) -> R {
        ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
            .install(body)
    }

    /// Marsaglia's xorshift64: all of `u64` but 0, the same on every run.
    fn random(seed: u64) -> impl Iterator<Item = u64> {
        let mut state = seed;
        std::iter::repeat_with(move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        })
    }

    fn random_integers(length: usize) -> Vec<i64> {
        random(0x9E37_79B9_7F4A_7C15)
            .take(length)
            .map(|bits| bits as i64)
            .collect()
    }

    /// Floats of many sizes, each with its opposite: all that is left of them in the end is what
    /// rounding took away, which the order of addition decides.
    fn cancelling_floats(length: usize) -> Vec<f64> {
        let scaled = |bits: u64| (bits as i64 as f64) * 2_f64.powi((bits % 64) as i32 - 32);
        let random = random(0x2545_F491_4F6C_DD1D).map(scaled);
        let half: Vec<f64> = random.take(length / 2).collect();
        let negated = half.iter().rev().map(|float| -float);
        let odd_one = vec![0.0; length % 2];
        half.iter().copied().chain(negated).chain(odd_one).collect()
    }

    #[test]
    fn integer_sums_equal_a_plain_i128_sum_at_every_length_that_matters() {
        for length in LENGTHS {
            let values = random_integers(length);
            let expected: i128 = values.iter().map(|&value| i128::from(value)).sum();
            assert_eq!(exact_sum(&values), expected, "{length} values");
            assert_eq!(
                exact_sum_sequential(&values),
                expected,
                "{length} values, sequential"
            );
        }
    }

    #[test]
    fn extreme_integers_do_not_overflow() {
        for length in LENGTHS {
            for value in [i64::MIN, i64::MIN + 1, -1, 1, i64::MAX] {
                let expected = i128::from(value) * length as i128;
                assert_eq!(
                    exact_sum(&vec![value; length]),
                    expected,
                    "{length} times {value}"
                );
            }
        }
    }

    #[test]
    fn narrow_integers_are_widened_before_they_are_added() {
        assert_eq!(exact_sum(&[i32::MAX; 3]), 3 * i128::from(i32::MAX));
        assert_eq!(exact_sum(&[u8::MAX; 1000]), 255_000);
        assert_eq!(exact_sum(&[i8::MIN; 1000]), -128_000);
    }

    #[test]
    fn float_sums_have_the_same_bits_in_every_pool() {
        for length in LENGTHS {
            let values = cancelling_floats(length);
            let expected = reproducible_sum_sequential(&values).to_bits();
            for threads in [1, 2, 3, 8] {
                let sum = in_pool(threads, || reproducible_sum(&values));
                assert_eq!(
                    sum.to_bits(),
                    expected,
                    "{length} values on {threads} threads"
                );
            }
        }
    }

    /// Otherwise the tests of equal bits could not fail.
    #[test]
    fn the_order_of_the_pieces_matters() {
        let values = cancelling_floats(17 * FLOAT_PIECE + 12_345);
        let reversed = in_order(values.chunks(FLOAT_PIECE).rev().map(compensated));
        assert_ne!(reversed.to_bits(), reproducible_sum(&values).to_bits());
    }

    #[test]
    fn float_sums_have_the_same_bits_in_a_hundred_runs() {
        let values = cancelling_floats(17 * FLOAT_PIECE + 12_345);
        let expected = reproducible_sum_sequential(&values).to_bits();
        in_pool(3, || {
            for run in 0..100 {
                assert_eq!(reproducible_sum(&values).to_bits(), expected, "run {run}");
            }
        });
    }

    #[test]
    fn what_rounding_takes_away_is_added_back() {
        // Large values cancel across pieces; only the ones in between remain.
        let mut values = vec![1.0; 3 * FLOAT_CUTOFF];
        let last = values.len() - 1;
        (values[0], values[last]) = (1e17, -1e17);
        assert_eq!(reproducible_sum(&values), (last - 1) as f64);
        assert_eq!(reproducible_sum_sequential(&values), (last - 1) as f64);
        assert_ne!(values.iter().sum::<f64>(), (last - 1) as f64);
    }

    #[test]
    fn the_scheme_is_the_documented_one() {
        // Written out a second time, with Knuth's TwoSum in place of Neumaier's branch.
        let values = cancelling_floats(17 * 8192 + 17);
        let add = |(sum, lost): (f64, f64), value: f64| {
            let total = sum + value;
            let added = total - sum;
            (total, lost + ((sum - (total - added)) + (value - added)))
        };
        let pieces = values
            .chunks(8192)
            .map(|piece| piece.iter().copied().fold((0.0, 0.0), add));
        let (sum, lost) = pieces.fold((0.0, 0.0), |total, (sum, lost)| {
            let (sum, total_lost) = add(total, sum);
            (sum, total_lost + lost)
        });
        assert_eq!(reproducible_sum(&values).to_bits(), (sum + lost).to_bits());
    }

    #[test]
    fn infinities_and_nan_give_what_a_plain_sum_gives() {
        assert_eq!(reproducible_sum(&[1.0, f64::INFINITY, 2.0]), f64::INFINITY);
        assert_eq!(
            reproducible_sum(&[f64::NEG_INFINITY, 1.0]),
            f64::NEG_INFINITY
        );
        assert!(reproducible_sum(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
        assert!(reproducible_sum(&[1.0, f64::NAN]).is_nan());
    }

    #[test]
    fn finite_floats_near_the_end_of_the_range_add_up() {
        assert_eq!(reproducible_sum(&[f64::MAX, f64::MAX]), f64::INFINITY);
        assert_eq!(
            reproducible_sum(&[f64::MAX, f64::MAX, -f64::MAX]),
            f64::INFINITY
        );
        // The smaller one has an odd last bit, so the exact sum needs rounding.
        let (small, large) = (8.988465674311543e307, 1.7976931348623157e308);
        for values in [[small, -large], [-large, small]] {
            assert_eq!(reproducible_sum(&values), small - large);
        }
    }

    #[test]
    fn pools_of_one_thread_and_nested_calls_end() {
        let (integers, floats) = within_deadline(|| {
            let integers = vec![1_i64; INTEGER_CUTOFF];
            let floats = vec![0.5; FLOAT_CUTOFF];
            in_pool(1, || {
                let sums = (0..8)
                    .into_par_iter()
                    .map(|_| (exact_sum(&integers), reproducible_sum(&floats)));
                sums.collect::<(Vec<_>, Vec<_>)>()
            })
        });
        assert_eq!(integers, vec![INTEGER_CUTOFF as i128; 8]);
        assert_eq!(floats, vec![FLOAT_CUTOFF as f64 / 2.0; 8]);
    }

    /// An integer that meets a partner when it is converted, or panics.
    #[derive(Clone, Copy)]
    enum Probe<'a> {
        One,
        Meet(&'a Barrier, &'a AtomicUsize),
        Panic,
    }

    impl From<Probe<'_>> for i64 {
        fn from(probe: Probe<'_>) -> i64 {
            match probe {
                Probe::One => {}
                Probe::Meet(barrier, meetings) => {
                    barrier.wait();
                    meetings.fetch_add(1, Ordering::Relaxed); // read after the pool has returned
                }
                Probe::Panic => panic!("this value cannot be converted"),
            }
            1
        }
    }

    #[test]
    fn from_the_cutoff_on_two_threads_add_at_once() {
        // The first and the last value wait for each other, so a sequential sum would never end.
        let (sum, meetings) = within_deadline(|| {
            let (barrier, meetings) = (Barrier::new(2), AtomicUsize::new(0));
            let mut values = vec![Probe::One; INTEGER_CUTOFF];
            values[0] = Probe::Meet(&barrier, &meetings);
            values[INTEGER_CUTOFF - 1] = Probe::Meet(&barrier, &meetings);
            let sum = in_pool(2, || exact_sum(&values));
            (sum, meetings.load(Ordering::Relaxed))
        });
        assert_eq!(sum, INTEGER_CUTOFF as i128);
        assert_eq!(meetings, 2);
    }

    #[test]
    #[cfg(panic = "unwind")]
    fn a_panic_in_any_piece_reaches_the_caller_unchanged() {
        for position in [0, INTEGER_CUTOFF / 2, INTEGER_CUTOFF - 1] {
            let payload = within_deadline(move || {
                let mut values = vec![Probe::One; INTEGER_CUTOFF];
                values[position] = Probe::Panic;
                let sum = std::panic::AssertUnwindSafe(|| in_pool(2, || exact_sum(&values)));
                std::panic::catch_unwind(sum).unwrap_err()
            });
            assert_eq!(
                payload.downcast_ref(),
                Some(&"this value cannot be converted")
            );
        }
    }
}
