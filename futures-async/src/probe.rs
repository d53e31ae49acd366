//! Connects to endpoints, within the number of descriptors that there are.

use crate::endpoints::Endpoint;
use futures_async::{AttemptError, Retry, first_ok, retry};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

/// The longest delay before the second attempt of `--wait`: a service may be just about to start.
const FIRST_DELAY: Duration = Duration::from_millis(100);

/// The longest delay before any: no service is noticed later than that.
const LONGEST_DELAY: Duration = Duration::from_millis(500);

/// EMFILE (this process has too many files open) and ENFILE (all processes have), which std's
/// `ErrorKind` does not tell apart from other errors.
#[cfg(unix)]
const TOO_MANY_FILES: &[i32] = &[24, 23];
/// WSAEMFILE.
#[cfg(not(unix))]
const TOO_MANY_FILES: &[i32] = &[10024];

/// Why an endpoint is not open.
#[derive(Debug)]
pub enum NotOpen {
    Refused,
    TimedOut,
    /// It had no permit before the deadline.
    NotTried,
    Unresolved,
    TooManyFiles,
    Other(io::Error),
}

impl fmt::Display for NotOpen {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            NotOpen::Refused => f.write_str("refused"),
            NotOpen::TimedOut => f.write_str("timed out"),
            NotOpen::NotTried => f.write_str("not tried"),
            NotOpen::Unresolved => f.write_str("unresolved name"),
            NotOpen::TooManyFiles => f.write_str("too many open files"),
            NotOpen::Other(error) => write!(f, "{error}"),
        }
    }
}

impl From<io::Error> for NotOpen {
    fn from(error: io::Error) -> Self {
        let code = error.raw_os_error();
        match error.kind() {
            _ if code.is_some_and(|code| TOO_MANY_FILES.contains(&code)) => NotOpen::TooManyFiles,
            io::ErrorKind::ConnectionRefused => NotOpen::Refused,
            io::ErrorKind::TimedOut => NotOpen::TimedOut,
            _ => NotOpen::Other(error),
        }
    }
}

/// Probes endpoints, with no more descriptors than there are.
pub struct Prober {
    timeout: Duration,
    /// When to stop retrying; `None`: one attempt each.
    deadline: Option<Instant>,
    /// One permit per probe under way. The others wait: for their next attempt, or for a
    /// descriptor.
    permits: Semaphore,
    limit: usize,
    lowered_by: AtomicUsize,
}

impl Prober {
    pub fn new(limit: NonZero<usize>, timeout: Duration, deadline: Option<Instant>) -> Self {
        let limit = limit.get();
        Prober {
            timeout,
            deadline,
            permits: Semaphore::new(limit),
            limit,
            lowered_by: AtomicUsize::new(0),
        }
    }

    /// Returns the limit that is left, if it had to be lowered.
    pub fn lowered_limit(&self) -> Option<usize> {
        match self.lowered_by.load(Ordering::Relaxed) {
            0 => None,
            lowered_by => Some(self.limit - lowered_by),
        }
    }

    /// Returns how long the connection took.
    pub async fn probe(&self, endpoint: &Endpoint) -> Result<Duration, NotOpen> {
        let is_tried = AtomicBool::new(false);
        let Some(deadline) = self.deadline else {
            return self.attempt(endpoint, &is_tried).await;
        };
        let policy = Retry {
            base: FIRST_DELAY,
            cap: LONGEST_DELAY,
            attempts: NonZero::<u32>::MAX,
            // `attempt` has a timeout of its own, because waiting for a permit must not count.
            attempt_timeout: Duration::MAX,
            deadline,
            // std's hasher is seeded at random: neither processes nor endpoints keep in step.
            seed: RandomState::new().hash_one(endpoint.as_str()),
        };
        let attempt = || async {
            self.attempt(endpoint, &is_tried)
                .await
                .map_err(AttemptError::Transient)
        };
        let result = retry(&policy, attempt).await;
        // Without an error, the deadline came before the end of the first attempt.
        result.map_err(|gave_up| match gave_up.last {
            Some(error) => error,
            None if is_tried.into_inner() => NotOpen::TimedOut,
            None => NotOpen::NotTried,
        })
    }

    /// Connects once; again only if there was no descriptor. Each time that happens a permit goes,
    /// so that soon there are as many as descriptors, and the endpoint queues up for one of the
    /// rest. The timeout is for all of that, but for the waits for a permit.
    async fn attempt(
        &self,
        endpoint: &Endpoint,
        is_tried: &AtomicBool,
    ) -> Result<Duration, NotOpen> {
        let (mut left, mut doubts, mut lent) = (self.timeout, 0, 0);
        loop {
            let permit = self.permits.acquire().await;
            let start = Instant::now();
            // A permit that comes with the deadline is no turn.
            if self.deadline.is_none_or(|deadline| start < deadline) {
                is_tried.store(true, Ordering::Relaxed); // one task alone uses it
            }
            let connection = timeout(left, connect(endpoint)).await;
            let result = connection.unwrap_or(Err(match doubts {
                0 => NotOpen::TimedOut,
                _ => NotOpen::Unresolved, // all that is known
            }));
            left = left.saturating_sub(start.elapsed());
            let is_short = self.lowered_limit().is_some();
            let allowed_doubts = if is_short { 5 } else { 1 };
            let taken = match result {
                Err(NotOpen::TooManyFiles) => match self.lower_limit() {
                    0 => return result,
                    taken => taken,
                },
                // Resolvers do not tell when they had no descriptor. So ask once more; and where
                // there is a lack, a few times, with a permit less each time.
                Err(NotOpen::Unresolved) if doubts < allowed_doubts && !left.is_zero() => {
                    doubts += 1;
                    let taken = if is_short { self.lower_limit() } else { 0 };
                    lent += taken;
                    taken
                }
                Err(NotOpen::Unresolved) => {
                    self.raise_limit(lent); // it was not for lack of descriptors
                    return result;
                }
                _ => return result,
            };
            if taken > 0 {
                permit.into_iter().for_each(SemaphorePermit::forget);
            }
        }
    }

    /// Takes back all permits that nobody holds, and the caller's; none, if that is the last. Returns
    /// their number.
    fn lower_limit(&self) -> usize {
        let unused = self.permits.forget_permits(self.limit);
        // Relaxed, because it is nothing but a count, and no other thread uses it.
        let before = self.lowered_by.load(Ordering::Relaxed);
        let taken = unused + 1;
        if before + taken >= self.limit {
            self.permits.add_permits(unused);
            return 0;
        }
        self.lowered_by.store(before + taken, Ordering::Relaxed);
        if before == 0 {
            let message =
                "futures-async: too many open files; lowering the limit and trying again\n";
            let _ = io::stderr().write_all(message.as_bytes());
        }
        taken
    }

    fn raise_limit(&self, permits: usize) {
        self.lowered_by.fetch_sub(permits, Ordering::Relaxed); // as above
        self.permits.add_permits(permits);
    }
}

/// Tries all addresses of a name at once, so that one which does not answer holds up no other.
async fn connect(endpoint: &Endpoint) -> Result<Duration, NotOpen> {
    let addresses = look_up(endpoint).await?;
    let errors = match first_ok(addresses.map(connect_to)).await {
        Ok(latency) => return Ok(latency),
        Err(errors) => errors,
    };
    // Lack of descriptors says nothing about the endpoint, so no other error may hide it.
    let by_weight = |reason: &NotOpen| matches!(reason, NotOpen::TooManyFiles);
    Err(errors
        .into_iter()
        .max_by_key(by_weight)
        .unwrap_or(NotOpen::Unresolved))
}

/// Addresses are parsed on the spot; only names go to a thread that may block.
async fn look_up(endpoint: &Endpoint) -> Result<impl Iterator<Item = SocketAddr>, NotOpen> {
    match lookup_host(endpoint.as_str()).await {
        Ok(addresses) => Ok(addresses),
        // Resolvers do not say that they had no descriptor; a socket does.
        Err(_) => match TcpSocket::new_v4().map_err(NotOpen::from) {
            Err(NotOpen::TooManyFiles) => Err(NotOpen::TooManyFiles),
            _ => Err(NotOpen::Unresolved),
        },
    }
}

async fn connect_to(address: SocketAddr) -> Result<Duration, NotOpen> {
    let start = Instant::now();
    let stream = TcpStream::connect(address).await?;
    let latency = start.elapsed();
    // Not `== address`: that may be 0.0.0.0.
    if stream
        .local_addr()
        .is_ok_and(|local| stream.peer_addr().is_ok_and(|peer| peer == local))
    {
        // The system picked the very port that we try as our own, and connected us to ourselves.
        return Err(NotOpen::Refused);
    }
    // Close with a reset: there is nothing to deliver, and a normal close keeps the local port busy
    // for a minute, which some 28,000 probes of one address would use up. It is an optimisation.
    let _ = stream.set_zero_linger();
    Ok(latency)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use futures::future::join;
    use tokio::runtime::Builder;
    use tokio::task::yield_now;

    /// Runs `test` on a runtime whose clock moves on when there is nothing else to do.
    fn in_paused_time<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
        let mut runtime = Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build();
        runtime.unwrap().block_on(test());
    }

    /// A full queue of connections, which nobody accepts, makes Linux drop further ones.
    #[test]
    fn an_endpoint_that_does_not_answer_times_out() {
        in_paused_time(|| async {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let connect =
                || std::net::TcpStream::connect_timeout(&address, Duration::from_millis(50));
            // Twice, because a busy machine may take as long for a connection.
            let connect = || connect().or_else(|_| connect()).ok();
            let queue: Vec<_> = (0..10_000).map_while(|_| connect()).collect();
            assert!(queue.len() < 10_000);
            let (start, seconds) = (Instant::now(), Duration::from_secs(7));
            let prober = Prober::new(NonZero::<usize>::MIN, seconds, None);
            let reason = prober.probe(&address.to_string().parse().unwrap()).await;
            assert_eq!(reason.unwrap_err().to_string(), "timed out");
            assert_eq!(start.elapsed(), seconds);
        });
    }

    #[test]
    fn an_endpoint_whose_turn_does_not_come_is_not_tried() {
        in_paused_time(|| async {
            let deadline = Instant::now() + Duration::from_secs(1);
            let prober = Prober::new(NonZero::<usize>::MIN, Duration::ZERO, Some(deadline));
            let _permit = prober.permits.acquire().await.unwrap();
            let reason = prober.probe(&"127.0.0.1:1".parse().unwrap()).await;
            assert_eq!(reason.unwrap_err().to_string(), "not tried");
            assert_eq!(Instant::now(), deadline);
        });
    }

    #[test]
    fn a_permit_that_comes_with_the_deadline_is_no_turn() {
        in_paused_time(|| async {
            let prober = Prober::new(
                NonZero::<usize>::MIN,
                Duration::from_secs(1),
                Some(Instant::now()),
            );
            let reason = prober.probe(&"127.0.0.1:1".parse().unwrap()).await;
            assert_eq!(reason.unwrap_err().to_string(), "not tried");
        });
    }

    #[test]
    fn a_name_that_does_not_resolve_lowers_the_limit_for_itself_alone() {
        in_paused_time(|| async {
            let prober = Prober::new(NonZero::new(9).unwrap(), Duration::from_secs(20), None);
            let permit = prober.permits.try_acquire().unwrap();
            let others = prober.permits.try_acquire_many(6).unwrap();
            assert_eq!(prober.lower_limit(), 3);
            permit.forget();
            drop(others);
            let other = prober.permits.try_acquire().unwrap();
            // Too long for a label, so that no resolver asks the network.
            let endpoint = format!("{}.invalid:80", "x".repeat(64));
            let endpoint = endpoint.parse().unwrap();
            let others_end = async {
                while prober.lowered_limit() == Some(6) {
                    yield_now().await;
                }
                assert_eq!(prober.lowered_limit(), Some(1));
                drop(other);
            };
            let (reason, ()) = join(prober.probe(&endpoint), others_end).await;
            assert_eq!(reason.unwrap_err().to_string(), "unresolved name");
            assert_eq!(prober.lowered_limit(), Some(6));
            assert_eq!(prober.permits.available_permits(), 6);
        });
    }

    #[test]
    fn the_limit_is_not_lowered_below_1() {
        let prober = Prober::new(NonZero::new(3).unwrap(), Duration::ZERO, None);
        let _permit = prober.permits.try_acquire().unwrap();
        assert_eq!(prober.lower_limit(), 0);
        assert_eq!(prober.lowered_limit(), None);
        assert_eq!(prober.permits.available_permits(), 2);
    }
}
