//! Another attempt after a failure: exponential backoff with full jitter, until a deadline.
//!
//! # When to use it
//!
//! When what failed may succeed a little later, and doing it twice does no harm: connecting,
//! reading, requests that can be repeated.
//!
//! # When not to use it
//!
//! - When the client retries already, as those of many services do: the attempts multiply.
//! - When the attempt may have succeeded unseen, and must not be repeated: give it a key by which
//!   the other side knows it again.
//! - To do it every so often, whether it fails or not: `tokio::time::interval`.
//!
//! # How it ends
//!
//! With the first success, or with [`GaveUp`], which holds the last error: at a permanent error,
//! after the last attempt, or at the deadline: no attempt begins after it, and one that still runs
//! is dropped. A panic of an attempt goes on to the caller. Dropping its future drops the attempt.
//!
//! Needs: `cargo add tokio --features rt,time`.
//! To run it: `#[tokio::main]` needs `--features macros,rt-multi-thread`, too.
//! Its tests: `cargo add --dev tokio --features test-util`.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, RandomState};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// When to try again: a constant that all calls share.
///
/// After attempt `n`, counted from 0, the delay is random, from zero to `base * 2^n` or `cap`,
/// whichever is less (full jitter): clients that failed together do not come back together.
///
/// # Examples
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// # let mut kinds = [io::ErrorKind::ConnectionRefused, io::ErrorKind::NotFound].into_iter();
/// # let mut fetch = |_| std::future::ready(Err::<(), _>(io::Error::from(kinds.next().unwrap())));
/// use futures_async::Retry;
/// use std::io;
///
/// const RETRY: Retry = Retry::new().retries(2);
///
/// fn is_transient(error: &io::Error) -> bool {
///     error.kind() == io::ErrorKind::ConnectionRefused
/// }
///
/// let result = RETRY.run(|| fetch("db"), is_transient).await;
/// assert_eq!(result.unwrap_err().to_string(), "gave up after 2 attempts: permanent error");
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Retry {
    retries: u32,
    base: Duration,
    cap: Duration,
    attempt_timeout: Duration,
    seed: Option<u64>,
}

impl Retry {
    /// 4 retries; a base of 0.1 s, for what is over at once; a cap of 10 s, not much longer than
    /// people wait; 30 s for an attempt, as long as many servers give a request.
    ///
    /// The delays add up to 0.75 s on average, and to 1.5 s at most. To outlast a restart, use
    /// [`run_until`](Self::run_until) with [`retries(u32::MAX)`](Self::retries).
    pub const fn new() -> Self {
        Self {
            retries: 4,
            base: Duration::from_millis(100),
            cap: Duration::from_secs(10),
            attempt_timeout: Duration::from_secs(30),
            seed: None,
        }
    }

    /// How many attempts to make after the first. `u32::MAX` leaves it to the deadline.
    pub const fn retries(self, retries: u32) -> Self {
        Self { retries, ..self }
    }

    /// The longest delay after the first attempt.
    pub const fn base(self, base: Duration) -> Self {
        Self { base, ..self }
    }

    /// The longest delay after any attempt.
    pub const fn cap(self, cap: Duration) -> Self {
        Self { cap, ..self }
    }

    /// After this long an attempt is dropped, and has failed; that is never permanent.
    pub const fn attempt_timeout(self, attempt_timeout: Duration) -> Self {
        Self {
            attempt_timeout,
            ..self
        }
    }

    /// Makes the delays the same each time (until a release of Rust changes its hasher), for tests.
    /// Clients with the same seed come back in step.
    pub const fn seed(self, seed: u64) -> Self {
        Self {
            seed: Some(seed),
            ..self
        }
    }

    /// Calls `operation` until it succeeds, or fails for good.
    ///
    /// `|_| true` treats every error as transient. An attempt that takes longer than
    /// [`attempt_timeout`](Self::attempt_timeout) is dropped and begun again: set that, if 30 s may
    /// be too short.
    ///
    /// Where the compiler says that a captured variable cannot escape the `FnMut` closure body, the
    /// attempt borrows what the next one needs again: give each a clone (`let url = url.clone();
    /// async move { ... }`), or share it (`let connection = &tokio::sync::Mutex::new(connection);`).
    ///
    /// # Errors
    ///
    /// [`GaveUp`], with the [`Reason`] and the last error.
    ///
    /// # Panics
    ///
    /// When polled outside of a tokio runtime with time enabled.
    pub async fn run<T, E, F: Future<Output = Result<T, E>>>(
        self,
        operation: impl FnMut() -> F,
        is_transient: impl FnMut(&E) -> bool,
    ) -> Result<T, GaveUp<E>> {
        // Thirty years: what is added to the clock must not overflow it.
        let never = Instant::now() + Duration::from_secs(1_000_000_000);
        self.run_until(never, operation, is_transient).await
    }

    /// Like [`run`](Self::run), but ends at `deadline`, whatever is under way.
    ///
    /// The longest delay is half of the time that is left, too, so the attempts close in on the
    /// deadline, though not in step with those of other clients: what can succeed only in the last
    /// moments does, if an attempt takes less than a third of them. With retries left, a transient
    /// error never ends the wait early.
    ///
    /// # Errors
    ///
    /// [`GaveUp`], with the [`Reason`] and the last error.
    ///
    /// # Panics
    ///
    /// When polled outside of a tokio runtime with time enabled.
    pub async fn run_until<T, E, F: Future<Output = Result<T, E>>>(
        self,
        deadline: Instant,
        mut operation: impl FnMut() -> F,
        mut is_transient: impl FnMut(&E) -> bool,
    ) -> Result<T, GaveUp<E>> {
        let (mut attempts, mut timed_out, mut last) = (0_u32, 0_u32, None);
        let reason = loop {
            let left = deadline.duration_since(Instant::now());
            if left.is_zero() {
                break Reason::Deadline;
            }
            attempts = attempts.saturating_add(1);
            match timeout(left.min(self.attempt_timeout), operation()).await {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(error)) => {
                    let is_permanent = !is_transient(&error);
                    last = Some(error);
                    if is_permanent {
                        break Reason::Permanent;
                    }
                }
                Err(_) if left <= self.attempt_timeout => break Reason::Deadline,
                Err(_) => timed_out = timed_out.saturating_add(1),
            }
            if attempts > self.retries {
                break Reason::Attempts;
            }
            let left = deadline.duration_since(Instant::now());
            sleep(self.delay(attempts - 1, left / 2)).await;
        };
        Err(GaveUp {
            reason,
            attempts,
            timed_out,
            last,
        })
    }

    /// The delay after attempt `attempt`, counted from 0.
    fn delay(self, attempt: u32, at_most: Duration) -> Duration {
        // In nanoseconds, 64 bits last for 584 years.
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let factor = 1_u64.checked_shl(attempt).unwrap_or(u64::MAX);
        let longest = nanoseconds(self.base).saturating_mul(factor);
        // Before the draw: cut off after it, most of the delays would be the same, and clients with
        // one deadline would come back together.
        let longest = longest.min(nanoseconds(self.cap.min(at_most)));
        // `std` seeds its hasher from the system's random numbers.
        let random = match self.seed {
            None => RandomState::new().hash_one(attempt),
            Some(seed) => BuildHasherDefault::<DefaultHasher>::default().hash_one((seed, attempt)),
        };
        let random = (u128::from(random) * (u128::from(longest) + 1)) >> 64;
        Duration::from_nanos(random as u64)
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self::new()
    }
}

/// Why there was no success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The last error was permanent.
    Permanent,
    /// All attempts are used up.
    Attempts,
    /// The deadline has passed.
    Deadline,
}

/// The end of [`Retry::run`] without success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GaveUp<E> {
    /// Why it ended.
    pub reason: Reason,
    /// Attempts begun.
    pub attempts: u32,
    /// Attempts that took longer than their timeout; one that the deadline cut off does not count.
    pub timed_out: u32,
    /// The last error that an attempt returned, and the `source`. One that was cut off, by its timeout
    /// or by the deadline, returned none: `None` if all were.
    pub last: Option<E>,
}

impl<E> fmt::Display for GaveUp<E> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let plural = if self.attempts == 1 { "" } else { "s" };
        let reason = match self.reason {
            Reason::Permanent => "permanent error",
            Reason::Attempts => "no retries left",
            Reason::Deadline => "no time left",
        };
        write!(
            f,
            "gave up after {} attempt{plural}: {reason}",
            self.attempts
        )?;
        match self.timed_out {
            0 => Ok(()),
            timed_out => write!(f, " ({timed_out} timed out)"),
        }
    }
}

impl<E: Error + 'static> Error for GaveUp<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let last = self.last.as_ref()?;
        Some(last)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::collections::BTreeSet;
    use std::future::ready;
    use std::pin::Pin;
    use std::sync::mpsc;
    use std::{io, thread};
    use tokio::runtime::Builder;

    /// Runs `test` under a deadline, on a runtime whose clock moves on when there is nothing else to
    /// do.
    fn in_paused_time<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
        let (sender, ended) = mpsc::channel();
        thread::spawn(move || {
            let mut runtime = Builder::new_current_thread();
            let runtime = runtime.enable_time().start_paused(true).build().unwrap();
            // Boxed, so that the runtime is compiled once for all of them.
            let test: Pin<Box<dyn Future<Output = ()>>> = Box::pin(test());
            runtime.block_on(test);
            sender.send(())
        });
        assert_eq!(ended.recv_timeout(Duration::from_secs(60)), Ok(()));
    }

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn gave_up<E>(reason: Reason, attempts: u32, last: Option<E>) -> GaveUp<E> {
        GaveUp {
            reason,
            attempts,
            timed_out: 0,
            last,
        }
    }

    const UNTIL: Retry = Retry::new().retries(u32::MAX).cap(Duration::from_secs(1));

    #[test]
    fn the_first_success_ends_it() {
        in_paused_time(|| async {
            let start = Instant::now();
            assert_eq!(
                Retry::new().run(async || Ok::<_, ()>(7), |()| true).await,
                Ok(7)
            );
            assert_eq!(start.elapsed(), ms(0));
            let mut results = [Err("no"), Err("no"), Ok(7)].into_iter();
            let operation = || ready(results.next().unwrap());
            assert_eq!(Retry::new().run(operation, |_| true).await, Ok(7));
        });
    }

    #[test]
    fn delays_are_capped_spread_over_the_whole_range_and_never_overflow() {
        let policy = Retry::new().base(ms(100)).cap(ms(1000));
        for (attempt, at_most, longest) in [
            (0, ms(1000), 100),
            (1, ms(1000), 200),
            (3, ms(1000), 800),
            (3, ms(10), 10),
            (4, Duration::MAX, 1000),
            (63, Duration::MAX, 1000),
            (64, Duration::MAX, 1000),
            (u32::MAX, ms(300), 300),
        ] {
            let seeded = (0..1000).map(|seed| policy.seed(seed).delay(attempt, at_most));
            let random = (0..1000).map(|_| policy.delay(attempt, at_most));
            for delays in [Vec::from_iter(seeded), Vec::from_iter(random)] {
                assert!(delays.iter().all(|delay| *delay <= ms(longest)));
                for quarter in 0..4 {
                    let range = ms(longest) * quarter / 4..ms(longest) * (quarter + 1) / 4;
                    let hits = delays.iter().filter(|delay| range.contains(delay)).count();
                    assert!((150..350).contains(&hits), "{attempt}, {quarter}: {hits}");
                }
            }
        }
        for attempt in [0, 1, 63, 64, u32::MAX] {
            let zero = policy.base(Duration::ZERO).cap(Duration::MAX);
            assert_eq!(zero.delay(attempt, Duration::MAX), Duration::ZERO);
            let huge = policy.base(Duration::MAX).cap(Duration::MAX);
            huge.delay(attempt, Duration::MAX);
        }
        // Both ends of the range are part of it.
        let nanosecond = policy.base(Duration::from_nanos(1));
        let delay = |_| nanosecond.delay(0, ms(1)).as_nanos();
        let delays: Vec<_> = (0..100).map(delay).collect();
        assert!(delays.contains(&0) && delays.contains(&1), "{delays:?}");
    }

    #[test]
    fn the_delays_of_the_defaults_add_up_to_one_and_a_half_seconds_at_most() {
        let sum = |seed| -> Duration {
            let policy = Retry::new().seed(seed);
            let delays = (0..policy.retries).map(|attempt| policy.delay(attempt, Duration::MAX));
            delays.sum()
        };
        let sums: Vec<_> = (0..1000).map(sum).collect();
        assert!(sums.iter().all(|sum| *sum <= ms(1500)));
        let mean = sums.iter().sum::<Duration>() / 1000;
        assert!((ms(720)..ms(780)).contains(&mean), "{mean:?}");
    }

    #[test]
    fn only_a_seed_gives_the_same_delays_each_time() {
        let delays = |policy: Retry| [5, 6, 7].map(|attempt| policy.delay(attempt, ms(1000)));
        let policy = Retry::new();
        assert_eq!(delays(policy.seed(7)), delays(policy.seed(7)));
        assert_ne!(delays(policy.seed(7)), delays(policy.seed(8)));
        assert_ne!(delays(policy), delays(policy));
    }

    /// Runs an operation that takes `times[n]` milliseconds the `n`-th time and then fails with `n`,
    /// starting again when there are no more times. Returns when each attempt began, too.
    async fn failing(
        policy: Retry,
        left: Duration,
        times: &[u64],
    ) -> (GaveUp<usize>, Vec<Duration>, Duration) {
        let (start, mut begins) = (Instant::now(), Vec::new());
        let operation = || {
            let number = begins.len();
            begins.push(start.elapsed());
            let time = ms(times[number % times.len()]);
            async move {
                sleep(time).await;
                Err::<(), _>(number)
            }
        };
        let result = policy.run_until(start + left, operation, |_| true).await;
        (result.unwrap_err(), begins, start.elapsed())
    }

    #[test]
    fn attempts_are_spaced_by_the_delays_and_counted() {
        in_paused_time(|| async {
            for retries in [0, 1, 4] {
                let policy = Retry::new().retries(retries).seed(1);
                let (result, begins, _) = failing(policy, ms(1_000_000), &[0]).await;
                let last = Some(retries as usize);
                assert_eq!(result, gave_up(Reason::Attempts, retries + 1, last));
                for (n, pair) in begins.windows(2).enumerate() {
                    let (delay, slept) = (policy.delay(n as u32, ms(1000)), pair[1] - pair[0]);
                    // The timer counts in milliseconds, and rounds up.
                    assert!(
                        slept >= delay && slept <= delay + ms(1),
                        "{slept:?} {delay:?}"
                    );
                }
            }
        });
    }

    #[test]
    fn without_a_deadline_it_goes_on_for_hours() {
        in_paused_time(|| async {
            let (start, mut attempts) = (Instant::now(), 0);
            let policy = UNTIL.cap(Duration::from_secs(3600)).seed(1);
            let operation = || {
                attempts += 1;
                ready(if attempts < 30 { Err("no") } else { Ok(()) })
            };
            assert_eq!(policy.run(operation, |_| true).await, Ok(()));
            let delay = |attempt| policy.delay(attempt, Duration::MAX);
            let delays: Duration = (0..29).map(delay).sum();
            assert!(delays > Duration::from_secs(4 * 3600), "{delays:?}");
            assert!(start.elapsed() >= delays);
        });
    }

    #[test]
    fn a_permanent_error_ends_it() {
        in_paused_time(|| async {
            let mut attempts = 0;
            let operation = || {
                attempts += 1;
                ready(Err::<(), _>(attempts))
            };
            let result = UNTIL.run(operation, |attempt| *attempt < 3).await;
            assert_eq!(result, Err(gave_up(Reason::Permanent, 3, Some(3))));
        });
    }

    #[test]
    fn an_attempt_that_takes_too_long_is_dropped_counted_and_keeps_the_error_before_it() {
        in_paused_time(|| async {
            let policy = Retry::new().retries(1).attempt_timeout(ms(500)).base(ms(0));
            for (times, timed_out, last, elapsed) in [
                (&[501][..], 2, None, 1000),
                (&[1, 501], 1, Some(0), 501),
                (&[501, 1], 1, Some(1), 501),
            ] {
                let (result, _, took) = failing(policy, ms(1_000_000), times).await;
                let expected = GaveUp {
                    timed_out,
                    ..gave_up(Reason::Attempts, 2, last)
                };
                assert_eq!(result, expected, "{times:?}");
                assert_eq!(took, ms(elapsed), "{times:?}");
            }
        });
    }

    #[test]
    fn it_lasts_until_the_deadline_however_long_the_attempts_take() {
        in_paused_time(|| async {
            let policy = UNTIL.attempt_timeout(Duration::MAX);
            for times in [&[0][..], &[1], &[400, 30], &[3000], &[9999], &[20_000]] {
                let (result, begins, took) = failing(policy, ms(10_000), times).await;
                assert_eq!(result.reason, Reason::Deadline, "{times:?}");
                assert_eq!(result.attempts as usize, begins.len());
                assert!(
                    took == ms(10_000) || took == ms(10_001),
                    "{times:?}: {took:?}"
                );
                assert!(begins.iter().all(|begin| *begin < ms(10_000)), "{begins:?}");
            }
            let (result, ..) = failing(policy, ms(10_000), &[1, 1, 20_000]).await;
            assert_eq!(result, gave_up(Reason::Deadline, 3, Some(1)));
            for policy in [policy, Retry::new().retries(0)] {
                let (result, ..) = failing(policy, ms(10_000), &[20_000]).await;
                assert_eq!(result, gave_up(Reason::Deadline, 1, None));
            }
        });
    }

    #[test]
    fn at_the_deadline_no_attempt_begins() {
        in_paused_time(|| async {
            let (result, begins, took) = failing(UNTIL, ms(0), &[1]).await;
            assert_eq!((begins.len(), took), (0, ms(0)));
            assert_eq!(result, gave_up(Reason::Deadline, 0, None));
            let start = Instant::now();
            tokio::time::advance(ms(10)).await;
            let result = UNTIL
                .run_until(start, || ready(Ok::<_, ()>(())), |()| true)
                .await;
            assert_eq!(result, Err(gave_up(Reason::Deadline, 0, None)));
        });
    }

    #[test]
    fn what_succeeds_only_in_the_last_moments_is_seen() {
        in_paused_time(|| async {
            for (opens, takes) in [(9900, 0), (9900, 30), (9990, 1), (9997, 0)] {
                for _ in 0..100 {
                    let start = Instant::now();
                    let connect = || async {
                        let is_open = start.elapsed() >= ms(opens);
                        sleep(ms(takes)).await;
                        if is_open { Ok(()) } else { Err(()) }
                    };
                    let result = UNTIL.run_until(start + ms(10_000), connect, |()| true);
                    assert_eq!(result.await, Ok(()), "opens at {opens}");
                }
            }
        });
    }

    #[test]
    fn clients_with_one_deadline_do_not_come_back_together() {
        in_paused_time(|| async {
            let mut returns = BTreeSet::new();
            for seed in 0..100 {
                // A delay of up to 5 s, of which half a second is allowed.
                let policy = UNTIL.base(ms(5000)).cap(ms(5000)).seed(seed);
                let (_, begins, _) = failing(policy, ms(1000), &[0]).await;
                returns.insert(begins[1].as_millis());
            }
            assert!(returns.len() > 50, "{returns:?}");
        });
    }

    #[test]
    fn a_call_can_be_spawned() {
        in_paused_time(|| async {
            let connection = tokio::sync::Mutex::new(vec!["db"]);
            let task = tokio::spawn(async move {
                let attempt = async || connection.lock().await.pop().ok_or("gone");
                Retry::new().run(attempt, |_| true).await
            });
            assert_eq!(task.await.unwrap(), Ok("db"));
        });
    }

    #[test]
    fn the_error_is_short_and_has_its_source() {
        let mut error = gave_up(Reason::Attempts, 3, Some(io::Error::other("busy")));
        assert_eq!(
            error.to_string(),
            "gave up after 3 attempts: no retries left"
        );
        assert_eq!(error.source().unwrap().to_string(), "busy");
        error.timed_out = 2;
        assert_eq!(
            error.to_string(),
            "gave up after 3 attempts: no retries left (2 timed out)"
        );
        error = gave_up(Reason::Deadline, 1, None);
        assert_eq!(error.to_string(), "gave up after 1 attempt: no time left");
        assert!(error.source().is_none());
        error.reason = Reason::Permanent;
        assert_eq!(
            error.to_string(),
            "gave up after 1 attempt: permanent error"
        );
    }
}
