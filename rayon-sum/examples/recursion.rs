//! Divide and conquer: `join` two halves, down to a cutoff.
//!
//! Use it when the work is a tree, or is cut where the data say; for a slice, a parallel iterator
//! cuts by itself.
//! Ends: when both halves have ended, even if one of them panics; then the panic is raised again in
//! the caller, that of the first half if both do.
//! Needs: `cargo add rayon`.
//!
//! ```text
//! 2147450880, joined 15 times
//! without a cutoff: the same, joined 65535 times
//! the first half panics: the second one has ended
//! a lock held across join: the other half cannot get it
//! ```

use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Adds up a tree: below each node `n` are `2 * n` and `2 * n + 1`, up to 65,535.
///
/// To hand over a half costs as much as some 100 additions. So only the uppermost `levels` do: of
/// 16 parts each thread gets some, and one that has finished steals from the others.
fn sum(n: u64, levels: u32, joins: &AtomicUsize) -> u64 {
    if n > 65_535 {
        return 0;
    }
    let half = |child| sum(child, levels.saturating_sub(1), joins);
    let (left, right) = if levels == 0 {
        (half(2 * n), half(2 * n + 1))
    } else {
        joins.fetch_add(1, Relaxed); // read after all have ended
        rayon::join(|| half(2 * n), || half(2 * n + 1))
    };
    n + left + right
}

fn main() -> Result<(), rayon::ThreadPoolBuildError> {
    let joins = AtomicUsize::new(0);
    let total = sum(1, 4, &joins);
    assert_eq!((total, joins.swap(0, Relaxed)), ((1..=65_535).sum(), 15));
    println!("{total}, joined 15 times");
    assert_eq!(sum(1, u32::MAX, &joins), total);
    assert_eq!(joins.into_inner(), 65_535);
    println!("without a cutoff: the same, joined 65535 times");

    // The case that goes wrong: one half panics, or a lock is held.
    let ended = AtomicUsize::new(0);
    let first = || assert_eq!(total, 0, "on purpose");
    let both = || rayon::join(first, || ended.fetch_add(1, Relaxed));
    let panicked = panic::catch_unwind(AssertUnwindSafe(both));
    assert_eq!((panicked.is_err(), ended.into_inner()), (true, 1));
    println!("the first half panics: the second one has ended");

    // While a thread of the pool waits for a half, it runs any job of the pool, such as one that
    // wants the lock it holds: with `lock` in place of `try_lock` this would hang. Let go of it
    // before. (One thread, so that this is sure to happen.)
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let lock = Mutex::new(());
    let ((), fails) = pool.install(|| {
        let _held = lock.lock();
        rayon::join(|| (), || lock.try_lock().is_err())
    });
    assert!(fails);
    println!("a lock held across join: the other half cannot get it");
    Ok(())
}
