//! `cargo bench -p rayon-sum --features bench`: the library's sums against the lines that they stand for.
//!
//! Every answer is checked while it is timed. The values are small integers, so that even a plain
//! float sum is exact.

use divan::{Bencher, black_box};
use rayon::prelude::*;
use std::fmt::Debug;

const LENGTHS: [usize; 5] = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];

fn main() {
    // Starting the pool is paid once per process, not once per sum.
    rayon::join(|| (), || ());
    divan::main();
}

/// -500 to 499 over and over, so that every thousand add up to -500.
fn values<T: From<i32>>(length: usize) -> Vec<T> {
    (-500..500).cycle().take(length).map(T::from).collect()
}

fn time<T: From<i32>, R: From<i32> + PartialEq + Debug>(
    bencher: Bencher,
    length: usize,
    sum: fn(&[T]) -> R,
) {
    let (values, expected) = (values::<T>(length), R::from(length as i32 / -2));
    bencher.bench_local(|| assert_eq!(sum(black_box(&values)), expected));
}

// A second for each of the 25 lines, so that all end within a minute.
#[divan::bench_group(max_time = 1)]
mod integers {
    use super::*;

    #[divan::bench(args = LENGTHS)]
    fn iter_sum(bencher: Bencher, length: usize) {
        time::<i64, i128>(bencher, length, |values| {
            values.iter().map(|&value| i128::from(value)).sum()
        });
    }

    #[divan::bench(args = LENGTHS)]
    fn par_iter_sum(bencher: Bencher, length: usize) {
        time::<i64, i128>(bencher, length, |values| {
            values.par_iter().map(|&value| i128::from(value)).sum()
        });
    }

    #[divan::bench(args = LENGTHS)]
    fn exact_sum(bencher: Bencher, length: usize) {
        time::<i64, i128>(bencher, length, rayon_sum::exact_sum::exact_sum);
    }
}

#[divan::bench_group(max_time = 1)]
mod floats {
    use super::*;

    #[divan::bench(args = LENGTHS)]
    fn par_iter_sum(bencher: Bencher, length: usize) {
        time::<f64, f64>(bencher, length, |values| values.par_iter().sum());
    }

    #[divan::bench(args = LENGTHS)]
    fn reproducible_sum(bencher: Bencher, length: usize) {
        time::<f64, f64>(
            bencher,
            length,
            rayon_sum::reproducible_sum::reproducible_sum,
        );
    }
}
