//! Cancel a rayon job, early exit.
//!
//! Use it when the items are many and short. Rayon never interrupts an item: one
//! that takes long must look at the flag itself.
//! Ends: soon after the stop. Each thread looks between two items, and finishes
//! the one that it has begun. A panic does not stop the others, unless
//! `panic_fuse` says so; then it is re-raised.
//! Needs: `cargo add rayon`.
//!
//! ```text
//! found 7 with 8 of 1000 checks
//! cancelled after 3 of 1000 items
//! not cancelled: all 1000 items
//! after a panic without panic_fuse: other items ran
//! after a panic with panic_fuse: none
//! ```

use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Returns whichever match is found first, and stops the search. For the first
/// match in the order of the items, use `find_first`.
pub fn search<T: Sync>(items: &[T], is_match: impl Fn(&T) -> bool + Sync) -> Option<&T> {
    items.par_iter().find_any(|item| is_match(item))
}

/// Works on all items, or until another thread sets `cancel`: a Ctrl-C handler,
/// a deadline, the user interface. Returns whether all are done.
pub fn for_each_until<T: Sync>(
    items: &[T],
    cancel: &AtomicBool,
    work: impl Fn(&T) + Sync + Send,
) -> bool {
    let done = items.par_iter().try_for_each(|item| {
        // `Relaxed`: the flag says nothing about other data.
        if cancel.load(Relaxed) {
            return None; // `try_for_each` starts no other item
        }
        work(item);
        Some(())
    });
    done.is_some()
}

/// Works on all items; a panic stops the others, then is re-raised.
pub fn for_each_or_panic<T: Sync>(items: &[T], work: impl Fn(&T) + Sync + Send) {
    items.par_iter().panic_fuse().for_each(work);
}

fn main() -> Result<(), rayon::ThreadPoolBuildError> {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Barrier;
    use std::sync::atomic::AtomicUsize;

    // One thread goes from 0 up, so the counts are the same on every run.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let items: Vec<usize> = (0..1000).collect();
    let calls = AtomicUsize::new(0); // read after all have ended

    let found = pool.install(|| {
        search(&items, |&item| {
            calls.fetch_add(1, Relaxed);
            item % 100 == 7
        })
    });
    assert_eq!((found, calls.swap(0, Relaxed)), (Some(&7), 8));
    println!("found 7 with 8 of 1000 checks");

    let cancel = AtomicBool::new(false);
    let work = |&item: &usize| {
        calls.fetch_add(1, Relaxed);
        if item == 2 {
            cancel.store(true, Relaxed); // as another thread would
        }
    };
    let done = pool.install(|| for_each_until(&items, &cancel, work));
    assert_eq!((done, calls.swap(0, Relaxed)), (false, 3));
    println!("cancelled after 3 of 1000 items");

    cancel.store(false, Relaxed);
    let pool_of_2 = rayon::ThreadPoolBuilder::new().num_threads(2).build()?;
    let both = Barrier::new(2); // passed only if two items are worked on at once
    assert!(pool_of_2.install(|| for_each_until(&[0, 1], &cancel, |_| _ = both.wait())));
    let done = pool.install(|| for_each_until(&items[3..], &cancel, work));
    assert_eq!((done, calls.swap(0, Relaxed)), (true, 997));
    println!("not cancelled: all 1000 items");

    // The case that goes wrong: an item panics.
    let work = |&item: &usize| {
        assert_ne!(item, 0, "the first item fails");
        calls.fetch_add(1, Relaxed);
    };
    let plain = || pool.install(|| items.par_iter().for_each(work));
    assert!(catch_unwind(AssertUnwindSafe(plain)).is_err());
    assert_ne!(calls.swap(0, Relaxed), 0);
    println!("after a panic without panic_fuse: other items ran");

    let fused = || pool.install(|| for_each_or_panic(&items, work));
    assert!(catch_unwind(AssertUnwindSafe(fused)).is_err());
    assert_eq!(calls.into_inner(), 0);
    println!("after a panic with panic_fuse: none");
    Ok(())
}
