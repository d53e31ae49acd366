//! Times the ways of counting, in turn.

use crate::cli::named;
use crate::ways::{BUG, Count, EXACT, Way};
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};
use std::{io, thread};

/// Odd, so that there is a median.
pub const ROUNDS: usize = 7;

/// At most. On several cores, one round shows the bug; on one core, threads hardly ever meet.
const ROUNDS_OF_THE_BUG: usize = 100;

/// Increments between two looks at the clock: so many that looking costs next to nothing, and so
/// few that 512 threads with one `Mutex` are not much late.
const PIECE: u64 = 8192;

/// How many threads count in each round, and for how long.
#[derive(Clone, Copy)]
pub struct Job {
    pub threads: NonZero<usize>,
    pub time: Duration,
}

/// What threads counted together.
#[derive(Debug, PartialEq)]
pub struct Counted {
    pub increments: u64,
    /// Increments that are missing in the total.
    pub lost: u64,
    /// The time of one increment, all threads together: two threads at 4 ns each make it 2 ns.
    pub nanoseconds: f64,
}

/// The times of the `EXACT` ways, medians of all rounds; and what the bug counted.
///
/// Fails if spawning a thread fails, or if one of the exact ways loses an increment.
pub fn measure(job: Job) -> io::Result<([f64; EXACT.len()], Counted)> {
    let mut times = [const { Vec::new() }; EXACT.len()];
    for _ in 0..ROUNDS {
        // Each way once a round, so that a slow moment of the machine slows them all.
        for (way, times) in EXACT.into_iter().zip(&mut times) {
            let counted = run_round(job, way)?;
            let (lost, increments) = (counted.lost, counted.increments);
            if lost != 0 {
                let problem = format!("{way}: lost {lost} of {increments} increments");
                return Err(io::Error::other(problem));
            }
            times.push(counted.nanoseconds);
        }
    }
    Ok((times.map(median), count_until_lost(job)?))
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Lets the bug count until an increment is lost.
fn count_until_lost(job: Job) -> io::Result<Counted> {
    let mut all = run_round(job, BUG)?;
    for _ in 1..ROUNDS_OF_THE_BUG {
        if all.lost > 0 || job.threads.get() == 1 {
            break;
        }
        let counted = run_round(job, BUG)?;
        all.increments += counted.increments;
        all.lost += counted.lost;
    }
    Ok(all)
}

/// One round of one way.
fn run_round(job: Job, way: Way) -> io::Result<Counted> {
    let count = way.start(job.threads.get());
    // Opens when all threads run. (If one cannot be spawned, a `Barrier` would block the others.)
    let gate = RwLock::new(None);
    let (begin, pieces) = thread::scope(|scope| {
        let mut closed = gate.write().unwrap_or_else(PoisonError::into_inner);
        let mut handles = Vec::new();
        for index in 0..job.threads.get() {
            let (count, gate) = (&*count, &gate);
            let work = move || count_until_deadline(count, index, gate);
            match thread::Builder::new().spawn_scoped(scope, work) {
                Ok(handle) => handles.push(handle),
                Err(error) => return Err(named("spawning a thread", error)),
            }
        }
        let begin = Instant::now();
        *closed = Some(begin + job.time);
        drop(closed);
        let mut pieces = Vec::new();
        for handle in handles {
            match handle.join() {
                Ok(piece) => pieces.push(piece),
                Err(payload) => resume_unwind(payload),
            }
        }
        Ok((begin, pieces))
    })?;
    let increments = pieces.iter().map(|&(increments, _)| increments).sum();
    let end = pieces.iter().map(|&(_, end)| end).max().unwrap_or(begin);
    Ok(Counted {
        increments,
        // Wrapping, so that a total that is too large is an error as well.
        lost: u64::wrapping_sub(increments, count.total()),
        nanoseconds: (end - begin).as_nanos() as f64 / increments as f64,
    })
}

/// Waits at the gate, counts, and returns how many increments it made by when.
fn count_until_deadline(
    count: &dyn Count,
    index: usize,
    gate: &RwLock<Option<Instant>>,
) -> (u64, Instant) {
    // `None` if another thread could not be spawned: then the round is over.
    let deadline = *gate.read().unwrap_or_else(PoisonError::into_inner);
    let mut increments = 0;
    loop {
        count.increment_many(index, PIECE);
        increments += PIECE;
        let now = Instant::now();
        if deadline.is_none_or(|deadline| now >= deadline) {
            return (increments, now);
        }
    }
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
            for way in EXACT {
                let counted = run_round(job(threads, micros), way).unwrap();
                assert_eq!(counted.lost, 0, "{way}");
                assert!(counted.increments >= threads as u64 * PIECE, "{way}");
                assert!(counted.nanoseconds > 0.0, "{way}");
            }
        }
    }

    #[test]
    fn the_bug_goes_on_until_something_is_lost() {
        let counted = count_until_lost(job(2, 1000)).unwrap();
        assert!(counted.lost < counted.increments, "{counted:?}");
        let pieces = counted.increments / PIECE;
        assert!(
            counted.lost > 0 || pieces >= 2 * ROUNDS_OF_THE_BUG as u64,
            "{counted:?}"
        );
        let counted = count_until_lost(job(1, 0)).unwrap();
        assert_eq!((counted.lost, counted.increments), (0, PIECE));
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.5, 2.0]), 2.0);
        assert_eq!(median(vec![10.0, 9.0, 100.0, 8.0, 7.0]), 9.0);
    }
}
