//! The demonstration: four operations of a parallel iterator, and which thread did what of a longer
//! one, and when.

use crate::cli::print;
use crate::timeline::{self, Lane};
use rayon::prelude::*;
use std::io::{self, Write};
use std::ops::Range;
use std::time::{Duration, Instant};

/// Some 25 to 60 ms of work for one core. Larger numbers take longer, so a thread that has finished the
/// first half steals from the second one.
const NUMBERS: u32 = 200_000;

/// As many as fit on a line.
const CHUNKS: u32 = 64;

/// Threads that have a line; with the other lines, eight.
const LANES: usize = 5;

/// Prints the results, then draws the picture.
pub fn demo(threads: usize) -> io::Result<()> {
    // Before there is a pool: its idle threads look for work for a while, which takes CPU time.
    let start = Instant::now();
    let expected: u64 = (0..CHUNKS).map(sum_of_chunk).sum();
    let alone = start.elapsed();

    let pool = crate::pool(threads)?;
    print(pool.install(results))?;
    let (sum, chunks, together) = pool.install(in_parallel);
    // Without this, an optimised build would have no reason to compute what it times.
    assert_eq!(sum, expected);
    // Without the picture, the results are still complete.
    let _ = io::stderr().write_all(describe(&chunks, threads, alone, together).as_bytes());
    Ok(())
}

/// The same numbers through four operations of a parallel iterator.
fn results() -> String {
    let numbers: Vec<u64> = (1..=10).collect();
    let sum: u64 = numbers.par_iter().sum();
    let squares: Vec<u64> = numbers.par_iter().map(|n| n * n).collect();
    let even: Vec<u64> = numbers.par_iter().copied().filter(|n| n % 2 == 0).collect();
    let product = numbers.par_iter().copied().reduce(|| 1, |a, b| a * b);
    format!("Sum is {sum}\nSquares are {squares:?}\nEven ones are {even:?}\nProduct is {product}\n")
}

/// A chunk of the work: which thread took it, and when.
struct Chunk {
    taker: usize,
    busy: (Duration, Duration),
}

/// Adds up the primes on the current pool. Also returns which thread took which chunk, and how long
/// all of them took.
fn in_parallel() -> (u64, Vec<Chunk>, Duration) {
    rayon::broadcast(|_| ()); // waits until every thread has started
    let start = Instant::now();
    let work = |chunk| {
        let begun = start.elapsed();
        let sum = sum_of_chunk(chunk);
        let taker = rayon::current_thread_index().unwrap_or(0);
        let busy = (begun, start.elapsed());
        (sum, Chunk { taker, busy })
    };
    let (sums, chunks): (Vec<u64>, _) = (0..CHUNKS).into_par_iter().map(work).unzip();
    (sums.iter().sum(), chunks, start.elapsed())
}

fn sum_of_chunk(chunk: u32) -> u64 {
    let length = NUMBERS.div_ceil(CHUNKS);
    sum_of_primes(chunk * length..NUMBERS.min((chunk + 1) * length))
}

/// By trial division: slow, so that there is work.
fn sum_of_primes(numbers: Range<u32>) -> u64 {
    let is_prime = |&n: &u32| n >= 2 && (2..=n.isqrt()).all(|divisor| n % divisor != 0);
    numbers.filter(is_prime).map(u64::from).sum()
}

fn describe(chunks: &[Chunk], threads: usize, alone: Duration, together: Duration) -> String {
    let ratio = alone.as_secs_f64() / together.as_secs_f64();
    let [alone, together] = [alone, together].map(|time| time.as_secs_f64() * 1e3);
    let digit = |chunk: &Chunk| char::from_digit(chunk.taker as u32, 36).unwrap_or('+');
    let takers: String = chunks.iter().map(digit).collect();

    let mut lanes = Vec::new();
    for index in 0..threads {
        let own = chunks.iter().filter(|chunk| chunk.taker == index);
        let busy: Vec<_> = own.map(|chunk| chunk.busy).collect();
        if !busy.is_empty() && lanes.len() < LANES {
            let (name, note) = (format!("thread {index}"), format!("took {}", busy.len()));
            lanes.push(Lane { name, busy, note });
        }
    }
    format!(
        "Primes below {NUMBERS}: alone {alone:.1} ms, pool of {threads}: {together:.1} ms, \
         {ratio:.1} times as fast\ntaken by  {takers}\n{}",
        timeline::draw(&lanes)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primes_are_added_up() {
        assert_eq!(
            [0..2, 0..3, 4..5, 0..100].map(sum_of_primes),
            [0, 2, 0, 1060]
        );
        let chunks = (0..CHUNKS).map(sum_of_chunk);
        assert_eq!(chunks.sum::<u64>(), 1_709_600_813); // as a sieve finds them
    }

    #[test]
    fn the_picture_shows_who_took_which_chunk_and_when() {
        let ms = Duration::from_millis;
        let chunk = |taker, from, to| Chunk {
            taker,
            busy: (ms(from), ms(to)),
        };
        let chunks = [chunk(0, 0, 20), chunk(0, 20, 57), chunk(2, 20, 122)];
        let (first, second) = ("█".repeat(28), "█".repeat(51));
        let expected = format!(
            "Primes below 200000: alone 180.0 ms, pool of 3: 122.0 ms, 1.5 times as fast
taken by  002
thread 0 |{first}▒{:32}| took 2
thread 2 |{:10}{second}| took 1
         0{:>62}
",
            "", "", "122.0 ms"
        );
        assert_eq!(describe(&chunks, 3, ms(180), ms(122)), expected);
    }

    #[test]
    fn a_picture_of_many_threads_fits_a_terminal() {
        for threads in [1, 5, 6, 40, 512] {
            let time = Duration::from_secs(1);
            let chunks = (0..CHUNKS as usize).map(|n| Chunk {
                taker: n % threads,
                busy: (Duration::ZERO, time),
            });
            let text = describe(&chunks.collect::<Vec<_>>(), threads, time, time);
            assert!(text.lines().count() <= 8, "{text}");
            assert_eq!(text.contains("xyz++"), threads > 36, "{text}");
            for line in text.lines() {
                assert!(line.chars().count() <= 79, "{line}");
            }
        }
    }
}
