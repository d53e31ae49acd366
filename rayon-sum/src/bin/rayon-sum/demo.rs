//! Shows four operations of a parallel iterator, and what rayon makes of a long one.

use crate::timeline::{Lane, draw};
use rayon::prelude::*;
use std::fmt::Write;
use std::time::{Duration, Instant};

const NUMBERS: i64 = 10_000_000;

/// As many as fit on a line.
const PIECES: usize = 64;

/// Lines for threads: with the others, eight.
const LANES: usize = 5;

/// The same numbers through four operations of a parallel iterator.
pub fn results() -> String {
    let numbers: Vec<u64> = (1..=10).collect();
    let sum: u64 = numbers.par_iter().sum();
    let squares: Vec<u64> = numbers.par_iter().map(|n| n * n).collect();
    let even: Vec<u64> = numbers.par_iter().copied().filter(|n| n % 2 == 0).collect();
    let product = numbers.par_iter().copied().reduce(|| 1, |a, b| a * b);
    format!("Sum is {sum}\nSquares are {squares:?}\nEven ones are {even:?}\nProduct is {product}\n")
}

struct Piece {
    thread: usize,
    busy: (Duration, Duration),
    sum: i128,
}

/// A long sum on one thread, then by all of the current pool: how long it took, and which thread
/// took which piece, when.
pub fn picture() -> String {
    // On one thread: those of the pool would still look for work while it is timed alone.
    let numbers: Vec<i64> = (0..NUMBERS).collect();
    let sum_of = |numbers: &[i64]| numbers.iter().map(|&n| i128::from(n)).sum::<i128>();

    let start = Instant::now();
    let expected = sum_of(&numbers);
    let alone = start.elapsed();

    let start = Instant::now();
    let pieces = numbers.par_chunks(numbers.len().div_ceil(PIECES));
    let pieces: Vec<Piece> = pieces
        .map(|piece| {
            let began = start.elapsed();
            let sum = sum_of(piece);
            Piece {
                thread: rayon::current_thread_index().unwrap_or(0),
                busy: (began, start.elapsed()),
                sum,
            }
        })
        .collect();
    let together = start.elapsed();
    let sum: i128 = pieces.iter().map(|piece| piece.sum).sum();
    debug_assert_eq!(sum, expected);
    describe(&pieces, rayon::current_num_threads(), alone, together)
}

fn describe(pieces: &[Piece], threads: usize, alone: Duration, together: Duration) -> String {
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let ratio = alone.as_secs_f64() / together.as_secs_f64();
    let (alone, together) = (milliseconds(alone), milliseconds(together));
    let mut text = format!(
        "10 million numbers: alone {alone:.1} ms, pool of {threads}: {together:.1} ms, \
         {ratio:.1} times as fast\n"
    );
    let digit = |piece: &Piece| char::from_digit(piece.thread as u32, 36).unwrap_or('+');
    let takers: String = pieces.iter().map(digit).collect();
    // Writing to a `String` cannot fail.
    let _ = writeln!(text, "taken by  {takers}");

    let mut lanes: Vec<Lane> = (0..threads)
        .map(|thread| {
            let own = pieces.iter().filter(|piece| piece.thread == thread);
            let busy: Vec<_> = own.map(|piece| piece.busy).collect();
            Lane {
                name: format!("thread {thread}"),
                note: format!("took {}", busy.len()),
                busy,
            }
        })
        .collect();
    if threads > LANES {
        lanes.sort_by_key(|lane| lane.busy.is_empty()); // first those that took any
        lanes.truncate(LANES - 1);
    }
    text += &draw(&lanes);
    if threads > lanes.len() {
        let _ = writeln!(text, "and {} more threads", threads - lanes.len());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_shows_who_took_which_piece_and_when() {
        let ms = Duration::from_millis;
        let piece = |thread, from, to| Piece {
            thread,
            busy: (ms(from), ms(to)),
            sum: 0,
        };
        let pieces = [piece(0, 0, 20), piece(0, 20, 57), piece(1, 20, 122)];
        let (first, second) = ("█".repeat(28), "█".repeat(51));
        let expected = format!(
            "10 million numbers: alone 180.0 ms, pool of 2: 122.0 ms, 1.5 times as fast
taken by  001
thread 0 |{first}▒{:32}| took 2
thread 1 |{:10}{second}| took 1
         0{:>62}
",
            "", "", "122.0 ms"
        );
        assert_eq!(describe(&pieces, 2, ms(180), ms(122)), expected);
    }

    #[test]
    fn a_picture_of_many_threads_fits_a_terminal() {
        for threads in [1, 4, 5, 6, 512] {
            let busy = (Duration::ZERO, Duration::from_millis(1000));
            let pieces = (0..PIECES).map(|n| Piece {
                thread: n % threads,
                busy,
                sum: 0,
            });
            let second = Duration::from_millis(1000);
            let text = describe(&pieces.collect::<Vec<_>>(), threads, second, second);
            assert!(text.lines().count() <= 8, "{text}");
            let takers = text.lines().nth(1).unwrap_or_default();
            assert_eq!(takers.contains("xyz++"), threads > 36, "{text}");
            assert!(
                text.lines().all(|line| line.chars().count() <= 79),
                "{text}"
            );
        }
    }
}
