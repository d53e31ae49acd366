//! Parallel search: the first hit, error or panic stops the other threads.
//!
//! Use it when one thread that has found something makes the rest pointless.
//! Ends: with any hit, once all threads have stopped; each finishes its current
//! check. A panic of a check stops the others and is re-raised. To end with an
//! error, let `check` return `Some(Err(..))`.
//! Needs: std alone.
//!
//! ```text
//! found 107, and the other thread stopped
//! nothing found in 200 checks
//! a panic stopped the other thread
//! ```

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::{io, thread};

/// Checks items on several threads until one check returns something.
///
/// With several hits, the result differs from run to run. Returns the OS error
/// if spawning fails; the threads that have started stop.
pub fn search<'a, T: Sync, R: Send>(
    items: &'a [T],
    threads: NonZero<usize>,
    check: impl Fn(&'a T) -> Option<R> + Sync,
) -> io::Result<Option<R>> {
    let stop = AtomicBool::new(false);
    let search_chunk = |chunk: &'a [T]| {
        let mut on_drop = StopOthers {
            stop: &stop,
            found_nothing: false,
        };
        for item in chunk {
            if stop.load(Relaxed) {
                break;
            }
            if let Some(hit) = check(item) {
                return Some(hit);
            }
        }
        on_drop.found_nothing = true;
        None
    };
    let length = items.len().div_ceil(threads.get()).max(1); // `chunks(0)` panics
    thread::scope(|scope| {
        let (mut handles, mut spawn_error) = (Vec::new(), None);
        for chunk in items.chunks(length) {
            let builder = thread::Builder::new().name("search".into());
            match builder.spawn_scoped(scope, || search_chunk(chunk)) {
                Ok(handle) => handles.push(handle),
                Err(error) => {
                    stop.store(true, Relaxed);
                    spawn_error = Some(error);
                    break;
                }
            }
        }
        let mut found = None;
        for handle in handles {
            match handle.join() {
                Ok(hit) => found = found.or(hit),
                Err(payload) => resume_unwind(payload),
            }
        }
        spawn_error.map_or(Ok(found), Err)
    })
}

/// Dropped at the end of a chunk, by a panic too: stops the other threads after
/// a hit or a panic.
struct StopOthers<'a> {
    /// `Relaxed` is enough: the results are ordered by the joins.
    stop: &'a AtomicBool,
    found_nothing: bool,
}

impl Drop for StopOthers<'_> {
    fn drop(&mut self) {
        if !self.found_nothing {
            self.stop.store(true, Relaxed);
        }
    }
}

fn main() -> io::Result<()> {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Barrier;
    use std::sync::atomic::AtomicU32;
    use std::time::Duration;

    const TWO: NonZero<usize> = NonZero::new(2).unwrap();
    let numbers: Vec<u32> = (0..200).collect(); // the chunks: 0..100 and 100..200

    // The first chunk waits until the other one is at 107, and would then take
    // a second.
    let at_107 = Barrier::new(2);
    let slow_checks = AtomicU32::new(0);
    let check = |number: u32| {
        if number == 0 || number == 107 {
            at_107.wait();
        }
        if number < 100 {
            slow_checks.fetch_add(1, Relaxed); // read after the joins
            thread::sleep(Duration::from_millis(10));
        }
    };
    let found = search(&numbers, TWO, |number| {
        check(*number);
        (*number == 107).then_some(number)
    })?;
    assert_eq!(found, Some(&107));
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
            check(number);
            assert_ne!(number, 107, "cannot check 107");
            None
        })
    };
    let payload = catch_unwind(AssertUnwindSafe(panics)).err();
    assert!(payload.is_some_and(|payload| payload.is::<String>()));
    assert!(slow_checks.into_inner() < 100);
    println!("a panic stopped the other thread");
    Ok(())
}
