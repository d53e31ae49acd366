//! Times the ways of counting against each other, and shows how far that is.

use crate::ways::{Count, Way};
use atomics_counter::ShardedCounter;
use std::io::{self, Write};
use std::num::NonZero;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{PoisonError, RwLock};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};
use std::{fmt, panic};

/// Odd, so that there is a median; it leaves three disturbed rounds out.
pub const ROUNDS: usize = 7;

/// Increments between two additions to the progress: too many for these to weigh in the times.
const PIECE: u64 = 1 << 16;

/// Ten lines of progress per second, as fast as one can read.
const INTERVAL: Duration = Duration::from_millis(100);

/// How many increments are shared by how many threads.
#[derive(Clone, Copy)]
pub struct Job {
    pub threads: NonZero<usize>,
    /// At least 1.
    pub increments: u64,
}

/// What one way counted and how long it took, all increments together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    pub way: Way,
    pub total: u64,
    pub time: Duration,
}

/// Why there are no rows.
#[derive(Debug)]
pub enum Error {
    Spawn(io::Error),
    Inexact { row: Row, expected: u64 },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Error::Spawn(error) => write!(f, "cannot start the threads: {error}"),
            Error::Inexact { row, expected } => {
                write!(f, "{} counted {} instead of {expected}", row.way, row.total)
            }
        }
    }
}

impl std::error::Error for Error {}

impl Row {
    /// Refuses a wrong total; that of the bug is its result.
    fn checked(self, expected: u64) -> Result<Self, Error> {
        if self.way.is_exact() && self.total != expected {
            return Err(Error::Inexact {
                row: self,
                expected,
            });
        }
        Ok(self)
    }
}

impl Job {
    /// All increments of all ways and rounds, which is what `progress` counts to.
    pub fn steps(self) -> u64 {
        (Way::ALL.len() * ROUNDS) as u64 * self.increments
    }

    /// Measures each way once per round, so that a slow moment of the machine favours none, and
    /// takes the medians.
    pub fn run(self, progress: &ShardedCounter) -> Result<[Row; Way::ALL.len()], Error> {
        let mut samples = Way::ALL.map(|_| Vec::with_capacity(ROUNDS));
        for _ in 0..ROUNDS {
            for way in Way::ALL {
                samples[way as usize].push(self.sample(way, progress)?);
            }
        }
        Ok(Way::ALL.map(|way| {
            let rows: &Vec<Row> = &samples[way as usize];
            Row {
                way,
                // They differ only for the bug, which does not show in a round whose threads
                // happened not to overlap.
                total: rows.iter().map(|row| row.total).min().unwrap_or_default(),
                time: median(rows.iter().map(|row| row.time)),
            }
        }))
    }

    fn sample(self, way: Way, progress: &ShardedCounter) -> Result<Row, Error> {
        let count = way.start(self.threads);
        let time = self.time(&*count, progress).map_err(Error::Spawn)?;
        let total = count.total();
        Row { way, total, time }.checked(self.increments)
    }

    /// Counts on new threads. Returns the time between the first one's begin and the last one's end.
    /// They begin when all of them have arrived, so this leaves out what starting them takes, but not
    /// what waking them takes, some microseconds.
    fn time(self, count: &dyn Count, progress: &ShardedCounter) -> io::Result<Duration> {
        // Not a `Barrier`: when a thread cannot be started, the others must not wait for it.
        let gate = &RwLock::new(Gate::Cancelled);
        let (arrive, arrivals) = mpsc::channel::<()>();
        let spans = thread::scope(|scope| {
            let mut closed = gate.write().unwrap_or_else(PoisonError::into_inner);
            let mut workers = Vec::new();
            for thread in 0..self.threads.get() {
                let arrive = arrive.clone();
                let work = move || {
                    drop(arrive);
                    let state = *gate.read().unwrap_or_else(PoisonError::into_inner);
                    let begin = Instant::now();
                    if state == Gate::Open {
                        increment(count, thread, self.share(thread), progress);
                    }
                    (begin, Instant::now())
                };
                workers.push(thread::Builder::new().spawn_scoped(scope, work)?);
            }
            drop(arrive);
            let _ = arrivals.recv(); // fails when all have arrived
            *closed = Gate::Open;
            drop(closed); // all threads wait to read it, and go together
            let join = |worker: ScopedJoinHandle<_>| worker.join();
            let spans: thread::Result<Vec<_>> = workers.into_iter().map(join).collect();
            Ok::<_, io::Error>(spans.unwrap_or_else(|payload| panic::resume_unwind(payload)))
        })?;
        let begin = spans.iter().map(|&(begin, _)| begin).min();
        let end = spans.iter().map(|&(_, end)| end).max();
        Ok(begin
            .zip(end)
            .map_or(Duration::ZERO, |(begin, end)| end - begin))
    }

    /// The increments of one thread; the first ones take what cannot be divided.
    fn share(self, thread: usize) -> u64 {
        let (increments, threads) = (self.increments, self.threads.get() as u64);
        increments / threads + u64::from((thread as u64) < increments % threads)
    }
}

/// What the threads of a measurement wait for.
#[derive(Clone, Copy, PartialEq)]
enum Gate {
    Open,
    Cancelled,
}

/// Counts in pieces, each one reported with one addition.
fn increment(count: &dyn Count, thread: usize, share: u64, progress: &ShardedCounter) {
    let mut left = share;
    while left > 0 {
        let piece = left.min(PIECE);
        count.increment(thread, piece);
        progress.add(piece);
        left -= piece;
    }
}

/// The middle value; of an even number, the higher one of the two.
fn median<T: Ord + Default>(values: impl Iterator<Item = T>) -> T {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    let middle = values.len() / 2;
    values.into_iter().nth(middle).unwrap_or_default()
}

/// Shows progress until the other end of `running` is dropped. It only reads the counter: those who
/// add to it do not wait for it, not even while `terminal` blocks.
pub fn monitor(
    progress: &ShardedCounter,
    steps: u64,
    running: Receiver<()>,
    mut terminal: impl Write,
) {
    let mut width = 0;
    while running.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
        let line = format!("{} of {steps} increments", progress.get());
        width = line.len();
        // Progress that cannot be shown is no reason to stop.
        let _ = write!(terminal, "\r{line}");
    }
    let _ = write!(terminal, "\r{:width$}\r", ""); // leaves the line empty
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use std::sync::mpsc::Sender;

    /// Runs `body` on a thread of its own, so that a hang fails the test instead of blocking it.
    fn within_deadline<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> R {
        let (sender, receiver) = mpsc::channel();
        let runner = thread::spawn(move || sender.send(body()));
        match receiver.recv_timeout(Duration::from_secs(20)) {
            Ok(result) => result,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("did not end within 20 s"),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                std::panic::resume_unwind(runner.join().expect_err("ended without a result"))
            }
        }
    }

    fn job(threads: usize, increments: u64) -> Job {
        Job {
            threads: NonZero::new(threads).unwrap(),
            increments,
        }
    }

    fn progress() -> ShardedCounter {
        ShardedCounter::new(NonZero::<usize>::MIN)
    }

    #[test]
    fn every_increment_is_made_and_reported_on_any_number_of_threads() {
        for threads in [1, 2, 3, 20] {
            for increments in [1, 2, 19, 2 * PIECE + 1] {
                let rows = within_deadline(move || {
                    let (job, progress) = (job(threads, increments), progress());
                    let rows = job.run(&progress).unwrap();
                    assert_eq!(progress.get(), job.steps(), "{threads}, {increments}");
                    rows
                });
                assert_eq!(rows.map(|row| row.way), Way::ALL);
                for row in rows.iter().filter(|row| row.way.is_exact() || threads == 1) {
                    assert_eq!(row.total, increments, "{row:?} on {threads} threads");
                }
            }
        }
    }

    #[test]
    fn shares_differ_by_one_at_most() {
        let shares = |threads, increments| {
            let share = |thread| job(threads, increments).share(thread);
            (0..threads).map(share).collect::<Vec<_>>()
        };
        assert_eq!(shares(1, 7), [7]);
        assert_eq!(shares(3, 7), [3, 2, 2]);
        assert_eq!(shares(4, 2), [1, 1, 0, 0]);
    }

    #[test]
    fn the_median_is_the_middle_value() {
        assert_eq!(median([5, 1, 9].into_iter()), 5);
        assert_eq!(median([5, 1, 9, 7].into_iter()), 7);
    }

    #[test]
    fn a_total_that_is_not_the_expected_one_is_an_error() {
        let row = Row {
            way: Way::Sharded,
            total: 6,
            time: Duration::ZERO,
        };
        let error = row.checked(7).unwrap_err().to_string();
        assert_eq!(error, "sharded counter counted 6 instead of 7");
        assert_eq!(row.checked(6).unwrap(), row);
        let way = Way::LoadThenStore;
        assert!(Row { way, ..row }.checked(7).is_ok());
    }

    /// A terminal that says when something has been written, and takes no more until told so.
    struct Terminal(Sender<String>, Receiver<()>);

    impl Write for Terminal {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.send(String::from_utf8(bytes.into()).unwrap());
            let _ = self.1.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_monitor_shows_progress_and_holds_up_nobody() {
        within_deadline(|| {
            let progress = progress();
            let (running, ended) = mpsc::channel();
            let (written, writes) = mpsc::channel();
            let (proceed, blocked) = mpsc::channel();
            thread::scope(|scope| {
                let progress = &progress;
                let terminal = Terminal(written, blocked);
                scope.spawn(move || monitor(progress, 9, ended, terminal));
                let mut shown = writes.recv().unwrap();
                progress.add(5); // while the monitor is stuck in a write
                assert_eq!(progress.get(), 5);
                drop(proceed);
                drop(running);
                shown.extend(writes.iter());
                assert!(shown.starts_with("\r0 of 9 increments"), "{shown:?}");
                assert!(shown.ends_with(&format!("\r{:17}\r", "")), "{shown:?}");
            });
        });
    }

    #[test]
    fn a_monitor_of_nothing_ends_at_once() {
        let (running, ended) = mpsc::channel();
        drop(running);
        let mut terminal = Vec::new();
        monitor(&progress(), 9, ended, &mut terminal);
        assert_eq!(terminal, b"\r\r");
    }
}
