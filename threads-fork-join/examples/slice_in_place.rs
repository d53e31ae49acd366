//! Change a slice in place, each thread a part of it: `chunks_mut` in a scope.
//!
//! Use it when the parts are large and take equally long; else rayon's `par_iter_mut` is better.
//! Ends: when all parts are done, also if one panics; then that panic goes on, and the slice keeps
//! what was changed. `spawn` panics if the system refuses a thread; `fork_join.rs` returns that.
//! Needs: std alone.
//!
//! ```text
//! [2, 4, 6, 8, 10]
//! []
//! after a panic at 5: [4, 8, 5, 8, 20]
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

/// `threads` is at least 1.
fn change<T: Send>(items: &mut [T], threads: usize, work: impl Fn(&mut T) + Sync) {
    let work = &work; // shared by all threads
    // Rounded up, so that there are no more parts than threads, and the last may be shorter. Not 0
    // for no items: a chunk size of 0 panics.
    let length = items.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let parts = items.chunks_mut(length);
        // Collected, so that all have begun before the first is waited for.
        let threads: Vec<_> = parts
            .map(|part| scope.spawn(move || part.iter_mut().for_each(work)))
            .collect();
        // The scope waits for the rest, whatever happens here. One that it met itself would come
        // out with another payload.
        let joined = threads.into_iter().map(|thread| thread.join());
        joined.for_each(|part| part.unwrap_or_else(|payload| resume_unwind(payload)));
    });
}

fn main() {
    let mut numbers = [1, 2, 3, 4, 5];
    change(&mut numbers, 2, |number| *number *= 2); // 1 2 3 and 4 5
    println!("{numbers:?}");

    let mut none: [u32; 0] = [];
    change(&mut none, 2, |number| *number *= 2);
    println!("{none:?}");

    // The case that goes wrong: one part panics.
    let mut numbers = [2, 4, 5, 8, 10];
    let panic = catch_unwind(AssertUnwindSafe(|| {
        change(&mut numbers, 3, |number| {
            assert!(*number % 2 == 0, "odd"); // the parts: 2 4, 5 8, 10
            *number *= 2;
        });
    }));
    let text = panic
        .err()
        .and_then(|payload| payload.downcast::<&str>().ok());
    assert_eq!(text.as_deref(), Some(&"odd"));
    assert_eq!(numbers, [4, 8, 5, 8, 20]); // the parts beside it are done
    println!("after a panic at 5: {numbers:?}");
}
