//! Async tasks with a concurrency limit: fail fast, or shut down gracefully.
//!
//! ```ignore
//! use futures::stream::{self, StreamExt};
//! use std::num::NonZero;
//! use tasks::Tasks;
//!
//! const LIMIT: NonZero<usize> = NonZero::new(100).unwrap();
//!
//! #[tokio::main]
//! async fn main() {
//!     let futures = stream::iter(["1", "x", "3"]).map(|text| async { text.parse::<u64>() });
//!     let mut tasks = Tasks::new(LIMIT, futures);
//!     let (mut sum, mut errors) = (0, 0);
//!     while let Some(result) = tasks.next().await {
//!         match result {
//!             Ok(number) => sum += number,
//!             Err(_) => errors += 1,
//!         }
//!     }
//!     assert_eq!((sum, errors), (4, 1));
//! }
//! ```
//!
//! # When to use it
//!
//! For many futures of one kind, if a semaphore or `buffer_unordered` is not enough:
//!
//! - the first error cancels the rest, and you go on once the rest is gone:
//!   [`fail_fast`](Tasks::fail_fast), [`shutdown`](Tasks::shutdown);
//! - on a signal nothing new starts, and what runs gets a grace period:
//!   [`stop_on`](Tasks::stop_on), [`counts`](Tasks::counts);
//! - a panic is an error with the index of its future, and the other tasks go on.
//!
//! # When not to use it
//!
//! - For a limit alone: see the recipe `limit.rs`.
//! - To compute: a future that does not await blocks its thread. Use rayon, or
//!   `tokio::task::spawn_blocking`.
//! - For futures that borrow or are not `Send`: use `buffer_unordered`, in a loop that awaits
//!   nothing else.
//!
//! # How it ends
//!
//! The stream ends once its source has ended and every result has been taken. An error or a panic
//! is the result of its future; the others go on. Dropping a [`Tasks`] cancels its tasks: each is
//! dropped where it awaits. What a future has itself spawned goes on, and so does a future that
//! never awaits. If the runtime shuts down, running tasks are cancelled and the stream ends.
//!
//! # To use it
//!
//! Declare it with `#[allow(dead_code, unreachable_pub)] mod tasks;`. The tests start at
//! `#[cfg(test)]`; cut them off if you do not want them.
//!
//! Needs: `cargo add futures --no-default-features --features std`,
//! `cargo add tokio --features rt,time`. The example needs `--features macros,rt-multi-thread` too.
//!
//! Its tests: `cargo add --dev futures --no-default-features --features executor`,
//! `cargo add --dev tokio --features rt-multi-thread,test-util`.

use futures::future::{BoxFuture, Fuse, FutureExt};
use futures::stream::{Stream, StreamExt};
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::num::NonZero;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::{Id, JoinError, JoinSet, coop};
use tokio::time::sleep;

/// Spawns the futures of a stream, at most `limit` at a time. It is a stream of their results, in
/// the order in which they come.
///
/// Unread results count against the limit, so a slow consumer applies backpressure. Running tasks
/// go on while the consumer does something else; new ones start when it asks for a result.
///
/// A task costs about a microsecond and a kilobyte. On a multi-thread runtime, consume the stream
/// in a task (`tokio::spawn`): `block_on` polls it on the caller's thread, which each result has to
/// wake.
///
/// # Results in input order
///
/// For all results at once, use [`fail_fast`](Self::fail_fast). To use each as soon as those before
/// it are there, number the futures and keep results that are early. A slow one then delays the
/// output, but not the tasks:
///
/// ```ignore
/// use futures::stream::{self, StreamExt};
/// use std::collections::BTreeMap;
/// use std::num::{NonZero, ParseIntError};
/// use tasks::Tasks;
///
/// const LIMIT: NonZero<usize> = NonZero::new(100).unwrap();
///
/// #[tokio::main]
/// async fn main() {
///     let futures = stream::iter(["1", "x", "3"]).enumerate();
///     let futures = futures.map(|(index, text)| async move {
///         let number: u64 = text.parse()?;
///         Ok::<_, ParseIntError>((index, number))
///     });
///     let mut tasks = Tasks::new(LIMIT, futures);
///     let (mut early, mut next, mut output) = (BTreeMap::new(), 0, Vec::new());
///     while let Some(result) = tasks.next().await {
///         let (index, line) = match result {
///             Ok((index, number)) => (index, number.to_string()),
///             Err(error) => (error.index, error.to_string()),
///         };
///         early.insert(index, line);
///         while let Some(line) = early.remove(&next) {
///             output.push(line);
///             next += 1;
///         }
///     }
///     assert_eq!(output, ["1", "task 1 failed", "3"]);
/// }
/// ```
///
/// # When it does not compile
///
/// | the compiler says | do |
/// |---|---|
/// | expected `NonZero<usize>`, found integer | `const LIMIT: NonZero<usize> = NonZero::new(100).unwrap();` |
/// | expected `async` block, found a different `async` block | `.boxed()` both: one type for all |
/// | expected `u32` to be a `Result<_, _>` | end the future with `Ok::<_, Infallible>(value)` |
/// | `Rc<_>` cannot be sent between threads safely | use `Arc`: tasks move between threads |
/// | `dyn Error` cannot be sent between threads safely | `Box<dyn Error + Send + Sync>` |
/// | borrowed data escapes, may outlive, `'static` | clone what each future needs, then `async move` |
/// | captured variable cannot escape `FnMut` closure body | as above, or `Arc<Mutex<_>>` for `&mut` |
/// | `?` couldn't convert the error, in a function that returns `io::Result` | `.map_err(io::Error::other)?` |
/// | `?` couldn't convert the error, or `dyn Error` doesn't have a size known | `.map_err(TaskError::into_box)?` |
///
/// # Panics
///
/// If polled outside of a tokio runtime; or, during the grace period of
/// [`stop_on`](Self::stop_on), in one that has no time enabled or has shut down; or if its source
/// or the `stop` future panics.
#[must_use = "streams do nothing unless polled"]
pub struct Tasks<S, T, E> {
    /// `None` once nothing new may start.
    source: Option<S>,
    limit: NonZero<usize>,
    running: JoinSet<Result<T, E>>,
    /// Of each running task: the index of its future in the source.
    indices: HashMap<Id, usize>,
    /// The stop, then the end of the grace period, then nothing.
    stop: Fuse<BoxFuture<'static, ()>>,
    /// `None` once the grace period has begun.
    grace: Option<Duration>,
    counts: Counts,
}

/// What became of the tasks. At the end of the stream, `started == done + failed + cancelled`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Futures that were spawned.
    pub started: usize,
    /// Results that were `Ok`.
    pub done: usize,
    /// Results that were `Err`, and panics.
    pub failed: usize,
    /// Tasks that still ran at the end of the grace period, at [`shutdown`](Tasks::shutdown), after
    /// the error of [`fail_fast`](Tasks::fail_fast), or at the end of the runtime.
    pub cancelled: usize,
}

/// A task has no value.
///
/// If `E` is a box or an `anyhow::Error`, this is no [`Error`], and `?` cannot convert it: see
/// [`into_box`](Self::into_box).
#[derive(Debug)]
pub struct TaskError<E> {
    /// The index of its future in the source, counted from 0.
    pub index: usize,
    /// Why.
    pub cause: Cause<E>,
}

/// Why a task has no value.
#[derive(Debug)]
pub enum Cause<E> {
    /// The future returned this error.
    Failed(E),
    /// The future panicked; `into_panic` returns the payload.
    Panicked(JoinError),
    /// It was cancelled: see [`Counts::cancelled`].
    Cancelled,
}

/// A result, with the index of its future.
type Finished<T, E> = (usize, Result<T, TaskError<E>>);

impl<S, F, T, E> Tasks<S, T, E>
where
    S: Stream<Item = F> + Unpin,
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    /// Makes the stream; nothing runs before it is polled. Wrap a source that is not `Unpin` in
    /// `Box::pin`.
    pub fn new(limit: NonZero<usize>, source: S) -> Self {
        Self {
            source: Some(source),
            limit,
            running: JoinSet::new(),
            indices: HashMap::new(),
            stop: Fuse::terminated(),
            grace: None,
            counts: Counts::default(),
        }
    }

    /// Starts nothing new once `stop` is ready, whatever its output. Cancels what still runs `grace`
    /// later. Replaces an earlier stop.
    ///
    /// ```ignore
    /// use futures::stream::{self, StreamExt};
    /// use std::convert::Infallible;
    /// use std::num::NonZero;
    /// use std::time::Duration;
    /// use tasks::Tasks;
    ///
    /// const LIMIT: NonZero<usize> = NonZero::new(100).unwrap();
    /// const GRACE: Duration = Duration::from_secs(10);
    ///
    /// #[tokio::main]
    /// async fn main() {
    ///     let futures = stream::iter(0..9).map(|n| async move { Ok::<_, Infallible>(n) });
    ///     let mut tasks = Tasks::new(LIMIT, futures).stop_on(tokio::signal::ctrl_c(), GRACE);
    ///     while let Some(_result) = tasks.next().await {}
    ///     assert_eq!(tasks.counts().done, 9);
    /// }
    /// ```
    ///
    /// The running futures do not notice the stop. To let them end early, give them a
    /// `CancellationToken` of tokio-util, and its `cancelled_owned()` to this method. The stop takes
    /// effect when the stream is polled.
    pub fn stop_on(mut self, stop: impl Future + Send + 'static, grace: Duration) -> Self {
        self.stop = stop.map(drop).boxed().fuse();
        self.grace = Some(grace);
        self
    }

    /// Returns the counts so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Collects the values, in input order. At the first error to come, cancels the other tasks,
    /// waits until they are gone, and returns the error.
    ///
    /// ```ignore
    /// use futures::stream::{self, StreamExt};
    /// use std::num::NonZero;
    /// use tasks::Tasks;
    ///
    /// const LIMIT: NonZero<usize> = NonZero::new(100).unwrap();
    ///
    /// #[tokio::main]
    /// async fn main() {
    ///     let futures = stream::iter(["1", "x", "3"]).map(|text| async { text.parse::<u64>() });
    ///     let error = Tasks::new(LIMIT, futures).fail_fast().await.unwrap_err();
    ///     assert_eq!(error.to_string(), "task 1 failed");
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// The first task that has no value. A task with a lower index may fail later; it is not waited
    /// for.
    ///
    /// # Details
    ///
    /// - After a stop, returns the values of the futures that were started; a task that outlasts the
    ///   grace period is an error. To tell a stop from the end, keep the token and look at it.
    /// - Called again, it returns no values. Dropping its future loses what it has collected.
    pub async fn fail_fast(&mut self) -> Result<Vec<T>, TaskError<E>> {
        let mut values = Vec::new();
        while let Some((index, result)) = poll_fn(|context| self.poll_finished(context)).await {
            match result {
                Ok(value) => values.push((index, value)),
                Err(error) => {
                    self.shutdown().await;
                    return Err(error);
                }
            }
        }
        values.sort_unstable_by_key(|&(index, _)| index);
        Ok(values.into_iter().map(|(_, value)| value).collect())
    }

    /// Cancels all tasks and waits until they are gone. (Dropping a [`Tasks`] does not wait.) Their
    /// results are lost, and the stream has ended.
    pub async fn shutdown(&mut self) {
        self.source = None;
        self.running.abort_all();
        while let Some(_lost) = poll_fn(|context| self.poll_finished(context)).await {}
    }

    /// The next task to finish. Starts others as long as there is room.
    fn poll_finished(&mut self, context: &mut Context<'_>) -> Poll<Option<Finished<T, E>>> {
        loop {
            // Before each start, as a source that is always ready would outrun the stop; and one
            // start at a time, so that results come before the limit is reached.
            self.poll_stop(context);
            let has_started = self.start_one(context);
            match self.running.poll_join_next_with_id(context) {
                Poll::Ready(Some(joined)) => return Poll::Ready(Some(self.finish(joined))),
                _ if has_started => {}
                Poll::Ready(None) if self.source.is_none() => return Poll::Ready(None),
                _ => return Poll::Pending, // the source, a task or the budget will wake us
            }
        }
    }

    fn poll_stop(&mut self, context: &mut Context<'_>) {
        while self.stop.poll_unpin(context).is_ready() {
            match self.grace.take() {
                Some(grace) => {
                    self.source = None;
                    self.stop = sleep(grace).boxed().fuse();
                }
                None => self.running.abort_all(),
            }
        }
    }

    /// Spawns the next future, if there is one and room for it. Returns whether it did.
    fn start_one(&mut self, context: &mut Context<'_>) -> bool {
        let Some(source) = &mut self.source else {
            return false;
        };
        if self.running.len() >= self.limit.get() {
            return false;
        }
        // tokio's budget for a task, so that starting many lets other tasks run.
        let Poll::Ready(budget) = coop::poll_proceed(context) else {
            return false;
        };
        // Panics outside of a runtime, so before a future is taken.
        let runtime = Handle::current();
        match source.poll_next_unpin(context) {
            Poll::Ready(Some(future)) => {
                budget.made_progress();
                let id = self.running.spawn_on(future, &runtime).id();
                self.indices.insert(id, self.counts.started);
                self.counts.started += 1;
                true
            }
            Poll::Ready(None) => {
                self.source = None;
                false
            }
            Poll::Pending => false,
        }
    }

    fn finish(&mut self, joined: Result<(Id, Result<T, E>), JoinError>) -> Finished<T, E> {
        let (id, result) = match joined {
            Ok((id, result)) => (id, result.map_err(Cause::Failed)),
            Err(error) if error.is_panic() => (error.id(), Err(Cause::Panicked(error))),
            Err(error) => (error.id(), Err(Cause::Cancelled)),
        };
        match result {
            Ok(_) => self.counts.done += 1,
            Err(Cause::Cancelled) => {
                self.counts.cancelled += 1;
                // Perhaps by the runtime, which shuts down and would cancel all that follow.
                self.source = None;
            }
            Err(_) => self.counts.failed += 1,
        }
        // `start_one` has inserted it.
        let index = self.indices.remove(&id).unwrap_or_default();
        (index, result.map_err(|cause| TaskError { index, cause }))
    }
}

impl<S, F, T, E> Stream for Tasks<S, T, E>
where
    S: Stream<Item = F> + Unpin,
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    type Item = Result<T, TaskError<E>>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let finished = self.get_mut().poll_finished(context);
        finished.map(|finished| finished.map(|(_index, result)| result))
    }
}

impl<S, T, E> fmt::Debug for Tasks<S, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks")
            .field("limit", &self.limit)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

impl<E> fmt::Display for TaskError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.cause {
            Cause::Failed(_) => "failed",
            Cause::Panicked(_) => "panicked",
            Cause::Cancelled => "was cancelled",
        };
        write!(f, "task {} {what}", self.index)
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> TaskError<E> {
    /// The cause alone, for a function that returns a box: `.map_err(TaskError::into_box)?`.
    ///
    /// For one that returns an `anyhow::Error`, `anyhow::Error::from_boxed` converts the box.
    pub fn into_box(self) -> Box<dyn Error + Send + Sync> {
        match self.cause {
            Cause::Failed(error) => error.into(),
            Cause::Panicked(error) => error.into(),
            Cause::Cancelled => "cancelled".into(),
        }
    }
}

impl<E: Error + 'static> Error for TaskError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            Cause::Failed(error) => Some(error),
            Cause::Panicked(error) => Some(error),
            Cause::Cancelled => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use futures::executor::block_on;
    use futures::future::join;
    use futures::stream;
    use std::convert::Infallible;
    use std::future::{pending, ready};
    use std::io;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, mpsc};
    use std::thread;
    use tokio::runtime::Builder;
    use tokio::task::yield_now;
    use tokio::time::{Instant, timeout};

    /// Runs `body` on a thread of its own, so that a hang fails the test instead of blocking it.
    fn within_deadline<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> R {
        let (sender, receiver) = mpsc::channel();
        let runner = thread::spawn(move || sender.send(body()));
        match receiver.recv_timeout(Duration::from_secs(60)) {
            Ok(result) => result,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("does not end"),
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
            // Boxed, so that the runtime is compiled once for all of them.
            let test: Pin<Box<dyn Future<Output = ()>>> = Box::pin(test());
            runtime.block_on(test);
        });
    }

    fn limit(limit: usize) -> NonZero<usize> {
        NonZero::new(limit).unwrap()
    }

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// Started, done, failed, cancelled.
    fn counts(counts: Counts) -> [usize; 4] {
        [counts.started, counts.done, counts.failed, counts.cancelled]
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

    type Waits = stream::Iter<std::vec::IntoIter<BoxFuture<'static, Result<u64, Infallible>>>>;

    /// The `n`-th future ends after `times[n]` milliseconds, with that time.
    fn waits(times: &[u64]) -> Waits {
        let wait = |&time| {
            let wait = async move {
                sleep(ms(time)).await;
                Ok(time)
            };
            wait.boxed()
        };
        stream::iter(times.iter().map(wait).collect::<Vec<_>>())
    }

    #[test]
    fn results_come_as_they_are_ready_and_all_of_them_in_input_order() {
        in_paused_time(|| async {
            for (n, expected) in [
                (1, [30, 10, 20]),
                (2, [10, 30, 20]), // 20 starts after 10 and ends with 30, which was first
                (3, [10, 20, 30]),
                (100, [10, 20, 30]),
            ] {
                let times = [30, 10, 20];
                let results: Vec<_> = Tasks::new(limit(n), waits(&times)).collect().await;
                let results: Vec<_> = results.into_iter().flatten().collect();
                assert_eq!(results, expected, "limit {n}");
                let values = Tasks::new(limit(n), waits(&times)).fail_fast().await;
                assert_eq!(values.unwrap(), times, "limit {n}");
            }
        });
    }

    #[test]
    fn no_futures_give_no_results() {
        in_paused_time(|| async {
            let mut tasks = Tasks::new(limit(1), waits(&[]));
            assert!(tasks.next().await.is_none());
            assert!(tasks.next().await.is_none(), "polled again after its end");
            assert!(tasks.fail_fast().await.unwrap().is_empty());
            assert_eq!(counts(tasks.counts()), [0; 4]);
        });
    }

    #[test]
    fn the_limit_is_reached_and_never_exceeded() {
        in_paused_time(|| async {
            for n in [1, 2, 7, 99, 100, 101, 500] {
                let (taken, running) = (Gauge::default(), Gauge::default());
                let source = stream::iter(0..400).map(|time| {
                    // A future counts from the moment it is taken until its result is taken.
                    let (inside, running) = (taken.enter(), running.clone());
                    async move {
                        let _inside = running.enter();
                        sleep(ms(1 + time % 7)).await;
                        Ok::<_, Infallible>(inside)
                    }
                });
                let tasks = Tasks::new(limit(n), source);
                assert_eq!(tasks.map(drop).count().await, 400);
                assert_eq!((taken.peak(), running.peak()), (n.min(400), n.min(400)));
            }
        });
    }

    #[test]
    fn the_limit_is_reached_and_never_exceeded_on_a_multi_thread_runtime() {
        within_deadline(|| {
            let mut runtime = Builder::new_multi_thread();
            let runtime = runtime.worker_threads(4).build().unwrap();
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
            let values = runtime.block_on(Tasks::new(limit(7), source).fail_fast());
            assert_eq!(values.unwrap(), Vec::from_iter(0..1000));
            assert_eq!(running.peak(), 7);
        });
    }

    #[test]
    fn starting_many_lets_others_run_and_waits_for_no_result() {
        in_paused_time(|| async {
            let started = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&started);
            let source = stream::iter(0..10_000).map(move |n| {
                count.fetch_add(1, Ordering::Relaxed);
                ready(Ok::<_, Infallible>(n))
            });
            let mut tasks = Tasks::new(limit(10_000), source);
            let most_at_once = async {
                let (mut before, mut most) = (0, 0);
                while before < 10_000 {
                    yield_now().await;
                    let now = started.load(Ordering::Relaxed);
                    (before, most) = (now, most.max(now - before));
                }
                most
            };
            let consumer = async {
                tasks.next().await.unwrap().unwrap();
                let at_first_result = started.load(Ordering::Relaxed);
                assert_eq!(tasks.count().await, 9_999);
                at_first_result
            };
            let (at_first_result, most) = join(consumer, most_at_once).await;
            assert!(at_first_result < 1000, "{at_first_result}");
            assert!(most < 1000, "{most}");
        });
    }

    #[test]
    fn unread_results_count_against_the_limit() {
        in_paused_time(|| async {
            let taken = AtomicUsize::new(0);
            let source = waits(&[1; 10]).inspect(|_| {
                taken.fetch_add(1, Ordering::Relaxed);
            });
            let mut tasks = Tasks::new(limit(3), source);
            for results in 0..8 {
                tasks.next().await.unwrap().unwrap();
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
            let values = Tasks::new(limit(2), Box::pin(source)).fail_fast().await;
            assert_eq!(values.unwrap(), [0, 1, 2]);
        });
    }

    /// Three futures, of which `at` panics, the next one fails, and the third one succeeds.
    fn one_of_each(
        at: u64,
    ) -> impl Stream<Item = impl Future<Output = Result<u64, u64>> + Send + 'static> + Unpin {
        stream::iter(0..3).map(move |n| async move {
            sleep(ms(30 - 10 * n)).await;
            if n == at {
                panic!("number {n}")
            }
            if n == (at + 1) % 3 { Err(n) } else { Ok(n) }
        })
    }

    #[test]
    #[cfg(panic = "unwind")]
    fn errors_and_panics_have_their_index_and_leave_the_other_results() {
        in_paused_time(|| async {
            for at in 0..3 {
                let mut tasks = Tasks::new(limit(2), one_of_each(at));
                let mut seen = Vec::new();
                while let Some(result) = tasks.next().await {
                    match result {
                        Ok(value) => seen.push((value, "done".into())),
                        Err(TaskError { index, cause }) => {
                            let text = match cause {
                                Cause::Failed(error) => format!("error {error}"),
                                Cause::Panicked(error) => {
                                    *error.into_panic().downcast::<String>().unwrap()
                                }
                                Cause::Cancelled => "cancelled".into(),
                            };
                            seen.push((index as u64, text));
                        }
                    }
                }
                seen.sort_unstable();
                let mut expected = [
                    (at, format!("number {at}")),
                    ((at + 1) % 3, format!("error {}", (at + 1) % 3)),
                    ((at + 2) % 3, "done".into()),
                ];
                expected.sort_unstable();
                assert_eq!(seen, expected);
                assert!(tasks.indices.is_empty());
                assert_eq!(counts(tasks.counts()), [3, 1, 2, 0]);
            }
        });
    }

    #[test]
    #[cfg(panic = "unwind")]
    fn failing_fast_reports_the_first_to_come() {
        in_paused_time(|| async {
            let error = Tasks::new(limit(3), one_of_each(2)).fail_fast().await;
            let error = error.unwrap_err();
            assert!(matches!(error.cause, Cause::Panicked(_)), "{error:?}");
            assert_eq!(error.index, 2);
            let error = Tasks::new(limit(3), one_of_each(1)).fail_fast().await;
            assert!(matches!(error.unwrap_err().cause, Cause::Failed(2)));
        });
    }

    #[test]
    fn failing_fast_returns_when_the_other_tasks_are_gone() {
        in_paused_time(|| async {
            let (inside, started) = (Gauge::default(), Arc::new(AtomicUsize::new(0)));
            let source = stream::iter(0..100).map(|n| {
                let (inside, started) = (inside.clone(), Arc::clone(&started));
                async move {
                    let _inside = inside.enter();
                    started.fetch_add(1, Ordering::Relaxed);
                    match n {
                        4 => {
                            sleep(ms(1)).await; // until the others are inside, too
                            Err("no")
                        }
                        _ => pending().await,
                    }
                }
            });
            let mut tasks = Tasks::new(limit(10), source);
            let result: Result<Vec<()>, _> = tasks.fail_fast().await;
            assert_eq!((inside.inside(), started.load(Ordering::Relaxed)), (0, 10));
            let error = result.unwrap_err();
            assert!(matches!(error.cause, Cause::Failed("no")), "{error:?}");
            assert_eq!(error.index, 4);
            assert_eq!(counts(tasks.counts()), [10, 0, 1, 9]);
            assert!(tasks.next().await.is_none(), "goes on after the error");
            assert!(tasks.fail_fast().await.unwrap().is_empty());
        });
    }

    #[test]
    fn after_failing_fast_was_dropped_the_other_results_come() {
        in_paused_time(|| async {
            let mut tasks = Tasks::new(limit(2), waits(&[10, 100, 10, 10, 10, 10, 10]));
            assert!(timeout(ms(50), tasks.fail_fast()).await.is_err());
            assert_eq!(timeout(ms(1000), tasks.by_ref().count()).await, Ok(3));
        });
    }

    #[test]
    fn after_a_shutdown_was_dropped_the_stream_ends() {
        in_paused_time(|| async {
            let mut tasks = Tasks::new(limit(3), waits(&[10, 100, 100, 100]));
            assert!(timeout(ms(5), tasks.next()).await.is_err());
            assert_eq!(tasks.shutdown().now_or_never(), None);
            assert_eq!(tasks.by_ref().count().await, 3);
            assert_eq!(counts(tasks.counts()), [3, 0, 0, 3]);
        });
    }

    /// Five tasks of which the first is done, and its result taken.
    async fn one_done_and_four_inside(
        inside: &Gauge,
    ) -> Tasks<
        impl Stream<Item = impl Future<Output = Result<(), Infallible>> + Send + 'static> + Unpin,
        (),
        Infallible,
    > {
        let all = inside.clone();
        let source = stream::iter(0..10).map(move |n| {
            let inside = all.clone();
            async move {
                let _inside = inside.enter();
                if n > 0 {
                    pending().await
                } else {
                    sleep(ms(1)).await; // until the others are inside, too
                    Ok(())
                }
            }
        });
        let mut tasks = Tasks::new(limit(5), source);
        tasks.next().await.unwrap().unwrap();
        assert_eq!(inside.inside(), 4);
        tasks
    }

    #[test]
    fn dropping_it_cancels_everything() {
        in_paused_time(|| async {
            let inside = Gauge::default();
            drop(one_done_and_four_inside(&inside).await);
            sleep(ms(1)).await; // the scheduler drops cancelled tasks when it gets round to them
            assert_eq!(inside.inside(), 0);
        });
    }

    #[test]
    fn a_shutdown_returns_when_all_tasks_are_gone() {
        in_paused_time(|| async {
            let inside = Gauge::default();
            let mut tasks = one_done_and_four_inside(&inside).await;
            tasks.shutdown().await;
            assert_eq!(inside.inside(), 0);
            assert_eq!(counts(tasks.counts()), [5, 1, 0, 4]);
            assert!(tasks.next().await.is_none());
        });
    }

    #[test]
    fn after_its_runtime_an_endless_source_ends() {
        within_deadline(|| {
            let runtime = Builder::new_current_thread().build().unwrap();
            let handle = runtime.handle().clone();
            let endless = || stream::repeat_with(|| ready(Ok::<_, Infallible>(())));
            let mut before = Tasks::new(limit(3), endless());
            runtime.block_on(before.next()).unwrap().unwrap();
            drop(runtime);
            let _inside = handle.enter();
            for mut tasks in [before, Tasks::new(limit(3), endless())] {
                let results: Vec<_> = block_on(tasks.by_ref().collect());
                assert!(results.len() < 10, "{}", results.len());
                let counts = tasks.counts();
                assert_eq!(counts.started, counts.done + counts.cancelled);
            }
        });
    }

    #[test]
    #[cfg(panic = "unwind")]
    fn polled_outside_of_a_runtime_it_panics_and_loses_nothing() {
        let mut tasks = Tasks::new(limit(2), waits(&[0, 1]));
        let outside = std::panic::AssertUnwindSafe(|| block_on(tasks.next()));
        assert!(std::panic::catch_unwind(outside).is_err());
        in_paused_time(|| async move {
            assert_eq!(tasks.fail_fast().await.unwrap(), [0, 1]);
        });
    }

    #[test]
    fn tasks_go_on_while_the_loop_body_waits_and_buffered_futures_stand_still() {
        in_paused_time(|| async {
            async fn ends(mut results: impl Stream<Item = Duration> + Unpin) -> Vec<Duration> {
                let mut ends = Vec::new();
                while let Some(end) = results.next().await {
                    ends.push(end);
                    sleep(ms(1000)).await;
                }
                ends
            }
            let source = || {
                let start = Instant::now();
                waits(&[10, 20])
                    .map(move |wait| wait.map(move |_| Ok::<_, Infallible>(start.elapsed())))
            };
            let spawned = Tasks::new(limit(2), source()).map(Result::unwrap);
            assert_eq!(ends(spawned).await, [ms(10), ms(20)]);
            let buffered = source().buffer_unordered(2).map(Result::unwrap);
            assert_eq!(ends(buffered).await, [ms(10), ms(1010)]);
        });
    }

    /// Stops after 100 ms, with 50 ms of grace. Returns the indices of the cancelled, and when it
    /// ended.
    async fn stopped(n: usize, times: &[u64]) -> (Vec<usize>, [usize; 4], Duration) {
        let start = Instant::now();
        let mut tasks = Tasks::new(limit(n), waits(times)).stop_on(sleep(ms(100)), ms(50));
        let mut cancelled = Vec::new();
        while let Some(result) = tasks.next().await {
            if let Err(error) = result {
                assert!(matches!(error.cause, Cause::Cancelled), "{error:?}");
                cancelled.push(error.index);
            }
        }
        cancelled.sort_unstable();
        (cancelled, counts(tasks.counts()), start.elapsed())
    }

    #[test]
    fn a_stop_starts_nothing_new_grants_grace_and_then_cancels() {
        in_paused_time(|| async {
            // The last ones get no turn.
            let (cancelled, counts, elapsed) = stopped(3, &[60, 120, 1000, 1000, 0, 0]).await;
            assert_eq!(cancelled, [2, 3]);
            assert_eq!((counts, elapsed), ([4, 2, 0, 2], ms(150)));
        });
    }

    #[test]
    fn a_stop_does_not_wait_longer_than_needed() {
        in_paused_time(|| async {
            for (n, times, elapsed, what) in [
                (3, &[10, 20][..], 20, "all done before the stop"),
                (1, &[110, 1], 110, "all done within the grace period"),
                (3, &[], 0, "nothing to do"),
                (3, &[1000, 1000], 150, "source ended before the stop"),
            ] {
                assert_eq!(stopped(n, times).await.2, ms(elapsed), "{what}");
            }
        });
    }

    #[test]
    fn a_stop_ends_a_source_that_is_always_ready_or_never() {
        in_paused_time(|| async {
            let endless = stream::iter(0..1000).map(|n| ready(Ok::<_, Infallible>(n)));
            let tasks = Tasks::new(limit(2), endless).stop_on(yield_now(), ms(0));
            assert!((1..1000).contains(&tasks.count().await));
            let never = stream::pending::<std::future::Ready<Result<(), Infallible>>>();
            let tasks = Tasks::new(limit(2), never).stop_on(sleep(ms(1)), ms(0));
            assert_eq!(timeout(ms(1000), tasks.count()).await, Ok(0));
            // Any output is a stop, and the last call counts.
            let tasks = Tasks::new(limit(2), waits(&[1])).stop_on(pending::<()>(), ms(0));
            let tasks = tasks.stop_on(ready(Err::<(), _>("no")), ms(0));
            assert_eq!(tasks.count().await, 0);
        });
    }

    #[test]
    fn nothing_starts_after_a_stop_that_comes_while_others_start() {
        in_paused_time(|| async {
            let stop = Arc::new(tokio::sync::Notify::new());
            let source = stream::iter(0..1000).map(|n| {
                if n == 5 {
                    stop.notify_one();
                }
                pending::<Result<(), Infallible>>()
            });
            let stopped = Arc::clone(&stop).notified_owned();
            let mut tasks = Tasks::new(limit(1000), source).stop_on(stopped, ms(10));
            assert_eq!(tasks.by_ref().count().await, 6);
            assert_eq!(counts(tasks.counts()), [6, 0, 0, 6]);
        });
    }

    #[test]
    fn errors_are_short_and_have_their_source() {
        in_paused_time(|| async {
            let source = stream::iter(0..3).map(|n| async move {
                sleep(ms(n)).await;
                match n {
                    0 => Err(io::Error::other("no answer")),
                    1 => panic!("at the disco"),
                    _ => pending::<io::Result<()>>().await,
                }
            });
            let tasks = Tasks::new(limit(3), source).stop_on(sleep(ms(5)), ms(0));
            let errors: Vec<_> = tasks.map(|result| result.unwrap_err()).collect().await;
            let chain = |error: &TaskError<io::Error>| {
                let source = error.source().map(ToString::to_string);
                (error.to_string(), source.unwrap_or_default())
            };
            let chains: Vec<_> = errors.iter().map(chain).collect();
            assert_eq!(chains[0], ("task 0 failed".into(), "no answer".into()));
            assert_eq!(chains[1].0, "task 1 panicked");
            assert!(chains[1].1.ends_with("\"at the disco\""), "{}", chains[1].1);
            assert_eq!(chains[2], ("task 2 was cancelled".into(), "".into()));
            // As a function that returns a box wants them.
            let boxes = errors.into_iter().map(TaskError::into_box);
            let boxes: Vec<_> = boxes.map(|error| error.to_string()).collect();
            assert_eq!((&*boxes[0], &*boxes[2]), ("no answer", "cancelled"));
            assert!(boxes[1].ends_with("\"at the disco\""), "{}", boxes[1]);
        });
    }

    #[test]
    fn it_can_be_debugged_whatever_it_holds() {
        let tasks = Tasks::new(limit(7), waits(&[1]));
        assert!(format!("{tasks:?}").starts_with("Tasks { limit: 7, counts: Counts {"));
    }
}
