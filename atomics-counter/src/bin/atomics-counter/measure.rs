//! Times the ways of counting against each other.

use crate::ways::Way;
use std::num::NonZero;
use std::sync::{PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};
use std::{fmt, io, panic};

/// Odd, so that there is a median; it leaves three disturbed rounds out.
pub const ROUNDS: usize = 7;

/// Rounds of the bug at most: a hundred default ones take a second, and one usually does.
const ATTEMPTS: usize = 100;

/// Increments between two looks at the clock: too many for these to weigh in the times, and so few
/// that a round of 512 threads waiting for one `Mutex` is not much longer than asked for.
const PIECE: u64 = 8192;

/// How many threads count in each round, and for how long.
#[derive(Clone, Copy)]
pub struct Job {
    pub threads: NonZero<usize>,
    pub time: Duration,
}

/// What one way counted in all of its rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    pub way: Way,
    pub increments: u64,
    /// Increments that are not in the total.
    pub lost: u64,
    /// The time of one increment, all threads together: two threads at 4 ns each make it 2 ns.
    pub nanoseconds: f64,
}

/// Why there are no rows.
#[derive(Debug)]
pub enum Error {
    Spawn(io::Error),
    Inexact(Row),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Error::Spawn(_) => f.write_str("cannot start the threads"),
            Error::Inexact(row) => {
                write!(
                    f,
                    "{} lost {} of {} increments",
                    row.way, row.lost, row.increments
                )
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Spawn(error) => Some(error),
            Error::Inexact(_) => None,
        }
    }
}

impl Job {
    /// Measures each exact way once per round, so that a slow moment of the machine favours none,
    /// and takes the medians. Then lets the bug count until something is lost.
    pub fn run(self, mut show: impl FnMut(String)) -> Result<Vec<Row>, Error> {
        let mut samples = Way::EXACT.map(|_| Vec::with_capacity(ROUNDS));
        for round in 1..=ROUNDS {
            for (way, samples) in Way::EXACT.into_iter().zip(&mut samples) {
                show(format!("round {round} of {ROUNDS}: {way}"));
                let row = self.sample(way)?;
                if row.lost != 0 {
                    return Err(Error::Inexact(row));
                }
                samples.push(row);
            }
        }
        let mut rows: Vec<Row> = samples.into_iter().filter_map(median).collect();
        rows.push(self.bug(show)?);
        Ok(rows)
    }

    /// All rounds of it together. Its threads may happen not to meet in one, above all where there
    /// are not cores enough.
    fn bug(self, mut show: impl FnMut(String)) -> Result<Row, Error> {
        let mut all = self.sample(Way::LoadThenStore)?;
        for attempt in 2..=ATTEMPTS {
            if all.lost != 0 || self.threads.get() == 1 {
                break;
            }
            show(format!(
                "round {attempt}, until something is lost: {}",
                all.way
            ));
            let row = self.sample(Way::LoadThenStore)?;
            all.increments += row.increments;
            all.lost += row.lost;
        }
        Ok(all)
    }

    /// One round.
    fn sample(self, way: Way) -> Result<Row, Error> {
        let count = &*way.start(self.threads);
        // Not a `Barrier`: when a thread cannot be started, the others must not wait for it.
        let gate = &RwLock::new(None);
        let work = |thread| {
            let deadline = *gate.read().unwrap_or_else(PoisonError::into_inner);
            let mut increments = 0;
            loop {
                count.increment(thread, PIECE);
                increments += PIECE;
                let now = Instant::now();
                if deadline.is_none_or(|deadline| now >= deadline) {
                    break (increments, now);
                }
            }
        };
        let (begin, results) = thread::scope(|scope| {
            let mut closed = gate.write().unwrap_or_else(PoisonError::into_inner);
            let mut threads = Vec::new();
            for thread in 0..self.threads.get() {
                let work = move || work(thread);
                threads.push(thread::Builder::new().spawn_scoped(scope, work)?);
            }
            let begin = Instant::now();
            *closed = Some(begin + self.time);
            drop(closed); // all threads wait to read it, and go together
            let results: thread::Result<Vec<_>> = threads.into_iter().map(|t| t.join()).collect();
            let results = results.unwrap_or_else(|payload| panic::resume_unwind(payload));
            Ok((begin, results))
        })
        .map_err(Error::Spawn)?;
        let increments = results.iter().map(|&(increments, _)| increments).sum();
        let end = results.into_iter().map(|(_, end)| end).max();
        let time = end.unwrap_or(begin) - begin;
        Ok(Row {
            way,
            increments,
            // Modulo 2^64, so that a total that is too large is as wrong as one too small.
            lost: increments.wrapping_sub(count.total()),
            nanoseconds: time.as_nanos() as f64 / increments as f64,
        })
    }
}

/// The row of the middle time, with the increments of all.
fn median(mut rows: Vec<Row>) -> Option<Row> {
    rows.sort_by(|a, b| a.nanoseconds.total_cmp(&b.nanoseconds));
    let row = *rows.get(rows.len() / 2)?;
    let increments = rows.iter().map(|row| row.increments).sum();
    Some(Row { increments, ..row })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn job(threads: usize, micros: u64) -> Job {
        Job {
            threads: NonZero::new(threads).unwrap(),
            time: Duration::from_micros(micros),
        }
    }

    #[test]
    fn every_increment_is_counted_on_any_number_of_threads_in_any_time() {
        for (threads, micros) in [(1, 0), (1, 2000), (2, 0), (2, 2000), (3, 1), (20, 100)] {
            for way in Way::EXACT {
                let row = job(threads, micros).sample(way).unwrap();
                assert_eq!((row.way, row.lost), (way, 0));
                assert!(row.increments >= threads as u64 * PIECE, "{row:?}");
                assert!(row.nanoseconds > 0.0, "{row:?}");
            }
        }
    }

    #[test]
    fn the_bug_goes_on_until_something_is_lost() {
        let mut rounds = 1;
        let row = job(2, 1000).bug(|_| rounds += 1).unwrap();
        assert!(row.lost < row.increments, "{row:?}");
        assert!(row.lost > 0 || rounds == ATTEMPTS, "{row:?}"); // on one core perhaps never
        let mut rounds = 1;
        let row = job(1, 10).bug(|_| rounds += 1).unwrap();
        assert_eq!((row.lost, rounds), (0, 1)); // one thread has nobody to lose it to
    }

    #[test]
    fn the_median_is_that_of_the_times() {
        let row = |(nanoseconds, increments)| Row {
            way: Way::Mutex,
            increments,
            lost: 0,
            nanoseconds,
        };
        let rows = [(3.0, 1), (1.5, 10), (2.0, 100)].map(row);
        assert_eq!(median(rows.to_vec()), Some(row((2.0, 111))));
        assert_eq!(median(vec![]), None);
    }
}
