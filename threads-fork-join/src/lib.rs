//! Fork-join over a slice: cut it into pieces, work on each piece on a thread of its own, join the
//! threads, get the results in order. `std` alone, on [`std::thread::scope`].
//!
//! # When to use it
//!
//! For a few large pieces of work that are equally long, from about a millisecond in all: forking
//! and joining a thread costs some 50 µs. The pieces borrow what they work on, may block on I/O,
//! and may ask for a larger stack.
//!
//! # When not to use it
//!
//! - Short or uneven work, work that forks again, or a fork in a hot loop: rayon keeps its threads,
//!   and an idle one steals from a busy one. Here every call starts its threads afresh, and the
//!   longest piece decides when it returns.
//! - Values that arrive over time: use a channel pipeline.
//! - Thousands of pieces that wait for a network: use async tasks.
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
//! wants results or panics joins every handle; here `run` does.
//!
//! # How it ends
//!
//! [`ForkJoin::run`] returns, or panics, when every piece has ended; no thread is left behind. A
//! piece that never ends blocks it for ever. Where panics abort (`panic = "abort"`), the first one
//! ends the process.
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

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

/// How to fork: on how many threads, with how much stack.
///
/// # Examples
///
/// ```
/// use std::num::NonZero;
/// use threads_fork_join::ForkJoin;
///
/// let words = ["one", "two", "three", "four", "five"];
/// let threads = std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
/// let work = |piece: &[&str]| piece.iter().map(|word| word.len()).sum::<usize>();
/// let lengths = ForkJoin::new(threads).run(&words, work); // one per piece, in order
/// assert_eq!(lengths.iter().sum::<usize>(), 19);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ForkJoin {
    threads: NonZero<usize>,
    stack_size: Option<usize>,
}

impl ForkJoin {
    /// Cuts slices into at most `threads` pieces, one thread each.
    ///
    /// Some hundreds are fine. The limit on a default Linux is some 16,000: a process may have
    /// 65,530 mappings (`vm.max_map_count`), and each thread takes about four. Beyond that, a
    /// thread may start and then fail to set up its signal stack, on which `std` aborts the
    /// process.
    #[must_use]
    pub fn new(threads: NonZero<usize>) -> Self {
        Self {
            threads,
            stack_size: None,
        }
    }

    /// Gives each thread a stack of this many bytes instead of the default, 2 MiB or what
    /// `RUST_MIN_STACK` says.
    ///
    /// A piece whose thread the operating system refuses runs on the stack of the calling thread
    /// and may overflow it, which aborts the process. The more you ask for, the likelier a refusal.
    #[must_use]
    pub fn stack_size(self, bytes: usize) -> Self {
        Self {
            stack_size: Some(bytes),
            ..self
        }
    }

    /// Works on all pieces at once and returns their results in the order of the pieces.
    ///
    /// The pieces are contiguous, their lengths differ by at most one, none is empty, and no
    /// items make no pieces. Pieces are numbered from 0; piece 3 runs on a thread named
    /// `fork-join-3`, while the calling thread waits. The operating system may refuse a thread.
    /// Refused pieces run one after another on the calling thread, so no piece may wait for
    /// another.
    ///
    /// # Panics
    ///
    /// If `work` panics, once all pieces have ended: with the payload of the first piece, in slice
    /// order, that panicked, unchanged. If dropping the result or payload of another piece panics as
    /// well, the process aborts.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::num::NonZero;
    /// use threads_fork_join::ForkJoin;
    ///
    /// let pieces = ForkJoin::new(NonZero::new(2).unwrap()).run(&[1, 2, 3, 4, 5], |piece| piece);
    /// assert_eq!(pieces, [&[1, 2][..], &[3, 4, 5]]); // results may borrow from the items
    /// ```
    pub fn run<'a, T: Sync, R: Send>(
        &self,
        items: &'a [T],
        work: impl Fn(&'a [T]) -> R + Sync,
    ) -> Vec<R> {
        fork_join(items, self.threads, work, |index| {
            let builder = thread::Builder::new().name(format!("fork-join-{index}"));
            match self.stack_size {
                Some(bytes) => builder.stack_size(bytes),
                None => builder,
            }
        })
    }

    /// The sequential twin of [`run`](Self::run): the same pieces one after the other, on the
    /// calling thread.
    ///
    /// # Panics
    ///
    /// If `work` panics, at once: the pieces after that one are not worked on.
    pub fn run_sequential<'a, T: Sync, R: Send>(
        &self,
        items: &'a [T],
        work: impl Fn(&'a [T]) -> R + Sync,
    ) -> Vec<R> {
        pieces(items, self.threads).map(work).collect()
    }

    /// The fallible form of [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// The error of the first piece, in slice order, that failed. A failure does not stop the
    /// other pieces.
    ///
    /// # Panics
    ///
    /// As `run` does; a panic takes precedence over errors.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::num::{NonZero, ParseIntError};
    /// use threads_fork_join::ForkJoin;
    ///
    /// let sum = |piece: &[&str]| piece.iter().map(|text| text.parse::<i32>()).sum();
    /// let fork_join = ForkJoin::new(NonZero::new(2).unwrap());
    /// let sums: Result<Vec<i32>, ParseIntError> = fork_join.try_run(&["1", "2", "3"], sum);
    /// assert_eq!(sums, Ok(vec![1, 5]));
    /// assert!(fork_join.try_run(&["1", "2", "x"], sum).is_err());
    /// ```
    pub fn try_run<'a, T: Sync, R: Send, E: Send>(
        &self,
        items: &'a [T],
        work: impl Fn(&'a [T]) -> Result<R, E> + Sync,
    ) -> Result<Vec<R>, E> {
        self.run(items, work).into_iter().collect()
    }
}

/// The next piece takes `rest / pieces_left` items, so lengths differ by at most one.
fn pieces<T>(items: &[T], threads: NonZero<usize>) -> impl Iterator<Item = &[T]> {
    let count = threads.get().min(items.len());
    let mut rest = items;
    (0..count).map(move |index| {
        let pieces_left = count - index;
        let (piece, after) = rest.split_at(rest.len() / pieces_left);
        rest = after;
        piece
    })
}

/// `builder` prepares the thread of a piece; tests pass one that the operating system refuses.
fn fork_join<'a, T: Sync, R: Send>(
    items: &'a [T],
    threads: NonZero<usize>,
    work: impl Fn(&'a [T]) -> R + Sync,
    builder: impl Fn(usize) -> thread::Builder,
) -> Vec<R> {
    let work = &work;
    let results: Vec<thread::Result<R>> = thread::scope(|scope| {
        // Each step ends with `collect`, so that every thread runs before a piece is worked on
        // here, and every piece is under way before the first thread is waited for.
        let spawned: Vec<_> = pieces(items, threads)
            .enumerate()
            .map(|(index, piece)| builder(index).spawn_scoped(scope, move || work(piece)))
            .collect();

        // Without this, a panic here would skip the pieces that follow, and overtake that of an
        // earlier one. Asserted unwind safe, as `work` may leave things half-done on any thread.
        let work_here = |piece| catch_unwind(AssertUnwindSafe(|| work(piece)));
        let threads_or_results: Vec<_> = pieces(items, threads)
            .zip(spawned)
            .map(|(piece, thread)| thread.map_err(|_refused| work_here(piece)))
            .collect();

        threads_or_results
            .into_iter()
            .map(|thread_or_result| match thread_or_result {
                Ok(thread) => thread.join(),
                Err(result) => result,
            })
            .collect()
    });
    let result_or_panic =
        |result: thread::Result<R>| result.unwrap_or_else(|payload| resume_unwind(payload));
    results.into_iter().map(result_or_panic).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Barrier, mpsc};
    use std::time::Duration;

    /// Items, threads, and the lengths of the pieces they make.
    const SHAPES: [(usize, usize, &[usize]); 9] = [
        (0, 1, &[]),
        (0, 3, &[]),
        (1, 1, &[1]),
        (1, 3, &[1]),
        (2, 3, &[1, 1]),
        (3, 3, &[1, 1, 1]),
        (5, 3, &[1, 2, 2]),
        (7, 1, &[7]),
        (10, 4, &[2, 2, 3, 3]),
    ];

    /// Runs `body` on a thread of its own, so that a hang fails the test instead of blocking it.
    fn within_deadline<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> R {
        let (sender, receiver) = mpsc::channel();
        let runner = thread::spawn(move || sender.send(body()));
        match receiver.recv_timeout(Duration::from_secs(20)) {
            Ok(result) => result,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("did not end within 20 s"),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                std::panic::resume_unwind(runner.join().expect_err("ended without a result"))
            }
        }
    }

    fn threads(count: usize) -> NonZero<usize> {
        NonZero::new(count).unwrap()
    }

    fn on(count: usize) -> ForkJoin {
        ForkJoin::new(threads(count))
    }

    /// A stack that no operating system can grant: 15/16 of all addresses.
    const REFUSED_STACK: usize = 15 << (usize::BITS - 4);

    /// Refuses the thread of one piece, or of none.
    fn refuse(refused_piece: Option<usize>) -> impl Fn(usize) -> thread::Builder {
        move |index| {
            let builder = thread::Builder::new();
            if Some(index) == refused_piece {
                builder.stack_size(REFUSED_STACK)
            } else {
                builder
            }
        }
    }

    #[test]
    fn pieces_are_contiguous_and_their_lengths_differ_by_at_most_one() {
        within_deadline(|| {
            for (length, count, expected) in SHAPES {
                let case = format!("{length} items on {count} threads");
                let items: Vec<usize> = (0..length).collect();
                let parallel = on(count).run(&items, |piece| piece);
                let lengths: Vec<usize> = parallel.iter().map(|piece| piece.len()).collect();
                assert_eq!(lengths, expected, "{case}");
                assert_eq!(parallel.concat(), items, "{case}");
                let sequential = on(count).run_sequential(&items, |piece| piece);
                assert_eq!(sequential, parallel, "{case}");
            }
        });
    }

    #[test]
    fn results_are_in_input_order_whatever_ends_first() {
        // Every piece waits for the one after it, so they end in reverse.
        let results = within_deadline(|| {
            let barriers: Vec<Barrier> = (0..4).map(|_| Barrier::new(2)).collect();
            on(4).run(&[0, 1, 2, 3], |piece| {
                if let Some(next) = barriers.get(piece[0] + 1) {
                    next.wait();
                }
                if piece[0] > 0 {
                    barriers[piece[0]].wait();
                }
                piece[0] * 10
            })
        });
        assert_eq!(results, [0, 10, 20, 30]);
    }

    #[test]
    fn every_piece_has_a_named_thread_of_its_own_and_all_run_at_once() {
        let (names, caller) = within_deadline(|| {
            let all = Barrier::new(3);
            let names = on(3).run(&["a", "b", "c"], |_| {
                all.wait();
                let current = thread::current();
                (current.name().map(String::from), current.id())
            });
            (names, thread::current().id())
        });
        for (index, (name, id)) in names.into_iter().enumerate() {
            assert_eq!(name, Some(format!("fork-join-{index}")));
            assert_ne!(id, caller);
        }
    }

    #[test]
    fn a_thread_has_the_stack_that_it_was_given() {
        /// Needs at least 64 KiB of stack per level.
        fn descend(levels: u64) -> u64 {
            let frame = [levels; 8 * 1024];
            match *std::hint::black_box(&frame) {
                [0, ..] => 0,
                [level, ..] => 1 + descend(level - 1),
            }
        }
        // Deeper than the 2 MiB of the default and the 8 MiB of most main threads: without the
        // stack that it asks for, this aborts the process.
        let depths = within_deadline(|| {
            let deep = on(2).stack_size(64 << 20);
            deep.run(&[150, 200], |piece| descend(piece[0]))
        });
        assert_eq!(depths, [150, 200]);
    }

    #[test]
    fn pieces_that_get_no_thread_run_on_the_calling_thread() {
        within_deadline(|| {
            let refused = on(3).stack_size(REFUSED_STACK);
            let ids = refused.run(&[1, 2, 3], |piece| (piece[0], thread::current().id()));
            assert_eq!(ids, [1, 2, 3].map(|item| (item, thread::current().id())));
        });
    }

    #[test]
    fn a_refused_piece_runs_while_the_other_threads_do() {
        for refused_piece in 0..3 {
            let results = within_deadline(move || {
                let all = Barrier::new(3);
                let work = |piece: &[usize]| {
                    all.wait();
                    piece[0]
                };
                fork_join(&[0, 1, 2], threads(3), work, refuse(Some(refused_piece)))
            });
            assert_eq!(results, [0, 1, 2]);
        }
    }

    #[test]
    fn the_sequential_twin_works_on_the_calling_thread() {
        let ids = on(3).run_sequential(&[1, 2, 3], |_| thread::current().id());
        assert_eq!(ids, [thread::current().id(); 3]);
    }

    #[test]
    fn the_error_of_the_first_piece_is_returned() {
        let work = |piece: &[u32]| {
            if piece[0] < 2 {
                Ok(piece[0])
            } else {
                Err(piece[0])
            }
        };
        within_deadline(move || {
            assert_eq!(on(4).try_run(&[0, 1, 2, 3], work), Err(2));
            assert_eq!(on(4).try_run(&[3, 1, 2, 0], work), Err(3));
            assert_eq!(on(4).try_run(&[0, 1, 1, 0], work), Ok(vec![0, 1, 1, 0]));
            assert_eq!(on(4).try_run(&[], work), Ok(vec![]));
        });
    }

    #[test]
    #[cfg(unix)] // on Windows, threads cannot start while such a destructor waits
    fn the_error_of_the_first_piece_wins_even_if_it_is_the_last_to_come() {
        use std::cell::RefCell;
        use std::sync::Arc;
        struct WaitOnDrop(Arc<Barrier>);
        impl Drop for WaitOnDrop {
            fn drop(&mut self) {
                self.0.wait();
            }
        }
        thread_local! {
            /// Dropped when its thread ends, and so after the piece has returned.
            static AT_EXIT: RefCell<Option<WaitOnDrop>> = const { RefCell::new(None) };
        }
        let result: Result<Vec<()>, _> = within_deadline(|| {
            let second_has_returned = Arc::new(Barrier::new(2));
            on(2).try_run(&[0, 1], |piece| {
                let barrier = Arc::clone(&second_has_returned);
                if piece[0] == 1 {
                    AT_EXIT.set(Some(WaitOnDrop(barrier)));
                } else {
                    barrier.wait();
                }
                Err(piece[0])
            })
        });
        assert_eq!(result, Err(0));
    }

    #[cfg(panic = "unwind")]
    mod panics {
        use super::*;

        /// The payload of the panic, and how many pieces had ended by then.
        ///
        /// Pieces listed in `panicking` panic with their index, the others wait until those have
        /// begun, and for `refused_piece` there is no thread.
        fn run(panicking: &'static [usize], refused_piece: Option<usize>) -> (usize, usize) {
            within_deadline(move || {
                let (all, ended) = (Barrier::new(4), AtomicUsize::new(0));
                let work = |piece: &[usize]| {
                    all.wait();
                    ended.fetch_add(1, Ordering::Relaxed); // read after the threads were joined
                    if panicking.contains(&piece[0]) {
                        std::panic::panic_any(piece[0]);
                    }
                };
                let builder = refuse(refused_piece);
                let forked = || fork_join(&[0, 1, 2, 3], threads(4), work, builder);
                let payload = catch_unwind(AssertUnwindSafe(forked)).unwrap_err();
                (*payload.downcast().unwrap(), ended.load(Ordering::Relaxed))
            })
        }

        #[test]
        fn a_panic_reaches_the_caller_unchanged_once_the_siblings_have_ended() {
            for refused_piece in [None, Some(0), Some(1), Some(3)] {
                assert_eq!(run(&[0], refused_piece), (0, 4));
                assert_eq!(run(&[1], refused_piece), (1, 4));
                assert_eq!(run(&[3], refused_piece), (3, 4));
            }
        }

        #[test]
        fn of_several_panics_that_of_the_first_piece_wins() {
            for refused_piece in [None, Some(0), Some(1), Some(3)] {
                assert_eq!(run(&[0, 1, 2, 3], refused_piece), (0, 4));
                assert_eq!(run(&[2, 3], refused_piece), (2, 4));
            }
        }

        #[test]
        fn a_panic_takes_precedence_over_an_error() {
            let work = |piece: &[u32]| match piece[0] {
                0 => Err(()),
                _ => panic!("piece {}", piece[0]),
            };
            let outcome = within_deadline(move || {
                catch_unwind(|| -> Result<Vec<()>, _> { on(2).try_run(&[0, 1], work) })
            });
            let payload = outcome.unwrap_err();
            assert_eq!(payload.downcast_ref(), Some(&"piece 1".to_string()));
        }

        #[test]
        fn the_sequential_twin_stops_at_the_first_panic() {
            let begun = AtomicUsize::new(0);
            let work = |piece: &[usize]| {
                begun.fetch_add(1, Ordering::Relaxed); // one thread
                if piece[0] > 0 {
                    std::panic::panic_any(piece[0]);
                }
            };
            let run = || on(4).run_sequential(&[0, 1, 2, 3], work);
            let payload = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
            assert_eq!(payload.downcast_ref(), Some(&1_usize));
            assert_eq!(begun.into_inner(), 2);
        }
    }
}
