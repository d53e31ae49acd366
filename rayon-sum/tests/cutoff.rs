//! Below the cutoff no thread is woken. Alone in its file, because it needs a process in which nothing else has
//! started rayon's global pool.

use rayon_sum::{exact_sum, reproducible_sum};

#[test]
fn short_slices_do_not_start_the_global_pool() {
    assert_eq!(exact_sum(&vec![1_i64; (1 << 18) - 1]), (1 << 18) - 1);
    assert_eq!(
        reproducible_sum(&vec![1.0; (1 << 15) - 1]),
        f64::from((1 << 15) - 1)
    );
    // `build_global` fails once the pool exists.
    let first = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build_global();
    assert!(first.is_ok(), "a short slice started the pool");
    let second = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build_global();
    assert!(second.is_err(), "the check above could not have failed");
}
