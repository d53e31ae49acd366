//! `par_iter` with `Result`: first error, stop early.
//!
//! Use it when one error makes the rest useless, and each run should return the
//! same one. If any error will do, `collect` a `Result<Vec<_>, _>`; to keep all
//! errors, a `Vec<Result<_, _>>`.
//! Ends: with all results, or with the first error in the order of the items.
//! Each thread finishes its current item; for those behind a known error, `map`
//! is not called. Put the work into `map`: an adaptor before it runs for every
//! item. A panic is re-raised.
//! Needs: `cargo add rayon`.
//!
//! ```text
//! all good: [1, 2, 3, 4]
//! item 3 failed first, item 2 is the first that fails: Err(2)
//! items that were begun: 0, 1, 2, 3
//! an error that comes later does not start what was skipped
//! with a buffer for many items: Ok([1000, 2000])
//! ```

use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Maps all items, or returns the first error in their order.
pub fn try_map<I, R, E>(
    items: I,
    map: impl Fn(I::Item) -> Result<R, E> + Sync + Send,
) -> Result<Vec<R>, E>
where
    I: IndexedParallelIterator,
    R: Send,
    E: Send,
{
    try_map_init(items, || (), |(), item| map(item))
}

/// The same with a value to work with, such as a buffer: `init` makes one for
/// many items, as with `map_init`. A progress bar can count in `map`.
pub fn try_map_init<I, S, R, E>(
    items: I,
    init: impl Fn() -> S + Sync + Send,
    map: impl Fn(&mut S, I::Item) -> Result<R, E> + Sync + Send,
) -> Result<Vec<R>, E>
where
    I: IndexedParallelIterator,
    R: Send,
    E: Send,
{
    // The lowest index that has failed. `Relaxed`: a thread that sees it late
    // calls `map` in vain, no more. The results travel through `collect`.
    let failed = AtomicUsize::new(usize::MAX);
    let results: Vec<Option<Result<R, E>>> = items
        .enumerate()
        .map_init(init, |value, (index, item)| {
            if index > failed.load(Relaxed) {
                return None; // cannot be the first error
            }
            let result = map(value, item);
            if result.is_err() {
                failed.fetch_min(index, Relaxed);
            }
            Some(result)
        })
        .collect();
    // All that was skipped stands behind the first error.
    results.into_iter().flatten().collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    use rayon::ThreadPoolBuilder;
    use std::panic::catch_unwind;
    use std::sync::{Barrier, Mutex, PoisonError};

    let numbers = try_map(["1", "2", "3", "4"].par_iter(), |text| text.parse::<u32>())?;
    assert_eq!(numbers, [1, 2, 3, 4]);
    println!("all good: {numbers:?}");

    // The case that goes wrong: items fail. Of two threads, one has the items 0
    // to 2, the other one 3 to 5.
    let pool = ThreadPoolBuilder::new().num_threads(2).build()?;
    let items = || (0..6).into_par_iter().with_min_len(3);
    let begun = Mutex::new(Vec::new());
    let begin = |n| begun.lock().unwrap_or_else(PoisonError::into_inner).push(n);

    let three_has_failed = Barrier::new(2);
    let watched = items().inspect(|&n| {
        if n == 4 {
            three_has_failed.wait();
        }
    });
    let result = pool.install(|| {
        try_map(watched, |n| {
            begin(n);
            if n == 0 {
                three_has_failed.wait();
            }
            if n == 2 || n == 3 { Err(n) } else { Ok(n) }
        })
    });
    assert_eq!(result, Err(2));
    println!("item 3 failed first, item 2 is the first that fails: {result:?}");
    let mut order = begun.into_inner().unwrap_or_else(PoisonError::into_inner);
    order.sort_unstable();
    assert_eq!(order, [0, 1, 2, 3]);
    println!("items that were begun: 0, 1, 2, 3");

    // Items 1 and 3 begin; 1 fails, then 3; only then item 2 has its turn.
    let turn = Barrier::new(2);
    let watched = items().inspect(|&n| {
        if n == 2 {
            turn.wait(); // item 1 has failed
        }
        if n == 2 || n == 4 {
            turn.wait(); // item 3 has failed
        }
    });
    let result = pool.install(|| {
        try_map(watched, |n| {
            assert_ne!(n, 2, "begun although item 1 has failed");
            if n == 1 || n == 3 {
                turn.wait(); // both have begun
            }
            if n == 3 {
                turn.wait(); // item 1 has failed
            }
            if n == 1 || n == 3 { Err(n) } else { Ok(n) }
        })
    });
    assert_eq!(result, Err(1));
    println!("an error that comes later does not start what was skipped");

    let texts = ["1_000", "2_000"];
    let parse = |digits: &mut String, text: &&str| {
        digits.clear();
        digits.extend(text.chars().filter(|&c| c != '_'));
        digits.parse::<u32>()
    };
    let buffers = AtomicUsize::new(0);
    let new_buffer = || {
        buffers.fetch_add(1, Relaxed);
        String::new()
    };
    let numbers = try_map_init(texts.par_iter().with_min_len(2), new_buffer, parse);
    assert_eq!(numbers, Ok(vec![1000, 2000]));
    assert_eq!(buffers.into_inner(), 1);
    println!("with a buffer for many items: {numbers:?}");

    let divide = |&n: &u32| Ok::<_, ()>(1 / n);
    let panics = || try_map([1, 0].par_iter(), divide);
    assert!(catch_unwind(panics).is_err());
    Ok(())
}
