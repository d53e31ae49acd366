//! From the cutoff on, float sums run in the pool. Alone in its file, because it needs a process in
//! which nothing else has started rayon's global pool.

#[test]
fn long_slices_of_floats_start_the_global_pool() {
    let sum = rayon_sum::reproducible_sum(&vec![1.0; 1 << 15]); // FLOAT_CUTOFF
    assert_eq!(sum, f64::from(1 << 15));
    // Starting it fails once it has been started.
    assert!(rayon::ThreadPoolBuilder::new().build_global().is_err());
}
