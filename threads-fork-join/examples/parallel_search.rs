//! Parallel search: the first hit, error or panic stops the other threads.
//!
//! Use it when one thread that has found something makes the rest pointless.
//! Ends: with the hit of the lowest chunk that has one, once all threads have
//! stopped; each finishes its current check. A panic of a check stops the
//! others and is re-raised. To end with an error, return `Some(Err(..))`.
//! Needs: std alone, and `fork_join.rs`.
//!
//! ```text
//! found 107, and the other thread stopped
//! nothing found in 200 checks
//! a panic stopped the other thread
//! ```

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::{io, mem};
use threads_fork_join::fork_join::fork_join;

/// Checks items on several threads until one check returns something.
///
/// Returns the OS error if a thread cannot be spawned.
pub fn search<T: Sync, R: Send>(
    items: &[T],
    threads: NonZero<usize>,
    check: impl Fn(&T) -> Option<R> + Sync,
) -> io::Result<Option<R>> {
    let stop = AtomicBool::new(false);
    let length = items.len().div_ceil(threads.get()).max(1); // `chunks(0)` panics
    let hits = fork_join(items.chunks(length), |chunk| {
        let stop_others = StopOnDrop(&stop); // dropped by a hit and by a panic
        for item in chunk {
            if stop.load(Relaxed) {
                break;
            }
            if let Some(hit) = check(item) {
                return Some(hit);
            }
        }
        mem::forget(stop_others); // nothing found here: the others go on
        None
    })?;
    Ok(hits.into_iter().flatten().next())
}

/// `Relaxed`: the flag carries no other data; the join orders the results.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

fn main() -> io::Result<()> {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::AtomicU32;
    use std::thread;
    use std::time::Duration;

    const TWO: NonZero<usize> = NonZero::new(2).unwrap();
    let numbers: Vec<u32> = (0..200).collect(); // the chunks: 0..100 and 100..200

    // The first chunk would take a second.
    let slow_checks = AtomicU32::new(0);
    let check_slowly = || {
        slow_checks.fetch_add(1, Relaxed); // read after the threads were joined
        thread::sleep(Duration::from_millis(10));
    };
    let found = search(&numbers, TWO, |&number| {
        if number < 100 {
            check_slowly();
        }
        (number == 107).then_some(number)
    })?;
    assert_eq!(found, Some(107));
    assert!(slow_checks.swap(0, Relaxed) < 100);
    println!("found 107, and the other thread stopped");

    let checks = AtomicU32::new(0);
    let found = search(&numbers, TWO, |_| -> Option<u32> {
        checks.fetch_add(1, Relaxed);
        None
    })?;
    assert_eq!((found, checks.into_inner()), (None, 200));
    println!("nothing found in 200 checks");

    // The case that goes wrong: a check panics.
    let panics = || {
        search(&numbers, TWO, |&number| -> Option<u32> {
            if number < 100 {
                check_slowly();
            }
            assert_ne!(number, 107, "cannot check 107");
            None
        })
    };
    assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    assert!(slow_checks.into_inner() < 100);
    println!("a panic stopped the other thread");
    Ok(())
}
