//! Mutate a slice in parallel: `chunks_mut`, scoped threads.
//!
//! Use it when the items are many and take equally long. Otherwise rayon's
//! `par_iter_mut` is better.
//! Ends: when all chunks are done. A panic is then re-raised, and the slice
//! keeps what was changed. Panics if spawning a thread fails; the module
//! `fork_join.rs` returns the OS error.
//! Needs: std alone.
//!
//! ```text
//! [2, 4, 6, 8, 10]
//! []
//! after a panic at 5: [4, 8, 5, 8, 20]
//! ```

use std::num::NonZero;
use std::panic::resume_unwind;
use std::thread;

/// Changes each item, on at most `threads` threads: best one per core.
pub fn change_all<T: Send>(
    items: &mut [T],
    threads: NonZero<usize>,
    change: impl Fn(&mut T) + Sync,
) {
    // Rounded up, so that there are not more chunks than threads. For an empty
    // slice it is 1, as a chunk size of 0 panics.
    let length = items.len().div_ceil(threads.get()).max(1);
    let change = &change; // shared by all threads
    thread::scope(|scope| {
        let mut handles = Vec::new();
        for chunk in items.chunks_mut(length) {
            handles.push(scope.spawn(move || {
                for item in chunk {
                    change(item);
                }
            }));
        }
        for handle in handles {
            // Without this, the scope would replace the payload of a panic.
            if let Err(payload) = handle.join() {
                resume_unwind(payload);
            }
        }
    });
}

fn main() {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Barrier;

    const TWO: NonZero<usize> = NonZero::new(2).unwrap();
    const THREE: NonZero<usize> = NonZero::new(3).unwrap();

    let mut numbers = [1, 2, 3, 4, 5];
    change_all(&mut numbers, TWO, |number| *number *= 2); // 1 2 3 and 4 5
    println!("{numbers:?}");

    let mut none: [u32; 0] = [];
    change_all(&mut none, TWO, |number| *number *= 2);
    println!("{none:?}");

    let both = Barrier::new(2); // passed only if two chunks run at once
    change_all(&mut [0, 0], TWO, |_| _ = both.wait());

    // The case that goes wrong: one chunk panics.
    let mut numbers = [2, 4, 5, 8, 10];
    let changed = catch_unwind(AssertUnwindSafe(|| {
        change_all(&mut numbers, THREE, |number| {
            assert!(*number % 2 == 0, "odd"); // the chunks: 2 4, 5 8, 10
            *number *= 2;
        });
    }));
    let payload = changed.err();
    let text = payload.and_then(|payload| payload.downcast::<&str>().ok());
    assert_eq!(text.as_deref(), Some(&"odd"));
    assert_eq!(numbers, [4, 8, 5, 8, 20]); // the other chunks are done
    println!("after a panic at 5: {numbers:?}");
}
