//! Pipeline, ordered parallel map, backpressure: read ahead, map on workers.
//!
//! ```ignore
//! use pipeline::PipelineExt;
//! use std::{fs, io, thread};
//!
//! fn main() -> io::Result<()> {
//!     let paths = ["Cargo.toml", "README.md"]; // or lines, or a directory walk: any iterator
//!     let workers = thread::available_parallelism()?;
//!     let capacity = 2 * workers.get(); // how many results may wait for this thread
//!     thread::scope(|scope| {
//!         // Two closures: the outer one is called for each worker, the inner one for each item.
//!         let read = || |path| Ok::<_, io::Error>((path, fs::read_to_string(path)?));
//!         let texts = paths.into_iter().parallel_map(scope, workers, capacity, read)?;
//!         for result in texts {
//!             let (path, text) = result?; // the first error, in input order, ends everything
//!             println!("{path}: {} bytes", text.len()); // on this thread, in input order
//!         }
//!         Ok(())
//!     })
//! }
//! ```
//!
//! # When to use it
//!
//! When items arrive over time, each takes some work, and memory must stay bounded, however slow
//! either end is. Handing over an item costs about half a microsecond, and two workers pay off from
//! some 3 µs of work. So let an item be a file, a block or a batch of lines, not a line.
//!
//! # When not to use it
//!
//! - Everything is in memory: rayon splits a slice at less cost.
//! - Order does not matter, and a rayon pool exists: rayon's `par_bridge`.
//! - The iterator is not `Send`, or there is no scope: the crate pariter runs the iterator on the
//!   consumer's thread. With pariter, a panic loses its payload.
//! - Many producers and one consumer: `std::sync::mpsc` is enough.
//! - The work is waiting, for thousands of things at once: async tasks.
//!
//! # How it ends
//!
//! - Normally, after the last item.
//! - With an error: items and results may be [`Result`]s. A consumer that leaves with `?` returns
//!   the first error in input order, and has seen all results before it.
//! - With a panic: a panic of the source or of a mapping is re-raised in the consumer's loop, with
//!   its payload, when its item's turn comes. [`parallel_map`](PipelineExt::parallel_map) shows how
//!   it becomes an error of that item instead.
//! - When the consumer leaves (`break`, `?`, a panic, a drop), the source's `next` is called at most
//!   once more, and each worker finishes at most one item: its current one, or one that it takes at
//!   that moment. Unused items, results and panics are dropped.
//!
//! The scope waits for all of that. A source that blocks, on a socket or a channel, delays the end
//! until its next item. To avoid that, let it also wait for the end, as in the recipe `ctrl_c.rs`.
//!
//! # To use it
//!
//! Declare it with `#[allow(dead_code, unreachable_pub)] mod pipeline;`. The tests start at
//! `#[cfg(test)]`; cut them off if you do not want them.
//!
//! Needs: `cargo add crossbeam-channel`.
//!
//! Its tests: nothing more.
//!
//! # Details
//!
//! ```text
//! source ──── items 7, 6 ────┬──► worker ──┬──── results 3, 5 ────► consumer, keeps 4
//!    │                       └──► worker ──┘                           ▲
//!    └────────────── permits, at most `capacity` ──────────────────────┘
//! ```
//!
//! The bound: before the source's thread takes an item, it sends a permit, which blocks while
//! `capacity` permits wait. The consumer receives one permit for each result. So the channels of
//! items and results need no bound of their own. The order: each item has a number, and so has its
//! result. The consumer keeps results that come early until it is their turn.
//!
//! - Each sender and receiver is owned by the one thread that uses it. So when a thread ends, its
//!   neighbours notice: a failed `recv` is the end of the stream, and a failed `send` means that the
//!   consumer has left.
//! - A consumer that survives a panic may go on with the next item. A panic of the source is the
//!   last item. In a chain, an earlier stage is the source of the next one.
//! - The last `next` does not wait for the destructors of the source and the mappings. The scope does.
//! - If a destructor panics on a thread of a stage, everything ends, and the scope panics with "a
//!   scoped thread panicked". If it was the destructor of an unused item, others may be leaked.
//! - `mem::forget` of an iterator may keep the scope from ending.
//! - With `panic = "abort"`, the first panic ends the process.

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use std::collections::BTreeMap;
use std::io;
use std::iter;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread::{self, Builder, Scope};

/// Stages of a pipeline, for any iterator: each runs on threads of a [`thread::scope`].
///
/// The threads, named `source` and `worker`, start at once and end with the scope. A stage is an
/// iterator, so it may be the source of another one.
///
/// `capacity` is how many items may wait for their consumer. It is allocated at the start; a huge
/// one panics or aborts.
///
/// # When it does not compile
///
/// | the compiler says | do |
/// |---|---|
/// | closure is expected to take 0 arguments, but it takes 1 argument (E0593) | pass `\|\| \|item\| ...`: a closure that makes a mapping for each worker |
/// | `MutexGuard<...>` cannot be sent between threads | instead of `stdin().lines()`: `BufReader::new(stdin()).lines()` |
/// | `x` does not live long enough | make `x` before `thread::scope`; if it is `Copy`, `\|\| move \|item\| ...` |
/// | cannot move out of `x`, a captured variable in an `FnMut` closure | clone `x` for each worker, between the two closures |
///
/// # Errors
///
/// Returns the OS error if a thread cannot be spawned. Threads that have started end at once.
pub trait PipelineExt: Iterator + Sized {
    /// Runs this iterator on a thread of its own, ahead of its consumer.
    ///
    /// At most `capacity + 2` items are in flight, taken from this iterator and not yet returned: one
    /// in the hand of each side.
    fn read_ahead<'scope>(
        self,
        scope: &'scope Scope<'scope, '_>,
        capacity: usize,
    ) -> io::Result<impl Iterator<Item = Self::Item> + Send + 'scope>
    where
        Self: Send + 'scope,
        Self::Item: Send + 'scope,
    {
        let (sender, items) = bounded(capacity);
        read(self, scope, sender, Builder::new)?;
        Ok(items.into_iter().map(or_panic))
    }

    /// Maps the items on `workers` threads, and returns the results in input order.
    ///
    /// `mapping` is called once for each worker, on this thread. The closure that it returns maps the
    /// items of that worker, and may own what they share: a buffer, a table, a connection. It is used
    /// again after a panic. A function that needs nothing is passed as `|| function`.
    ///
    /// At most `capacity + 1` items are in flight, taken from this iterator and not yet returned. So
    /// with a capacity below `workers`, some workers are idle. The iterator runs on a thread of its
    /// own, as with `read_ahead`.
    ///
    /// Order costs head-of-line blocking: while one item takes long, later results wait, and once
    /// `capacity` items are behind it, all threads do.
    ///
    /// To turn a panic into an error of its item, so that the other items go on:
    ///
    /// ```ignore
    /// use pipeline::PipelineExt;
    /// use std::panic::{AssertUnwindSafe, catch_unwind};
    /// use std::{io, num::NonZero, thread};
    ///
    /// fn main() -> io::Result<()> {
    ///     let first = |list: &Vec<i32>| list[0]; // panics if the list is empty
    ///     let lists = [vec![1], vec![], vec![3]];
    ///     let firsts: Vec<Result<i32, &str>> = thread::scope(|scope| {
    ///         let mapping = || |list| {
    ///             catch_unwind(AssertUnwindSafe(|| first(list))).map_err(|_payload| "panicked")
    ///         };
    ///         let results = lists.iter().parallel_map(scope, NonZero::<usize>::MIN, 8, mapping)?;
    ///         Ok::<_, io::Error>(results.collect())
    ///     })?;
    ///     assert_eq!(firsts, [Ok(1), Err("panicked"), Ok(3)]);
    ///     Ok(())
    /// }
    /// ```
    fn parallel_map<'scope, R, F>(
        self,
        scope: &'scope Scope<'scope, '_>,
        workers: NonZero<usize>,
        capacity: usize,
        mapping: impl FnMut() -> F,
    ) -> io::Result<impl Iterator<Item = R> + Send + 'scope>
    where
        Self: Send + 'scope,
        Self::Item: Send + 'scope,
        F: FnMut(Self::Item) -> R + Send + 'scope,
        R: Send + 'scope,
    {
        let (permits, results) = map(self, scope, workers, capacity, mapping, Builder::new)?;
        Ok(InOrder {
            permits,
            results,
            next: 0,
            early: BTreeMap::new(),
        })
    }

    /// As [`parallel_map`](Self::parallel_map), but returns the results as they are ready.
    ///
    /// No result waits for another one. So an error or a panic may overtake the results of earlier
    /// items.
    fn parallel_map_unordered<'scope, R, F>(
        self,
        scope: &'scope Scope<'scope, '_>,
        workers: NonZero<usize>,
        capacity: usize,
        mapping: impl FnMut() -> F,
    ) -> io::Result<impl Iterator<Item = R> + Send + 'scope>
    where
        Self: Send + 'scope,
        Self::Item: Send + 'scope,
        F: FnMut(Self::Item) -> R + Send + 'scope,
        R: Send + 'scope,
    {
        let (permits, results) = map(self, scope, workers, capacity, mapping, Builder::new)?;
        Ok(iter::from_fn(move || {
            permits.recv().ok()?;
            let (_number, result) = results.recv().ok()?;
            Some(or_panic(result))
        }))
    }
}

impl<I: Iterator> PipelineExt for I {}

/// An item or a result, or the panic in its place, with its number in the input.
type Numbered<T> = (usize, thread::Result<T>);

/// The consumer's end of an ordered map.
///
/// Fields are dropped in this order: the receivers first, so that the workers notice, and then the
/// early results, whose destructors may be slow.
struct InOrder<R> {
    permits: Receiver<()>,
    results: Receiver<Numbered<R>>,
    next: usize,
    early: BTreeMap<usize, thread::Result<R>>,
}

impl<R> Iterator for InOrder<R> {
    type Item = R;

    fn next(&mut self) -> Option<R> {
        self.permits.recv().ok()?;
        let result = loop {
            if let Some(result) = self.early.remove(&self.next) {
                break result;
            }
            let (number, result) = self.results.recv().ok()?;
            if number == self.next {
                break result;
            }
            self.early.insert(number, result);
        };
        self.next += 1;
        Some(or_panic(result))
    }
}

/// Starts the thread that reads ahead. `builder` configures it; tests pass one that fails to spawn.
fn read<'scope, I>(
    source: I,
    scope: &'scope Scope<'scope, '_>,
    items: Sender<thread::Result<I::Item>>,
    builder: impl Fn() -> Builder,
) -> io::Result<()>
where
    I: Iterator<Item: Send> + Send + 'scope,
{
    let read = move || {
        let mut source = caught(source);
        for item in source.by_ref() {
            if items.send(item).is_err() {
                break; // the consumer has left
            }
        }
        drop(items); // the end for the consumer: before the source, whose destructor may be slow
    };
    builder().name("source".into()).spawn_scoped(scope, read)?;
    Ok(())
}

/// Starts the threads of a stage that maps. Returns what its consumer receives: a permit first, then
/// a result.
fn map<'scope, I, R, F>(
    source: I,
    scope: &'scope Scope<'scope, '_>,
    workers: NonZero<usize>,
    capacity: usize,
    mut mapping: impl FnMut() -> F,
    builder: impl Fn() -> Builder,
) -> io::Result<(Receiver<()>, Receiver<Numbered<R>>)>
where
    I: Iterator<Item: Send> + Send + 'scope,
    F: FnMut(I::Item) -> R + Send + 'scope,
    R: Send + 'scope,
{
    let (permits, permitted) = bounded(capacity);
    let (items, to_do) = unbounded::<Numbered<I::Item>>(); // the permits bound it,
    let (sender, results) = unbounded(); // and this one
    for _ in 0..workers.get() {
        let to_do = to_do.clone();
        let sender = sender.clone();
        let mut mapping = mapping();
        let work = move || {
            for (number, item) in to_do {
                let map = |item| catch_unwind(AssertUnwindSafe(|| mapping(item)));
                if sender.send((number, item.and_then(map))).is_err() {
                    break; // the consumer has left
                }
            }
            drop(sender); // before the mapping, whose destructor may be slow
        };
        builder().name("worker".into()).spawn_scoped(scope, work)?;
    }
    let feed = move || {
        let mut source = caught(source).enumerate();
        // The permit comes first, so that no item is taken while there is no room.
        while permits.send(()).is_ok() {
            let Some(item) = source.next() else { break };
            if items.send(item).is_err() {
                break; // the workers have ended, because the consumer has left
            }
        }
        drop((permits, items)); // before the source, whose destructor may be slow
    };
    builder().name("source".into()).spawn_scoped(scope, feed)?;
    Ok((permitted, results))
}

/// The items of an iterator, and its panic as the last one.
fn caught<I: Iterator>(mut source: I) -> impl Iterator<Item = thread::Result<I::Item>> {
    let mut panicked = false;
    iter::from_fn(move || {
        if panicked {
            return None;
        }
        let next = catch_unwind(AssertUnwindSafe(|| source.next()));
        panicked = next.is_err();
        next.transpose()
    })
}

fn or_panic<T>(result: thread::Result<T>) -> T {
    result.unwrap_or_else(|payload| resume_unwind(payload))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crossbeam_channel::Receiver;
    use std::cell::Cell;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Barrier, mpsc};
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

    /// Its destructor blocks until the sender is dropped.
    struct SlowToDrop(Receiver<()>);

    impl Drop for SlowToDrop {
        fn drop(&mut self) {
            let _ = self.0.recv();
        }
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Shape {
        ReadAhead,
        Ordered,
        Unordered,
        Chain,
        UnorderedChain,
    }
    use Shape::*;

    #[derive(Clone, Copy, Debug)]
    struct Case {
        shape: Shape,
        workers: NonZero<usize>,
        capacity: usize,
    }

    fn case(shape: Shape, workers: usize, capacity: usize) -> Case {
        let workers = NonZero::new(workers).unwrap();
        Case {
            shape,
            workers,
            capacity,
        }
    }

    /// Every shape with the bounds at which something changes.
    fn grid() -> impl Iterator<Item = Case> {
        let shapes = [ReadAhead, Ordered, Unordered, Chain, UnorderedChain].into_iter();
        let sized = shapes.flat_map(|shape| [1, 2, 8].map(|workers| (shape, workers)));
        sized.flat_map(|(shape, workers)| [0, 1, 64].map(|room| case(shape, workers, room)))
    }

    type Items<'scope, T> = Box<dyn Iterator<Item = T> + Send + 'scope>;
    type Mapping<'scope, T> = Box<dyn FnMut(T) -> T + Send + 'scope>;

    impl Case {
        /// The items of `source`, each through `mapping` once: on the last stage, if there is one
        /// that maps.
        fn start<'scope, T: Send + 'scope>(
            self,
            scope: &'scope Scope<'scope, '_>,
            source: impl Iterator<Item = T> + Send + 'scope,
            mapping: impl Fn(T) -> T + Copy + Send + 'scope,
        ) -> Items<'scope, T> {
            self.start_with(scope, Box::new(source), &mut || Box::new(mapping))
        }

        /// The same, with a mapping for each worker. It takes no closure types, for each of which all
        /// shapes would be compiled.
        fn start_with<'scope, T: Send + 'scope>(
            self,
            scope: &'scope Scope<'scope, '_>,
            source: Items<'scope, T>,
            mapping: &mut dyn FnMut() -> Mapping<'scope, T>,
        ) -> Items<'scope, T> {
            let Case {
                shape,
                workers: n,
                capacity,
            } = self;
            let one = NonZero::<usize>::MIN;
            let same = || |item| item;
            match shape {
                ReadAhead => Box::new(source.map(mapping()).read_ahead(scope, capacity).unwrap()),
                Ordered => Box::new(source.parallel_map(scope, n, capacity, mapping).unwrap()),
                Unordered => {
                    let mapped = source.parallel_map_unordered(scope, n, capacity, mapping);
                    Box::new(mapped.unwrap())
                }
                Chain => {
                    let ahead = source.read_ahead(scope, capacity).unwrap();
                    let mapped = ahead.parallel_map(scope, n, capacity, mapping).unwrap();
                    Box::new(mapped.parallel_map(scope, one, capacity, same).unwrap())
                }
                UnorderedChain => {
                    let mapped = source.parallel_map_unordered(scope, one, capacity, same);
                    let mapped = mapped.unwrap().read_ahead(scope, capacity).unwrap();
                    let mapped = mapped.parallel_map_unordered(scope, n, capacity, mapping);
                    Box::new(mapped.unwrap())
                }
            }
        }

        fn is_ordered(self) -> bool {
            matches!(self.shape, ReadAhead | Ordered | Chain)
        }
    }

    #[test]
    fn every_result_arrives_once_and_in_order_if_asked_for() {
        for case in grid() {
            for length in [0, 1, 2, 3, 200] {
                let mut squares: Vec<u64> = within_deadline(move || {
                    thread::scope(|scope| case.start(scope, 0..length, |n| n * n).collect())
                });
                if !case.is_ordered() {
                    squares.sort_unstable();
                }
                let expected: Vec<u64> = (0..length).map(|n| n * n).collect();
                assert_eq!(squares, expected, "{case:?}");
            }
        }
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Failure {
        SourceError,
        MappingError,
        SourcePanic,
        MappingPanic,
        ConsumerPanic,
        ConsumerLeaves,
    }
    use Failure::*;

    /// An item that tells when it is gone.
    #[derive(Clone)]
    struct Item(usize, #[allow(dead_code)] Arc<()>);

    /// What a run ends with, and what it delivered. Panics are raised by `resume_unwind`, which
    /// prints nothing.
    fn fail(case: Case, failure: Failure, at: usize) -> (Result<(), String>, Vec<usize>) {
        let (lives, mut delivered) = (Arc::new(()), Vec::new());
        let here = move |what: Failure, item: &Item| what == failure && item.0 == at;
        let act = move |error: Failure, panic: Failure, item: Item| {
            if here(panic, &item) {
                resume_unwind(Box::new(format!("{panic:?} at {at}")));
            }
            if here(error, &item) {
                return Err(format!("{error:?} at {at}"));
            }
            Ok(item)
        };
        let run = || {
            // Endless, so that only the failure ends it.
            let life = lives.clone();
            let source = (0..).map(move |n| act(SourceError, SourcePanic, Item(n, life.clone())));
            let mapping = move |item: Result<Item, String>| act(MappingError, MappingPanic, item?);
            thread::scope(|scope| {
                for item in case.start(scope, source, mapping) {
                    let item = item?;
                    if here(ConsumerPanic, &item) {
                        resume_unwind(Box::new(format!("ConsumerPanic at {at}")));
                    }
                    delivered.push(item.0);
                    if here(ConsumerLeaves, &item) {
                        break;
                    }
                }
                Ok(())
            })
        };
        let end = catch_unwind(AssertUnwindSafe(run));
        let end = end.unwrap_or_else(|payload| Err(*payload.downcast::<String>().unwrap()));
        assert_eq!(Arc::strong_count(&lives), 1, "{case:?}: an item is left");
        (end, delivered)
    }

    #[test]
    #[cfg(panic = "unwind")]
    fn whatever_fails_the_pipeline_ends_with_the_cause_and_drops_everything() {
        for case in grid() {
            for failure in [
                SourceError,
                MappingError,
                SourcePanic,
                MappingPanic,
                ConsumerPanic,
                ConsumerLeaves,
            ] {
                for at in [0, 1, 70] {
                    let (end, mut delivered) = within_deadline(move || fail(case, failure, at));
                    let (name, leaves) = (format!("{case:?}"), failure == ConsumerLeaves);
                    let expected = if leaves {
                        Ok(())
                    } else {
                        Err(format!("{failure:?} at {at}"))
                    };
                    assert_eq!(end, expected, "{name}");
                    if case.is_ordered() {
                        let before: Vec<usize> = (0..at + usize::from(leaves)).collect();
                        assert_eq!(delivered, before, "{name} {failure:?}");
                    } else {
                        delivered.sort_unstable();
                        delivered.dedup();
                        assert!(delivered.len() >= usize::from(leaves), "{name}");
                    }
                }
            }
        }
    }

    #[test]
    #[cfg(panic = "unwind")]
    fn the_first_failure_in_input_order_wins_even_if_it_comes_last() {
        for panics in [false, true] {
            for capacity in [1, 64] {
                // Item 3 fails only when item 4 has: the sender is dropped before that fails.
                let end = within_deadline(move || {
                    let (failing, failed) = bounded::<()>(0);
                    let failing = std::sync::Mutex::new(Some(failing));
                    let run = || {
                        let mapping = || {
                            |n: u64| match n {
                                3 => {
                                    let _ = failed.recv();
                                    Err(3)
                                }
                                4 => {
                                    drop(failing.lock().unwrap().take());
                                    if panics {
                                        resume_unwind(Box::new(4));
                                    }
                                    Err(4)
                                }
                                n => Ok(n),
                            }
                        };
                        thread::scope(|scope| {
                            let two = NonZero::new(2).unwrap();
                            let results = (0..).parallel_map(scope, two, capacity, mapping);
                            results.unwrap().collect::<Result<Vec<_>, _>>()
                        })
                    };
                    catch_unwind(AssertUnwindSafe(run)).unwrap_or(Err(0))
                });
                assert_eq!(end, Err(3), "{panics} {capacity}");
            }
        }
    }

    /// Counts messages: waits for those expected, then a moment for those that must not come.
    fn until_quiet(messages: &Receiver<()>, expected: usize) -> usize {
        let first = messages.iter().take(expected).count();
        let quiet = || messages.recv_timeout(Duration::from_millis(20)).ok();
        first + iter::from_fn(quiet).count()
    }

    #[test]
    fn all_that_the_bound_lets_in_is_worked_on_and_no_more_while_the_consumer_takes_its_time() {
        for shape in [ReadAhead, Ordered, Unordered] {
            for (workers, capacity) in [(1, 0), (1, 64), (2, 0), (2, 1), (8, 64)] {
                let (taken, mapped, expected) = within_deadline(move || {
                    let ((take, taken), (map, mapped)) = (unbounded(), unbounded());
                    let (source, map) = ((0..).inspect(|_| take.send(()).unwrap()), &map);
                    let mapping = |n| {
                        map.send(()).unwrap();
                        n
                    };
                    thread::scope(|scope| {
                        let mut items =
                            case(shape, workers, capacity).start(scope, source, mapping);
                        items.next();
                        // The first is here. Those that map make room before they take one.
                        let expected = 1 + capacity + usize::from(shape == ReadAhead);
                        let counts = [&taken, &mapped].map(|steps| until_quiet(steps, expected));
                        (counts[0], counts[1], expected)
                    })
                });
                let case = format!("{shape:?} {workers} {capacity}");
                assert_eq!((taken, mapped), (expected, expected), "{case}");
            }
        }
    }

    #[test]
    fn no_more_than_the_bound_is_taken_while_the_first_item_never_ends() {
        for (workers, capacity) in [(1, 0), (1, 64), (2, 0), (2, 1), (8, 64)] {
            let taken = within_deadline(move || {
                let (take, taken) = unbounded();
                let taken = &taken;
                let source = (0..).inspect(|_| take.send(()).unwrap());
                // It ends when nothing else happens any more.
                let mapping = |n| match n {
                    0 => until_quiet(taken, capacity + 1),
                    _ => 0,
                };
                thread::scope(|scope| {
                    let case = case(Ordered, workers, capacity);
                    case.start(scope, source, mapping).next().unwrap()
                })
            });
            assert_eq!(taken, capacity + 1, "{workers} {capacity}");
        }
    }

    #[test]
    fn all_workers_work_at_once_each_with_a_mapping_of_its_own() {
        for shape in [Ordered, Unordered] {
            let (made, mut mapped) = within_deadline(move || {
                let (meeting, mut made) = (Barrier::new(8), 0);
                let meeting = &meeting;
                let mapped: Vec<(usize, usize)> = thread::scope(|scope| {
                    let source = Box::new(iter::repeat_n((0, 0), 24));
                    let results = case(shape, 8, 24).start_with(scope, source, &mut || {
                        let (number, mut calls) = (made, 0);
                        made += 1;
                        Box::new(move |_| {
                            meeting.wait(); // never returns with fewer than 8 workers
                            calls += 1;
                            (number, calls)
                        })
                    });
                    results.collect()
                });
                (made, mapped)
            });
            assert_eq!(made, 8);
            // No worker took two items while the others met, so each had three.
            mapped.sort_unstable();
            let expected = (0..8).flat_map(|number| (1..=3).map(move |calls| (number, calls)));
            assert!(expected.eq(mapped), "{shape:?}");
        }
    }

    #[test]
    fn threads_have_names() {
        let name = || thread::current().name().map(String::from);
        for shape in [ReadAhead, Ordered] {
            let mut names = within_deadline(move || {
                thread::scope(|scope| {
                    let source = iter::repeat_with(move || vec![name()]);
                    let mut items = case(shape, 1, 0).start(scope, source, move |mut names| {
                        names.push(name());
                        names
                    });
                    items.next().unwrap()
                })
            });
            let worker = if shape == ReadAhead {
                "source"
            } else {
                "worker"
            };
            assert_eq!(names.pop().flatten().as_deref(), Some(worker));
            assert_eq!(names.pop().flatten().as_deref(), Some("source"));
        }
    }

    #[test]
    fn results_that_are_early_wait_for_their_turn() {
        let delivered = within_deadline(|| {
            let gates: Vec<_> = (0..30).map(|_| bounded::<()>(1)).collect();
            let gates = &gates;
            // The first of three ends when the third has, and that when the second has.
            let mapping = move |n: usize| {
                match n % 3 {
                    0 => gates[n + 2].1.recv().unwrap(),
                    2 => gates[n - 1].1.recv().unwrap(),
                    _ => {}
                }
                gates[n].0.send(()).unwrap();
                n
            };
            thread::scope(|scope| {
                let results = case(Ordered, 3, 2).start(scope, 0..30, mapping);
                results.collect::<Vec<_>>()
            })
        });
        assert!(delivered.into_iter().eq(0..30));
    }

    #[test]
    fn results_overtake_each_other_if_they_may() {
        let delivered = within_deadline(|| {
            let (overtaken, overtake) = bounded::<()>(0);
            let (mut overtaken, overtake) = (Some(overtaken), &overtake);
            let mapping = move |n| {
                if n == 0 {
                    let _ = overtake.recv(); // never ends if item 20 has to wait for this one
                }
                n
            };
            thread::scope(|scope| {
                let results = case(Unordered, 2, 1).start(scope, 0..30, mapping);
                let notice = |&n: &i32| _ = overtaken.take_if(|_| n == 20);
                results.inspect(notice).collect::<Vec<_>>()
            })
        });
        let position = |n| delivered.iter().position(|&m| m == n);
        assert!(position(0) > position(20), "{delivered:?}");
        assert_eq!(delivered.len(), 30);
    }

    #[test]
    fn a_consumer_that_leaves_stops_the_source_within_the_bound() {
        for case in grid() {
            within_deadline(move || {
                let (taken, mapped) = (AtomicUsize::new(0), AtomicUsize::new(0));
                let count = |counter: &AtomicUsize| _ = counter.fetch_add(1, Ordering::Relaxed);
                thread::scope(|scope| {
                    let source = (0..).inspect(|_| count(&taken));
                    let mapped = &mapped;
                    let mapping = move |n| {
                        count(mapped);
                        n
                    };
                    let mut items = case.start(scope, source, mapping);
                    assert!((&mut items).take(10).count() == 10);
                });
                // Each stage lets in its bound; one that only reads ahead has one more in hand.
                let (room, in_hand) = match case.shape {
                    ReadAhead => (case.capacity, 1),
                    Ordered | Unordered => (case.capacity, 0),
                    Chain | UnorderedChain => (3 * case.capacity, 1),
                };
                let most = 10 + room + in_hand;
                let (taken, mapped) = (taken.into_inner(), mapped.into_inner());
                assert!(
                    mapped <= taken && taken <= most,
                    "{case:?} {taken} {mapped}"
                );
            });
        }
    }

    #[test]
    fn once_the_consumer_has_left_a_worker_finishes_its_item_however_long_the_source_takes() {
        for (shape, slow_next) in [(Ordered, false), (Ordered, true), (Unordered, true)] {
            let mapped = within_deadline(move || {
                let ((worker, worker_gone), (leave, left)) = (bounded::<()>(0), bounded::<()>(0));
                let (mut worker, left, mapped) = (Some(worker), &left, AtomicUsize::new(0));
                let mapped_by = &mapped;
                let slow_to_drop = SlowToDrop(worker_gone.clone());
                let source = (0..).inspect(move |&n| {
                    let _ = &slow_to_drop;
                    if slow_next && n == 60 {
                        let _ = worker_gone.recv();
                    }
                });
                thread::scope(|scope| {
                    let mapping = &mut || -> Mapping<'_, i32> {
                        let worker = worker.take();
                        Box::new(move |n| {
                            let _ = &worker; // dropped with the mapping
                            mapped_by.fetch_add(1, Ordering::Relaxed);
                            if n == 1 {
                                let _ = left.recv(); // with some 60 items in the queue
                            }
                            n
                        })
                    };
                    let source = Box::new(source);
                    let mut results = case(shape, 1, 64).start_with(scope, source, mapping);
                    assert_eq!(results.next(), Some(0));
                    drop(results);
                    drop(leave);
                });
                mapped.into_inner()
            });
            // The second may not have begun when the consumer left.
            assert!(mapped <= 2, "{shape:?} {slow_next} {mapped}");
        }
    }

    #[test]
    fn once_the_consumer_has_left_workers_end_however_long_its_early_results_take_to_drop() {
        within_deadline(|| {
            let ((worker, workers_gone), (begin, begun)) = (bounded::<()>(0), unbounded());
            let mapping = move || {
                let (worker, workers_gone) = (worker.clone(), workers_gone.clone());
                let (begin, begun) = (begin.clone(), begun.clone());
                move |n| {
                    let _ = &worker; // dropped with the mapping
                    match n {
                        1 => begun.recv().unwrap(), // so result 2 comes before this one
                        2 => return Some(SlowToDrop(workers_gone.clone())),
                        3 => begin.send(()).unwrap(),
                        _ => {}
                    }
                    None
                }
            };
            thread::scope(|scope| {
                let two = NonZero::new(2).unwrap();
                let results = (0..).parallel_map(scope, two, 64, mapping).unwrap();
                assert_eq!(results.take(2).count(), 2);
            });
        });
    }

    #[test]
    fn the_last_next_waits_for_no_destructor() {
        for shape in [ReadAhead, Ordered, Unordered] {
            within_deadline(move || {
                let (release, released) = bounded(0);
                let slow = SlowToDrop(released.clone());
                let source = Box::new((0..9).inspect(move |_| _ = &slow));
                thread::scope(|scope| {
                    let mut items = case(shape, 2, 1).start_with(scope, source, &mut || {
                        let slow = SlowToDrop(released.clone());
                        Box::new(move |n| {
                            let _ = &slow;
                            n
                        })
                    });
                    assert_eq!(items.by_ref().count(), 9);
                    assert_eq!(items.next(), None); // nor does the one after it
                    drop(release);
                });
            });
        }
    }

    #[test]
    #[cfg(panic = "unwind")]
    fn a_panic_that_comes_after_the_consumer_has_left_is_dropped() {
        for shape in [ReadAhead, Ordered, Unordered] {
            within_deadline(move || {
                let (leave, left) = bounded::<()>(0);
                let left = &left;
                let panics = AtomicUsize::new(0);
                let mapping = |n| {
                    if n == 1 {
                        let _ = left.recv(); // disconnected, once the consumer has left
                        panics.fetch_add(1, Ordering::Relaxed);
                        resume_unwind(Box::new("a payload that is lost"));
                    }
                    n
                };
                let (mapping, panics) = (&mapping, &panics);
                thread::scope(|scope| {
                    let mut items = case(shape, 1, 1).start(scope, 0..9, mapping);
                    assert_eq!(items.next(), Some(0));
                    drop(items);
                    drop(leave);
                });
                // The worker need not have begun it.
                assert!(panics.load(Ordering::Relaxed) <= 1);
            });
        }
    }

    #[test]
    #[cfg(panic = "unwind")]
    fn a_consumer_may_go_on_after_a_panic_of_the_mapping_but_that_of_the_source_is_the_last() {
        for shape in [ReadAhead, Ordered, Unordered, Chain] {
            let delivered = within_deadline(move || {
                let panic_at = |at| {
                    move |n| {
                        if n == at {
                            resume_unwind(Box::new(()))
                        } else {
                            n
                        }
                    }
                };
                let (source, mapping) = ((0..9).map(panic_at(3)), panic_at(1));
                thread::scope(|scope| {
                    let mut items = case(shape, 1, 2).start(scope, source, mapping);
                    let next = || catch_unwind(AssertUnwindSafe(|| items.next())).ok();
                    iter::repeat_with(next).take(6).collect::<Vec<_>>()
                })
            });
            // `None` stands for a panic. With another stage behind, both are of the source.
            let all = [
                Some(Some(0)),
                None,
                Some(Some(2)),
                None,
                Some(None),
                Some(None),
            ];
            match shape {
                ReadAhead | Chain => {
                    assert_eq!(delivered[..4], [all[0], all[1], all[4], all[4]]);
                }
                // The second panic overtakes, if it is ready first.
                Unordered => assert_eq!(delivered.iter().filter(|item| item.is_none()).count(), 2),
                _ => assert_eq!(delivered, all),
            }
        }
    }

    #[test]
    #[cfg(panic = "unwind")]
    fn a_panic_of_a_destructor_ends_everything_and_is_a_panic_of_the_scope() {
        #[derive(Clone, Copy, Debug, PartialEq)]
        enum Owner {
            Source,
            Mapping,
            Unused,
        }
        struct PanicsWhenDropped;
        impl Drop for PanicsWhenDropped {
            fn drop(&mut self) {
                resume_unwind(Box::new("a payload that is lost"));
            }
        }
        for shape in [ReadAhead, Ordered, Unordered] {
            for owner in [Owner::Source, Owner::Mapping, Owner::Unused] {
                let end = within_deadline(move || {
                    // Not `then_some`, which would make one in any case, and drop it.
                    let owned_by = move |other| match owner == other {
                        true => Some(PanicsWhenDropped),
                        false => None,
                    };
                    let ((begin, begun), (leave, left)) = (unbounded(), bounded::<()>(0));
                    let left = &left;
                    let owned = owned_by(Owner::Source);
                    let mut numbers = 0..; // endless
                    let source = iter::from_fn(move || {
                        let _ = &owned;
                        numbers.next().map(|n| (n, None))
                    });
                    let run = || {
                        thread::scope(|scope| {
                            let source = Box::new(source);
                            let mut items =
                                case(shape, 2, 1).start_with(scope, source, &mut || {
                                    let (owned, begin) = (owned_by(Owner::Mapping), begin.clone());
                                    Box::new(move |(n, _)| {
                                        let _ = &owned;
                                        if n == 0 {
                                            return (n, None);
                                        }
                                        let _ = (begin.send(()), left.recv());
                                        (n, owned_by(Owner::Unused))
                                    })
                                });
                            items.next();
                            begun.recv().unwrap();
                            drop(items);
                            drop(leave);
                        });
                    };
                    let payload = catch_unwind(AssertUnwindSafe(run)).err();
                    payload.and_then(|payload| payload.downcast_ref::<&str>().copied())
                });
                assert_eq!(end, Some("a scoped thread panicked"), "{shape:?} {owner:?}");
            }
        }
    }

    #[test]
    fn a_spawn_error_is_returned_and_nothing_is_left_running() {
        // No address space has room for it.
        let fails = || Builder::new().stack_size(usize::MAX / 16 * 15);
        for workers in [1, 2, 8] {
            for good in 0..=workers {
                let (error, lives) = within_deadline(move || {
                    let life = Arc::new(());
                    let also = life.clone();
                    let source = (0..).inspect(move |_| _ = &also); // endless
                    let started = Cell::new(0);
                    let builder = || match started.replace(started.get() + 1) {
                        n if n == good => fails(), // the others start
                        _ => Builder::new(),
                    };
                    let workers = NonZero::new(workers).unwrap();
                    let mapping = || |n: u64| n;
                    let error = thread::scope(|scope| {
                        map(source, scope, workers, 1, mapping, builder).err()
                    });
                    (error, Arc::strong_count(&life))
                });
                assert!(error.is_some(), "{workers} {good}");
                assert_eq!(lives, 1, "{workers} {good}");
            }
        }
        let error = within_deadline(move || {
            thread::scope(|scope| read(0.., scope, bounded(1).0, fails).err())
        });
        assert!(error.is_some());
    }
}
