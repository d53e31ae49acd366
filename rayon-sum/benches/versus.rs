//! `cargo bench -p rayon-sum`: the library's sums against the lines that they stand for.
//!
//! Every answer is checked while it is timed. The values are small integers, so that even a plain
//! float sum is exact.

use divan::{Bencher, black_box};
use rayon::prelude::*;
use std::fmt::Debug;

const LENGTHS: [usize; 7] = [10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];

fn main() {
    // Starting the pool is paid once per process, not once per sum.
    rayon::join(|| (), || ());
    divan::main();
}

/// -500 to 499 over and over, and their sum.
fn values<T: From<i32>>(length: usize) -> (Vec<T>, T) {
    let values = || (-500..500).cycle().take(length);
    (values().map(T::from).collect(), T::from(values().sum()))
}

fn time<T, R: PartialEq + Debug>(bencher: Bencher, values: &[T], expected: R, sum: fn(&[T]) -> R) {
    bencher.bench_local(|| assert_eq!(sum(black_box(values)), expected));
}

mod integers {
    use super::*;

    #[divan::bench(args = LENGTHS)]
    fn iter_sum_wrapping(bencher: Bencher, length: usize) {
        let (values, sum) = values::<i64>(length);
        time(bencher, &values, sum, |values| values.iter().sum());
    }

    #[divan::bench(args = LENGTHS)]
    fn iter_sum_i128(bencher: Bencher, length: usize) {
        let (values, sum) = values::<i64>(length);
        time(bencher, &values, i128::from(sum), |values| {
            values.iter().map(|&value| i128::from(value)).sum::<i128>()
        });
    }

    #[divan::bench(args = LENGTHS)]
    fn par_iter_sum_wrapping(bencher: Bencher, length: usize) {
        let (values, sum) = values::<i64>(length);
        time(bencher, &values, sum, |values| values.par_iter().sum());
    }

    #[divan::bench(args = LENGTHS)]
    fn par_iter_sum_i128(bencher: Bencher, length: usize) {
        let (values, sum) = values::<i64>(length);
        time(bencher, &values, i128::from(sum), |values| {
            values
                .par_iter()
                .map(|&value| i128::from(value))
                .sum::<i128>()
        });
    }

    #[divan::bench(args = LENGTHS)]
    fn exact_sum(bencher: Bencher, length: usize) {
        let (values, sum) = values::<i64>(length);
        time(bencher, &values, i128::from(sum), rayon_sum::exact_sum);
    }
}

mod floats {
    use super::*;

    #[divan::bench(args = LENGTHS)]
    fn iter_sum(bencher: Bencher, length: usize) {
        let (values, sum) = values::<f64>(length);
        time(bencher, &values, sum, |values| values.iter().sum());
    }

    #[divan::bench(args = LENGTHS)]
    fn compensated_sum(bencher: Bencher, length: usize) {
        let (values, sum) = values::<f64>(length);
        time(bencher, &values, sum, |values| {
            let mut sum = rayon_sum::CompensatedSum::default();
            values.iter().for_each(|&value| sum.add(value));
            sum.value()
        });
    }

    #[divan::bench(args = LENGTHS)]
    fn par_iter_sum(bencher: Bencher, length: usize) {
        let (values, sum) = values::<f64>(length);
        time(bencher, &values, sum, |values| values.par_iter().sum());
    }

    #[divan::bench(args = LENGTHS)]
    fn reproducible_sum(bencher: Bencher, length: usize) {
        let (values, sum) = values::<f64>(length);
        time(bencher, &values, sum, rayon_sum::reproducible_sum);
    }
}
