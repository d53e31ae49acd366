//! Retry with exponential backoff and jitter, until a deadline.
//!
//! ```ignore
//! use retry::Retry;
//! use std::io::{self, ErrorKind};
//! use std::time::Duration;
//! use tokio::net::TcpStream;
//! use tokio::time::timeout;
//!
//! const RETRY: Retry = Retry::within(Duration::from_secs(30));
//! const ATTEMPT: Duration = Duration::from_secs(3);
//!
//! async fn connect(address: &str) -> io::Result<TcpStream> {
//!     let attempt = || async { timeout(ATTEMPT, TcpStream::connect(address)).await? };
//!     let on_error = |error: io::Error| match error.kind() {
//!         ErrorKind::ConnectionRefused | ErrorKind::TimedOut => Ok(()), // try again
//!         _ => Err(error),                                              // give up
//!     };
//!     RETRY.run(attempt, on_error).await
//! }
//! ```
//!
//! # When to use it
//!
//! When what failed may succeed a little later, and doing it twice does no harm: connecting,
//! reading, idempotent requests.
//!
//! # When not to use it
//!
//! - The client retries already, as many do: the attempts multiply.
//! - The attempt may have succeeded although it failed, and must not be repeated: send an
//!   idempotency key with it.
//! - Another schedule, another runtime or a blocking call: use the crate `backon`.
//! - To do something periodically, whether it fails or not: use `tokio::time::interval`.
//!
//! # How it ends
//!
//! With the first success, or with the error of the last attempt: your own type, by value. A panic
//! of an attempt reaches the caller. Dropping the future of the call drops the attempt.
//!
//! # To use it
//!
//! Declare it with `#[allow(dead_code, unreachable_pub)] mod retry;`. The tests start at
//! `#[cfg(test)]`; cut them off if you do not want them.
//!
//! Needs: `cargo add tokio --features time`. The example needs `--features net` too.
//!
//! Its tests: `cargo add --dev tokio --features rt,test-util`.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often to try, and how long to wait between the attempts. A constant can serve all calls.
///
/// The delay after the first attempt is at most [`base`](Self::base), by default 0.1 s. It doubles
/// after each attempt, up to [`cap`](Self::cap), by default 10 s. Half of it is random (jitter), so
/// that clients that failed together do not come back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Retry {
    retries: u32,
    within: Option<Duration>,
    base: Duration,
    cap: Duration,
}

/// The last attempt of [`Retry::within`] begins at most this long before the end.
const LAST_PART: Duration = Duration::from_millis(100);

impl Retry {
    /// Up to `retries` attempts after the first.
    ///
    /// With 4 retries and the default delays, the delays add up to between 0.75 s and 1.5 s.
    pub const fn times(retries: u32) -> Self {
        Self {
            retries,
            within: None,
            base: Duration::from_millis(100),
            cap: Duration::from_secs(10),
        }
    }

    /// As many attempts as begin within this time, counted from the call. There is always one.
    ///
    /// The last one begins in the last 0.1 s (the last tenth if the time is shorter than 1 s), so
    /// that a service that opens 0.1 s before the end is still found. With the default delays, at
    /// most 8 attempts begin in any second.
    ///
    /// An attempt that runs at the end is not dropped. To limit each attempt, use
    /// `tokio::time::timeout` in it; to end exactly, use `timeout_at`.
    pub const fn within(time: Duration) -> Self {
        let policy = Self::times(u32::MAX);
        Self {
            within: Some(time),
            ..policy
        }
    }

    /// Sets the longest delay after the first attempt.
    pub const fn base(self, base: Duration) -> Self {
        Self { base, ..self }
    }

    /// Sets the longest delay after any attempt.
    pub const fn cap(self, cap: Duration) -> Self {
        Self { cap, ..self }
    }

    /// Calls `attempt` until it succeeds, or no attempt is left.
    ///
    /// Before each retry, `on_error` gets the error by value. `Ok(())` goes on, after whatever you
    /// do with the error; `Err(error)` ends the call with it. So each error goes to one place: to
    /// `on_error` if another attempt is left, else to the caller.
    ///
    /// ```ignore
    /// use retry::Retry;
    /// use std::future::ready;
    ///
    /// const RETRY: Retry = Retry::times(2);
    ///
    /// #[tokio::main]
    /// async fn main() {
    ///     // Every error is retried; the last one is returned.
    ///     let busy = || ready(Err::<(), _>("busy"));
    ///     assert_eq!(RETRY.run(busy, |_| Ok(())).await, Err("busy"));
    ///
    ///     // Every error is logged, the last one too.
    ///     let mut log = Vec::new();
    ///     let on_error = |error| {
    ///         log.push(error);
    ///         Ok(())
    ///     };
    ///     let result = RETRY.run(busy, on_error).await;
    ///     log.extend(result.err());
    ///     assert_eq!(log, ["busy", "busy", "busy"]);
    ///
    ///     // A permanent error ends it.
    ///     let on_error = |error| if error == "busy" { Ok(()) } else { Err(error) };
    ///     let missing = || ready(Err::<(), _>("no such table"));
    ///     assert_eq!(RETRY.run(missing, on_error).await, Err("no such table"));
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// The error of the last attempt, or the one that `on_error` returns.
    ///
    /// # Panics
    ///
    /// If a delay begins outside of a tokio runtime with time enabled.
    ///
    /// # When it does not compile
    ///
    /// "captured variable cannot escape `FnMut` closure body": the attempt borrows mutably, or moves,
    /// what the next one needs as well. Clone it for each attempt (`let url = url.clone(); async move
    /// { ... }`), or share it in a `tokio::sync::Mutex`.
    ///
    /// # Details
    ///
    /// - tokio's timer counts in milliseconds and rounds up, so an attempt begins a millisecond or
    ///   two late; on a busy machine later. It is made all the same.
    /// - The call returns as soon as no attempt is left, up to 0.1 s before the end of the time.
    pub async fn run<T, E, F: Future<Output = Result<T, E>>>(
        self,
        mut attempt: impl FnMut() -> F,
        mut on_error: impl FnMut(E) -> Result<(), E>,
    ) -> Result<T, E> {
        let start = Instant::now();
        let mut retries = 0;
        loop {
            let begun = start.elapsed();
            let error = match attempt().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            // `std` seeds each hasher with a random number.
            let random = RandomState::new().hash_one(retries);
            let Some(delay) = self.delay(retries, begun, start.elapsed(), random) else {
                return Err(error);
            };
            on_error(error)?;
            sleep(delay).await;
            retries = retries.saturating_add(1);
        }
    }

    /// The delay after an attempt that has `begun` and `failed` this long after the start; `None`
    /// if it was the last one.
    fn delay(
        self,
        retries: u32,
        begun: Duration,
        failed: Duration,
        random: u64,
    ) -> Option<Duration> {
        if retries >= self.retries {
            return None;
        }
        let doubled = 1_u32.checked_shl(retries).unwrap_or(u32::MAX);
        let longest = self.base.saturating_mul(doubled).min(self.cap);
        let delay = upper_half(longest, random);
        let Some(within) = self.within else {
            return Some(delay);
        };
        let last_part = (within / 10).min(LAST_PART);
        if begun >= within - last_part || failed >= within {
            return None;
        }
        // Random too, so that clients with one deadline do not come together at the end.
        let last = within - upper_half(last_part, random);
        Some(delay.min(last.saturating_sub(failed)))
    }
}

/// A random duration between half of `longest` and all of it.
fn upper_half(longest: Duration, random: u64) -> Duration {
    // In nanoseconds, 64 bits last for 584 years.
    let half = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX) / 2;
    let share = (u128::from(random) * (u128::from(half) + 1)) >> 64;
    longest - Duration::from_nanos(share as u64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::collections::BTreeSet;
    use std::future::ready;
    use std::pin::Pin;
    use std::sync::mpsc;
    use std::thread;
    use tokio::runtime::Builder;
    use tokio::time::{timeout, timeout_at};

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

    /// When each attempt began, and when the call ended, if each attempt takes this long and fails.
    async fn begins(policy: Retry, takes: Duration) -> (Vec<Duration>, Duration) {
        let (start, mut begins) = (Instant::now(), Vec::new());
        let attempt = || {
            begins.push(start.elapsed());
            async move {
                sleep(takes).await;
                Err::<(), _>("no")
            }
        };
        assert_eq!(policy.run(attempt, |_| Ok(())).await, Err("no"));
        (begins, start.elapsed())
    }

    #[test]
    fn the_first_success_ends_it() {
        in_paused_time(|| async {
            let start = Instant::now();
            let policy = Retry::times(4);
            let result = policy.run(async || Ok::<_, ()>(7), |()| Ok(())).await;
            assert_eq!((result, start.elapsed()), (Ok(7), ms(0)));
            let mut results = [Err("no"), Err("no"), Ok(7)].into_iter();
            let attempt = || ready(results.next().unwrap());
            assert_eq!(policy.run(attempt, |_| Ok(())).await, Ok(7));
            assert_eq!(results.next(), None);
        });
    }

    #[test]
    fn each_error_goes_by_value_to_on_error_or_as_the_last_one_to_the_caller() {
        /// Neither `Clone` nor `Copy`.
        #[derive(Debug, PartialEq)]
        struct Error(u32);
        in_paused_time(|| async {
            for retries in [0, 1, 4] {
                let (mut attempts, mut sink) = (0, Vec::new());
                let attempt = || {
                    attempts += 1;
                    ready(Err::<(), _>(Error(attempts)))
                };
                let on_error = |error| {
                    sink.push(error);
                    Ok(())
                };
                let last = Retry::times(retries).run(attempt, on_error).await;
                assert_eq!(last, Err(Error(retries + 1)));
                assert_eq!(sink, Vec::from_iter((1..=retries).map(Error)));
            }
        });
    }

    #[test]
    fn a_permanent_error_ends_it() {
        in_paused_time(|| async {
            let mut attempts = 0;
            let attempt = || {
                attempts += 1;
                ready(Err::<(), _>(attempts))
            };
            let on_error = |error: i32| if error < 3 { Ok(()) } else { Err(-error) };
            assert_eq!(
                Retry::within(ms(60_000)).run(attempt, on_error).await,
                Err(-3)
            );
        });
    }

    #[test]
    fn delays_double_from_a_tenth_of_a_second_to_ten_seconds_and_half_is_random() {
        let policy = Retry::times(u32::MAX);
        for (retries, longest) in [
            (0, 100),
            (1, 200),
            (6, 6400),
            (7, 10_000),
            (31, 10_000),
            (32, 10_000),
            (u32::MAX - 1, 10_000),
        ] {
            let longest = ms(longest);
            let delay = |random| policy.delay(retries, ms(0), ms(0), random).unwrap();
            assert_eq!(delay(0), longest);
            assert_eq!(delay(u64::MAX), longest / 2);
            assert_eq!(delay(u64::MAX / 2), longest * 3 / 4);
        }
        let policy = policy.base(ms(3)).cap(ms(20));
        let longest = |retries| policy.delay(retries, ms(0), ms(0), 0).unwrap();
        assert_eq!([0, 1, 2, 3, 4].map(longest), [3, 6, 12, 20, 20].map(ms));
    }

    #[test]
    fn no_duration_overflows() {
        let extremes = [Duration::ZERO, Duration::from_nanos(1), Duration::MAX];
        for base in extremes {
            for cap in extremes {
                for within in extremes {
                    let policy = Retry::within(within).base(base).cap(cap);
                    for retries in [0, 31, 32, u32::MAX - 1] {
                        for random in [0, u64::MAX] {
                            policy.delay(retries, ms(0), ms(0), random);
                            policy.delay(retries, ms(0), Duration::MAX, random);
                            policy.delay(retries, Duration::MAX, Duration::MAX, random);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn without_a_deadline_it_goes_on_for_hours() {
        in_paused_time(|| async {
            let hour = Duration::from_secs(3600);
            for policy in [Retry::times(30), Retry::within(Duration::MAX)] {
                let (start, mut attempts) = (Instant::now(), 0);
                let attempt = || {
                    attempts += 1;
                    ready(if attempts < 30 { Err("no") } else { Ok(()) })
                };
                assert_eq!(policy.cap(hour).run(attempt, |_| Ok(())).await, Ok(()));
                assert!(start.elapsed() > 4 * hour);
            }
        });
    }

    #[test]
    fn four_retries_take_from_three_quarters_of_a_second_to_one_and_a_half() {
        in_paused_time(|| async {
            let mut took = BTreeSet::new();
            for _ in 0..100 {
                let (begins, end) = begins(Retry::times(4), ms(0)).await;
                assert_eq!((begins.len(), begins[4]), (5, end));
                // The timer counts in milliseconds, and rounds up.
                assert!((ms(750)..=ms(1504)).contains(&end), "{end:?}");
                took.insert(end);
            }
            assert!(took.len() > 50, "delays are random: {took:?}");
        });
    }

    #[test]
    fn attempts_begin_until_the_last_part_of_the_time_and_not_after_it() {
        in_paused_time(|| async {
            for (within, last_part) in [(60_000, 100), (1000, 100), (500, 50), (100, 10), (0, 0)] {
                for takes in [0, 1, 40, 400, 3000, 70_000] {
                    let policy = Retry::within(ms(within));
                    let (begins, end) = begins(policy, ms(takes)).await;
                    let last = *begins.last().unwrap();
                    let case = format!("{takes} of {within}: {begins:?}");
                    assert_eq!(end, last + ms(takes), "{case}");
                    assert!(last < ms(within) || begins.len() == 1, "{case}");
                    // An attempt that lasts beyond the end leaves no time for another one.
                    let is_in_last_part = last >= ms(within - last_part);
                    assert!(is_in_last_part || end >= ms(within), "{case}");
                    let in_last_part = begins.iter().filter(|b| **b >= ms(within - last_part));
                    assert!(in_last_part.count() <= 1, "{case}");
                }
            }
        });
    }

    #[test]
    fn at_most_eight_attempts_begin_in_any_second() {
        in_paused_time(|| async {
            for within in [1000, 1500, 30_000] {
                for cap in [ms(500), ms(10_000)] {
                    for _ in 0..50 {
                        let policy = Retry::within(ms(within)).cap(cap);
                        let (begins, _) = begins(policy, ms(0)).await;
                        let second = |begin: Duration| {
                            let range = begin..begin + ms(1000);
                            begins.iter().filter(|other| range.contains(other)).count()
                        };
                        let most = begins.iter().map(|begin| second(*begin)).max();
                        assert!(most <= Some(8), "{begins:?}");
                    }
                }
            }
        });
    }

    #[test]
    fn a_service_that_opens_a_tenth_of_a_second_before_the_end_is_found() {
        in_paused_time(|| async {
            for takes in [0, 1, 30] {
                for _ in 0..100 {
                    let start = Instant::now();
                    let attempt = || async {
                        let is_open = start.elapsed() >= ms(29_900);
                        sleep(ms(takes)).await;
                        if is_open { Ok(()) } else { Err(()) }
                    };
                    let found = Retry::within(ms(30_000)).run(attempt, |()| Ok(()));
                    let found = timeout_at(start + ms(30_000), found).await;
                    assert_eq!(found, Ok(Ok(())));
                }
            }
        });
    }

    #[test]
    fn clients_with_one_deadline_do_not_come_together_at_the_end() {
        in_paused_time(|| async {
            let mut last = BTreeSet::new();
            for _ in 0..100 {
                let policy = Retry::within(ms(30_000));
                last.extend(begins(policy, ms(0)).await.0.last().copied());
            }
            assert!(last.len() > 30, "{last:?}");
        });
    }

    #[test]
    fn a_limit_for_each_attempt_is_a_timeout_in_it() {
        #[derive(Debug, PartialEq)]
        enum Error {
            Refused,
            TimedOut,
        }
        in_paused_time(|| async {
            let (start, mut attempts) = (Instant::now(), 0);
            let attempt = || {
                attempts += 1;
                let takes = if attempts < 3 { ms(0) } else { ms(100_000) };
                async move {
                    let answer = async {
                        sleep(takes).await;
                        Err(Error::Refused)
                    };
                    let limited = timeout(ms(3000), answer).await;
                    limited.unwrap_or(Err(Error::TimedOut))
                }
            };
            let mut errors = Vec::new();
            let on_error = |error| {
                errors.push(error);
                Ok(())
            };
            let result = Retry::within(ms(5000)).run(attempt, on_error).await;
            assert_eq!(result, Err::<(), _>(Error::TimedOut));
            let expected = [Error::Refused, Error::Refused, Error::TimedOut];
            assert_eq!(errors, expected);
            assert!((ms(5000)..ms(8000)).contains(&start.elapsed()));
        });
    }

    #[test]
    fn dropping_the_call_drops_the_attempt() {
        in_paused_time(|| async {
            let inside = std::rc::Rc::new(());
            let attempt = || {
                let inside = inside.clone();
                async move {
                    sleep(ms(1000)).await;
                    drop(inside);
                    Ok::<_, ()>(())
                }
            };
            let call = Retry::times(1).run(attempt, |()| Ok(()));
            assert!(timeout(ms(10), call).await.is_err());
            assert_eq!(std::rc::Rc::strong_count(&inside), 1);
        });
    }

    #[test]
    fn a_call_can_be_spawned() {
        in_paused_time(|| async {
            let connection = tokio::sync::Mutex::new(vec!["db"]);
            let task = tokio::spawn(async move {
                let attempt = async || connection.lock().await.pop().ok_or("gone");
                Retry::times(1).run(attempt, |_| Ok(())).await
            });
            assert_eq!(task.await.unwrap(), Ok("db"));
        });
    }
}
