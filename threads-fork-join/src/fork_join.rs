//! Scoped threads, fork-join: work on chunks in parallel, results in order.
//!
//! ```ignore
//! use fork_join::fork_join;
//! use std::{io, thread};
//!
//! fn main() -> io::Result<()> {
//!     let numbers: Vec<u64> = (1..=100).collect();
//!     let threads = thread::available_parallelism().map_or(1, |cores| cores.get());
//!     let length = numbers.len().div_ceil(threads).max(1); // `chunks(0)` panics
//!
//!     let sums = fork_join(numbers.chunks(length), |chunk| chunk.iter().sum::<u64>())?;
//!     assert_eq!(sums.iter().sum::<u64>(), 5050);
//!     Ok(())
//! }
//! ```
//!
//! # When to use it
//!
//! For a few large chunks that take at least a millisecond in total: starting and joining a thread
//! costs some 50 µs. The chunks may borrow, may be written to, and may block.
//!
//! # When not to use it
//!
//! - Short or uneven chunks, recursive splitting, or a call in a hot loop: use rayon. It keeps its
//!   threads, and an idle thread steals work from a busy one.
//! - Thousands of chunks: every chunk starts a thread, so 1,000 chunks start 1,000 threads.
//! - The first result, error or panic should stop the other threads: see the recipe
//!   `parallel_search.rs`.
//! - Values that arrive over time: use a channel. Thousands of network requests: use async tasks.
//!
//! # How it ends
//!
//! It returns when all threads have been joined. A panic is re-raised on the calling thread. A
//! chunk that never ends blocks the call forever.
//!
//! # To use it
//!
//! Declare it with `#[allow(dead_code, unreachable_pub)] mod fork_join;`. The tests start at
//! `#[cfg(test)]`; cut them off if you do not want them.
//!
//! Needs: std alone.
//!
//! Its tests: std alone.

use std::panic::resume_unwind;
use std::{io, thread};

/// Runs `work` on each chunk, on a thread per chunk, and returns the results in the order of the
/// chunks.
///
/// The threads are named `fork-join-0` and so on. The calling thread waits. The same without
/// threads is `chunks.into_iter().map(work).collect()`.
///
/// In place, and with errors:
///
/// ```ignore
/// use fork_join::fork_join;
/// use std::io;
///
/// fn main() -> io::Result<()> {
///     let mut numbers = [1, 2, 3, 4, 5];
///     fork_join(numbers.chunks_mut(2), |chunk| chunk.fill(chunk.len()))?;
///     assert_eq!(numbers, [2, 2, 2, 2, 1]);
///
///     // All chunks are worked on; `collect` then returns the first error in their order.
///     let parsed = fork_join(["1", "x", ""], |text| text.parse::<i32>())?;
///     let all: Result<Vec<i32>, _> = parsed.into_iter().collect();
///     assert_eq!(all.unwrap_err().to_string(), "invalid digit found in string");
///     Ok(())
/// }
/// ```
///
/// # Errors
///
/// Returns the OS error if spawning a thread fails. Later chunks do not start; started ones
/// finish, and their results are dropped. Side effects remain: do not blindly retry in-place work.
/// To go on without threads, restore the input, then use `chunks.into_iter().map(work).collect()`.
///
/// # Panics
///
/// Re-raises the panic of `work` once all threads have been joined. If several chunks panic, the
/// first chunk's panic is re-raised. A panic takes precedence over a spawn error. A panic of the
/// iterator comes before any thread starts.
///
/// # Details
///
/// - Chunks may wait for each other, as all run at once. If one panics or cannot start, the others
///   must not wait for it forever: a channel ends such a wait, a `Barrier` does not.
/// - Some hundreds of threads are fine. With some 16,000 at once, a default Linux
///   (`vm.max_map_count`) may let a thread start and then fail to set it up. `std` then aborts the
///   process.
/// - If a chunk panics, the results of the others are dropped. If the destructor of one panics as
///   well, the process aborts, as on any second panic.
/// - With `panic = "abort"`, the first panic ends the process.
pub fn fork_join<T: Send, R: Send>(
    chunks: impl IntoIterator<Item = T>,
    work: impl Fn(T) -> R + Sync,
) -> io::Result<Vec<R>> {
    fork_join_on(chunks, work, |index| {
        thread::Builder::new().name(format!("fork-join-{index}"))
    })
}

/// `builder` configures the thread of a chunk; tests pass one that fails to spawn.
fn fork_join_on<T: Send, R: Send>(
    chunks: impl IntoIterator<Item = T>,
    work: impl Fn(T) -> R + Sync,
    builder: impl Fn(usize) -> thread::Builder,
) -> io::Result<Vec<R>> {
    let work = &work;
    let chunks: Vec<T> = chunks.into_iter().collect(); // if this panics, no thread has started
    let mut spawn_error = None;
    let outcomes: Vec<thread::Result<R>> = thread::scope(|scope| {
        let mut handles = Vec::with_capacity(chunks.len());
        for (index, chunk) in chunks.into_iter().enumerate() {
            match builder(index).spawn_scoped(scope, move || work(chunk)) {
                Ok(handle) => handles.push(handle),
                Err(error) => {
                    spawn_error = Some(error);
                    break;
                }
            }
        }
        // The scope would join them too, but would replace the payload of a panic.
        handles.into_iter().map(|handle| handle.join()).collect()
    });

    let mut results = Vec::with_capacity(outcomes.len());
    for outcome in outcomes {
        match outcome {
            Ok(result) => results.push(result),
            Err(payload) => resume_unwind(payload),
        }
    }
    match spawn_error {
        None => Ok(results),
        Some(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Barrier, mpsc};
    use std::time::Duration;

    /// Runs `body` on a thread of its own, so that a hang fails the test instead of blocking it.
    fn within_deadline<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> R {
        let (sender, receiver) = mpsc::channel();
        let runner = thread::spawn(move || sender.send(body()));
        match receiver.recv_timeout(Duration::from_secs(60)) {
            Ok(result) => result,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("does not end"),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                resume_unwind(runner.join().expect_err("ended without a result"))
            }
        }
    }

    /// Fails to spawn the thread of one chunk: no system has a stack of 15/16 of all addresses.
    fn fail_at(failing: usize) -> impl Fn(usize) -> thread::Builder {
        move |index| {
            let builder = thread::Builder::new();
            if index == failing {
                builder.stack_size(15 << (usize::BITS - 4))
            } else {
                builder
            }
        }
    }

    #[test]
    fn it_is_a_map_with_threads() {
        within_deadline(|| {
            for length in 0..6 {
                let expected: Vec<_> = (0..length).map(|chunk| chunk * 10).collect();
                assert_eq!(fork_join(0..length, |chunk| chunk * 10).unwrap(), expected);
            }
        });
    }

    #[test]
    fn chunks_may_be_owned_or_borrowed_or_written_to() {
        within_deadline(|| {
            let texts = vec![String::from("a"), String::from("b")];
            assert_eq!(
                fork_join(&texts, |text| text).unwrap(),
                [&texts[0], &texts[1]]
            );
            assert_eq!(fork_join(texts.clone(), |text| text).unwrap(), texts);

            let mut numbers = [1, 2, 3, 4, 5];
            let double = |(index, chunk): (usize, &mut [i32])| {
                chunk.iter_mut().for_each(|number| *number *= 2);
                (index, chunk.len())
            };
            let chunks = numbers.chunks_mut(2).enumerate();
            assert_eq!(fork_join(chunks, double).unwrap(), [(0, 2), (1, 2), (2, 1)]);
            assert_eq!(numbers, [2, 4, 6, 8, 10]);
        });
    }

    #[test]
    fn a_hundred_chunks_have_a_hundred_threads() {
        let name = |_| thread::current().name().map(String::from);
        let names = within_deadline(move || fork_join(0..100, name).unwrap());
        let expected = (0..100).map(|index| Some(format!("fork-join-{index}")));
        assert!(names.into_iter().eq(expected));
    }

    #[test]
    fn results_are_in_the_order_of_the_chunks_whatever_ends_first() {
        // Every chunk waits for the one after it, so they end in reverse.
        let results = within_deadline(|| {
            let barriers: Vec<Barrier> = (0..4).map(|_| Barrier::new(2)).collect();
            let work = |chunk: usize| {
                if let Some(next) = barriers.get(chunk + 1) {
                    next.wait();
                }
                if chunk > 0 {
                    barriers[chunk].wait();
                }
                chunk * 10
            };
            fork_join(0..4, work).unwrap()
        });
        assert_eq!(results, [0, 10, 20, 30]);
    }

    #[test]
    fn every_chunk_has_a_named_thread_of_its_own_and_all_run_at_once() {
        let (names, caller) = within_deadline(|| {
            let all = Barrier::new(3);
            let work = |_| {
                all.wait();
                let current = thread::current();
                (current.name().map(String::from), current.id())
            };
            (fork_join(0..3, work).unwrap(), thread::current().id())
        });
        for (index, (name, id)) in names.into_iter().enumerate() {
            assert_eq!(name, Some(format!("fork-join-{index}")));
            assert_ne!(id, caller);
        }
    }

    #[test]
    fn a_spawn_error_is_returned_once_the_threads_before_it_have_ended() {
        for failing in 0..3 {
            let (started, refused) = within_deadline(move || {
                let started = AtomicUsize::new(0);
                let before = Barrier::new(failing.max(1));
                let work = |_| {
                    before.wait(); // all of them have threads, and the caller waits for all
                    started.fetch_add(1, Ordering::Relaxed); // read after the threads were joined
                };
                let results = fork_join_on(0..3, work, fail_at(failing));
                (started.load(Ordering::Relaxed), results)
            });
            let error = refused.unwrap_err();
            // What the system says; with musl, std itself refuses such a stack.
            let refused =
                error.raw_os_error().is_some() || error.kind() == io::ErrorKind::InvalidInput;
            assert!(refused, "{error:?}");
            assert_eq!(started, failing, "chunks that come later are not started");
        }
    }

    #[test]
    fn the_caller_collects_the_first_error_in_the_order_of_the_chunks() {
        let result = within_deadline(|| {
            let second_has_failed = Barrier::new(2);
            let work = |chunk| {
                second_has_failed.wait();
                Err(chunk)
            };
            let results = fork_join(0..2, work).unwrap();
            results.into_iter().collect::<Result<Vec<()>, _>>()
        });
        assert_eq!(result, Err(0));
    }

    #[cfg(panic = "unwind")]
    mod panics {
        use super::*;
        use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};

        /// The payload of the panic, and how many chunks had ended by then.
        ///
        /// The chunks in `panicking` panic with their index once all have started; the thread of
        /// `failing` cannot be spawned.
        fn run(panicking: &'static [usize], failing: usize) -> (usize, usize) {
            within_deadline(move || {
                let (all, ended) = (Barrier::new(failing.min(4)), AtomicUsize::new(0));
                let work = |chunk: usize| {
                    all.wait();
                    ended.fetch_add(1, Ordering::Relaxed); // read after the threads were joined
                    if panicking.contains(&chunk) {
                        panic_any(chunk);
                    }
                };
                let forked = || fork_join_on(0..4, work, fail_at(failing));
                let payload = catch_unwind(AssertUnwindSafe(forked)).unwrap_err();
                (*payload.downcast().unwrap(), ended.load(Ordering::Relaxed))
            })
        }

        #[test]
        fn a_panic_reaches_the_caller_unchanged_once_the_siblings_have_ended() {
            for chunk in [&[0_usize][..], &[1], &[2], &[3]] {
                assert_eq!(run(chunk, usize::MAX), (chunk[0], 4));
            }
        }

        #[test]
        fn of_several_panics_the_one_of_the_first_chunk_wins() {
            assert_eq!(run(&[0, 1, 2, 3], usize::MAX), (0, 4));
            assert_eq!(run(&[2, 3], usize::MAX), (2, 4));
        }

        #[test]
        fn a_panic_takes_precedence_over_a_spawn_error() {
            assert_eq!(run(&[0], 1), (0, 1));
            assert_eq!(run(&[1, 2], 3), (1, 3));
        }

        #[test]
        fn a_panic_of_the_iterator_comes_before_any_thread_starts() {
            let (payload, started) = within_deadline(|| {
                let started = AtomicUsize::new(0);
                let chunks = (0..2).map(|chunk| if chunk < 1 { chunk } else { panic_any(chunk) });
                let work = |_: i32| started.fetch_add(1, Ordering::Relaxed);
                let forked = || fork_join(chunks, work);
                let payload = catch_unwind(AssertUnwindSafe(forked)).unwrap_err();
                (payload.downcast_ref().copied(), started.into_inner())
            });
            assert_eq!((payload, started), (Some(1), 0));
        }
    }
}
