//! Thousands of waits on one thread: futures run as tasks with a limit, retried, stopped
//! gracefully.
//!
//! | need | use | built on |
//! |---|---|---|
//! | many futures, at most N at once | [`Tasks`] | tokio: tasks run on its scheduler |
//! | another try after a failure | [`retry`] | tokio: time comes from its clock |
//! | the first success of a few futures | [`first_ok`] | futures alone: runs on any executor |
//! | streams, joins, channels | `futures` | itself |
//! | sockets, signals, threads that may block | `tokio` | itself |
//!
//! # When to use it
//!
//! When most of the time is spent waiting for others: per wait, a task costs 0.4 µs and about a
//! kilobyte, a thread 50 µs and a stack. It runs on runtimes of one thread and of many.
//!
//! # When not to use it
//!
//! - To compute: use rayon, or scoped threads. What does not await lets nothing else run on its
//!   thread; a little of it belongs in `tokio::task::spawn_blocking`, which cannot be cancelled.
//! - For a dozen blocking calls: as many threads are simpler.
//!
//! # The `buffer_unordered` trap
//!
//! `stream.buffer_unordered(n)` polls its futures only while the *stream* is polled. While the body
//! of a `while let Some(x) = stream.next().await` loop awaits something else, all n stand still:
//! their timeouts pass unseen, their peers give up, and if the body waits for something that one of
//! them holds, it waits for ever. [`Tasks`] spawns them, so they go on by themselves; only new ones
//! wait for the loop to come back. Futures that are merely polled are right where nothing else is
//! awaited meanwhile, as in [`first_ok`].
//!
//! # How it ends
//!
//! An error or panic of one future is that one's result, and the others go on. Dropping a [`Tasks`],
//! or the future of [`retry`] or [`first_ok`], cancels what it started. Cancelled means dropped where
//! it awaits: what must not be lost has to be kept outside of the future. Cancelling reaches the
//! futures and what they own, not what they spawned elsewhere (`tokio::spawn`, `spawn_blocking`),
//! and it cannot stop a future that never awaits.

use futures::future::{BoxFuture, Fuse, FutureExt};
use futures::stream::{FuturesUnordered, Stream, StreamExt};
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::num::NonZero;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// Runs the futures of a stream as tasks, at most `limit` at a time: a stream of their results, in
/// order of completion, each with the position of its future.
///
/// Nothing is taken from the source, spawned or polled beyond the limit. A result counts until it
/// is taken, so a slow consumer holds the source back and no more than `limit` results wait in
/// memory. Dropping it cancels all tasks.
///
/// # Panics
///
/// When polled outside of a tokio runtime; with [`stop_on`](Self::stop_on), in one without time
/// enabled; and when its source or the `stop` future panics.
///
/// # Examples
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use futures::stream;
/// use futures_async::Tasks;
/// use std::num::NonZero;
///
/// let texts = ["1", "x", "3"];
/// let futures = stream::iter(texts.map(|text| async move { text.parse::<i32>() }));
/// let mut tasks = Tasks::new(NonZero::new(100).unwrap(), futures);
/// let results = tasks.in_order().await;
/// assert!(matches!(results[..], [Ok(1), Err(_), Ok(3)]));
/// # });
/// ```
#[must_use = "streams do nothing unless polled"]
pub struct Tasks<S, T, E> {
    /// Gone once it has ended or nothing new may start.
    source: Option<S>,
    limit: NonZero<usize>,
    running: JoinSet<Result<T, E>>,
    positions: HashMap<Id, usize>,
    /// First the stop, then the end of the grace period.
    stop: Fuse<BoxFuture<'static, ()>>,
    /// Taken by the stop.
    grace: Option<Duration>,
    counts: Counts,
}

/// What became of the tasks. Once the stream has ended, `started == done + failed + cancelled`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Futures taken from the source and spawned.
    pub started: usize,
    /// Results that were `Ok`.
    pub done: usize,
    /// Results that were `Err`, and panics.
    pub failed: usize,
    /// Tasks that still ran when the grace period ended, or at the error of
    /// [`try_in_order`](Tasks::try_in_order).
    pub cancelled: usize,
}

/// Why a task has no value.
#[derive(Debug)]
pub enum TaskError<E> {
    /// The future's own error.
    Failed(E),
    /// The future panicked; `into_panic` gives the payload.
    Panicked(JoinError),
    /// The task was cancelled, after a grace period or because the runtime shuts down.
    Cancelled,
}

impl<S, F, T, E> Tasks<S, T, E>
where
    S: Stream<Item = F> + Unpin,
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    /// Makes the stream; nothing runs before it is polled.
    pub fn new(limit: NonZero<usize>, source: S) -> Self {
        Tasks {
            source: Some(source),
            limit,
            running: JoinSet::new(),
            positions: HashMap::new(),
            stop: Fuse::terminated(),
            grace: None,
            counts: Counts::default(),
        }
    }

    /// Once `stop` is ready, nothing new starts; what still runs `grace` later is cancelled. Both
    /// are noticed when the stream is polled. Replaces an earlier one.
    pub fn stop_on(
        mut self,
        stop: impl Future<Output = ()> + Send + 'static,
        grace: Duration,
    ) -> Self {
        self.stop = stop.boxed().fuse();
        self.grace = Some(grace);
        self
    }

    /// Returns the counts so far. A result counts when it is taken from the stream.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Collects the results that have not been taken yet, in order of their positions.
    ///
    /// Dropping its future, as a timeout does, loses what it has collected and cancels nothing: the
    /// tasks belong to the `Tasks`. That holds for `try_in_order` as well.
    pub async fn in_order(&mut self) -> Vec<Result<T, TaskError<E>>> {
        in_order(self.collect().await)
    }

    /// Fails fast: at the first error to come, cancels the other tasks, waits until they are gone,
    /// and returns the error with the position of its future. There may be another one at a lower
    /// position: to wait for that would defeat failing fast.
    ///
    /// Otherwise, returns the values of all futures that were started, in order. After a stop, these
    /// need not be all there are: [`counts`](Self::counts) tells what was started. A task that
    /// outlasts the grace period is an error, [`TaskError::Cancelled`].
    pub async fn try_in_order(&mut self) -> Result<Vec<T>, (usize, TaskError<E>)> {
        let mut values = Vec::new();
        while let Some((position, result)) = self.next().await {
            match result {
                Ok(value) => values.push((position, value)),
                Err(error) => {
                    self.source = None;
                    // `drop` would cancel them too, but neither wait nor count.
                    self.running.abort_all();
                    while self.next().await.is_some() {}
                    return Err((position, error));
                }
            }
        }
        Ok(in_order(values))
    }

    fn start(&mut self, context: &mut Context) {
        while self.running.len() < self.limit.get() {
            let Some(source) = &mut self.source else {
                return;
            };
            match source.poll_next_unpin(context) {
                Poll::Ready(Some(future)) => {
                    let id = self.running.spawn(future).id();
                    self.positions.insert(id, self.counts.started);
                    self.counts.started += 1;
                }
                Poll::Ready(None) => self.source = None,
                Poll::Pending => return,
            }
        }
    }

    fn finish(&mut self, joined: Result<(Id, Result<T, E>), JoinError>) -> Finished<T, E> {
        let (id, result) = match joined {
            Ok((id, result)) => (id, result.map_err(TaskError::Failed)),
            Err(error) if error.is_panic() => (error.id(), Err(TaskError::Panicked(error))),
            Err(error) => (error.id(), Err(TaskError::Cancelled)),
        };
        match result {
            Ok(_) => self.counts.done += 1,
            Err(TaskError::Cancelled) => self.counts.cancelled += 1,
            Err(_) => self.counts.failed += 1,
        }
        // There always is one: `start` has put it there.
        let position = self.positions.remove(&id).unwrap_or_default();
        (position, result)
    }
}

/// A position and the result of the future there.
type Finished<T, E> = (usize, Result<T, TaskError<E>>);

impl<S, F, T, E> Stream for Tasks<S, T, E>
where
    S: Stream<Item = F> + Unpin,
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    type Item = Finished<T, E>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context) -> Poll<Option<Self::Item>> {
        let tasks = self.get_mut();
        // First, so that a source which is always ready outruns the stop by the limit at most.
        while tasks.stop.poll_unpin(context).is_ready() {
            match tasks.grace.take() {
                Some(grace) => {
                    tasks.source = None;
                    tasks.stop = sleep(grace).boxed().fuse();
                }
                None => tasks.running.abort_all(),
            }
        }
        tasks.start(context);
        match ready!(tasks.running.poll_join_next_with_id(context)) {
            Some(joined) => Poll::Ready(Some(tasks.finish(joined))),
            None if tasks.source.is_none() => Poll::Ready(None),
            None => Poll::Pending, // the source will wake us
        }
    }
}

fn in_order<T>(mut results: Vec<(usize, T)>) -> Vec<T> {
    results.sort_unstable_by_key(|&(position, _)| position);
    results.into_iter().map(|(_, result)| result).collect()
}

impl<E: fmt::Display> fmt::Display for TaskError<E> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            TaskError::Failed(error) => write!(f, "{error}"),
            TaskError::Panicked(error) => write!(f, "{error}"),
            TaskError::Cancelled => f.write_str("cancelled"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for TaskError<E> {}

/// When to try again: exponential backoff with full jitter.
#[derive(Clone, Debug)]
pub struct Retry {
    /// The longest delay after the first attempt; doubles from attempt to attempt.
    pub base: Duration,
    /// The longest delay after any attempt, jitter included.
    pub cap: Duration,
    /// Maximum number of attempts, the first included.
    pub attempts: NonZero<u32>,
    /// After this long an attempt is cancelled, and counts as a transient failure.
    pub attempt_timeout: Duration,
    /// When to give up, whatever is under way. A point in time, which no attempt moves; to have none,
    /// choose one years away. When the next delay does not fit into what is left, there is one last
    /// attempt, half-way through what is left.
    pub deadline: Instant,
    /// Seeds the jitter: the same seed gives the same delays, so every concurrent call of [`retry`]
    /// needs its own, such as its position.
    pub seed: u64,
}

impl Retry {
    /// Returns the delay after attempt `attempt`, counted from 0: random, from zero to
    /// `base * 2^attempt` or `cap`, whichever is less.
    ///
    /// The whole range, so that clients which failed together do not come back together.
    pub fn delay(&self, attempt: u32) -> Duration {
        // In nanoseconds, 64 bits last for 584 years.
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let factor = 1_u64.checked_shl(attempt).unwrap_or(u64::MAX);
        let longest = nanoseconds(self.base).saturating_mul(factor);
        let longest = longest.min(nanoseconds(self.cap));
        let random = u128::from(split_mix_64(self.seed, attempt));
        Duration::from_nanos(((random * (u128::from(longest) + 1)) >> 64) as u64)
    }
}

/// The `n`-th random number of Steele, Lea and Flood's SplitMix64.
fn split_mix_64(seed: u64, n: u32) -> u64 {
    let mut bits = seed.wrapping_add((u64::from(n) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// Why one attempt failed, and so whether there is a point in another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AttemptError<E> {
    /// May go away: refused, overloaded.
    Transient(E),
    /// Will not go away: no such user.
    Permanent(E),
}

/// Why [`retry`] gave up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// The last error was permanent.
    Permanent,
    /// All attempts are used up.
    Attempts,
    /// The deadline has passed, or leaves no time for another attempt.
    Deadline,
}

/// The end of [`retry`] without success.
#[derive(Clone, Debug, PartialEq)]
pub struct GaveUp<E> {
    /// Why it ended.
    pub reason: Reason,
    /// Attempts begun.
    pub attempts: u32,
    /// The error of the last attempt that ended; `None` if it timed out, or none ended.
    pub last: Option<E>,
}

impl<E: fmt::Display> fmt::Display for GaveUp<E> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let reason = match self.reason {
            Reason::Permanent => "permanent error",
            Reason::Attempts => "no attempts left",
            Reason::Deadline => "no time left",
        };
        write!(f, "gave up after attempt {}, {reason}", self.attempts)?;
        match &self.last {
            Some(error) => write!(f, ": {error}"),
            None => f.write_str(": timed out"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for GaveUp<E> {}

/// Calls `operation` until it succeeds, or there is a [`Reason`] to give up.
///
/// # Panics
///
/// When polled outside of a tokio runtime with time enabled.
///
/// # Examples
///
/// ```
/// use futures_async::{AttemptError, Retry, retry};
/// use std::{num::NonZero, time::Duration};
/// use tokio::time::Instant;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let policy = Retry {
///     base: Duration::from_millis(1),
///     cap: Duration::from_secs(1),
///     attempts: NonZero::new(5).unwrap(),
///     attempt_timeout: Duration::from_secs(3),
///     deadline: Instant::now() + Duration::from_secs(10),
///     seed: 7,
/// };
/// let mut failures = ["busy", "busy"].into_iter();
/// let answer = retry(&policy, || {
///     let failure = failures.next();
///     async move { failure.map_or(Ok(42), |error| Err(AttemptError::Transient(error))) }
/// });
/// assert_eq!(answer.await, Ok(42));
/// # });
/// ```
pub async fn retry<T, E, F: Future<Output = Result<T, AttemptError<E>>>>(
    policy: &Retry,
    mut operation: impl FnMut() -> F,
) -> Result<T, GaveUp<E>> {
    let (mut attempts, mut last, mut is_last) = (0, None, false);
    let reason = loop {
        attempts += 1;
        let attempt = timeout(policy.attempt_timeout, operation());
        match timeout_at(policy.deadline, attempt).await {
            Ok(Ok(Ok(value))) => return Ok(value),
            Ok(Ok(Err(AttemptError::Transient(error)))) => last = Some(error),
            Ok(Ok(Err(AttemptError::Permanent(error)))) => {
                last = Some(error);
                break Reason::Permanent;
            }
            Ok(Err(_)) => last = None,
            Err(_) => break Reason::Deadline,
        }
        if attempts == policy.attempts.get() {
            break Reason::Attempts;
        }
        let left = policy.deadline.duration_since(Instant::now());
        if is_last || left.is_zero() {
            break Reason::Deadline;
        }
        let delay = policy.delay(attempts - 1);
        is_last = delay >= left;
        // Half-way, so that the last attempt has time too.
        sleep(if is_last { left / 2 } else { delay }).await;
    };
    Err(GaveUp {
        reason,
        attempts,
        last,
    })
}

/// Returns the first success and cancels the other futures; if there is none, all errors in the
/// order they came.
///
/// Needs no runtime: the futures are polled together, by whatever polls this one. (Of several
/// errors, `futures::future::select_ok` keeps the last one only, and it panics without futures.)
///
/// # Examples
///
/// ```
/// use futures_async::first_ok;
/// use std::future::ready;
///
/// let answers = [ready(Err("no")), ready(Ok(2))];
/// assert_eq!(futures::executor::block_on(first_ok(answers)), Ok(2));
/// ```
pub async fn first_ok<T, E, F: Future<Output = Result<T, E>>>(
    futures: impl IntoIterator<Item = F>,
) -> Result<T, Vec<E>> {
    let mut running: FuturesUnordered<F> = futures.into_iter().collect();
    let mut errors = Vec::new();
    while let Some(result) = running.next().await {
        match result {
            Ok(value) => return Ok(value),
            Err(error) => errors.push(error),
        }
    }
    Err(errors)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use futures::executor::block_on;
    use futures::stream;
    use std::convert::Infallible;
    use std::future::{pending, ready};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, mpsc};
    use std::thread;
    use tokio::runtime::Builder;
    use tokio::task::{spawn_blocking, yield_now};

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

    /// Runs `test` under a deadline, on a runtime whose clock moves on when there is nothing else to
    /// do.
    fn in_paused_time<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
        within_deadline(|| {
            let mut runtime = Builder::new_current_thread();
            let runtime = runtime.enable_time().start_paused(true).build().unwrap();
            runtime.block_on(test());
        });
    }

    fn limit(limit: usize) -> NonZero<usize> {
        NonZero::new(limit).unwrap()
    }

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// Counts who is inside, and how many there were at most.
    #[derive(Clone, Default)]
    struct Gauge(Arc<[AtomicUsize; 2]>);

    struct Inside(Gauge);

    impl Gauge {
        fn enter(&self) -> Inside {
            // Relaxed, because they are nothing but counts.
            let inside = 1 + self.0[0].fetch_add(1, Ordering::Relaxed);
            self.0[1].fetch_max(inside, Ordering::Relaxed);
            Inside(self.clone())
        }

        fn inside(&self) -> usize {
            self.0[0].load(Ordering::Relaxed)
        }

        fn peak(&self) -> usize {
            self.0[1].load(Ordering::Relaxed)
        }
    }

    impl Drop for Inside {
        fn drop(&mut self) {
            self.0.0[0].fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The `n`-th future ends after `times[n]` milliseconds, with that time.
    fn waits(
        times: &[u64],
    ) -> impl Stream<Item = impl Future<Output = Result<u64, Infallible>> + use<>> + Unpin + use<>
    {
        stream::iter(times.to_vec()).map(|time| async move {
            sleep(ms(time)).await;
            Ok(time)
        })
    }

    fn values<T, E: fmt::Debug>(results: Vec<Result<T, TaskError<E>>>) -> Vec<T> {
        results.into_iter().map(|result| result.unwrap()).collect()
    }

    #[test]
    fn results_come_in_order_of_completion_and_return_in_order_of_input() {
        in_paused_time(|| async {
            let times = [30, 10, 20];
            let completed: Vec<_> = Tasks::new(limit(3), waits(&times)).collect().await;
            let positions: Vec<_> = completed.iter().map(|(position, _)| *position).collect();
            assert_eq!(positions, [1, 2, 0]);
            for n in [1, 2, 3, 100] {
                let results = Tasks::new(limit(n), waits(&times)).in_order().await;
                assert_eq!(values(results), times, "limit {n}");
                let results = Tasks::new(limit(n), waits(&times)).try_in_order().await;
                assert_eq!(results.unwrap(), times, "limit {n}");
            }
        });
    }

    #[test]
    fn no_futures_give_no_results() {
        in_paused_time(|| async {
            assert!(Tasks::new(limit(1), waits(&[])).in_order().await.is_empty());
            assert!(
                Tasks::new(limit(1), waits(&[]))
                    .try_in_order()
                    .await
                    .unwrap()
                    .is_empty()
            );
            let mut tasks = Tasks::new(limit(1), waits(&[]));
            assert!(tasks.next().await.is_none());
            assert!(tasks.next().await.is_none(), "polled again after its end");
        });
    }

    #[test]
    fn the_limit_is_reached_and_never_exceeded() {
        in_paused_time(|| async {
            for n in [1, 2, 7, 99, 100, 101] {
                let (taken, running) = (Gauge::default(), Gauge::default());
                let source = stream::iter(0..100).map(|time| {
                    // From the moment it is taken from the source, a future counts.
                    let (inside, running) = (taken.enter(), running.clone());
                    async move {
                        let _inside = (inside, running.enter());
                        sleep(ms(1 + time % 7)).await;
                        Ok::<_, Infallible>(())
                    }
                });
                assert_eq!(Tasks::new(limit(n), source).in_order().await.len(), 100);
                assert_eq!((taken.peak(), running.peak()), (n.min(100), n.min(100)));
            }
        });
    }

    #[test]
    fn the_limit_is_reached_and_never_exceeded_on_a_runtime_of_many_threads() {
        within_deadline(|| {
            let runtime = Builder::new_multi_thread()
                .worker_threads(4)
                .build()
                .unwrap();
            let running = Gauge::default();
            let source = stream::iter(0..1000).map(|n| {
                let running = running.clone();
                async move {
                    let _inside = running.enter();
                    while running.peak() < 7 {
                        yield_now().await;
                    }
                    for _ in 0..10 {
                        yield_now().await; // so that one too many would have time to start
                    }
                    Ok::<_, Infallible>(n)
                }
            });
            let results = runtime.block_on(Tasks::new(limit(7), source).in_order());
            assert_eq!(values(results), Vec::from_iter(0..1000));
            assert_eq!(running.peak(), 7);
        });
    }

    #[test]
    fn results_that_are_not_taken_hold_the_source_back() {
        in_paused_time(|| async {
            let taken = AtomicUsize::new(0);
            let source = waits(&[1; 10]).inspect(|_| {
                taken.fetch_add(1, Ordering::Relaxed);
            });
            let mut tasks = Tasks::new(limit(3), source);
            for results in 0..8 {
                tasks.next().await.unwrap().1.unwrap();
                sleep(ms(1000)).await; // all that run are done by then
                assert_eq!(taken.load(Ordering::Relaxed), 3 + results);
            }
        });
    }

    #[test]
    fn a_source_may_wait_too() {
        in_paused_time(|| async {
            let source = stream::unfold(0, |n| async move {
                sleep(ms(10)).await;
                (n < 3).then_some((async move { Ok::<_, Infallible>(n) }, n + 1))
            });
            let results = Tasks::new(limit(2), Box::pin(source)).in_order().await;
            assert_eq!(values(results), [0, 1, 2]);
        });
    }

    #[test]
    #[cfg(panic = "unwind")]
    fn errors_and_panics_leave_the_other_results() {
        in_paused_time(|| async {
            for at in 0..3 {
                let source = stream::iter(0..3).map(|n| async move {
                    sleep(ms(n)).await;
                    if n == at {
                        panic!("number {n}")
                    }
                    if n == (at + 1) % 3 { Err(n) } else { Ok(n) }
                });
                let mut tasks = Tasks::new(limit(2), source);
                let mut results: Vec<_> = tasks.by_ref().collect().await;
                results.sort_by_key(|(position, _)| *position);
                for (n, result) in results {
                    match (n as u64 + 3 - at) % 3 {
                        0 => {
                            let Err(TaskError::Panicked(error)) = result else {
                                panic!("{result:?}")
                            };
                            let payload = error.into_panic().downcast::<String>().unwrap();
                            assert_eq!(*payload, format!("number {at}"));
                        }
                        1 => assert!(
                            matches!(result, Err(TaskError::Failed(error)) if error == n as u64)
                        ),
                        _ => assert_eq!(result.unwrap(), n as u64),
                    }
                }
                assert!(tasks.positions.is_empty());
                let counts = Counts {
                    started: 3,
                    done: 1,
                    failed: 2,
                    cancelled: 0,
                };
                assert_eq!(tasks.counts(), counts);
            }
        });
    }

    #[test]
    fn failing_fast_returns_when_the_other_tasks_are_gone() {
        within_deadline(|| {
            let runtime = Builder::new_current_thread().enable_time().build().unwrap();
            runtime.block_on(async {
                let (inside, started) = (Gauge::default(), Arc::new(AtomicUsize::new(0)));
                let source = stream::iter(0..100).map(|n| {
                    let (inside, started) = (inside.clone(), Arc::clone(&started));
                    async move {
                        let _inside = inside.enter();
                        started.fetch_add(1, Ordering::Relaxed);
                        if n == 4 { Err("no") } else { pending().await }
                    }
                });
                let mut tasks = Tasks::new(limit(10), source);
                let result: Result<Vec<()>, _> = tasks.try_in_order().await;
                assert_eq!(inside.inside(), 0);
                assert_eq!(started.load(Ordering::Relaxed), 10);
                assert!(
                    matches!(result, Err((4, TaskError::Failed("no")))),
                    "{result:?}"
                );
                let counts = Counts {
                    started: 10,
                    done: 0,
                    failed: 1,
                    cancelled: 9,
                };
                assert_eq!(tasks.counts(), counts);
                assert!(tasks.next().await.is_none(), "goes on after the error");
            });
        });
    }

    #[test]
    #[cfg(panic = "unwind")]
    fn failing_fast_reports_the_first_panic_to_come_with_its_position() {
        in_paused_time(|| async {
            let source = stream::iter(0..3).map(|n| async move {
                sleep(ms(30 - 10 * n)).await;
                if n == 2 {
                    panic!("number {n}")
                }
                Err::<(), _>(n)
            });
            let result = Tasks::new(limit(3), source).try_in_order().await;
            assert!(
                matches!(result, Err((2, TaskError::Panicked(_)))),
                "{result:?}"
            );
        });
    }

    #[test]
    fn dropping_it_cancels_everything() {
        in_paused_time(|| async {
            let inside = Gauge::default();
            let source = stream::iter(0..10).map(|n| {
                let inside = inside.clone();
                async move {
                    let _inside = inside.enter();
                    if n > 0 {
                        pending().await
                    } else {
                        Ok::<_, Infallible>(())
                    }
                }
            });
            let mut tasks = Tasks::new(limit(5), source);
            tasks.next().await.unwrap().1.unwrap();
            assert_eq!(inside.inside(), 4);
            drop(tasks);
            sleep(ms(1)).await; // the scheduler drops cancelled tasks when it gets round to them
            assert_eq!(inside.inside(), 0);
        });
    }

    #[test]
    fn tasks_go_on_while_the_loop_body_waits_and_buffered_futures_stand_still() {
        in_paused_time(|| async {
            async fn ends<F: Future<Output = Duration>>(
                results: impl Stream<Item = F>,
            ) -> Vec<Duration> {
                let mut results = std::pin::pin!(results);
                let mut ends = Vec::new();
                while let Some(end) = results.next().await {
                    ends.push(end.await);
                    sleep(ms(1000)).await;
                }
                ends
            }
            let start = Instant::now();
            let source = move || {
                waits(&[10, 20]).map(move |wait| async move { wait.await.map(|_| start.elapsed()) })
            };
            let spawned = Tasks::new(limit(2), source()).map(|(_, end)| ready(end.unwrap()));
            assert_eq!(ends(spawned).await, [ms(10), ms(20)]);
            let start = Instant::now();
            let source = waits(&[10, 20])
                .map(move |wait| async move { wait.await.map(|_| start.elapsed()) });
            let buffered = source.buffer_unordered(2).map(|end| ready(end.unwrap()));
            assert_eq!(ends(buffered).await, [ms(10), ms(1010)]);
        });
    }

    /// Stops after 100 ms, with 50 ms of grace; each of the `times` is a future's.
    async fn stopped(n: usize, times: &[u64]) -> (Vec<bool>, Counts, Duration) {
        let start = Instant::now();
        let mut tasks = Tasks::new(limit(n), waits(times)).stop_on(sleep(ms(100)), ms(50));
        let mut results: Vec<_> = tasks.by_ref().collect().await;
        results.sort_by_key(|(position, _)| *position);
        let is_cancelled = |(_, result)| matches!(result, Err(TaskError::Cancelled));
        (
            results.into_iter().map(is_cancelled).collect(),
            tasks.counts(),
            start.elapsed(),
        )
    }

    #[test]
    fn a_stop_starts_nothing_new_grants_grace_and_then_cancels() {
        in_paused_time(|| async {
            let (cancelled, counts, elapsed) = stopped(3, &[60, 120, 1000, 80, 0, 0]).await;
            assert_eq!(cancelled, [false, false, true, false]);
            assert_eq!(
                counts,
                Counts {
                    started: 4,
                    done: 3,
                    failed: 0,
                    cancelled: 1
                }
            );
            assert_eq!(elapsed, ms(150));
        });
    }

    #[test]
    fn a_stop_does_not_wait_longer_than_needed() {
        in_paused_time(|| async {
            assert_eq!(
                stopped(3, &[10, 20]).await.2,
                ms(20),
                "all done before the stop"
            );
            assert_eq!(
                stopped(1, &[110, 1]).await.2,
                ms(110),
                "all done within the grace period"
            );
            assert_eq!(stopped(3, &[]).await.2, ms(0), "nothing to do");
            let (cancelled, _, elapsed) = stopped(3, &[1000, 1000]).await;
            assert_eq!(
                (cancelled, elapsed),
                (vec![true, true], ms(150)),
                "source ended before the stop"
            );
        });
    }

    #[test]
    fn a_stop_ends_a_source_that_is_always_ready_or_never() {
        in_paused_time(|| async {
            let endless = stream::iter(0..1000).map(|n| ready(Ok::<_, Infallible>(n)));
            let mut tasks = Tasks::new(limit(2), endless).stop_on(yield_now(), ms(0));
            assert!((1..1000).contains(&tasks.in_order().await.len()));
            let never = stream::pending::<std::future::Ready<Result<(), Infallible>>>();
            let mut tasks = Tasks::new(limit(2), never).stop_on(sleep(ms(1)), ms(0));
            let results = timeout(ms(1000), tasks.in_order()).await;
            assert!(results.unwrap().is_empty());
            let mut tasks = Tasks::new(limit(2), waits(&[1])).stop_on(ready(()), ms(0));
            assert!(tasks.in_order().await.is_empty());
        });
    }

    fn policy(attempts: u32) -> Retry {
        Retry {
            base: ms(100),
            cap: ms(1000),
            attempts: NonZero::new(attempts).unwrap(),
            attempt_timeout: ms(500),
            deadline: Instant::now() + ms(10_000),
            seed: 1,
        }
    }

    #[test]
    fn errors_say_what_happened() {
        in_paused_time(|| async {
            assert_eq!(TaskError::Failed("no answer").to_string(), "no answer");
            assert_eq!(TaskError::<&str>::Cancelled.to_string(), "cancelled");
            let panicked: Result<(), _> = tokio::spawn(async { panic!("at the disco") }).await;
            let panic = TaskError::<&str>::Panicked(panicked.unwrap_err()).to_string();
            assert!(
                panic.ends_with("panicked with message \"at the disco\""),
                "{panic}"
            );
            let mut gave_up = GaveUp {
                reason: Reason::Attempts,
                attempts: 3,
                last: Some("busy"),
            };
            assert_eq!(
                gave_up.to_string(),
                "gave up after attempt 3, no attempts left: busy"
            );
            gave_up.last = None;
            gave_up.reason = Reason::Deadline;
            assert_eq!(
                gave_up.to_string(),
                "gave up after attempt 3, no time left: timed out"
            );
        });
    }

    #[test]
    fn delays_are_capped_spread_out_and_never_overflow() {
        in_paused_time(|| async {
            let policy = policy(1);
            for (attempt, longest) in [
                (0, 100),
                (1, 200),
                (3, 800),
                (4, 1000),
                (63, 1000),
                (64, 1000),
                (u32::MAX, 1000),
            ] {
                let delays: Vec<_> = (0..1000)
                    .map(|seed| {
                        Retry {
                            seed,
                            ..policy.clone()
                        }
                        .delay(attempt)
                    })
                    .collect();
                assert!(
                    delays.iter().all(|delay| *delay <= ms(longest)),
                    "attempt {attempt}"
                );
                for quarter in 0..4 {
                    let range = ms(longest) * quarter / 4..ms(longest) * (quarter + 1) / 4;
                    let hits = delays.iter().filter(|delay| range.contains(delay)).count();
                    assert!(
                        (150..350).contains(&hits),
                        "attempt {attempt}, quarter {quarter}: {hits}"
                    );
                }
            }
            let extreme = |base, cap| Retry {
                base,
                cap,
                ..policy.clone()
            };
            for attempt in [0, 1, 63, 64, u32::MAX] {
                let zero = extreme(Duration::ZERO, Duration::MAX).delay(attempt);
                assert_eq!(zero, Duration::ZERO);
                extreme(Duration::MAX, Duration::MAX).delay(attempt);
            }
            // Both ends of the range are part of it.
            let nanosecond = Duration::from_nanos(1);
            let delays = [1_234_567, 0].map(|seed| {
                let (base, cap) = (nanosecond, nanosecond);
                let policy = policy.clone();
                Retry {
                    base,
                    cap,
                    seed,
                    ..policy
                }
                .delay(0)
            });
            assert_eq!(delays, [Duration::ZERO, nanosecond]);
        });
    }

    #[test]
    fn the_same_seed_gives_the_same_delays() {
        in_paused_time(|| async {
            let delays = |seed| [0, 1, 2].map(|n| Retry { seed, ..policy(1) }.delay(n));
            assert_eq!(delays(7), delays(7));
            assert_ne!(delays(7), delays(8));
            assert_eq!(split_mix_64(1_234_567, 0), 6_457_827_717_110_365_317);
            assert_eq!(split_mix_64(1_234_567, 1), 3_203_168_211_198_807_973);
        });
    }

    /// Retries an operation that takes `times[n]` milliseconds the `n`-th time, and then fails.
    async fn failing(
        policy: &Retry,
        times: &[u64],
        error: fn(usize) -> AttemptError<usize>,
    ) -> (GaveUp<usize>, Duration) {
        let (start, mut attempt) = (Instant::now(), 0);
        let operation = || {
            let (number, time) = (attempt, times[attempt % times.len()]);
            attempt += 1;
            async move {
                sleep(ms(time)).await;
                Err::<(), _>(error(number))
            }
        };
        let result = retry(policy, operation).await;
        (result.unwrap_err(), start.elapsed())
    }

    #[test]
    fn attempts_are_spaced_by_the_delays_and_counted() {
        in_paused_time(|| async {
            for attempts in [1, 2, 5] {
                let policy = policy(attempts);
                let delays: Duration = (0..attempts - 1).map(|n| policy.delay(n)).sum();
                let (gave_up, elapsed) = failing(&policy, &[0], AttemptError::Transient).await;
                let last = Some(attempts as usize - 1);
                assert_eq!(
                    gave_up,
                    GaveUp {
                        reason: Reason::Attempts,
                        attempts,
                        last
                    }
                );
                // The timer counts in milliseconds, and rounds up.
                let rounding = ms(u64::from(attempts));
                assert!(
                    elapsed >= delays && elapsed <= delays + 2 * rounding,
                    "{elapsed:?} {delays:?}"
                );
            }
        });
    }

    #[test]
    fn a_permanent_error_is_tried_once() {
        in_paused_time(|| async {
            let (gave_up, elapsed) = failing(&policy(5), &[0], AttemptError::Permanent).await;
            assert_eq!(
                gave_up,
                GaveUp {
                    reason: Reason::Permanent,
                    attempts: 1,
                    last: Some(0)
                }
            );
            assert_eq!(elapsed, ms(0));
            assert_eq!(
                gave_up.to_string(),
                "gave up after attempt 1, permanent error: 0"
            );
        });
    }

    #[test]
    fn an_attempt_that_times_out_is_tried_again() {
        in_paused_time(|| async {
            let (gave_up, elapsed) = failing(&policy(1), &[501], AttemptError::Transient).await;
            assert_eq!(
                gave_up,
                GaveUp {
                    reason: Reason::Attempts,
                    attempts: 1,
                    last: None
                }
            );
            assert_eq!(elapsed, ms(500));
            let (gave_up, _) = failing(&policy(2), &[1, 501], AttemptError::Transient).await;
            assert_eq!(gave_up.last, None, "the first error is not the last");
            let (gave_up, _) = failing(&policy(2), &[501, 1], AttemptError::Transient).await;
            assert_eq!(
                gave_up,
                GaveUp {
                    reason: Reason::Attempts,
                    attempts: 2,
                    last: Some(1)
                }
            );
        });
    }

    #[test]
    fn the_deadline_stays_where_it_is_however_busy_the_attempts() {
        in_paused_time(|| async {
            let policy = Retry {
                attempt_timeout: Duration::MAX,
                ..policy(u32::MAX)
            };
            for times in [&[1][..], &[400, 30], &[3000], &[20_000]] {
                let policy = Retry {
                    deadline: Instant::now() + ms(10_000),
                    ..policy.clone()
                };
                let (gave_up, elapsed) = failing(&policy, times, AttemptError::Transient).await;
                assert_eq!(gave_up.reason, Reason::Deadline);
                assert!(elapsed <= ms(10_000) && elapsed >= ms(9_000), "{elapsed:?}");
            }
            // The second time there is nothing left.
            let start = Instant::now();
            tokio::time::advance(ms(20_000)).await;
            let (gave_up, _) = failing(&policy, &[1], AttemptError::Transient).await;
            assert_eq!(
                gave_up,
                GaveUp {
                    reason: Reason::Deadline,
                    attempts: 1,
                    last: None
                }
            );
            assert_eq!(start.elapsed(), ms(20_000));
        });
    }

    #[test]
    fn when_a_delay_does_not_fit_before_the_deadline_one_last_attempt_is_half_way() {
        in_paused_time(|| async {
            for seed in 0..20 {
                let policy = Retry {
                    seed,
                    ..policy(u32::MAX)
                };
                let mut starts = Vec::new();
                let attempt = || {
                    starts.push(Instant::now());
                    ready(Err::<(), _>(AttemptError::Transient("no")))
                };
                let gave_up = retry(&policy, attempt).await.unwrap_err();
                assert_eq!(
                    (gave_up.reason, gave_up.attempts as usize, gave_up.last),
                    (Reason::Deadline, starts.len(), Some("no"))
                );
                for n in 1..starts.len() {
                    let (delay, left) =
                        (policy.delay(n as u32 - 1), policy.deadline - starts[n - 1]);
                    let is_last = n == starts.len() - 1;
                    assert_eq!(is_last, delay >= left, "seed {seed}, attempt {n}");
                    let delay = if is_last { left / 2 } else { delay };
                    let slept = starts[n] - starts[n - 1];
                    // The timer counts in milliseconds, and rounds up.
                    assert!(
                        slept >= delay && slept <= delay + ms(1),
                        "seed {seed}, attempt {n}: {slept:?} {delay:?}"
                    );
                }
            }
        });
    }

    #[test]
    fn at_the_deadline_the_last_error_is_that_of_the_last_attempt_that_ended() {
        in_paused_time(|| async {
            let policy = Retry {
                attempt_timeout: Duration::MAX,
                ..policy(u32::MAX)
            };
            let (gave_up, elapsed) =
                failing(&policy, &[1, 1, 20_000], AttemptError::Transient).await;
            assert_eq!(
                gave_up,
                GaveUp {
                    reason: Reason::Deadline,
                    attempts: 3,
                    last: Some(1)
                }
            );
            assert_eq!(elapsed, ms(10_000));
        });
    }

    #[test]
    fn the_first_success_wins_on_any_executor() {
        let (sender, receiver) = futures::channel::oneshot::channel();
        let one = async { receiver.await.map_err(|_| "dropped") };
        let two = async {
            sender
                .send(2)
                .map(|()| 0)
                .map_err(|_| "unsent")
                .and(Err("sent"))
        };
        let both: [BoxFuture<_>; 2] = [Box::pin(one), Box::pin(two)];
        assert_eq!(block_on(first_ok(both)), Ok(2));
        assert_eq!(
            block_on(first_ok([ready(Err::<(), _>(1)), ready(Err(2))])),
            Err(vec![1, 2])
        );
        assert_eq!(
            block_on(first_ok(Vec::<std::future::Ready<Result<(), ()>>>::new())),
            Err(vec![])
        );
    }

    #[test]
    fn the_first_success_drops_the_other_futures() {
        let inside = Gauge::default();
        let futures = (0..3).map(|n| {
            let inside = inside.enter();
            async move {
                let _inside = inside;
                if n == 1 {
                    Ok::<_, ()>(n)
                } else {
                    pending().await
                }
            }
        });
        assert_eq!(block_on(first_ok(futures)), Ok(1));
        assert_eq!((inside.inside(), inside.peak()), (0, 3));
    }

    #[test]
    fn a_heart_on_the_only_worker_beats_on_while_another_thread_computes() {
        within_deadline(|| {
            let runtime = Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let (beat, beats) = mpsc::channel();
                let heart: BoxFuture<_> = Box::pin(async move {
                    while beat.send(()).is_ok() {
                        yield_now().await;
                    }
                    Ok(0)
                });
                // A computation that takes a hundred heartbeats. On the worker it would take for
                // ever: nothing else runs there until it returns.
                let compute = move || (0..100).filter(|_| beats.recv().is_ok()).count();
                let computation: BoxFuture<_> = Box::pin(spawn_blocking(compute));
                let mut tasks = Tasks::new(limit(2), stream::iter([heart, computation]));
                assert_eq!(values(tasks.in_order().await), [0, 100]);
            });
        });
    }
}
