//! Probes all endpoints of the command line, prints what comes out, and stops when told to.

use crate::cli::{self, report};
use crate::endpoints::{self, Argument, Endpoint, Line, within};
use crate::probe::{NotOpen, Prober};
use futures::channel::oneshot;
use futures::future::{Either, select};
use futures::{FutureExt, StreamExt};
use futures_async::{Cause, TaskError, Tasks};
use std::error::Error;
use std::future::pending;
use std::io::{self, Write};
use std::num::NonZero;
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

/// Endpoints that `--wait` holds, so that those which wait for their next attempt do not keep
/// others from their first.
const WAITING: NonZero<usize> = NonZero::new(100_000).unwrap();

/// What probes still get after a signal: enough for a connection around the world, and as much as
/// someone at a terminal puts up with. The reader of the output gets as much again; and so does the
/// list of endpoints, after the time of `--wait`.
pub const GRACE: Duration = Duration::from_millis(500);

/// Results written at once, if as many are there.
const BATCH: usize = 1024;

/// What the command line asks for.
pub struct Job {
    pub limit: Option<NonZero<usize>>,
    pub timeout: Duration,
    pub wait: Duration,
    pub quiet: bool,
    pub arguments: Vec<Argument>,
    /// Where the results go.
    pub to_stderr: bool,
}

enum Failure {
    NotOpen(Endpoint, NotOpen),
    Malformed(String),
}

impl Job {
    /// Returns the exit code: 0 only if every endpoint was seen open; that of a `signal` if one comes.
    pub async fn run(self, signal: oneshot::Receiver<u8>) -> Result<u8, Box<dyn Error>> {
        let deadline = (!self.wait.is_zero()).then(|| Instant::now() + self.wait);
        let signal = signal.map(|code| code.unwrap_or(1)).shared();
        let (endpoints, end) = endpoints::read(self.arguments)?;
        let limit = self.limit.unwrap_or(crate::DEFAULT_LIMIT);
        let (lines, written) = writer(self.to_stderr)?;
        let prober = Arc::new(Prober::new(limit, self.timeout, deadline));
        if self.limit.is_some_and(|limit| limit.get() > prober.limit()) {
            report(format_args!(
                "--limit: the system allows {}",
                prober.limit()
            ));
        }

        let at_a_time = deadline.map_or(limit, |_| limit.max(WAITING));
        let probes = endpoints.map(|line| probe(Arc::clone(&prober), line));
        let list_is_late = async move {
            match deadline {
                Some(deadline) => sleep_until(deadline + GRACE).await,
                None => pending().await,
            }
        };
        let stop = select(signal.clone(), Box::pin(list_is_late)).map(drop);
        let mut results = Tasks::new(at_a_time, probes)
            .stop_on(stop, GRACE)
            .ready_chunks(BATCH);
        let mut malformed = 0;
        let print_all = async {
            while let Some(batch) = results.next().await {
                let mut text = String::new();
                for result in batch {
                    match shown(result, self.quiet) {
                        Ok(line) => text += &line,
                        Err(message) => {
                            malformed += 1;
                            report(message);
                        }
                    }
                }
                if !text.is_empty() && lines.send(text).await.is_err() {
                    break; // the writer has failed
                }
            }
            drop(lines);
            let gone = |_| Err(io::Error::other("the writer is gone"));
            written.await.unwrap_or_else(gone)
        };
        // A reader that takes nothing must not keep a signal from ending the program.
        let given_up = signal.clone().then(|_| sleep(2 * GRACE));
        let written = match select(pin!(print_all), pin!(given_up)).await {
            Either::Left((result, _)) => result,
            Either::Right(_) => Ok(()),
        };
        let is_written = match written {
            Ok(()) => true,
            // Whoever reads has left, as `head` does. That is no reason to say that all is open.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Ok(signal.now_or_never().unwrap_or(1));
            }
            Err(error) => {
                report(error);
                false
            }
        };

        let counts = results.get_ref().counts();
        let endpoints = counts.started - malformed;
        let is_read = matches!(end.get(), Some(Ok(())));
        let is_open = is_written && is_read && counts.done == counts.started;
        let signal = signal.now_or_never();
        match (signal, end.get()) {
            (_, Some(Err(error))) => report(error),
            (None, None) if is_written => {
                report("the time was over before all endpoints were probed")
            }
            _ => {}
        }
        if !(is_open && self.quiet) {
            let mut summary = format!("{} of {endpoints} open", counts.done);
            for (number, what) in [(counts.cancelled, "cancelled"), (malformed, "malformed")] {
                if number > 0 {
                    summary += &format!(", {number} {what}");
                }
            }
            report(summary);
        }
        Ok(signal.unwrap_or(u8::from(!is_open)))
    }
}

type Probed = Result<(Endpoint, Duration), Failure>;

async fn probe(prober: Arc<Prober>, line: Line) -> Probed {
    let endpoint = line.map_err(Failure::Malformed)?;
    match prober.probe(&endpoint).await {
        Ok(latency) => Ok((endpoint, latency)),
        Err(reason) => Err(Failure::NotOpen(endpoint, reason)),
    }
}

/// The line for a result, empty if there is none; or the message about a malformed line.
fn shown(
    result: Result<(Endpoint, Duration), TaskError<Failure>>,
    quiet: bool,
) -> Result<String, String> {
    match result.map_err(|error| error.cause) {
        Ok(_) if quiet => Ok(String::new()),
        Ok((endpoint, latency)) => {
            let milliseconds = latency.as_secs_f64() * 1000.0;
            Ok(format!("{endpoint} open {milliseconds:.1} ms\n"))
        }
        Err(Cause::Failed(Failure::NotOpen(endpoint, reason))) => {
            Ok(format!("{endpoint} {reason}\n"))
        }
        Err(Cause::Failed(Failure::Malformed(message))) => Err(message),
        // The panic hook has told; of what was cancelled nothing is known.
        Err(Cause::Panicked(_) | Cause::Cancelled) => Ok(String::new()),
    }
}

type Written = oneshot::Receiver<io::Result<()>>;

/// Starts the thread that writes, because a reader may be slow. Its result comes when all is
/// written, or writing has failed.
fn writer(to_stderr: bool) -> io::Result<(mpsc::Sender<String>, Written)> {
    let (lines, mut batches) = mpsc::channel::<String>(1);
    let (sender, written) = oneshot::channel();
    let (what, mut output): (_, Box<dyn Write + Send>) = match to_stderr {
        true => ("standard error", Box::new(io::stderr())),
        false => ("standard output", Box::new(cli::standard_output()?)),
    };
    let write = move || {
        let mut result = Ok(());
        while let (Ok(()), Some(batch)) = (&result, batches.blocking_recv()) {
            let written = output.write_all(batch.as_bytes());
            result = written.and_then(|()| output.flush());
        }
        let _ = sender.send(result.map_err(|error| within(what, error))); // fails if it was given up
    };
    let thread = thread::Builder::new().name("writer".into());
    thread
        .spawn(write)
        .map_err(|error| within("no thread that writes", error))?;
    Ok((lines, written))
}
