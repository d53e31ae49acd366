//! Probes all endpoints of the command line, prints what comes out, and stops when told to.

use crate::endpoints::{self, Argument, Endpoint};
use crate::probe::{NotOpen, Prober};
use crate::signals;
use futures::channel::oneshot;
use futures::future::{Either, select};
use futures::{FutureExt, StreamExt};
use futures_async::{TaskError, Tasks};
use std::error::Error;
use std::io::{self, Write};
use std::num::NonZero;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Endpoints that `--wait` holds, so that those which wait for their next attempt do not keep
/// others from their first.
const WAITING: NonZero<usize> = NonZero::new(100_000).unwrap();

/// What probes still get after a signal: enough for a connection around the world, and as much as
/// someone at a terminal puts up with.
const GRACE: Duration = Duration::from_millis(500);

/// Results written at once, if as many are there.
const BATCH: usize = 1024;

/// What the command line asks for.
pub struct Job {
    pub limit: NonZero<usize>,
    pub timeout: Duration,
    pub wait: Option<Duration>,
    pub arguments: Vec<Argument>,
}

impl Job {
    pub async fn run(self) -> Result<ExitCode, Box<dyn Error>> {
        let wait = self.wait.filter(|wait| !wait.is_zero());
        let deadline = wait.map(|wait| Instant::now() + wait);
        let prober = Arc::new(Prober::new(self.limit, self.timeout, deadline));
        let signal = signals::listen()?.shared();
        let (endpoints, malformed) = endpoints::read(self.arguments)?;
        let probes = endpoints.map(|endpoint| probe(Arc::clone(&prober), endpoint));
        let limit = wait.map_or(self.limit, |_| self.limit.max(WAITING));
        let tasks = Tasks::new(limit, probes).stop_on(signal.clone().map(drop), GRACE);

        let exit_code = |is_success: bool| match signal.clone().now_or_never() {
            Some(Ok(code)) => code.into(),
            _ => u8::from(!is_success).into(),
        };
        let mut batches = tasks.ready_chunks(BATCH);
        while let Some(batch) = batches.next().await {
            let lines: String = batch
                .into_iter()
                .filter_map(|(_, result)| line(result))
                .collect();
            // A reader that takes nothing must not keep a signal from ending the program.
            let given_up = pin!(signal.clone().then(|_| sleep(GRACE)));
            match select(pin!(write(lines)), given_up).await {
                Either::Left((Err(error), _)) if error.kind() == io::ErrorKind::BrokenPipe => {
                    return Ok(exit_code(true));
                }
                Either::Left((result, _)) => result?,
                Either::Right(_) => break,
            }
        }
        let counts = batches.get_ref().counts();
        let malformed = malformed.load(Ordering::Relaxed);
        let mut summary = format!("futures-async: {} of {} open", counts.done, counts.started);
        for (number, what) in [(counts.cancelled, "cancelled"), (malformed, "malformed")] {
            if number > 0 {
                summary += &format!(", {number} {what}");
            }
        }
        if let Some(limit) = prober.lowered_limit() {
            summary += &format!("; limit lowered to {limit}");
        }
        summary += "\n";
        let _ = io::stderr().write_all(summary.as_bytes());
        Ok(exit_code(counts.done == counts.started && malformed == 0))
    }
}

async fn probe(
    prober: Arc<Prober>,
    endpoint: Endpoint,
) -> Result<(Endpoint, Duration), (Endpoint, NotOpen)> {
    match prober.probe(&endpoint).await {
        Ok(latency) => Ok((endpoint, latency)),
        Err(reason) => Err((endpoint, reason)),
    }
}

/// Returns nothing for a probe that was cancelled, as nothing is known, and for one that panicked:
/// the panic hook has told.
fn line(result: Result<(Endpoint, Duration), TaskError<(Endpoint, NotOpen)>>) -> Option<String> {
    match result {
        Ok((endpoint, latency)) => {
            let milliseconds = latency.as_secs_f64() * 1000.0;
            Some(format!("{endpoint} open {milliseconds:.1} ms\n"))
        }
        Err(TaskError::Failed((endpoint, reason))) => Some(format!("{endpoint} {reason}\n")),
        Err(TaskError::Panicked(_) | TaskError::Cancelled) => None,
    }
}

/// Unlike `print` of the other commands, tells whether the reader has left.
///
/// On a thread of its own, because a reader may be slow, and the threads of `spawn_blocking` may all
/// be busy looking up names.
async fn write(lines: String) -> io::Result<()> {
    let (sender, written) = oneshot::channel();
    let write = move || {
        let mut stdout = io::stdout().lock();
        let result = stdout
            .write_all(lines.as_bytes())
            .and_then(|()| stdout.flush());
        let result = result
            .map_err(|error| io::Error::new(error.kind(), format!("standard output: {error}")));
        let _ = sender.send(result); // fails if nobody waits for it any more
    };
    thread::Builder::new().name("writer".into()).spawn(write)?;
    written.await.map_err(io::Error::other)?
}
