//! Connects to endpoints, within the number of descriptors that there are.

use crate::descriptors;
use crate::endpoints::Endpoint;
use crate::resolver::Resolver;
use futures_async::{Retry, first_ok};
use std::fmt;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

/// Between the attempts of `--wait`: a service may be just about to start, so up to 0.1 s at first;
/// and none should be noticed later than after 0.5 s. (An attempt has timeouts of its own, because
/// waiting for a turn must not count.)
const WAIT: Retry = Retry::new()
    .retries(u32::MAX)
    .base(Duration::from_millis(100))
    .cap(Duration::from_millis(500))
    .attempt_timeout(Duration::MAX);

/// A look-up is a thread, so not too many: as many as tokio's own would get.
const MAX_LOOK_UPS: usize = 512;

/// What a resolver opens at a time: a file of the system's or two sockets, and one in reserve.
const DESCRIPTORS_OF_A_LOOK_UP: usize = 4;

/// Why an endpoint is not open.
#[derive(Debug)]
pub enum NotOpen {
    Refused,
    TimedOut,
    /// It had no turn before the deadline.
    NotTried,
    Unresolved,
    NoThread(io::Error),
    Other(io::Error),
}

impl fmt::Display for NotOpen {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            NotOpen::Refused => f.write_str("refused"),
            NotOpen::TimedOut => f.write_str("timed out"),
            NotOpen::NotTried => f.write_str("not tried"),
            NotOpen::Unresolved => f.write_str("unresolved name"),
            NotOpen::NoThread(error) => write!(f, "no thread that looks it up: {error}"),
            NotOpen::Other(error) => write!(f, "{error}"),
        }
    }
}

impl From<io::Error> for NotOpen {
    fn from(error: io::Error) -> Self {
        match error.kind() {
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
    /// One permit for each socket.
    sockets: Arc<Semaphore>,
    look_ups: Arc<Semaphore>,
    resolver: Resolver,
}

impl Prober {
    /// Takes what descriptors are left at this moment.
    pub fn new(limit: NonZero<usize>, timeout: Duration, deadline: Option<Instant>) -> Self {
        let left = descriptors::left();
        // An eighth for look-ups, at four descriptors each: so a half.
        let look_ups = (left / 8).min(MAX_LOOK_UPS).min(limit.get()).max(1);
        let left = left.saturating_sub(look_ups * DESCRIPTORS_OF_A_LOOK_UP);
        let sockets = left.min(limit.get()).max(1);
        Prober {
            timeout,
            deadline,
            sockets: Arc::new(Semaphore::new(sockets)),
            look_ups: Arc::new(Semaphore::new(look_ups)),
            resolver: Resolver::default(),
        }
    }

    /// Returns how many connections there can be at a time.
    pub fn limit(&self) -> usize {
        self.sockets.available_permits()
    }

    /// Returns how long the connection took.
    pub async fn probe(&self, endpoint: &Endpoint) -> Result<Duration, NotOpen> {
        let is_tried = AtomicBool::new(false);
        let attempt = || self.attempt(endpoint, &is_tried);
        let Some(deadline) = self.deadline else {
            return attempt().await;
        };
        let result = WAIT.run_until(deadline, attempt, |_| true).await;
        result.map_err(|gave_up| match gave_up.last {
            Some(error) => error,
            None if is_tried.into_inner() => NotOpen::TimedOut,
            None => NotOpen::NotTried,
        })
    }

    /// Tries all addresses of a name at once, so that one which does not answer holds up no other.
    async fn attempt(
        &self,
        endpoint: &Endpoint,
        is_tried: &AtomicBool,
    ) -> Result<Duration, NotOpen> {
        let addresses = match endpoint.address() {
            Some(address) => vec![address],
            None => self.look_up(endpoint, is_tried).await?,
        };
        let connections = addresses
            .into_iter()
            .map(|address| self.connect(address, is_tried));
        first_ok(connections).await.map_err(|mut none_ok| {
            let last = none_ok.errors.pop();
            last.unwrap_or(NotOpen::Unresolved)
        })
    }

    async fn look_up(
        &self,
        endpoint: &Endpoint,
        is_tried: &AtomicBool,
    ) -> Result<Vec<SocketAddr>, NotOpen> {
        let permit = self.turn(&self.look_ups, is_tried).await;
        let (host, port) = endpoint.host_and_port();
        let found = self.resolver.look_up(host, port, permit);
        let found = found.map_err(NotOpen::NoThread)?;
        match timeout(self.timeout, found).await {
            Ok(Ok(Ok(addresses))) => Ok(addresses),
            Ok(_) => Err(NotOpen::Unresolved),
            Err(_) => Err(NotOpen::TimedOut),
        }
    }

    async fn connect(
        &self,
        address: SocketAddr,
        is_tried: &AtomicBool,
    ) -> Result<Duration, NotOpen> {
        let _permit = self.turn(&self.sockets, is_tried).await;
        let start = Instant::now();
        let connection = timeout(self.timeout, TcpStream::connect(address)).await;
        let stream = connection.map_err(|_| NotOpen::TimedOut)??;
        let latency = start.elapsed();
        // Not `== address`: that may be 0.0.0.0.
        if stream
            .local_addr()
            .is_ok_and(|local| stream.peer_addr().is_ok_and(|peer| peer == local))
        {
            // The system picked the very port that we try as our own, and connected us to ourselves.
            return Err(NotOpen::Refused);
        }
        // Close with a reset: there is nothing to deliver, and a normal close keeps the local port
        // busy for a minute, which some 28,000 probes of one address would use up. It is an
        // optimisation.
        let _ = stream.set_zero_linger();
        Ok(latency)
    }

    /// Waits for a permit. Once the time of `--wait` is over, for ever, so that nothing is begun.
    async fn turn(&self, permits: &Arc<Semaphore>, is_tried: &AtomicBool) -> OwnedSemaphorePermit {
        match Arc::clone(permits).acquire_owned().await {
            Ok(permit)
                if self
                    .deadline
                    .is_none_or(|deadline| Instant::now() < deadline) =>
            {
                is_tried.store(true, Ordering::Relaxed); // one task alone uses it
                permit
            }
            over => {
                drop(over);
                pending().await
            }
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use tokio::net::TcpSocket;
    use tokio::runtime::Builder;

    /// Runs `test` on a runtime whose clock moves on when there is nothing else to do.
    fn in_paused_time<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
        let mut runtime = Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build();
        runtime.unwrap().block_on(test());
    }

    fn prober(timeout: u64, wait: Option<u64>) -> Prober {
        let deadline = wait.map(|wait| Instant::now() + Duration::from_secs(wait));
        Prober::new(
            NonZero::<usize>::MIN,
            Duration::from_secs(timeout),
            deadline,
        )
    }

    async fn reason(prober: &Prober, endpoint: &str) -> String {
        let endpoint = Endpoint::parse(endpoint.as_bytes()).unwrap();
        prober.probe(&endpoint).await.unwrap_err().to_string()
    }

    /// A full queue of connections, which nobody accepts, makes Linux drop further ones.
    #[test]
    fn an_endpoint_that_does_not_answer_times_out() {
        in_paused_time(|| async {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
            let listener = socket.listen(1).unwrap();
            let address = listener.local_addr().unwrap();
            let connect =
                || std::net::TcpStream::connect_timeout(&address, Duration::from_millis(50));
            // Twice, because a busy machine may take as long for a connection.
            let connect = || connect().or_else(|_| connect()).ok();
            let queue: Vec<_> = (0..20).map_while(|_| connect()).collect();
            assert!(queue.len() < 20);
            let start = Instant::now();
            assert_eq!(
                reason(&prober(7, None), &address.to_string()).await,
                "timed out"
            );
            assert_eq!(start.elapsed(), Duration::from_secs(7));
        });
    }

    #[test]
    fn an_endpoint_whose_turn_does_not_come_is_not_tried() {
        in_paused_time(|| async {
            let prober = prober(0, Some(1));
            let permits = [&prober.sockets, &prober.look_ups].map(|all| all.try_acquire().unwrap());
            assert_eq!(reason(&prober, "127.0.0.1:1").await, "not tried");
            assert_eq!(Some(Instant::now()), prober.deadline);
            assert_eq!(reason(&prober, "localhost:1").await, "not tried");
            drop(permits);
        });
    }

    #[test]
    fn a_turn_that_comes_with_the_deadline_is_none() {
        in_paused_time(|| async {
            let prober = prober(1, Some(0));
            let is_tried = AtomicBool::new(false);
            let turn = prober.turn(&prober.sockets, &is_tried);
            assert!(timeout(Duration::from_secs(1), turn).await.is_err());
            assert!(!is_tried.into_inner());
            assert_eq!(prober.sockets.available_permits(), 1);
        });
    }

    #[test]
    fn a_look_up_gives_its_permit_back_even_if_nobody_waits_for_it() {
        in_paused_time(|| async {
            let prober = prober(0, None);
            // Too long for a label, so that no resolver asks the network.
            let endpoint = format!("{}.invalid:80", "x".repeat(64));
            let reason = reason(&prober, &endpoint).await;
            assert!(
                ["timed out", "unresolved name"].contains(&&*reason),
                "{reason}"
            );
            // Comes back all the same, in the time of the thread, which cannot be paused.
            let is_back = |_| {
                std::thread::sleep(Duration::from_millis(10));
                prober.look_ups.available_permits() == 1
            };
            assert!((0..2000).any(is_back));
        });
    }
}
