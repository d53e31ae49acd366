//! Connects to endpoints, within the number of descriptors that there are.

use crate::descriptors;
use crate::endpoints::Endpoint;
use futures::future::{BoxFuture, Either, Shared, select};
use futures_async::first_ok::first_ok_staggered;
use futures_async::retry::Retry;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs};
use std::num::NonZero;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep, timeout_at};

/// The longest delay between the attempts of `--wait`: a service should be noticed soon.
const LONGEST_DELAY: Duration = Duration::from_millis(500);

/// Between the connections to two addresses of a name, as RFC 8305 recommends.
const STAGGER: Duration = Duration::from_millis(250);

/// Each look-up has a thread: as many as tokio starts.
const MAX_LOOK_UPS: usize = 512;

/// What a resolver opens at a time: a file of the system's or two sockets, and one in reserve.
const DESCRIPTORS_OF_A_LOOK_UP: usize = 4;

/// The kind of error that says nothing about the endpoint: it had no turn, or no time.
const NO_ANSWER: ErrorKind = ErrorKind::Interrupted;

/// The error of a name without an address.
const UNRESOLVED: &str = "unresolved name";

type LookUp = JoinHandle<io::Result<Vec<SocketAddr>>>;

/// Probes endpoints, with no more descriptors than there are.
pub struct Prober {
    pub timeout: Duration,
    /// Whether to try again until the deadline.
    pub waits: bool,
    pub deadline: Instant,
    /// Ready when attempts that are under way must end.
    pub over: Shared<BoxFuture<'static, ()>>,
    /// One permit for each socket. Closed, nothing is begun any more.
    pub sockets: Arc<Semaphore>,
    pub look_ups: Arc<Semaphore>,
}

/// How many connections, at most `limit`, and how many look-ups fit into the descriptors that are
/// left at this moment.
pub fn permits(limit: NonZero<usize>) -> (usize, usize) {
    let left = descriptors::left();
    // An eighth for look-ups, at four descriptors each: so a half. Not within `limit`: a name server
    // that does not answer must not keep others from their turn.
    let look_ups = (left / 8).clamp(1, MAX_LOOK_UPS);
    let left = left.saturating_sub(look_ups * DESCRIPTORS_OF_A_LOOK_UP);
    (left.clamp(1, limit.get()), look_ups)
}

impl Prober {
    /// Returns how long the connection took; or, if it is not open, the last reason.
    pub async fn probe(&self, endpoint: &Endpoint) -> io::Result<Duration> {
        let look_up = Mutex::new(None);
        let attempt = || self.attempt(endpoint, &look_up);
        let mut last = None;
        let on_error = |error| {
            if self.sockets.is_closed() {
                return Err(error);
            }
            last = Some(error);
            Ok(())
        };
        let left = self.deadline.duration_since(Instant::now());
        let retry = match self.waits {
            true => Retry::within(left).cap(LONGEST_DELAY),
            false => Retry::times(0),
        };
        let result = retry.run(attempt, on_error).await;
        result.map_err(|error| match error.kind() {
            NO_ANSWER => last.unwrap_or(error),
            _ => error,
        })
    }

    async fn attempt(
        &self,
        endpoint: &Endpoint,
        look_up: &Mutex<Option<LookUp>>,
    ) -> io::Result<Duration> {
        let addresses = match endpoint.0.parse() {
            Ok(address) => vec![address],
            Err(_) => self.look_up(endpoint, look_up).await?,
        };
        let connections = addresses.into_iter().map(|address| self.connect(address));
        let connected = first_ok_staggered(connections, || sleep(STAGGER)).await;
        let unresolved = || io::Error::other(UNRESOLVED);
        connected.map_err(|mut none| none.errors.pop().unwrap_or_else(unresolved))
    }

    /// `started` keeps a look-up that has timed out: the next attempt waits for it, instead of
    /// starting another one.
    async fn look_up(
        &self,
        endpoint: &Endpoint,
        started: &Mutex<Option<LookUp>>,
    ) -> io::Result<Vec<SocketAddr>> {
        let mut started = started.lock().await;
        let look_up = match &mut *started {
            Some(look_up) => look_up,
            none => {
                let permit = self.turn(&self.look_ups).await?;
                // The resolver takes `fe80::1%eth0` without brackets.
                let name = endpoint.0.replace(['[', ']'], "");
                none.insert(spawn_blocking(move || {
                    let addresses = name.to_socket_addrs();
                    drop(permit); // only now: until it ends, it needs descriptors
                    Ok(addresses?.collect())
                }))
            }
        };
        let found = self.bounded(look_up).await??;
        *started = None;
        // Errors of the system, such as too many open files, have a number. On Windows, so have those
        // of the resolver: from WSAHOST_NOT_FOUND to WSANO_DATA.
        found.map_err(|error| match error.raw_os_error() {
            Some(number) if cfg!(not(windows)) || !(11001..=11004).contains(&number) => error,
            _ => io::Error::other(UNRESOLVED),
        })
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<Duration> {
        let _permit = self.turn(&self.sockets).await?;
        let start = Instant::now();
        let stream = self.bounded(TcpStream::connect(address)).await??;
        let latency = start.elapsed();
        close(stream).map(|()| latency)
    }

    /// Waits for a permit; none is given once the time is over.
    async fn turn(&self, permits: &Arc<Semaphore>) -> io::Result<OwnedSemaphorePermit> {
        let turn = Arc::clone(permits).acquire_owned();
        match timeout_at(self.deadline, turn).await {
            Ok(Ok(permit)) if Instant::now() < self.deadline => Ok(permit),
            _ => Err(io::Error::new(NO_ANSWER, "not tried")),
        }
    }

    /// A step of an attempt, which ends with the timeout, the time of `--wait`, or after a signal.
    async fn bounded<T>(&self, step: impl Future<Output = T>) -> io::Result<T> {
        let end = self.deadline.min(Instant::now() + self.timeout);
        match select(pin!(timeout_at(end, step)), self.over.clone()).await {
            Either::Left((result, _)) => Ok(result?),
            Either::Right(_) => Err(io::Error::new(NO_ANSWER, "cancelled")),
        }
    }
}

/// Closes with a reset. An error if it is connected to itself, as the system may pick the very port
/// that we try as our own.
fn close(stream: TcpStream) -> io::Result<()> {
    // There is nothing to deliver, and a normal close keeps the local port busy for a minute: some
    // 28,000 probes of one address would use up all; and no service could listen on our own one. If it
    // fails, that is all.
    let _ = stream.set_zero_linger();
    match (stream.local_addr(), stream.peer_addr()) {
        // Not the address that was tried: that may be 0.0.0.0.
        (Ok(local), Ok(peer)) if local == peer => Err(ErrorKind::ConnectionRefused.into()),
        _ => Ok(()),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use futures::future::FutureExt;
    use std::future::pending;
    use tokio::net::TcpSocket;
    use tokio::runtime::Builder;

    /// Runs `test` on a runtime whose clock moves on when there is nothing else to do.
    fn in_paused_time<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
        let mut runtime = Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build();
        runtime.unwrap().block_on(test());
    }

    fn prober(timeout: u64, wait: Option<u64>, over: BoxFuture<'static, ()>) -> Prober {
        Prober {
            timeout: Duration::from_secs(timeout),
            waits: wait.is_some(),
            deadline: Instant::now() + Duration::from_secs(wait.unwrap_or(1_000_000)),
            over: over.shared(),
            sockets: Arc::new(Semaphore::new(1)),
            look_ups: Arc::new(Semaphore::new(1)),
        }
    }

    async fn error(prober: &Prober, endpoint: &str) -> io::Error {
        let endpoint = Endpoint::parse(endpoint).unwrap();
        prober.probe(&endpoint).await.unwrap_err()
    }

    /// A full queue of connections, which are not accepted, makes Linux drop further ones.
    fn full_queue() -> (String, impl Sized) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let connect = || std::net::TcpStream::connect_timeout(&address, Duration::from_millis(50));
        // Twice, because a busy machine may take as long for a connection.
        let connect = || connect().or_else(|_| connect()).ok();
        let queue: Vec<_> = (0..20).map_while(|_| connect()).collect();
        assert!(queue.len() < 20);
        (address.to_string(), (listener, queue))
    }

    #[test]
    fn an_endpoint_that_does_not_answer_times_out() {
        in_paused_time(|| async {
            let (endpoint, _queue) = full_queue();
            for (timeout, wait, ends) in [(7, None, 7), (7, Some(5), 5), (3, Some(5), 5)] {
                let start = Instant::now();
                let prober = prober(timeout, wait, pending().boxed());
                let kind = error(&prober, &endpoint).await.kind();
                assert_eq!(kind, ErrorKind::TimedOut);
                assert_eq!(start.elapsed().as_secs(), ends, "{timeout} {wait:?}");
            }
        });
    }

    #[test]
    fn after_the_grace_period_an_attempt_is_cancelled() {
        in_paused_time(|| async {
            let (endpoint, _queue) = full_queue();
            let over = sleep(Duration::from_secs(2)).boxed();
            let start = Instant::now();
            let error = error(&prober(7, None, over), &endpoint).await;
            assert_eq!(
                (error.to_string().as_str(), start.elapsed().as_secs()),
                ("cancelled", 2)
            );
        });
    }

    #[test]
    fn an_endpoint_whose_turn_does_not_come_is_not_tried() {
        in_paused_time(|| async {
            let prober = prober(9, Some(1), pending().boxed());
            let permits = [&prober.sockets, &prober.look_ups].map(|all| all.try_acquire().unwrap());
            for endpoint in ["127.0.0.1:1", "localhost:1"] {
                assert_eq!(error(&prober, endpoint).await.to_string(), "not tried");
                assert_eq!(Instant::now(), prober.deadline);
            }
            drop(permits);
            // A turn that comes with the deadline is none.
            assert!(prober.turn(&prober.sockets).await.is_err());
            assert_eq!(prober.sockets.available_permits(), 1);
        });
    }

    #[test]
    fn once_it_is_stopped_nothing_is_begun_and_the_last_reason_is_kept() {
        in_paused_time(|| async {
            let prober = prober(9, Some(60), pending().boxed());
            let stop = async {
                sleep(Duration::from_secs(1)).await;
                prober.sockets.close();
            };
            let (error, ()) = futures::future::join(error(&prober, "127.0.0.1:1"), stop).await;
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            let waited = Instant::now() + Duration::from_secs(60) - prober.deadline;
            assert!(
                waited <= Duration::from_secs(1) + LONGEST_DELAY,
                "{waited:?}"
            );
        });
    }

    #[test]
    fn a_look_up_that_has_timed_out_goes_on_and_keeps_its_permit() {
        in_paused_time(|| async {
            let prober = prober(1, None, pending().boxed());
            // As if the resolver took 4.5 s.
            let permit = prober.turn(&prober.look_ups).await.unwrap();
            let address: SocketAddr = "127.0.0.1:1".parse().unwrap();
            let look_up = Mutex::new(Some(tokio::spawn(async move {
                sleep(Duration::from_millis(4500)).await;
                drop(permit);
                Ok(vec![address])
            })));
            let endpoint = Endpoint::parse("hung:1").unwrap();
            for _ in 0..4 {
                let found = prober.look_up(&endpoint, &look_up).await;
                assert_eq!(found.unwrap_err().kind(), ErrorKind::TimedOut);
                assert_eq!(prober.look_ups.available_permits(), 0);
            }
            let found = prober.look_up(&endpoint, &look_up).await;
            assert_eq!(found.unwrap(), [address]);
            assert_eq!(prober.look_ups.available_permits(), 1);
            assert!(look_up.into_inner().is_none());
        });
    }

    #[test]
    fn a_look_up_gives_its_permit_back_even_if_nobody_waits_for_it() {
        in_paused_time(|| async {
            let prober = prober(0, None, pending().boxed());
            // Too long for a label, so that no resolver asks the network.
            let endpoint = format!("{}.invalid:80", "x".repeat(64));
            error(&prober, &endpoint).await;
            // In the time of the thread, which cannot be paused.
            let is_back = |_| {
                std::thread::sleep(Duration::from_millis(10));
                prober.look_ups.available_permits() == 1
            };
            assert!((0..2000).any(is_back));
        });
    }

    #[test]
    fn a_connection_to_itself_is_refused_and_leaves_the_port_free() {
        let runtime = Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            // Bound and connected to one and the same port.
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
            let address = socket.local_addr().unwrap();
            let stream = socket.connect(address).await.unwrap();
            let kind = close(stream).unwrap_err().kind();
            assert_eq!(kind, ErrorKind::ConnectionRefused);
            std::net::TcpListener::bind(address).unwrap();
        });
    }
}
