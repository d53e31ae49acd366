//! The demonstration: five threads that say hello and work, and a picture of when each did.

use crate::cli::{named, print};
use crate::timeline::{self, Lane};
use std::io::{self, Write};
use std::ops::Range;
use std::thread;
use std::time::Instant;
use threads_fork_join::fork_join::fork_join;

const THREADS: u32 = 5;

/// Some milliseconds of work for each thread. Each has more than the one before it, as larger
/// numbers take longer.
const NUMBERS_PER_THREAD: u32 = 50_000;

/// Prints a greeting per thread, in whatever order they run.
pub fn demo() -> io::Result<()> {
    let start = Instant::now();
    let forked = fork_join(0..THREADS, |i| -> io::Result<Lane> {
        let begun = start.elapsed();
        print(format!("Hello from thread {i}\n"))?;
        let primes = count_primes(i * NUMBERS_PER_THREAD..(i + 1) * NUMBERS_PER_THREAD);
        Ok(Lane {
            name: format!("thread {i}"),
            busy: vec![(begun, start.elapsed())],
            note: format!("{primes} primes"),
        })
    });
    let results = forked.map_err(|error| named("spawning a thread", error))?;
    let lanes: Vec<Lane> = results.into_iter().collect::<Result<_, _>>()?;
    print(format!("All {THREADS} threads have joined\n"))?;

    let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
    let last = THREADS * NUMBERS_PER_THREAD;
    let title =
        format!("Primes below {last}, sought by {THREADS} threads at once (cores: {cores}):");
    // Without the picture, the results are still complete.
    let _ = write!(io::stderr(), "{title}\n{}", timeline::draw(&lanes));
    Ok(())
}

/// By trial division: slow, so that there is work.
fn count_primes(numbers: Range<u32>) -> usize {
    let is_prime = |&n: &u32| n >= 2 && (2..=n.isqrt()).all(|divisor| n % divisor != 0);
    numbers.filter(is_prime).count()
}

#[test]
fn primes_are_counted() {
    assert_eq!([0..2, 0..3, 4..5, 0..100].map(count_primes), [0, 1, 0, 25]);
}
