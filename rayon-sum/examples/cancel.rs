//! Stop a parallel loop early: because of what it found, from outside, or because of a panic.
//!
//! Use it when items are many and short; rayon never interrupts one, so a long item has to look at
//! the flag itself.
//! Ends: soon after the stop. Each thread looks between two items, and may start one more; items
//! that run are finished. A panic does not stop the others before it is raised again in the caller,
//! unless `panic_fuse` says so.
//! Needs: `cargo add rayon`.
//!
//! ```text
//! found 7, so stopped
//! cancelled after 3 of 1000 items
//! panicked, and other items ran on
//! panicked, and with panic_fuse none did
//! ```

use rayon::prelude::*;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

const ITEMS: usize = 1000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The first that anybody finds; for the first in order there is `find_first`.
    let found = (0..ITEMS).into_par_iter().find_any(|&n| n % ITEMS == 7);
    assert_eq!(found, Some(7));
    println!("found 7, so stopped");

    // From here on one thread, which goes from 0 up, so that counts are the same on every run.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    // Relaxed: the flag says nothing about other memory, and the counts are read after the end.
    let (cancelled, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    let work = |n| {
        if cancelled.load(Relaxed) {
            return None; // tells `try_for_each`
        }
        if done.fetch_add(1, Relaxed) == 2 {
            cancelled.store(true, Relaxed); // as another thread would, or a Ctrl-C handler
        }
        Some(n)
    };
    let ended = pool.install(|| {
        (0..ITEMS)
            .into_par_iter()
            .try_for_each(|n| work(n).map(drop))
    });
    assert_eq!((ended, done.load(Relaxed)), (None, 3));
    println!("cancelled after 3 of {ITEMS} items");

    // The case that goes wrong: an item panics.
    let calls_until_panic = |fuse: bool| {
        let calls = AtomicUsize::new(0);
        let work = |n| {
            calls.fetch_add(1, Relaxed);
            assert_ne!(n, 0, "on purpose");
        };
        let items = (0..ITEMS).into_par_iter();
        let run = || match fuse {
            true => items.panic_fuse().for_each(work),
            false => items.for_each(work),
        };
        let panicked = panic::catch_unwind(AssertUnwindSafe(|| pool.install(run)));
        assert!(panicked.is_err());
        calls.into_inner()
    };
    assert!(calls_until_panic(false) > 1);
    println!("panicked, and other items ran on");
    assert_eq!(calls_until_panic(true), 1);
    println!("panicked, and with panic_fuse none did");
    Ok(())
}
