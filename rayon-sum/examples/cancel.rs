//! Cancel a rayon job, early exit.
//!
//! Use it when the items are many and short. Rayon never interrupts an item: a
//! long one must look at the flag itself.
//! Ends: soon after the stop, as each thread finishes its current item. A panic
//! is re-raised; with `panic_fuse`, it stops the other threads too.
//! Needs: `cargo add rayon`.
//!
//! ```text
//! found 7 with 8 checks
//! cancelled after 3 items
//! not cancelled: all 1000 items
//! after a panic without panic_fuse: other items ran
//! after a panic with panic_fuse: none
//! ```

use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Returns whichever match is found first, and stops the search. For the first
/// match in the order of the items, use `find_first`.
pub fn search<I: ParallelIterator>(
    items: I,
    is_match: impl Fn(&I::Item) -> bool + Sync + Send,
) -> Option<I::Item> {
    items.find_any(is_match)
}

/// Works on all items, or until another thread sets `cancel`: a Ctrl-C handler,
/// a deadline, the user interface. Returns whether all are done. A panic stops
/// the other threads, too.
pub fn for_each_until<I: ParallelIterator>(
    items: I,
    cancel: &AtomicBool,
    work: impl Fn(I::Item) + Sync + Send,
) -> bool {
    let done = items.panic_fuse().try_for_each(|item| {
        // `Relaxed`: the flag says nothing about other data.
        if cancel.load(Relaxed) {
            return None; // `try_for_each` starts no other item
        }
        work(item);
        Some(())
    });
    done.is_some()
}

/// Works on all items; a panic stops the other threads, then is re-raised.
pub fn for_each_or_panic<I: ParallelIterator>(items: I, work: impl Fn(I::Item) + Sync + Send) {
    items.panic_fuse().for_each(work);
}

fn main() -> Result<(), rayon::ThreadPoolBuildError> {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::AtomicUsize;

    // So many that a pass over all of them would never end. One thread goes
    // from 0 up, so the counts are the same on every run.
    let items = || (0..u64::MAX).into_par_iter();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let calls = AtomicUsize::new(0); // read after all have ended

    let found = pool.install(|| {
        search(items(), |item| {
            calls.fetch_add(1, Relaxed);
            item % 100 == 7
        })
    });
    assert_eq!((found, calls.swap(0, Relaxed)), (Some(7), 8));
    println!("found 7 with 8 checks");

    let cancel = AtomicBool::new(false);
    let done = pool.install(|| {
        for_each_until(items(), &cancel, |item| {
            calls.fetch_add(1, Relaxed);
            if item == 2 {
                cancel.store(true, Relaxed); // as another thread would
            }
        })
    });
    assert_eq!((done, calls.swap(0, Relaxed)), (false, 3));
    println!("cancelled after 3 items");

    let go_on = AtomicBool::new(false);
    let count = |_| _ = calls.fetch_add(1, Relaxed);
    assert!(for_each_until((0..1000).into_par_iter(), &go_on, count));
    assert_eq!(calls.swap(0, Relaxed), 1000);
    println!("not cancelled: all 1000 items");

    // The case that goes wrong: an item panics.
    let work = |item: u64| {
        assert_ne!(item, 0, "the first item fails");
        calls.fetch_add(1, Relaxed);
    };
    let plain = || pool.install(|| (0..1000).into_par_iter().for_each(work));
    assert!(catch_unwind(AssertUnwindSafe(plain)).is_err());
    assert_ne!(calls.swap(0, Relaxed), 0);
    println!("after a panic without panic_fuse: other items ran");

    let fused = || pool.install(|| for_each_or_panic(items(), work));
    assert!(catch_unwind(AssertUnwindSafe(fused)).is_err());
    let until = || pool.install(|| for_each_until(items(), &go_on, work));
    assert!(catch_unwind(AssertUnwindSafe(until)).is_err());
    assert_eq!(calls.into_inner(), 0);
    println!("after a panic with panic_fuse: none");
    Ok(())
}
