//! Below the cutoff no thread is woken. Alone in its file, because it needs a process in which
//! nothing else has started rayon's global pool.

use rayon_sum::{exact_sum, reproducible_sum};

#[test]
fn short_slices_do_not_start_the_global_pool() {
    // One less than INTEGER_CUTOFF and FLOAT_CUTOFF.
    assert_eq!(exact_sum(&vec![1_i64; (1 << 18) - 1]), (1 << 18) - 1);
    assert_eq!(
        reproducible_sum(&vec![1.0; (1 << 15) - 1]),
        f64::from((1 << 15) - 1)
    );
    // Starting it fails once it has been started.
    assert!(rayon::ThreadPoolBuilder::new().build_global().is_ok());
}
