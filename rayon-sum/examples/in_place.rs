//! Change a vector in place, and sort it, on all cores.
//!
//! Use it when the vector is long (10,000 elements) and comparing or changing an element does not
//! block. `par_sort_unstable` needs no memory, but may swap equal elements: where their order
//! shows, use `par_sort`.
//! Ends: when all is done. On a panic it is raised again in the caller, and every element is still
//! in the vector, some changed, in any order.
//! Needs: `cargo add rayon`.
//!
//! ```text
//! doubled: [2, 4, 6, 8, 10]
//! sorted: [(0, 0), (0, 10), (0, 20)] to (9, 9999)
//! unstable: sorted as well, but equal keys have lost their order
//! after a panic: changed some, lost none
//! ```

use rayon::prelude::*;
use std::panic::{self, AssertUnwindSafe};

fn main() {
    let mut numbers = [1, 2, 3, 4, 5];
    numbers.par_iter_mut().for_each(|n| *n *= 2);
    assert_eq!(numbers, [2, 4, 6, 8, 10]);
    println!("doubled: {numbers:?}");

    // By key alone: (key, position).
    let records: Vec<(u32, u32)> = (0..10_000).map(|n| (n % 10, n)).collect();
    let mut in_order = records.clone();
    in_order.sort(); // by key, then by position
    let mut stable = records.clone();
    stable.par_sort_by_key(|record| record.0);
    assert_eq!(stable, in_order);
    println!("sorted: {:?} to {:?}", &stable[..3], stable[9999]);

    let mut unstable = records;
    unstable.par_sort_unstable_by_key(|record| record.0);
    assert!(unstable.is_sorted_by_key(|record| record.0));
    assert_ne!(unstable, in_order);
    // With all that shows in the key, no equal elements are left that could be told apart.
    unstable.par_sort_unstable();
    assert_eq!(unstable, in_order);
    println!("unstable: sorted as well, but equal keys have lost their order");

    // The case that goes wrong: a panic halfway.
    let changed = AssertUnwindSafe(|| {
        numbers.par_iter_mut().for_each(|n| {
            assert_ne!(*n, 6, "on purpose");
            *n += 1;
        });
    });
    assert!(panic::catch_unwind(changed).is_err());
    // Each is as it was or as it should be. A vector that must be all or nothing is changed as a
    // copy, and swapped in at the end.
    let before = [2, 4, 6, 8, 10];
    assert!(
        before
            .iter()
            .zip(numbers)
            .all(|(n, now)| (*n..=n + 1).contains(&now))
    );
    assert_eq!(numbers[2], 6);
    println!("after a panic: changed some, lost none");
}
