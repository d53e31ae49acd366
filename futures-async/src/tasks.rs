//! The futures of a stream, as tasks, at most so many at a time: fails fast, or stops gracefully.
//!
//! # When to use it
//!
//! When a limit is not all you need:
//!
//! - the first error is to cancel the rest, and you go on only when the rest is gone:
//!   [`fail_fast`](Tasks::fail_fast), [`shutdown`](Tasks::shutdown);
//! - on a signal nothing new is to start, and what runs gets some time:
//!   [`stop_on`](Tasks::stop_on), [`counts`](Tasks::counts);
//! - a panic is to be that item's error, with its position.
//!
//! Results come as they are ready, or [`in_order`](Tasks::in_order) of the input. A task costs
//! about a microsecond and a kilobyte. On a runtime of many threads, consume them inside
//! `tokio::spawn`: `block_on` runs its future on the caller's thread, which the workers have to wake.
//!
//! # When not to use it
//!
//! For a limit alone. This line has one, and its tasks are cancelled when it is dropped:
//!
//! ```
//! use futures::stream::{self, StreamExt};
//! use tokio_util::task::AbortOnDropHandle;
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! # async fn fetch(n: u32) -> u32 { n }
//! let fetches = stream::iter(0..9).map(|n| AbortOnDropHandle::new(tokio::spawn(fetch(n))));
//! let mut pages = fetches.buffered(3); // 0 would wait for ever; `buffer_unordered(3)`: as ready
//! assert_eq!(pages.next().await.unwrap().unwrap(), 0);
//! # });
//! ```
//!
//! Without `spawn` it has a trap: its futures stand still while the loop that takes the results
//! awaits something else, and their timeouts pass unseen. Without the handle, dropping it leaves
//! the tasks running.
//!
//! - To compute: what does not await lets nothing else run on its thread. See rayon, or
//!   `tokio::task::spawn_blocking`.
//! - For futures that borrow, or are not `Send`: `buffer_unordered`, in a loop that awaits nothing
//!   else.
//!
//! # How it ends
//!
//! The stream ends when its source has ended and every result is taken. An error or a panic is that
//! future's result; the others go on. Dropping a [`Tasks`] cancels what it started: each future is
//! dropped where it awaits, so what must not be lost has to be kept outside of it. That reaches
//! neither what a future has itself spawned, nor one that never awaits. When the runtime shuts
//! down, what still runs is cancelled, nothing new starts, and the stream ends.
//!
//! Needs: `cargo add futures --no-default-features --features std`,
//! `cargo add tokio --features rt,time`.
//! To run it: `#[tokio::main]` needs `--features macros,rt-multi-thread`, too.
//! Its tests: `cargo add --dev futures --no-default-features --features executor`,
//! `cargo add --dev tokio --features rt-multi-thread,test-util`,
//! `cargo add --dev tokio-util --features rt`.

use futures::future::{BoxFuture, Fuse, FutureExt};
use futures::stream::{self, FusedStream, Stream, StreamExt};
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::mem;
use std::num::NonZero;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::task::{Id, JoinError, JoinSet, coop};
use tokio::time::sleep;

/// Runs the futures of a stream as tasks, at most `limit` at a time: a stream of their results.
///
/// Nothing is taken from the source beyond the limit, and a result counts until it is taken: a slow
/// consumer holds the source back, and no more than `limit` results wait in memory. Tasks that have
/// started go on while the consumer does something else; new ones start when it comes back for a
/// result.
///
/// # When it does not compile
///
/// | the compiler says | do |
/// |---|---|
/// | expected `async` block, found a different `async` block | `.boxed()` both: one type for all |
/// | expected `u32` to be a `Result<_, _>` | end the future with `Ok::<_, Infallible>(value)` |
/// | `Rc<_>` cannot be sent between threads safely | `Arc`, for tasks move between threads |
/// | `dyn Error` cannot be sent between threads safely | `Box<dyn Error + Send + Sync>` |
/// | borrowed data escapes, may outlive, `'static` | clone what each needs, then `async move` |
/// | captured variable cannot escape `FnMut` closure body | as above, or `Arc<Mutex<_>>` for `&mut` |
/// | `?` couldn't convert the error | `E` is a box or an `anyhow::Error`: see [`TaskError`] |
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
/// use futures::{StreamExt, stream};
/// use futures_async::Tasks;
/// use std::num::NonZero;
///
/// const LIMIT: NonZero<usize> = NonZero::new(100).unwrap();
///
/// let futures = stream::iter(["1", "x", "3"]).map(|text| async { text.parse::<i32>() });
/// let results: Vec<_> = Tasks::new(LIMIT, futures).in_order().collect().await;
/// assert!(matches!(results[..], [Ok(1), Err(_), Ok(3)]));
///
/// let futures = stream::iter(["1", "x", "3"]).map(|text| async { text.parse::<i32>() });
/// let error = Tasks::new(LIMIT, futures).fail_fast().await.unwrap_err();
/// assert_eq!(error.to_string(), "task 1 failed");
/// # });
/// ```
#[must_use = "streams do nothing unless polled"]
pub struct Tasks<S, T, E> {
    /// Gone once it has ended or nothing new may start.
    source: Option<S>,
    limit: NonZero<usize>,
    running: JoinSet<Result<T, E>>,
    positions: HashMap<Id, usize>,
    /// Which result is next, if they come in order.
    next: Option<usize>,
    /// Results whose turn has not come.
    early: BTreeMap<usize, Result<T, TaskError<E>>>,
    /// First the stop, then the end of the grace period.
    stop: Fuse<BoxFuture<'static, ()>>,
    /// Taken by the stop.
    grace: Option<Duration>,
    counts: Counts,
}

/// What became of the tasks. Once the stream has ended, `started == done + failed + cancelled`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Futures taken from the source and spawned.
    pub started: usize,
    /// Results that were `Ok`.
    pub done: usize,
    /// Results that were `Err`, and panics.
    pub failed: usize,
    /// Tasks that still ran when the grace period ended, at [`shutdown`](Tasks::shutdown), after the
    /// error of [`fail_fast`](Tasks::fail_fast), or at the end of the runtime.
    pub cancelled: usize,
}

/// A task has no value.
///
/// `?` cannot convert it if `E` is a box or an `anyhow::Error`, which are no [`Error`]. This can:
///
/// ```
/// # use futures_async::{Cause, TaskError};
/// # type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// # fn example(result: Result<(), TaskError<BoxError>>) -> Result<(), BoxError> {
/// let result = result.map_err(|error| match error.cause {
///     Cause::Failed(error) => error,
///     Cause::Panicked(error) => error.into(),
///     Cause::Cancelled => "cancelled".into(), // with anyhow: `anyhow!("cancelled")`
/// });
/// # result
/// # }
/// ```
#[derive(Debug)]
pub struct TaskError<E> {
    /// Of its future in the source, counted from 0.
    pub position: usize,
    /// Why.
    pub cause: Cause<E>,
}

/// Why a task has no value.
#[derive(Debug)]
pub enum Cause<E> {
    /// The future's own error.
    Failed(E),
    /// The future panicked; `into_panic` gives the payload.
    Panicked(JoinError),
    /// It was cancelled: see [`Counts::cancelled`].
    Cancelled,
}

impl<S, F, T, E> Tasks<S, T, E>
where
    S: Stream<Item = F> + Unpin,
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    /// Makes the stream; nothing runs before it is polled. A source that is not `Unpin` goes into
    /// `Box::pin`.
    pub fn new(limit: NonZero<usize>, source: S) -> Self {
        Self {
            source: Some(source),
            limit,
            running: JoinSet::new(),
            positions: HashMap::new(),
            next: None,
            early: BTreeMap::new(),
            stop: Fuse::terminated(),
            grace: None,
            counts: Counts::default(),
        }
    }

    /// Makes results come in order of the input. One that is slow holds back those behind it
    /// (head-of-line blocking), and as they count, new ones too. Changes nothing once a future has
    /// started.
    pub fn in_order(mut self) -> Self {
        if self.counts.started == 0 {
            self.next = Some(0);
        }
        self
    }

    /// Once `stop` is ready, nothing new starts; what still runs `grace` later is cancelled. Both
    /// are noticed when the stream is polled. Replaces an earlier one.
    ///
    /// The futures that run know nothing of it. Those that can end early get it too:
    ///
    /// ```
    /// use futures::{FutureExt, StreamExt, future, stream};
    /// use futures_async::Tasks;
    /// # use std::{convert::Infallible, num::NonZero, time::Duration};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let signal = async {};
    /// # let work = || future::pending::<()>();
    /// # let (limit, grace) = (NonZero::<usize>::MIN, Duration::from_secs(600));
    /// let stop = signal.boxed().shared(); // or a `CancellationToken` of tokio-util
    /// let token = stop.clone();
    /// let futures = stream::repeat(()).map(|()| {
    ///     let (work, token) = (work(), token.clone());
    ///     async move { Ok::<_, Infallible>(future::select(Box::pin(work), token).await) }
    /// });
    /// let mut tasks = Tasks::new(limit, futures).stop_on(stop, grace);
    /// while tasks.next().await.is_some() {}
    /// assert_eq!(tasks.counts().cancelled, 0);
    /// # });
    /// ```
    pub fn stop_on(
        mut self,
        stop: impl Future<Output = ()> + Send + 'static,
        grace: Duration,
    ) -> Self {
        self.stop = stop.boxed().fuse();
        self.grace = Some(grace);
        self
    }

    /// Returns the counts so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Collects the values, in order of the input; or at the first error to come, cancels the other
    /// tasks, waits until they are gone, and returns it. There may be another one at a lower
    /// position: to wait for that would defeat failing fast.
    ///
    /// After a stop, the values are those of the futures that were started. A task that outlasts the
    /// grace period is an error. Called again, it has nothing left and returns no values. To tell a
    /// stop from the end, keep the token and look at it.
    ///
    /// Dropping the future of this method loses what it has collected; the results after that come
    /// as they are ready.
    ///
    /// # Errors
    ///
    /// The first task that has no value.
    pub async fn fail_fast(&mut self) -> Result<Vec<T>, TaskError<E>> {
        self.next = None; // what is taken here would be missing from the order later
        let early = stream::iter(mem::take(&mut self.early));
        let mut finished = early.chain(stream::poll_fn(|context| self.poll_finished(context)));
        let mut values = Vec::new();
        while let Some((position, result)) = finished.next().await {
            match result {
                Ok(value) => values.push((position, value)),
                Err(error) => {
                    drop(finished);
                    self.shutdown().await;
                    return Err(error);
                }
            }
        }
        values.sort_unstable_by_key(|&(position, _)| position);
        Ok(values.into_iter().map(|(_, value)| value).collect())
    }

    /// Cancels all tasks and waits until they are gone. (Dropping it would not wait.) The results
    /// that have not been taken are lost, and the stream has ended.
    pub async fn shutdown(&mut self) {
        self.next = None; // likewise
        self.source = None;
        self.early.clear();
        self.running.abort_all();
        while stream::poll_fn(|context| self.poll_finished(context))
            .next()
            .await
            .is_some()
        {}
    }

    /// The next task to finish, with its position, whatever the order of the stream.
    fn poll_finished(&mut self, context: &mut Context) -> Poll<Option<Finished<T, E>>> {
        // First, so that a source which is always ready does not outrun the stop.
        while self.stop.poll_unpin(context).is_ready() {
            match self.grace.take() {
                Some(grace) => {
                    self.source = None;
                    self.stop = sleep(grace).boxed().fuse();
                }
                None => self.running.abort_all(),
            }
        }
        // In turn, so that results come before the limit is reached.
        loop {
            let has_started = self.start(context);
            match self.running.poll_join_next_with_id(context) {
                Poll::Ready(Some(joined)) => return Poll::Ready(Some(self.finish(joined))),
                _ if has_started => {}
                Poll::Ready(None) if self.source.is_none() => return Poll::Ready(None),
                _ => return Poll::Pending, // the source, a task or the budget will wake us
            }
        }
    }

    /// Spawns one more future, if there is one and room for it. Returns whether it did.
    fn start(&mut self, context: &mut Context) -> bool {
        let has_room = self.running.len() + self.early.len() < self.limit.get();
        let Some(source) = self.source.as_mut().filter(|_| has_room) else {
            return false;
        };
        // Out of the budget that tokio gives a task until it has to let others run: to start as many
        // as the limit allows may take long.
        let Poll::Ready(budget) = coop::poll_proceed(context) else {
            return false;
        };
        match source.poll_next_unpin(context) {
            Poll::Ready(Some(future)) => {
                budget.made_progress();
                let id = self.running.spawn(future).id();
                self.positions.insert(id, self.counts.started);
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
                // If it was not us, the runtime shuts down, and cancels whatever would be next.
                self.source = None;
            }
            Err(_) => self.counts.failed += 1,
        }
        // There always is one: `start` has put it there.
        let position = self.positions.remove(&id).unwrap_or_default();
        (
            position,
            result.map_err(|cause| TaskError { position, cause }),
        )
    }
}

type Finished<T, E> = (usize, Result<T, TaskError<E>>);

impl<S, F, T, E> Stream for Tasks<S, T, E>
where
    S: Stream<Item = F> + Unpin,
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    type Item = Result<T, TaskError<E>>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context) -> Poll<Option<Self::Item>> {
        let tasks = self.get_mut();
        loop {
            let next = tasks.next;
            if let Some(result) = next.and_then(|next| tasks.early.remove(&next)) {
                tasks.next = next.map(|next| next + 1);
                return Poll::Ready(Some(result));
            }
            match ready!(tasks.poll_finished(context)) {
                Some((position, result)) if tasks.next.is_some() => {
                    tasks.early.insert(position, result);
                }
                finished => return Poll::Ready(finished.map(|(_, result)| result)),
            }
        }
    }
}

impl<S, T, E> FusedStream for Tasks<S, T, E>
where
    Self: Stream,
{
    fn is_terminated(&self) -> bool {
        self.source.is_none() && self.running.is_empty() && self.early.is_empty()
    }
}

impl<S, T, E> fmt::Debug for Tasks<S, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("Tasks")
            .field("limit", &self.limit)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

impl<E> fmt::Display for TaskError<E> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let what = match self.cause {
            Cause::Failed(_) => "failed",
            Cause::Panicked(_) => "panicked",
            Cause::Cancelled => "was cancelled",
        };
        write!(f, "task {} {what}", self.position)
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
    fn results_come_as_they_are_ready_or_in_order_of_the_input() {
        in_paused_time(|| async {
            let times = [30, 10, 20];
            let results: Vec<_> = Tasks::new(limit(3), waits(&times)).collect().await;
            assert_eq!(Vec::from_iter(results.into_iter().flatten()), [10, 20, 30]);
            for n in [1, 2, 3, 100] {
                let tasks = Tasks::new(limit(n), waits(&times)).in_order();
                let results: Vec<_> = tasks.collect().await;
                assert_eq!(
                    Vec::from_iter(results.into_iter().flatten()),
                    times,
                    "limit {n}"
                );
                let values = Tasks::new(limit(n), waits(&times)).fail_fast().await;
                assert_eq!(values.unwrap(), times, "limit {n}");
            }
        });
    }

    #[test]
    fn in_order_each_result_comes_as_soon_as_those_before_it_are_there() {
        in_paused_time(|| async {
            let start = Instant::now();
            let tasks = Tasks::new(limit(3), waits(&[30, 10, 20, 50])).in_order();
            let times: Vec<_> = tasks.map(|_| start.elapsed()).collect().await;
            assert_eq!(times, [30, 30, 30, 80].map(ms));

            let mut tasks = Tasks::new(limit(9), waits(&[30, 10])).in_order();
            assert_eq!(tasks.next().await.unwrap().unwrap(), 30);
            assert!(!tasks.is_terminated(), "there is one, whose turn has come");
            assert_eq!(tasks.next().await.unwrap().unwrap(), 10);
            assert!(tasks.is_terminated());
        });
    }

    #[test]
    fn once_a_future_has_started_the_order_stays() {
        in_paused_time(|| async {
            let mut tasks = Tasks::new(limit(2), waits(&[20, 10, 5]));
            assert_eq!(tasks.next().await.unwrap().unwrap(), 10);
            let results: Vec<_> = tasks.in_order().collect().await;
            assert_eq!(Vec::from_iter(results.into_iter().flatten()), [5, 20]);
        });
    }

    #[test]
    fn no_futures_give_no_results() {
        in_paused_time(|| async {
            let tasks = || Tasks::new(limit(1), waits(&[]));
            assert!(tasks().fail_fast().await.unwrap().is_empty());
            for mut tasks in [tasks(), tasks().in_order()] {
                assert!(!tasks.is_terminated());
                assert!(tasks.next().await.is_none());
                assert!(tasks.is_terminated());
                assert!(tasks.next().await.is_none(), "polled again after its end");
            }
        });
    }

    #[test]
    fn the_limit_is_reached_and_never_exceeded() {
        in_paused_time(|| async {
            for (n, in_order) in [1, 2, 7, 99, 100, 101, 500]
                .iter()
                .flat_map(|n| [(*n, true), (*n, false)])
            {
                let (taken, running) = (Gauge::default(), Gauge::default());
                let source = stream::iter(0..400).map(|time| {
                    // From the moment it is taken from the source, a future counts, until its
                    // result is taken.
                    let (inside, running) = (taken.enter(), running.clone());
                    async move {
                        let _inside = running.enter();
                        sleep(ms(1 + time % 7)).await;
                        Ok::<_, Infallible>(inside)
                    }
                });
                let tasks = Tasks::new(limit(n), source);
                let tasks = if in_order { tasks.in_order() } else { tasks };
                assert_eq!(tasks.map(drop).count().await, 400);
                assert_eq!((taken.peak(), running.peak()), (n.min(400), n.min(400)));
            }
        });
    }

    #[test]
    fn the_limit_is_reached_and_never_exceeded_on_a_runtime_of_many_threads() {
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
    fn results_that_are_not_taken_hold_the_source_back() {
        in_paused_time(|| async {
            for in_order in [false, true] {
                let taken = AtomicUsize::new(0);
                let source = waits(&[1; 10]).inspect(|_| {
                    taken.fetch_add(1, Ordering::Relaxed);
                });
                let tasks = Tasks::new(limit(3), source);
                let mut tasks = if in_order { tasks.in_order() } else { tasks };
                for results in 0..8 {
                    tasks.next().await.unwrap().unwrap();
                    sleep(ms(1000)).await; // all that run are done by then
                    assert_eq!(taken.load(Ordering::Relaxed), 3 + results);
                }
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

    #[test]
    #[cfg(panic = "unwind")]
    fn errors_and_panics_leave_the_other_results() {
        in_paused_time(|| async {
            for at in 0..3 {
                let source = stream::iter(0..3).map(|n| async move {
                    sleep(ms(n as u64)).await;
                    if n == at {
                        panic!("number {n}")
                    }
                    if n == (at + 1) % 3 { Err(n) } else { Ok(n) }
                });
                let mut tasks = Tasks::new(limit(2), source).in_order();
                let results: Vec<_> = tasks.by_ref().collect().await;
                for (n, result) in results.into_iter().enumerate() {
                    match (result, (n + 3 - at) % 3) {
                        (
                            Err(TaskError {
                                position,
                                cause: Cause::Panicked(error),
                            }),
                            0,
                        ) => {
                            let payload = error.into_panic().downcast::<String>().unwrap();
                            assert_eq!((position, *payload), (n, format!("number {at}")));
                        }
                        (
                            Err(TaskError {
                                position,
                                cause: Cause::Failed(error),
                            }),
                            1,
                        ) => {
                            assert_eq!((position, error), (n, n));
                        }
                        (Ok(value), 2) => assert_eq!(value, n),
                        (result, _) => panic!("{n}: {result:?}"),
                    }
                }
                assert!(tasks.positions.is_empty());
                assert_eq!(counts(tasks.counts()), [3, 1, 2, 0]);
            }
        });
    }

    #[test]
    fn failing_fast_returns_when_the_other_tasks_are_gone() {
        in_paused_time(|| async {
            for in_order in [false, true] {
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
                let tasks = Tasks::new(limit(10), source);
                let mut tasks = if in_order { tasks.in_order() } else { tasks };
                let result: Result<Vec<()>, _> = tasks.fail_fast().await;
                assert_eq!((inside.inside(), started.load(Ordering::Relaxed)), (0, 10));
                let error = result.unwrap_err();
                assert!(matches!(error.cause, Cause::Failed("no")), "{error:?}");
                assert_eq!(error.position, 4);
                assert_eq!(counts(tasks.counts()), [10, 0, 1, 9]);
                assert!(tasks.next().await.is_none(), "goes on after the error");
                assert!(tasks.is_terminated());
            }
        });
    }

    #[test]
    fn failing_fast_takes_the_results_that_have_not_been_taken() {
        in_paused_time(|| async {
            let mut tasks = Tasks::new(limit(4), waits(&[30, 10, 50, 20])).in_order();
            assert_eq!(tasks.next().await.unwrap().unwrap(), 30);
            assert_eq!(tasks.fail_fast().await.unwrap(), [10, 50, 20]);
            assert!(tasks.next().await.is_none());
        });
    }

    #[test]
    fn after_failing_fast_was_dropped_the_other_results_come_as_they_are_ready() {
        in_paused_time(|| async {
            let mut tasks = Tasks::new(limit(2), waits(&[10, 100, 10, 10, 10, 10, 10])).in_order();
            assert!(timeout(ms(50), tasks.fail_fast()).await.is_err());
            assert_eq!(timeout(ms(1000), tasks.by_ref().count()).await, Ok(3));
            assert!(tasks.is_terminated());
        });
    }

    #[test]
    fn after_a_shutdown_was_dropped_the_stream_ends() {
        in_paused_time(|| async {
            let mut tasks = Tasks::new(limit(3), waits(&[100, 10, 100, 100])).in_order();
            assert!(timeout(ms(50), tasks.next()).await.is_err());
            assert_eq!(tasks.shutdown().now_or_never(), None);
            assert_eq!(tasks.by_ref().count().await, 2);
            assert!(tasks.is_terminated());
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
            let error = Tasks::new(limit(3), source).fail_fast().await.unwrap_err();
            assert!(matches!(error.cause, Cause::Panicked(_)), "{error:?}");
            assert_eq!(error.position, 2);
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
            assert!(tasks.is_terminated());
        });
    }

    #[test]
    fn a_shutdown_loses_results_whose_turn_has_not_come() {
        in_paused_time(|| async {
            let mut tasks = Tasks::new(limit(3), waits(&[1000, 10, 20])).in_order();
            assert!(timeout(ms(50), tasks.next()).await.is_err());
            tasks.shutdown().await;
            assert!(tasks.is_terminated());
            assert!(tasks.next().await.is_none());
            assert_eq!(counts(tasks.counts()), [3, 2, 0, 1]);
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
                assert!(tasks.is_terminated());
                let counts = tasks.counts();
                assert_eq!(counts.started, counts.done + counts.cancelled);
            }
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

    /// Stops after 100 ms, with 50 ms of grace; each of the `times` is a future's.
    async fn stopped(n: usize, times: &[u64]) -> (Vec<bool>, [usize; 4], Duration) {
        let start = Instant::now();
        let tasks = Tasks::new(limit(n), waits(times)).in_order();
        let mut tasks = tasks.stop_on(sleep(ms(100)), ms(50));
        let results: Vec<_> = tasks.by_ref().collect().await;
        let is_cancelled = |result| {
            matches!(
                result,
                Err(TaskError {
                    cause: Cause::Cancelled,
                    ..
                })
            )
        };
        (
            results.into_iter().map(is_cancelled).collect(),
            counts(tasks.counts()),
            start.elapsed(),
        )
    }

    #[test]
    fn a_stop_starts_nothing_new_grants_grace_and_then_cancels() {
        in_paused_time(|| async {
            let (cancelled, counts, elapsed) = stopped(3, &[60, 120, 1000, 80, 0, 0]).await;
            // In order, the third holds back the fourth, which counts until it is taken; the last
            // ones get no turn.
            assert_eq!(cancelled, [false, false, true, false]);
            assert_eq!((counts, elapsed), ([4, 3, 0, 1], ms(150)));
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
            let tasks = Tasks::new(limit(2), waits(&[1])).stop_on(ready(()), ms(0));
            assert_eq!(tasks.count().await, 0);
        });
    }

    #[test]
    fn errors_are_short_and_have_their_source() {
        in_paused_time(|| async {
            let source = stream::iter(0..3).map(|n| async move {
                match n {
                    0 => Err(io::Error::other("no answer")),
                    1 => panic!("at the disco"),
                    _ => pending::<io::Result<()>>().await,
                }
            });
            let tasks = Tasks::new(limit(3), source).in_order();
            let tasks = tasks.stop_on(ready(()).then(|()| sleep(ms(1))), ms(0));
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
        });
    }

    #[test]
    fn it_can_be_debugged_whatever_it_holds() {
        in_paused_time(|| async {
            let tasks = Tasks::new(limit(7), waits(&[1]));
            assert!(format!("{tasks:?}").starts_with("Tasks { limit: 7, counts: Counts {"));
        });
    }
}
