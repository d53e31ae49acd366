//! Fork-join: each piece is worked on by a thread of its own; results come in order.
//!
//! # When to use it
//!
//! For a few large pieces of work, from about a millisecond in all: forking and joining a thread
//! costs some 50 µs. The pieces may borrow, may be written to, and may block.
//!
//! As all run at once, they may wait for each other; but if one panics, or its thread is refused,
//! whoever waits for it must not wait for ever. A channel whose other end that piece owns ends such
//! a wait, a `Barrier` does not.
//!
//! # When not to use it
//!
//! - Short or uneven work, work that forks again, or a fork in a hot loop: rayon keeps its threads,
//!   and an idle one steals from a busy one. Here every call starts its threads afresh, and the
//!   longest piece decides when it returns.
//! - If the first error must stop the rest: here every piece ends first. Rayon's `try_for_each`
//!   stops.
//! - Values that arrive over time: use a channel pipeline.
//! - Thousands of pieces that wait for a network: use async tasks.
//!
//! # How it ends
//!
//! When every piece has ended: with the results, with the error of a system that refuses a thread,
//! or with a panic. No thread is left behind. A piece that never ends blocks it for ever. Where
//! panics abort (`panic = "abort"`), the first one ends the process.
//!
//! Needs: std alone.
//!
//! # Scope, or `spawn` and `Arc`?
//!
//! A thread from [`std::thread::spawn`] may outlive its caller, so all that it captures must be
//! `'static`: moved in, or shared by an `Arc`. That is right for a thread that is to live on. A
//! thread from [`std::thread::scope`] ends before the scope returns, so it may borrow. That is
//! right for fork-join, where the caller waits anyway.
//!
//! Dropping the `JoinHandle` of a spawned thread detaches it: it runs on, its result and its panic
//! are lost, and the end of `main` kills it half-way. A scope joins what is left at its end, but
//! replaces the payload of a panic that nobody joined with a text of its own. So whoever
//! wants results or panics joins every handle, as is done here.
//!
//! # What the compiler refuses
//!
//! An `Rc` in another thread, because its counter is not atomic:
//!
//! ```compile_fail,E0277
//! let shared = std::rc::Rc::new(1);
//! std::thread::scope(|scope| {
//!     scope.spawn(move || println!("{shared}"));
//! });
//! ```
//!
//! A borrowed local in a thread that may outlive it:
//!
//! ```compile_fail,E0373
//! let local = vec![1, 2, 3];
//! std::thread::spawn(|| println!("{local:?}"));
//! ```
//!
//! Two threads that write one variable:
//!
//! ```compile_fail,E0499
//! let mut count = 0;
//! std::thread::scope(|scope| {
//!     scope.spawn(|| count += 1);
//!     scope.spawn(|| count += 1);
//! });
//! ```

use std::panic::resume_unwind;
use std::{io, thread};

/// Works on each piece on a thread of its own, all at once, and returns the results in the order of
/// the pieces.
///
/// Cut the work into about as many pieces as there are cores. The first runs on a thread named
/// `fork-join-0`; the calling thread waits. `pieces.into_iter().map(work).collect()` is the same
/// without threads. Work that can fail returns a `Result`, for the caller to collect: the first
/// error in the order of the pieces wins, and every piece has been worked on.
///
/// # Errors
///
/// If the operating system refuses a thread: what it says. Pieces that come later are not begun,
/// and those that have begun have ended. Their results are dropped, but what they did is done: do
/// not simply try again with work that changes something in place.
///
/// Some hundreds of threads are fine. With some 16,000 at once, a default Linux
/// (`vm.max_map_count`) may instead let a thread start and then fail to set it up, on which `std`
/// aborts the process.
///
/// # Panics
///
/// If `work` panics: once all pieces have ended, with the payload of the first piece, in order,
/// that panicked, unchanged. If a thread was refused as well, the panic comes first. A panic of the
/// iterator comes before all, once the pieces that have begun have ended.
///
/// # Examples
///
/// ```
/// use std::{io, thread};
/// use threads_fork_join::fork_join;
///
/// let words = ["one", "two", "three", "four", "five"];
/// let threads = thread::available_parallelism().map_or(1, |cores| cores.get());
/// let pieces = words.chunks(words.len().div_ceil(threads).max(1)); // a chunk size of 0 panics
/// let letters = fork_join(pieces, |piece| piece.iter().map(|word| word.len()).sum::<usize>())?;
/// assert_eq!(letters.iter().sum::<usize>(), 19);
/// # io::Result::Ok(())
/// ```
///
/// In place, and the first error:
///
/// ```
/// # use std::io;
/// use threads_fork_join::fork_join;
///
/// let mut numbers = [1, 2, 3, 4, 5];
/// fork_join(numbers.chunks_mut(2), |piece| piece.fill(piece.len()))?;
/// assert_eq!(numbers, [2, 2, 2, 2, 1]);
///
/// let parsed = fork_join(["1", "x", ""], |text| text.parse::<i32>())?;
/// let all: Result<Vec<i32>, _> = parsed.into_iter().collect();
/// assert_eq!(all.unwrap_err().to_string(), "invalid digit found in string");
/// # io::Result::Ok(())
/// ```
pub fn fork_join<P: Send, R: Send>(
    pieces: impl IntoIterator<Item = P>,
    work: impl Fn(P) -> R + Sync,
) -> io::Result<Vec<R>> {
    fork_join_on(pieces, work, |index| {
        thread::Builder::new().name(format!("fork-join-{index}"))
    })
}

/// `builder` prepares the thread of a piece; tests pass one that the operating system refuses.
fn fork_join_on<P: Send, R: Send>(
    pieces: impl IntoIterator<Item = P>,
    work: impl Fn(P) -> R + Sync,
    builder: impl Fn(usize) -> thread::Builder,
) -> io::Result<Vec<R>> {
    let (work, mut refused) = (&work, None);
    let ended: Vec<thread::Result<R>> = thread::scope(|scope| {
        let fork = |(index, piece)| {
            let thread = builder(index).spawn_scoped(scope, move || work(piece));
            thread.map_err(|error| refused = Some(error)).ok()
        };
        // Collected, so that every thread has begun before the first is waited for.
        let threads: Vec<_> = pieces.into_iter().enumerate().map_while(fork).collect();
        // All of them, whatever they return. For a thread that is not joined here, the scope waits
        // too, but it replaces the payload of a panic, and destructors of thread-locals run on.
        threads.into_iter().map(|thread| thread.join()).collect()
    });
    let result = |ended: thread::Result<R>| ended.unwrap_or_else(|payload| resume_unwind(payload));
    let results = ended.into_iter().map(result).collect();
    refused.map_or(Ok(results), Err)
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

    /// Refuses the thread of one piece: no system can grant a stack of 15/16 of all addresses.
    fn refuse(refused_piece: usize) -> impl Fn(usize) -> thread::Builder {
        move |index| {
            let builder = thread::Builder::new();
            if index == refused_piece {
                builder.stack_size(15 << (usize::BITS - 4))
            } else {
                builder
            }
        }
    }

    #[test]
    fn the_results_are_those_of_the_sequential_twin() {
        within_deadline(|| {
            for length in 0..6 {
                let twin: Vec<_> = (0..length).map(|piece| piece * 10).collect();
                assert_eq!(fork_join(0..length, |piece| piece * 10).unwrap(), twin);
            }
        });
    }

    #[test]
    fn pieces_may_be_owned_or_borrowed_or_written_to() {
        within_deadline(|| {
            let texts = vec![String::from("a"), String::from("b")];
            assert_eq!(
                fork_join(&texts, |text| text).unwrap(),
                [&texts[0], &texts[1]]
            );
            assert_eq!(fork_join(texts.clone(), |text| text).unwrap(), texts);

            let mut numbers = [1, 2, 3, 4, 5];
            let double = |(index, piece): (usize, &mut [i32])| {
                piece.iter_mut().for_each(|number| *number *= 2);
                (index, piece.len())
            };
            let pieces = numbers.chunks_mut(2).enumerate();
            assert_eq!(fork_join(pieces, double).unwrap(), [(0, 2), (1, 2), (2, 1)]);
            assert_eq!(numbers, [2, 4, 6, 8, 10]);
        });
    }

    #[test]
    fn a_hundred_pieces_have_a_hundred_threads() {
        let name = |_| thread::current().name().map(String::from);
        let names = within_deadline(move || fork_join(0..100, name).unwrap());
        let expected = (0..100).map(|index| Some(format!("fork-join-{index}")));
        assert!(names.into_iter().eq(expected));
    }

    #[test]
    fn results_are_in_the_order_of_the_pieces_whatever_ends_first() {
        // Every piece waits for the one after it, so they end in reverse.
        let results = within_deadline(|| {
            let barriers: Vec<Barrier> = (0..4).map(|_| Barrier::new(2)).collect();
            let work = |piece: usize| {
                if let Some(next) = barriers.get(piece + 1) {
                    next.wait();
                }
                if piece > 0 {
                    barriers[piece].wait();
                }
                piece * 10
            };
            fork_join(0..4, work).unwrap()
        });
        assert_eq!(results, [0, 10, 20, 30]);
    }

    #[test]
    fn every_piece_has_a_named_thread_of_its_own_and_all_run_at_once() {
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
    fn a_refused_thread_is_an_error_once_those_before_it_have_ended() {
        for refused_piece in 0..3 {
            let (begun, refused) = within_deadline(move || {
                let begun = AtomicUsize::new(0);
                let before = Barrier::new(refused_piece.max(1));
                let work = |_| {
                    before.wait(); // all of them have threads, and the caller waits for all
                    begun.fetch_add(1, Ordering::Relaxed); // read after the threads were joined
                };
                let results = fork_join_on(0..3, work, refuse(refused_piece));
                (begun.load(Ordering::Relaxed), results)
            });
            let code = refused.unwrap_err().raw_os_error();
            assert!(code.is_some(), "it is what the system says");
            assert_eq!(begun, refused_piece, "pieces that come later are not begun");
        }
    }

    #[test]
    fn the_caller_collects_the_first_error_in_the_order_of_the_pieces() {
        let result = within_deadline(|| {
            let second_has_failed = Barrier::new(2);
            let work = |piece| {
                second_has_failed.wait();
                Err(piece)
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

        /// The payload of the panic, and how many pieces had ended by then.
        ///
        /// Pieces listed in `panicking` panic with their index once all pieces have begun, and for
        /// `refused_piece` there is no thread.
        fn run(panicking: &'static [usize], refused_piece: usize) -> (usize, usize) {
            within_deadline(move || {
                let (all, ended) = (Barrier::new(refused_piece.min(4)), AtomicUsize::new(0));
                let work = |piece: usize| {
                    all.wait();
                    ended.fetch_add(1, Ordering::Relaxed); // read after the threads were joined
                    if panicking.contains(&piece) {
                        panic_any(piece);
                    }
                };
                let forked = || fork_join_on(0..4, work, refuse(refused_piece));
                let payload = catch_unwind(AssertUnwindSafe(forked)).unwrap_err();
                (*payload.downcast().unwrap(), ended.load(Ordering::Relaxed))
            })
        }

        #[test]
        fn a_panic_reaches_the_caller_unchanged_once_the_siblings_have_ended() {
            for piece in [&[0_usize][..], &[1], &[2], &[3]] {
                assert_eq!(run(piece, usize::MAX), (piece[0], 4));
            }
        }

        #[test]
        fn of_several_panics_that_of_the_first_piece_wins() {
            assert_eq!(run(&[0, 1, 2, 3], usize::MAX), (0, 4));
            assert_eq!(run(&[2, 3], usize::MAX), (2, 4));
        }

        #[test]
        fn a_panic_comes_before_a_refused_thread() {
            assert_eq!(run(&[0], 1), (0, 1));
            assert_eq!(run(&[1, 2], 3), (1, 3));
        }

        #[test]
        fn a_panic_of_the_iterator_comes_first_once_the_pieces_have_ended() {
            let (payload, ended) = within_deadline(|| {
                let ended = AtomicUsize::new(0);
                let pieces = (0..2).map(|piece| if piece < 1 { piece } else { panic_any(piece) });
                let work = |_: i32| {
                    ended.fetch_add(1, Ordering::Relaxed); // read after the joining
                    panic!("of the piece");
                };
                let forked = || fork_join::<_, ()>(pieces, work);
                let payload = catch_unwind(AssertUnwindSafe(forked)).unwrap_err();
                (payload.downcast_ref().copied(), ended.into_inner())
            });
            assert_eq!((payload, ended), (Some(1), 1));
        }
    }
}
