//! Parallel sort, `par_iter_mut`.
//!
//! Use it when there are some 10,000 items or more, and changing or comparing
//! them does not block.
//! Ends: when all is done. A panic is re-raised; then some items are changed or
//! moved, but none is lost. `change_all_or_none` leaves them as they were.
//! Needs: `cargo add rayon`.
//!
//! ```text
//! doubled: [2, 4, 6, 8, 10]
//! sorted: [(0, 0), (0, 10), (0, 20)] to (9, 9999)
//! unstable: sorted as well, but equal keys have lost their order
//! after a panic at 6: [3, 5, 6, 8, 10]
//! all or none: [2, 4, 6, 8, 10]
//! after a panic while sorting: moved some, lost none
//! ```

use rayon::prelude::*;

/// Changes each item.
pub fn change_all<T: Send>(items: &mut [T], change: impl Fn(&mut T) + Sync + Send) {
    items.par_iter_mut().for_each(change);
}

/// Changes each item, or none if `change` panics: it changes a copy.
pub fn change_all_or_none<T: Clone + Send>(
    items: &mut Vec<T>,
    change: impl Fn(&mut T) + Sync + Send,
) {
    let mut changed = items.clone();
    change_all(&mut changed, change);
    *items = changed;
}

/// Sorts by a key; items with equal keys keep their order. If that does not
/// matter, `par_sort_unstable_by_key` is faster, and allocates nothing.
pub fn sort_by_key<T: Send, K: Ord>(items: &mut [T], key: impl Fn(&T) -> K + Sync) {
    items.par_sort_by_key(key);
}

fn main() -> Result<(), rayon::ThreadPoolBuildError> {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    let mut numbers = vec![1, 2, 3, 4, 5];
    change_all(&mut numbers, |n| *n *= 2);
    println!("doubled: {numbers:?}");

    let pool_of_2 = rayon::ThreadPoolBuilder::new().num_threads(2).build()?;
    let both = Barrier::new(2); // passed only if two items are changed at once
    pool_of_2.install(|| change_all(&mut [0, 0], |_| _ = both.wait()));

    // By key alone: (key, index).
    let records: Vec<(u32, u32)> = (0..10_000).map(|n| (n % 10, n)).collect();
    let mut expected = records.clone();
    expected.sort(); // by key, then by index
    let mut sorted = records.clone();
    let in_pool = AtomicBool::new(false);
    sort_by_key(&mut sorted, |record| {
        in_pool.fetch_or(rayon::current_thread_index().is_some(), Relaxed);
        record.0
    });
    assert!(in_pool.into_inner());
    assert_eq!(sorted, expected);
    println!("sorted: {:?} to {:?}", &sorted[..3], sorted[9999]);

    let mut unstable = records;
    unstable.par_sort_unstable_by_key(|record| record.0);
    assert!(unstable.is_sorted_by_key(|record| record.0));
    assert_ne!(unstable, expected);
    println!("unstable: sorted as well, but equal keys have lost their order");

    // The case that goes wrong: a panic halfway. One thread goes from the left
    // to the right, so it is the same on every run.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let change = |n: &mut i32| {
        assert_ne!(*n, 6, "not this one");
        *n += 1;
    };
    let mut some = numbers.clone();
    let panics = || pool.install(|| change_all(&mut some, change));
    assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    assert_eq!(some, [3, 5, 6, 8, 10]);
    println!("after a panic at 6: {some:?}");

    let panics = || pool.install(|| change_all_or_none(&mut numbers, change));
    assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    assert_eq!(numbers, [2, 4, 6, 8, 10]);
    println!("all or none: {numbers:?}");

    let panics = |record: &(u32, u32)| {
        assert_ne!(record.1, 5000, "not this one");
        record.0
    };
    let sort = AssertUnwindSafe(|| sort_by_key(&mut unstable, panics));
    assert!(catch_unwind(sort).is_err());
    unstable.par_sort_unstable(); // by key, then by index
    assert_eq!(unstable, expected);
    println!("after a panic while sorting: moved some, lost none");

    change_all_or_none(&mut numbers, |n| *n += 1);
    assert_eq!(numbers, [3, 5, 7, 9, 11]);
    Ok(())
}
