//! The demonstration: five threads that say hello and work, and a picture of when each did.

use crate::cli::print;
use crate::timeline::{self, Lane};
use std::io::{self, Write};
use std::ops::Range;
use std::thread;
use std::time::Instant;
use threads_fork_join::fork_join;

const THREADS: u32 = 5;

/// Some milliseconds of work for each thread, and more for each than for the one before it.
const NUMBERS_PER_THREAD: u32 = 50_000;

/// Prints a greeting per thread, in whatever order they run.
pub fn demo() -> io::Result<()> {
    let start = Instant::now();
    let lanes = fork_join(0..THREADS, |i| -> io::Result<Lane> {
        let begun = start.elapsed();
        print(format!("Hello from thread {i}\n"))?;
        let primes = count_primes(i * NUMBERS_PER_THREAD..(i + 1) * NUMBERS_PER_THREAD);
        Ok(Lane {
            name: format!("thread {i}"),
            busy: vec![(begun, start.elapsed())],
            note: format!("{primes} primes"),
        })
    });
    let refused = |error| io::Error::other(format!("the system refuses a thread: {error}"));
    let lanes: Vec<Lane> = lanes
        .map_err(refused)?
        .into_iter()
        .collect::<Result<_, _>>()?;
    print(format!("All {THREADS} threads have joined\n"))?;

    let cores = match thread::available_parallelism() {
        Ok(cores) if cores.get() == 1 => "one core".into(),
        Ok(cores) => format!("{cores} cores"),
        Err(_) => "this machine".into(),
    };
    let title = format!(
        "Primes below {}, sought by {THREADS} threads at once on {cores}:",
        THREADS * NUMBERS_PER_THREAD
    );
    // That the picture cannot be shown is no failure.
    let _ = write!(io::stderr(), "{title}\n{}", timeline::draw(&lanes));
    Ok(())
}

/// By trial division: not the best way, but work.
fn count_primes(numbers: Range<u32>) -> usize {
    let is_prime = |&n: &u32| {
        let divisors = 2..=n.isqrt();
        n >= 2 && divisors.into_iter().all(|divisor| n % divisor != 0)
    };
    numbers.filter(is_prime).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primes_are_counted() {
        assert_eq!([0..2, 0..3, 4..5, 0..100].map(count_primes), [0, 1, 0, 25]);
    }
}
