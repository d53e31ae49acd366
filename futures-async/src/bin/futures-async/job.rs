//! Probes all endpoints of the command line, prints what comes out, and stops at a signal.

use crate::endpoints::{self, Endpoint, Line};
use crate::output::{print, report};
use crate::probe::{Prober, permits};
use crate::signals;
use futures::future::{Either, FutureExt, select};
use futures::stream::{self, StreamExt};
use futures_async::tasks::{Cause, Tasks};
use std::io::{self, ErrorKind};
use std::num::NonZero;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// Endpoints that `--wait` holds, so that those which wait for their next attempt do not keep
/// others from their first.
const WAITING: NonZero<usize> = NonZero::new(100_000).unwrap();

/// What attempts still get after a signal: enough for a connection around the world, and as much as
/// someone at a terminal puts up with. The list of endpoints gets as much after the time of `--wait`.
const GRACE: Duration = Duration::from_millis(500);

/// What a reader of the output gets after a signal: four times as much.
const PATIENCE: Duration = Duration::from_secs(2);

/// Signals that come this soon after the first belong to it: GNU `timeout` sends two.
const SAME_SIGNAL: Duration = Duration::from_millis(100);

/// Results written at once, if as many are there.
const BATCH: usize = 1024;

/// What the command line asks for.
pub struct Job {
    pub limit: NonZero<usize>,
    pub timeout: Duration,
    pub wait: Duration,
    pub quiet: bool,
    pub endpoints: Vec<Endpoint>,
    /// Whether standard input has more of them.
    pub has_list: bool,
    /// Where the results go.
    pub to_stderr: bool,
}

impl Job {
    /// Returns the exit code: 0 only if every endpoint was seen open; a signal has its own.
    pub async fn run(self) -> io::Result<u8> {
        let signal = signals::next().map(|code| code.unwrap_or(1));
        let signal = signal.boxed().shared();
        let over = signal.clone().then(|_| sleep(GRACE)).boxed().shared();
        let waits = !self.wait.is_zero();
        let deadline = Instant::now() + if waits { self.wait } else { crate::FOREVER };
        let (sockets, look_ups) = permits(self.limit);
        let prober = Arc::new(Prober {
            timeout: self.timeout,
            waits,
            deadline,
            over,
            sockets: Arc::new(Semaphore::new(sockets)),
            look_ups: Arc::new(Semaphore::new(look_ups)),
        });

        // At a signal, or if the list is late.
        let stop = select(signal.clone(), Box::pin(sleep_until(deadline + GRACE)));
        let at_signal = async {
            let code = signal.clone().await;
            prober.sockets.close();
            prober.look_ups.close();
            sleep(SAME_SIGNAL).await;
            let second = timeout(PATIENCE, signals::next()).await;
            second.unwrap_or(Ok(code)).unwrap_or(code)
        };
        match select(pin!(self.work(prober.clone(), stop)), pin!(at_signal)).await {
            Either::Left((code, _)) => Ok(signal.peek().copied().unwrap_or(code?)),
            // A reader that takes nothing, or a second signal.
            Either::Right((code, _)) => Ok(code),
        }
    }

    async fn work(self, prober: Arc<Prober>, stop: impl Future + Send + 'static) -> io::Result<u8> {
        let (mut lines, reader) = endpoints::read(self.endpoints, self.has_list);
        let source = stream::poll_fn(|context| lines.poll_recv(context));
        let probes = source.map(|line| probe(Arc::clone(&prober), line));
        let limit = match prober.waits {
            true => self.limit.max(WAITING),
            false => self.limit,
        };
        // Probes end by themselves in half of this time.
        let tasks = Tasks::new(limit, probes).stop_on(stop, 2 * GRACE);
        let mut results = tasks.ready_chunks(BATCH);
        let mut written = Ok(());
        while let Some(batch) = results.next().await {
            let mut text = String::new();
            for result in batch {
                match result.map_err(|error| error.cause) {
                    Ok(_) if self.quiet => {}
                    Ok(line) | Err(Cause::Failed(line)) => text += &line,
                    // The panic hook has printed why; and probes end before they are cancelled.
                    Err(Cause::Panicked(_) | Cause::Cancelled) => {}
                }
            }
            written = print(self.to_stderr, text).await;
            if written.is_err() {
                break;
            }
        }
        let counts = results.get_ref().counts();
        drop(results);
        // The reader has left, as `head` does, and does not know whether all is open.
        let has_left = |error: &io::Error| error.kind() == ErrorKind::BrokenPipe;
        if written.as_ref().is_err_and(has_left) {
            return Ok(1);
        }
        // If it was stopped before, what is left has not been seen open.
        let list = match lines.is_closed() && lines.is_empty() {
            true => reader.await?,
            false => Err(io::Error::other("not all endpoints were probed")),
        };
        let mut is_open = counts.done == counts.started;
        for error in [written, list].into_iter().filter_map(Result::err) {
            is_open = false;
            report(error).await;
        }
        if !(is_open && self.quiet) {
            report(format!("{} of {} open", counts.done, counts.started)).await;
        }
        Ok(u8::from(!is_open))
    }
}

/// Returns a line for the output; an error if it is not open, or if the line of the list is malformed.
async fn probe(prober: Arc<Prober>, line: Line) -> Result<String, String> {
    let endpoint = line.map_err(|problem| problem + "\n")?;
    let result = prober.probe(&endpoint).await;
    let name = endpoint.0;
    let reason = match result {
        Ok(latency) => {
            let milliseconds = latency.as_secs_f64() * 1e3;
            return Ok(format!("{name} open {milliseconds:.1} ms\n"));
        }
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => "refused".into(),
        Err(error) if error.kind() == ErrorKind::TimedOut => "timed out".into(),
        Err(error) => error.to_string(),
    };
    Err(format!("{name} {reason}\n"))
}
