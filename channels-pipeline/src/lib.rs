//! A source, workers and a sink on threads of their own, joined by bounded channels.
//!
//! ```text
//!              work               results
//!   source ──────────► workers ───────────► sink, on the caller's thread
//!      └──────────────── in flight ──────────┘
//! ```
//!
//! # When to use it
//!
//! When items arrive over time and memory must stay bounded whatever the speed of either end. An
//! item should be a batch, a block of a file and not a line: handing one over costs some 0.5 µs,
//! and pays from about 2 µs of work.
//!
//! # When not to use it
//!
//! - Everything is in memory already: rayon splits a slice with less overhead.
//! - One producer and one consumer: `std::sync::mpsc` will do. crossbeam is here because workers
//!   share a queue by cloning its receiver, and for `select!`: the source waits for room or a stop.
//! - The work is waiting, for thousands of things at once: use async.
//!
//! # How it ends
//!
//! Every sender and receiver of items is moved into the one thread that uses it, and none is kept.
//! So when a thread ends, its neighbours notice: `recv` fails once all senders are gone and the
//! queue is empty, which is the end of the stream; `send` fails once all receivers are gone: nobody
//! wants more. Neither is an error. A spare sender, even unused, would make the sink wait for ever;
//! a spare receiver, the source.
//!
//! - Normally, when the source has no more items and the sink has taken all results.
//! - On request, see [`Pipeline::stop_on`]. What was accepted before is worked on, and may fail.
//! - When the sink returns [`ControlFlow::Break`]. What fails after that is not reported.
//! - With the error, or the panic, that is first in input order. Everything before it is delivered,
//!   and, unless unordered, nothing after it. The others finish the item in hand; a worker that is
//!   waiting for an item may still begin that one. A panic of the sink ends the run at once; if
//!   unordered, an earlier item may have failed unreported.
//!
//! To go on after a failed item, let the stage return `Ok(Err(...))`.
//!
//! A run ends when source, stage and sink have returned: nothing can interrupt them. So a source
//! that blocks, on a socket or a channel, delays the end, an error and a stop until its next item.
//! Where panics abort (`panic = "abort"`), the first one ends the process.

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded, never, select_biased};
use std::any::Any;
use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

/// How many workers there are, how much may wait, and what stops it.
///
/// # Examples
///
/// ```
/// use channels_pipeline::Pipeline;
/// use std::num::NonZero;
/// use std::ops::ControlFlow;
///
/// let workers = std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
/// let lines = ["1", "2", "x", "4"]; // in real use, batches of lines
/// let mut doubled = Vec::new();
/// let result = Pipeline::new(workers, 2 * workers.get()).run(
///     lines.map(Ok), // source: an iterator of results
///     |line| line.parse::<u32>().map(|number| 2 * number), // stage: on all workers
///     |number| {
///         doubled.push(number); // sink: on this thread, in order
///         ControlFlow::Continue(())
///     },
/// );
/// assert!(result.is_err(), "x is not a number");
/// assert_eq!(doubled, [2, 4]);
/// ```
#[derive(Clone, Debug)]
pub struct Pipeline {
    workers: NonZero<usize>,
    capacity: usize,
    ordered: bool,
    stop: Receiver<()>,
}

/// What a run did. The bottleneck is the stage that hardly ever waited.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// Its `sending` is the time it waited because the pipeline was full.
    pub source: StageReport,
    /// Added up over the workers: divide times by their number to compare them.
    pub workers: StageReport,
    /// Its `items` are the results that were delivered.
    pub sink: StageReport,
    /// Whether [`Pipeline::stop_on`] ended the source, and not the end of its items. If the sink
    /// leaves at about the same time, it may be either.
    pub stopped: bool,
}

/// What one stage did.
#[derive(Clone, Copy, Debug, Default)]
pub struct StageReport {
    /// Items that went through.
    pub items: u64,
    /// Time in the caller's code.
    pub working: Duration,
    /// Time waiting for the stage before.
    pub receiving: Duration,
    /// Time waiting for the stage after.
    pub sending: Duration,
}

/// Why a run failed.
enum Cause<E> {
    Error(E),
    Panic(Box<dyn Any + Send>),
}

/// A result and the position of its item in the input.
type Done<R, E> = (u64, Result<R, Cause<E>>);

impl Pipeline {
    /// A pipeline with this many workers, and room for `capacity` items besides those they work on.
    ///
    /// A capacity of a few items per worker keeps all of them busy when items take unequally long;
    /// more only costs memory. It is allocated at the start of a run, where a huge one panics or
    /// aborts.
    #[must_use]
    pub fn new(workers: NonZero<usize>, capacity: usize) -> Self {
        Self {
            workers,
            capacity,
            ordered: true,
            stop: never(),
        }
    }

    /// Passes results to the sink as they are ready.
    ///
    /// Order costs head-of-line blocking: one slow item holds back all results behind it, and once
    /// [`Pipeline::max_in_flight`] items are waiting, everything does. Unordered, some results
    /// behind a failure may have been delivered as well.
    #[must_use]
    pub fn unordered(mut self) -> Self {
        self.ordered = false;
        self
    }

    /// Stops taking input when a message arrives on `stop`, or when its last sender is dropped.
    ///
    /// What was accepted until then, an item that the source is waiting for included, is worked on
    /// and delivered, as at the end of the input; [`Report::stopped`] tells the difference.
    ///
    /// Dropping the sender stops the current run and all later ones. A message stops one run, the
    /// next one if it comes too late for this; as nobody receives between runs, send it with
    /// `try_send` through a channel with room for it, such as `bounded(1)`.
    #[must_use]
    pub fn stop_on(self, stop: Receiver<()>) -> Self {
        Self { stop, ..self }
    }

    /// The most items ever read and not yet handed to the sink: workers plus capacity. The one that
    /// the sink has in hand is not counted.
    #[must_use]
    pub fn max_in_flight(&self) -> usize {
        self.workers.get().saturating_add(self.capacity)
    }

    /// Passes the items of `source`, on a thread of its own, through `stage`, on all workers at
    /// once, to `sink`.
    ///
    /// The sink runs on the caller's thread, so that it may use what is not `Send`.
    ///
    /// # Errors
    ///
    /// The first error in input order. One of the source comes after all items before it. Source and
    /// stage fail with the same type: convert with `map_err`.
    ///
    /// # Panics
    ///
    /// If the first failure in input order is a panic: with its payload, after all threads have
    /// ended. If the system cannot start a thread. If the source, an item or a result panics when it
    /// is dropped, which may hide an earlier failure; two such panics may abort the process.
    pub fn run<T: Send, R: Send, E: Send>(
        &self,
        source: impl IntoIterator<Item = Result<T, E>, IntoIter: Send>,
        stage: impl Fn(T) -> Result<R, E> + Sync,
        sink: impl FnMut(R) -> ControlFlow<()>,
    ) -> Result<Report, E> {
        let (source, stage, failed) = (source.into_iter(), &stage, &AtomicBool::new(false));
        let (work, to_do) = bounded(self.capacity);
        let (results, done) = bounded(self.capacity);
        // What bounds the pipeline: one permit for each item in flight. The source puts it in before
        // it takes an item, and the sink takes it out before it uses the result. This alone bounds
        // all that is between them, the results that wait for their turn included.
        let (permits, permitted) = bounded(self.max_in_flight());
        let mut report = Report::default();
        let outcome = thread::scope(|scope| {
            let mut workers = Vec::new();
            for index in 0..self.workers.get() {
                let (to_do, results) = (to_do.clone(), results.clone());
                let worker = move || work_on(to_do, stage, failed, results);
                workers.push(spawn(scope, format!("worker-{index}"), worker));
            }
            // Kept, it would make the source wait for ever once all workers have ended.
            drop(to_do);
            let source = || produce(source, &self.stop, permits, work, results);
            let source = spawn(scope, "source".into(), source);

            let outcome = consume(self.ordered, done, permitted, sink, &mut report.sink);
            // A thread that panicked did so while it dropped something: what it raised counts after
            // the cause in `outcome`.
            let mut dropped = Ok(());
            match source.join() {
                Ok(joined) => (report.source, report.stopped) = joined,
                Err(payload) => dropped = Err(Cause::Panic(payload)),
            }
            for worker in workers {
                match worker.join() {
                    Ok(joined) => report.workers.add(joined),
                    Err(payload) => dropped = Err(Cause::Panic(payload)),
                }
            }
            outcome.and(dropped)
        });
        match outcome {
            Ok(()) => Ok(report),
            Err(Cause::Error(error)) => Err(error),
            Err(Cause::Panic(payload)) => resume_unwind(payload),
        }
    }

    /// The sequential twin of [`Pipeline::run`]: one item after the other, on the caller's thread.
    ///
    /// Of the settings, only the stop matters.
    ///
    /// # Errors
    ///
    /// The first error.
    ///
    /// # Panics
    ///
    /// If the source, the stage or the sink does, at once.
    pub fn run_sequential<T, R, E>(
        &self,
        source: impl IntoIterator<Item = Result<T, E>>,
        stage: impl Fn(T) -> Result<R, E>,
        mut sink: impl FnMut(R) -> ControlFlow<()>,
    ) -> Result<Report, E> {
        let mut report = Report::default();
        let mut source = source.into_iter();
        let mut clock = Clock(Instant::now());
        loop {
            if self.stop.try_recv() != Err(TryRecvError::Empty) {
                report.stopped = true;
                return Ok(report);
            }
            let item = source.next();
            clock.lap(&mut report.source.working);
            let Some(item) = item.transpose()? else {
                return Ok(report);
            };
            report.source.items += 1;
            let result = stage(item)?;
            report.workers.items += 1;
            clock.lap(&mut report.workers.working);
            let flow = sink(result);
            report.sink.items += 1;
            clock.lap(&mut report.sink.working);
            if flow.is_break() {
                return Ok(report);
            }
        }
    }
}

/// Takes items from the source, and passes them on with their positions. Also tells whether it was
/// stopped.
fn produce<T, R, E>(
    mut source: impl Iterator<Item = Result<T, E>>,
    stop: &Receiver<()>,
    permits: Sender<()>,
    work: Sender<(u64, T)>,
    results: Sender<Done<R, E>>,
) -> (StageReport, bool) {
    let mut report = StageReport::default();
    let mut clock = Clock(Instant::now());
    let stopped = loop {
        // The one place with two things to wait for. Biased, so that nothing is accepted after a
        // stop even if there is room.
        select_biased! {
            recv(stop) -> _ => break true,
            send(permits, ()) -> sent => if sent.is_err() { break false },
        }
        clock.lap(&mut report.sending);
        let position = report.items;
        let item = caught(|| source.next().transpose());
        clock.lap(&mut report.working);
        match item {
            Ok(None) => break false,
            Ok(Some(item)) => {
                report.items += 1;
                if work.send((position, item)).is_err() {
                    break false;
                }
                clock.lap(&mut report.sending);
            }
            // To the sink, which sees to it that earlier causes go before.
            Err(cause) => {
                let _ = results.send((position, Err(cause)));
                break false;
            }
        }
    };
    (report, stopped)
}

/// Passes items through the stage, until there are none or one has failed.
fn work_on<T, R, E>(
    to_do: Receiver<(u64, T)>,
    stage: &impl Fn(T) -> Result<R, E>,
    failed: &AtomicBool,
    results: Sender<Done<R, E>>,
) -> StageReport {
    let mut report = StageReport::default();
    let mut clock = Clock(Instant::now());
    // Looked at before an item is taken, never after. The queue is first in, first out: when an item
    // has failed, those before it have been taken, and must be finished, for they may fail as well.
    // Relaxed, because the flag only saves work.
    while !failed.load(Ordering::Relaxed) {
        let item = to_do.recv();
        clock.lap(&mut report.receiving);
        let Ok((position, item)) = item else {
            break;
        };
        let result = caught(|| stage(item));
        report.items += 1;
        clock.lap(&mut report.working);
        if result.is_err() {
            failed.store(true, Ordering::Relaxed);
        }
        if results.send((position, result)).is_err() {
            break;
        }
        clock.lap(&mut report.sending);
    }
    report
}

/// Hands results to the sink. After a failure it goes on to receive, because an earlier item may
/// fail as well. When it returns, its receivers are dropped, which stops the others.
fn consume<R, E>(
    ordered: bool,
    done: Receiver<Done<R, E>>,
    mut permitted: Receiver<()>,
    mut sink: impl FnMut(R) -> ControlFlow<()>,
    report: &mut StageReport,
) -> Result<(), Cause<E>> {
    let mut clock = Clock(Instant::now());
    let mut waiting = BTreeMap::new();
    let mut next = 0;
    let mut outcome = Ok(());
    let mut failed_at = u64::MAX; // no failure yet
    while let Ok((position, result)) = done.recv() {
        clock.lap(&mut report.receiving);
        waiting.insert(position, result);
        while let Some(entry) = waiting.first_entry() {
            if ordered && *entry.key() != next {
                break;
            }
            next += 1;
            match entry.remove_entry() {
                (position, _) if position > failed_at => {} // behind the failure
                (_, Ok(result)) => {
                    // Makes room for one more item. The permit is there: it went in before the item.
                    let _ = permitted.try_recv();
                    let flow = sink(result);
                    report.items += 1;
                    clock.lap(&mut report.working);
                    if flow.is_break() {
                        return outcome;
                    }
                }
                (position, Err(cause)) => {
                    (failed_at, outcome) = (position, Err(cause));
                    // Drops the receiver, so the source ends. What is still in flight is awaited,
                    // because an earlier item may fail as well.
                    permitted = never();
                }
            }
        }
    }
    clock.lap(&mut report.receiving);
    outcome
}

/// Runs the caller's code. After a panic nothing looks at what that code left half done, so it may
/// be asserted to be unwind safe.
fn caught<X, E>(code: impl FnOnce() -> Result<X, E>) -> Result<X, Cause<E>> {
    match catch_unwind(AssertUnwindSafe(code)) {
        Ok(result) => result.map_err(Cause::Error),
        Err(payload) => Err(Cause::Panic(payload)),
    }
}

/// [`Scope::spawn`] with a name, which shows in the message of a panic.
#[allow(clippy::panic)] // as that does, when the system refuses a thread
fn spawn<'scope, X: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: String,
    body: impl FnOnce() -> X + Send + 'scope,
) -> ScopedJoinHandle<'scope, X> {
    let spawned = thread::Builder::new().name(name).spawn_scoped(scope, body);
    spawned.unwrap_or_else(|error| panic!("cannot start a thread: {error}"))
}

impl StageReport {
    fn add(&mut self, other: Self) {
        self.items += other.items;
        self.working += other.working;
        self.receiving += other.receiving;
        self.sending += other.sending;
    }
}

/// A stopwatch: `lap` adds the time since the previous lap to `total`.
struct Clock(Instant);

impl Clock {
    fn lap(&mut self, total: &mut Duration) {
        let now = Instant::now();
        *total += now - std::mem::replace(&mut self.0, now);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crossbeam_channel::unbounded;
    use std::ops::ControlFlow::{Break, Continue};
    use std::sync::atomic::AtomicU64;
    use std::sync::{Barrier, mpsc};

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

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Mode {
        Ordered,
        Unordered,
        Sequential,
    }
    use Mode::{Ordered, Sequential, Unordered};

    impl Mode {
        fn run<T: Send, R: Send, E: Send>(
            self,
            pipeline: &Pipeline,
            source: impl Iterator<Item = Result<T, E>> + Send,
            stage: impl Fn(T) -> Result<R, E> + Sync,
            sink: impl FnMut(R) -> ControlFlow<()>,
        ) -> Result<Report, E> {
            match self {
                Ordered => pipeline.run(source, stage, sink),
                Unordered => pipeline.clone().unordered().run(source, stage, sink),
                Sequential => pipeline.run_sequential(source, stage, sink),
            }
        }
    }

    fn pipeline(workers: usize, capacity: usize) -> Pipeline {
        Pipeline::new(NonZero::new(workers).unwrap(), capacity)
    }

    /// Every way to run with the bounds at which something changes.
    fn grid() -> impl Iterator<Item = (Mode, Pipeline)> {
        [Ordered, Unordered, Sequential]
            .into_iter()
            .flat_map(|mode| [1, 2, 8].map(|workers| (mode, workers)))
            .flat_map(|(mode, workers)| {
                [0, 1, 64].map(|capacity| (mode, pipeline(workers, capacity)))
            })
    }

    fn numbers(numbers: std::ops::Range<u64>) -> impl Iterator<Item = Result<u64, String>> {
        numbers.map(Ok)
    }

    #[test]
    fn every_result_arrives_once_and_in_order_if_asked_for() {
        within_deadline(|| {
            for (mode, pipeline) in grid() {
                for length in [0, 1, 2, 3, 200] {
                    let mut squares = Vec::new();
                    let report = mode.run(
                        &pipeline,
                        numbers(0..length),
                        |n| Ok(n * n),
                        |square| {
                            squares.push(square);
                            Continue(())
                        },
                    );
                    if mode == Unordered {
                        squares.sort_unstable();
                    }
                    let expected: Vec<u64> = (0..length).map(|n| n * n).collect();
                    assert_eq!(squares, expected, "{mode:?} {pipeline:?}");
                    let report = report.unwrap();
                    let items = [report.source, report.workers, report.sink].map(|s| s.items);
                    assert_eq!(items, [length; 3], "{mode:?} {pipeline:?}");
                    assert!(!report.stopped, "{mode:?} {pipeline:?}");
                }
            }
        });
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Failure {
        SourceError,
        StageError,
        SourcePanic,
        StagePanic,
        SinkPanic,
        SinkStop,
    }
    use Failure::*;

    /// What a run ends with, and what it delivered. Panics are raised by `resume_unwind`, which
    /// prints nothing.
    fn fail(mode: Mode, pipeline: &Pipeline, failure: Failure, at: u64) -> (String, Vec<u64>) {
        let mut delivered = Vec::new();
        let here = move |what: Failure, n: u64| what == failure && n == at;
        let act = move |error: Failure, panic: Failure, n: u64| {
            if here(panic, n) {
                resume_unwind(Box::new(format!("{panic:?} at {n}")));
            }
            if here(error, n) {
                return Err(format!("{error:?} at {n}"));
            }
            Ok(n)
        };
        // Endless, so that only the failure ends it.
        let source = (0..).map(|n| act(SourceError, SourcePanic, n));
        let stage = |n| act(StageError, StagePanic, n);
        let sink = |n| {
            if here(SinkPanic, n) {
                resume_unwind(Box::new(format!("{failure:?} at {n}")));
            }
            delivered.push(n);
            if here(SinkStop, n) {
                return Break(());
            }
            Continue(())
        };
        let run = AssertUnwindSafe(|| mode.run(pipeline, source, stage, sink));
        let end = match catch_unwind(run) {
            Ok(Ok(_)) => "SinkStop".into(),
            Ok(Err(error)) => error,
            Err(payload) => *payload.downcast::<String>().unwrap(),
        };
        (end, delivered)
    }

    #[test]
    #[cfg(panic = "unwind")]
    fn every_failure_ends_every_pipeline_with_its_cause() {
        within_deadline(|| {
            for (mode, pipeline) in grid() {
                for failure in [
                    SourceError,
                    StageError,
                    SourcePanic,
                    StagePanic,
                    SinkPanic,
                    SinkStop,
                ] {
                    for at in [0, 1, 70] {
                        let (end, mut delivered) = fail(mode, &pipeline, failure, at);
                        let case = format!("{mode:?} {pipeline:?} {failure:?} {at}");
                        match failure {
                            SinkStop => assert_eq!(end, "SinkStop", "{case}"),
                            _ => assert_eq!(end, format!("{failure:?} at {at}"), "{case}"),
                        }
                        // All before the failure is delivered; with order, nothing else is.
                        let before: Vec<u64> = (0..at + u64::from(failure == SinkStop)).collect();
                        if mode == Unordered {
                            if matches!(failure, SinkPanic | SinkStop) {
                                continue;
                            }
                            delivered.sort_unstable();
                            delivered.truncate(before.len());
                        }
                        assert_eq!(delivered, before, "{case}");
                    }
                }
            }
        });
    }

    #[test]
    #[cfg(panic = "unwind")]
    fn the_first_cause_in_input_order_wins_even_if_it_comes_last() {
        // Item 3 fails only when item 4 has: the sender is dropped before or while that fails.
        for later in [StageError, StagePanic, SourceError, SourcePanic] {
            for (mode, capacity) in [(Ordered, 0), (Ordered, 64), (Unordered, 0), (Unordered, 64)] {
                let end = within_deadline(move || {
                    let (failing, failed) = bounded::<()>(0);
                    let failing = std::sync::Mutex::new(Some(failing));
                    let fail = |kind: Failure, is_panic: bool| {
                        drop(failing.lock().unwrap().take());
                        if is_panic {
                            resume_unwind(Box::new(()));
                        }
                        Err(format!("{kind:?}"))
                    };
                    let source = (0..).map(|n| match later {
                        SourceError | SourcePanic if n == 4 => fail(later, later == SourcePanic),
                        _ => Ok(n),
                    });
                    let stage = |n| match n {
                        3 => {
                            let _ = failed.recv();
                            Err("item 3".to_string())
                        }
                        4 => fail(later, later == StagePanic),
                        n => Ok(n),
                    };
                    let run = mode.run(&pipeline(2, capacity), source, stage, |_| Continue(()));
                    run.map(|_| ())
                });
                assert_eq!(end, Err("item 3".into()), "{mode:?} {capacity} {later:?}");
            }
        }
    }

    #[test]
    fn no_more_than_the_bound_is_in_flight_while_the_first_item_takes_for_ever() {
        for (workers, capacity) in [(1, 0), (1, 64), (2, 0), (2, 1), (8, 64)] {
            let accepted = within_deadline(move || {
                let pipeline = pipeline(workers, capacity);
                let bound = pipeline.max_in_flight();
                let (read, reads) = unbounded();
                let stage = |n| {
                    // "For ever" is until nothing else happens.
                    let reads = (n == 0).then(|| until_quiet(&reads, bound));
                    Ok::<_, ()>(reads)
                };
                let mut accepted = None;
                let source = (0..).inspect(|_| read.send(()).unwrap()).map(Ok);
                let run = pipeline.run(source, stage, |reads| {
                    accepted = reads;
                    Break(())
                });
                run.unwrap();
                accepted.unwrap()
            });
            assert_eq!(accepted, workers + capacity, "{workers} {capacity}");
        }
    }

    #[test]
    fn no_more_than_the_bound_is_in_flight_while_the_sink_blocks() {
        for mode in [Ordered, Unordered] {
            for (workers, capacity) in [(1, 0), (1, 64), (2, 0), (2, 1), (8, 64)] {
                let accepted = within_deadline(move || {
                    let pipeline = pipeline(workers, capacity);
                    let (read, reads) = unbounded();
                    let source = (0..).inspect(|_| read.send(()).unwrap()).map(Ok::<_, ()>);
                    let mut accepted = 0;
                    let run = mode.run(&pipeline, source, Ok, |_| {
                        accepted = until_quiet(&reads, 1 + pipeline.max_in_flight());
                        Break(())
                    });
                    run.unwrap();
                    accepted
                });
                // One is in the sink's hands.
                let case = format!("{mode:?} {workers} {capacity}");
                assert_eq!(accepted, 1 + workers + capacity, "{case}");
            }
        }
    }

    /// Counts messages: waits for those expected, then a moment for those that must not come.
    fn until_quiet(messages: &Receiver<()>, expected: usize) -> usize {
        let first = messages.iter().take(expected).count();
        let quiet = || messages.recv_timeout(Duration::from_millis(20)).ok();
        first + std::iter::from_fn(quiet).count()
    }

    #[test]
    fn the_workers_work_at_once_and_results_overtake_each_other_if_they_may() {
        let delivered = within_deadline(|| {
            let meeting = Barrier::new(8);
            let (overtaken, overtake) = bounded::<()>(0);
            let mut overtaken = Some(overtaken);
            let mut delivered = Vec::new();
            let stage = |n| {
                if n < 8 {
                    meeting.wait(); // never ends with fewer than 8 workers
                }
                if n == 0 {
                    let _ = overtake.recv(); // never ends if item 20 has to wait for this one
                }
                Ok(n)
            };
            let run = pipeline(8, 0).unordered().run(numbers(0..30), stage, |n| {
                delivered.push(n);
                if n == 20 {
                    overtaken = None;
                }
                Continue(())
            });
            run.unwrap();
            delivered
        });
        let position = |n| delivered.iter().position(|&m| m == n);
        assert!(position(0) > position(20), "{delivered:?}");
        assert_eq!(delivered.len(), 30);
    }

    #[test]
    fn a_failed_item_stops_the_source_within_the_bound() {
        for (workers, capacity) in [(1, 0), (1, 64), (2, 1), (8, 64)] {
            let (read, bound) = within_deadline(move || {
                let pipeline = pipeline(workers, capacity);
                let read = AtomicU64::new(0);
                let count = |_: &u64| _ = read.fetch_add(1, Ordering::Relaxed);
                let source = (0..).inspect(count).map(Ok);
                let stage = |n| if n == 10 { Err(()) } else { Ok(()) };
                let run = pipeline.run(source, stage, |()| Continue(()));
                assert!(run.is_err());
                (read.into_inner(), pipeline.max_in_flight() as u64)
            });
            assert!((11..=10 + bound).contains(&read), "{read} of {bound}");
        }
    }

    #[test]
    fn after_a_failure_the_only_worker_begins_no_further_item() {
        for mode in [Ordered, Unordered] {
            let begun = within_deadline(move || {
                let begun = AtomicU64::new(0);
                let (read, reads) = unbounded();
                let source = (0..).inspect(|_| read.send(()).unwrap()).map(Ok);
                let stage = |_: u64| {
                    begun.fetch_add(1, Ordering::Relaxed);
                    reads.iter().take(65).count(); // by now the queue is full, or about to be
                    Err::<(), ()>(())
                };
                let run = mode.run(&pipeline(1, 64), source, stage, |()| Continue(()));
                assert!(run.is_err());
                begun.into_inner()
            });
            assert_eq!(begun, 1, "{mode:?}");
        }
    }

    #[test]
    fn what_failed_before_the_sink_leaves_is_reported() {
        let end = within_deadline(|| {
            let (source_lives, source_is_gone) = bounded::<()>(0);
            // Endless, so that it is dropped only when the sink has seen the failure of item 1.
            let source = (0..).inspect(move |_| _ = &source_lives).map(Ok);
            let stage = |n| {
                if n == 1 {
                    return Err("item 1");
                }
                let _ = source_is_gone.recv();
                Ok(())
            };
            let pipeline = pipeline(2, 64).unordered();
            pipeline.run(source, stage, |()| Break(())).map(|_| ())
        });
        assert_eq!(end, Err("item 1"));
    }

    #[test]
    #[cfg(panic = "unwind")]
    fn a_panic_of_a_dropped_source_reaches_the_caller_but_hides_no_earlier_cause() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                resume_unwind(Box::new("dropped"));
            }
        }
        let run = |bad: u64| {
            within_deadline(move || {
                let bomb = Bomb;
                let source = (0..9).inspect(move |_| _ = &bomb).map(Ok);
                let stage = |n| if n == bad { Err(n) } else { Ok(n) };
                let pipeline = pipeline(2, 1);
                let run = AssertUnwindSafe(|| pipeline.run(source, stage, |_| Continue(())));
                catch_unwind(run).map(|end| end.map(|_| ()))
            })
        };
        assert_eq!(run(3).unwrap(), Err(3));
        assert_eq!(run(9).unwrap_err().downcast_ref(), Some(&"dropped"));
    }

    #[test]
    fn after_a_stop_all_that_was_accepted_is_delivered_or_counted_as_failed() {
        within_deadline(|| {
            for (mode, pipeline) in grid() {
                let (stop, stopped) = bounded::<()>(0);
                let mut stop = Some(stop);
                let (mut good, mut bad) = (0, 0);
                let report = mode.run(
                    &pipeline.clone().stop_on(stopped),
                    (0..).map(Ok::<_, ()>), // endless
                    |n| Ok(if n % 3 == 0 { Err("a multiple") } else { Ok(n) }),
                    |result| {
                        match result {
                            Ok(_) => good += 1,
                            Err(_) => bad += 1,
                        }
                        if good + bad == 50 {
                            stop = None;
                        }
                        Continue(())
                    },
                );
                let report = report.unwrap();
                assert!(report.stopped, "{mode:?} {pipeline:?}");
                let accepted = report.source.items;
                assert_eq!(accepted, good + bad, "{mode:?} {pipeline:?}");
                // When the sink has the 50th, as much as may be is in flight.
                let most = 50 + pipeline.max_in_flight() as u64;
                assert!((50..=most).contains(&accepted), "{mode:?} {pipeline:?}");
            }
        });
    }

    #[test]
    fn a_stop_by_message_or_before_the_start_is_obeyed() {
        within_deadline(|| {
            for (mode, pipeline) in grid() {
                let (stop, stopped) = bounded(1);
                stop.send(()).unwrap();
                let pipeline = pipeline.stop_on(stopped);
                let report = mode.run(&pipeline, numbers(0..9), Ok, |_| Continue(()));
                assert_eq!(report.unwrap().source.items, 0, "{mode:?} {pipeline:?}");
            }
        });
    }

    #[test]
    fn what_fails_after_a_stop_is_reported_if_it_was_accepted_before() {
        within_deadline(|| {
            for mode in [Ordered, Unordered] {
                let (stop, stopped) = bounded(1);
                let (read, reads) = unbounded();
                let source = (0..).inspect(move |_| read.send(()).unwrap()).map(Ok);
                let stage = |n| match n {
                    0 => {
                        reads.iter().take(2).count(); // item 1 has been accepted
                        stop.send(()).unwrap();
                        Ok(n)
                    }
                    1 => Err("item 1"),
                    n => Ok(n),
                };
                let pipeline = pipeline(1, 1).stop_on(stopped);
                let end = mode.run(&pipeline, source, stage, |_| Continue(()));
                assert_eq!(end.map(|_| ()), Err("item 1"), "{mode:?}");
            }
        });
    }

    #[test]
    fn a_message_that_comes_too_late_stops_the_next_run() {
        within_deadline(|| {
            for (mode, pipeline) in grid() {
                let (stop, stopped) = bounded(1);
                let pipeline = pipeline.stop_on(stopped);
                let items = || {
                    let run = mode.run(&pipeline, numbers(0..9), Ok, |_| Continue(()));
                    let report = run.unwrap();
                    (report.sink.items, report.stopped)
                };
                assert_eq!(items(), (9, false), "{mode:?} {pipeline:?}");
                stop.send(()).unwrap();
                assert_eq!(items(), (0, true), "{mode:?} {pipeline:?}");
                assert_eq!(items(), (9, false), "{mode:?} {pipeline:?}");
            }
        });
    }

    #[test]
    fn a_stop_ends_a_source_that_waits_for_room() {
        let delivered = within_deadline(|| {
            let (stop, stopped) = bounded::<()>(0);
            let mut stop = Some(stop);
            let (read, reads) = unbounded(); // `read` is dropped with the source
            let source = (0..)
                .inspect(move |_| read.send(()).unwrap())
                .map(Ok::<_, ()>);
            let pipeline = pipeline(2, 1).stop_on(stopped);
            let report = pipeline.run(source, Ok, |_| {
                if stop.is_some() {
                    // One item is here and three are in flight: there is no room, and while this
                    // waits for the source to end, nobody makes any.
                    reads.iter().take(4).count();
                    stop = None;
                    assert_eq!(reads.iter().count(), 0);
                }
                Continue(())
            });
            report.unwrap().sink.items
        });
        assert_eq!(delivered, 4);
    }

    #[test]
    fn the_sink_runs_on_the_callers_thread_and_the_others_on_their_own() {
        within_deadline(|| {
            let caller = thread::current().id();
            let name = || thread::current().name().map(String::from);
            let source = (0..1).map(|_| Ok::<_, ()>(name()));
            let stage = |source| Ok((source, name()));
            let run = pipeline(1, 0).run(source, stage, |(source, worker)| {
                assert_eq!(source.as_deref(), Some("source"));
                assert_eq!(worker.as_deref(), Some("worker-0"));
                assert_eq!(thread::current().id(), caller);
                Continue(())
            });
            assert_eq!(run.unwrap().sink.items, 1);
        });
    }

    /// Long against what else the stages do. The tests below need no upper bound.
    const MOMENT: Duration = Duration::from_millis(10);

    fn slow<T>(value: T) -> T {
        thread::sleep(MOMENT);
        value
    }

    #[test]
    fn work_is_reported_for_the_stage_that_does_it() {
        within_deadline(|| {
            for workers in [1, 2] {
                // Three items, and the end, which takes the source as long.
                let source = || (0..4).map(slow).take_while(|n| *n < 3).map(Ok::<_, ()>);
                let stage = |n| slow(Ok(n));
                let sink = |_| slow(Continue(()));
                let pipeline = pipeline(workers, 1);
                for report in [
                    pipeline.run(source(), stage, sink).unwrap(),
                    pipeline.run_sequential(source(), stage, sink).unwrap(),
                ] {
                    assert!(report.source.working >= 4 * MOMENT, "{report:?}");
                    assert!(report.workers.working >= 3 * MOMENT, "{report:?}");
                    assert!(report.sink.working >= 3 * MOMENT, "{report:?}");
                }
            }
        });
    }

    #[test]
    fn waiting_is_reported_towards_the_slow_stage() {
        within_deadline(|| {
            // Each wait is for all but the few items that the bound lets in.
            for workers in [1, 2] {
                let slow_source = (0..16).map(|n| slow(Ok::<_, ()>(n)));
                let run = pipeline(workers, 1).run(slow_source, Ok, |_| Continue(()));
                let report = run.unwrap();
                assert!(report.workers.receiving >= 5 * MOMENT, "{report:?}");
                assert!(report.sink.receiving >= 5 * MOMENT, "{report:?}");

                let run = pipeline(workers, 1).run(numbers(0..16), Ok, |_| slow(Continue(())));
                let report = run.unwrap();
                assert!(report.source.sending >= 2 * MOMENT, "{report:?}");
                assert_eq!(report.source.receiving, Duration::ZERO);
                assert_eq!(report.sink.sending, Duration::ZERO);
            }
            // With room for one result, three workers have to wait for the sink to take theirs.
            let run = pipeline(3, 1).unordered();
            let run = run.run(numbers(0..8), Ok, |_| slow(Continue(())));
            let report = run.unwrap();
            assert!(report.workers.sending >= MOMENT, "{report:?}");
        });
    }
}
