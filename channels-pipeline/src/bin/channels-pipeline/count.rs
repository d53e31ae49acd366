//! The pipelines: one counts the words of blocks, one prints the words.

use crate::cli::{self, named};
use crate::vocabulary::{Ranked, Vocabulary};
use crate::words::Counts;
use channels_pipeline::pipeline::PipelineExt;
use crossbeam_channel::unbounded;
use std::cmp::Reverse;
use std::io::{self, ErrorKind, Write};
use std::num::NonZero;
use std::time::Instant;
use std::{iter, mem, thread};

/// How many threads share the work, and how much may wait for them.
#[derive(Clone, Copy)]
pub struct Threads {
    pub workers: NonZero<usize>,
    pub capacity: usize,
}

/// From when to when something was done.
pub type Span = (Instant, Instant);

/// A block that went through: when each stage had it in hand.
pub struct Trace {
    pub read: Span,
    pub counted: Span,
    /// Which worker counted it, from 0.
    pub worker: usize,
    pub merged: Span,
}

fn timed<R>(work: impl FnOnce() -> R) -> (Span, R) {
    let start = Instant::now();
    let result = work();
    ((start, Instant::now()), result)
}

/// Counts the words of all blocks, or returns the first error. Calls `trace` for each block.
///
/// ```text
/// source: blocks ──┬──► worker: counts ──┬──► this thread: vocabulary
///                  └──► worker: counts ──┘
/// ```
pub fn count(
    threads: Threads,
    mut blocks: impl Iterator<Item = io::Result<Vec<u8>>> + Send,
    mut trace: impl FnMut(Trace),
) -> io::Result<Vocabulary> {
    let mut vocabulary = Vocabulary::default();
    let hasher = vocabulary.hasher();
    let blocks = iter::from_fn(move || {
        let (read, block) = timed(|| blocks.next());
        Some(block?.map(|block| (read, block)))
    });
    // Reads nothing behind an error: of several errors, the second could overtake the first.
    let mut failed = false;
    let blocks = blocks.take_while(move |block| !mem::replace(&mut failed, block.is_err()));

    // A worker sends its counts when there are many, and what is left when it ends.
    let (counts, all_counts) = unbounded();
    let mut workers = 0;
    let counting = move || {
        let (worker, mut own) = (workers, Counts::new(hasher.clone(), counts.clone()));
        workers += 1;
        move |block: io::Result<(Span, Vec<u8>)>| {
            let (read, block) = block?;
            let (counted, ()) = timed(|| own.add(block));
            Ok::<_, io::Error>((read, counted, worker))
        }
    };
    thread::scope(|scope| {
        let Threads { workers, capacity } = threads;
        // Unordered: the sums are the same.
        let results = blocks.parallel_map_unordered(scope, workers, capacity, counting);
        for result in results.map_err(cannot_spawn)? {
            let (read, counted, worker) = result?;
            let start = Instant::now();
            for counts in all_counts.try_iter() {
                vocabulary.add(counts)?;
            }
            let merged = (start, Instant::now());
            trace(Trace {
                read,
                counted,
                worker,
                merged,
            });
        }
        for counts in all_counts {
            vocabulary.add(counts)?;
        }
        Ok(vocabulary)
    })
}

/// Prints lines as `uniq -c` does. A reader that has left, as `head` does, is no error.
pub fn print(threads: Threads, words: &[Ranked]) -> io::Result<()> {
    let mut stdout = cli::standard_output()?;
    thread::scope(|scope| {
        let Threads { workers, capacity } = threads;
        let chunks = words.chunks(4096); // some 64 KiB of output
        let lines = chunks.parallel_map(scope, workers, capacity, || lines);
        for lines in lines.map_err(cannot_spawn)? {
            match stdout.write_all(&lines) {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
                result => result.map_err(|error| named("standard output", error))?,
            }
        }
        Ok(())
    })
}

fn lines(words: &[Ranked]) -> Vec<u8> {
    let mut lines = Vec::new();
    for (Reverse(count), word) in words {
        let _ = write!(lines, "{count:7} "); // a `Vec` takes all
        word.append_to(&mut lines);
        lines.push(b'\n');
    }
    lines
}

fn cannot_spawn(error: io::Error) -> io::Error {
    named("spawning a thread", error)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use std::collections::BTreeMap;
    use std::sync::mpsc;
    use std::time::Duration;

    /// Runs `body` on a thread of its own, so that a hang fails the test instead of blocking it.
    fn within_deadline<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> R {
        let (sender, receiver) = mpsc::channel();
        let runner = thread::spawn(move || sender.send(body()));
        match receiver.recv_timeout(Duration::from_secs(60)) {
            Ok(result) => result,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("does not end"),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                std::panic::resume_unwind(runner.join().expect_err("ended without a result"))
            }
        }
    }

    fn threads(workers: usize, capacity: usize) -> Threads {
        let workers = NonZero::new(workers).unwrap();
        Threads { workers, capacity }
    }

    /// The obvious way, for comparison.
    fn expected(text: &[u8]) -> Vec<u8> {
        let mut counts = BTreeMap::new();
        for word in text.split(|byte| b" \t\n\x0b\x0c\r".contains(byte)) {
            if !word.is_empty() {
                *counts.entry(word.to_ascii_lowercase()).or_insert(0) += 1;
            }
        }
        let mut words: Vec<_> = counts.into_iter().collect();
        words.sort_by_key(|&(_, count)| Reverse(count)); // stable: ties stay in byte order
        let line = |(word, count)| [format!("{count:7} ").into_bytes(), word, b"\n".to_vec()];
        words.into_iter().flat_map(line).flatten().collect()
    }

    /// Many distinct words, more than a worker counts by itself, of each length some, with counts of
    /// 1 and more.
    fn text() -> Vec<u8> {
        let mut text = b"\xff One two  THREE \t\r\none\x0btwo\x0ctwo three\n\n".to_vec();
        for number in 0..30_000_u64 {
            let word = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (number % 60);
            let word = format!("{word:x}{word:x} ");
            text.extend(word.repeat(1 + number as usize % 7 / 5).bytes());
        }
        text
    }

    #[test]
    fn blocks_add_up_on_any_number_of_workers() {
        let text = text();
        let expected = expected(&text);
        for (workers, capacity) in [(1, 0), (8, 64)] {
            let blocks: Vec<_> = text.split_inclusive(|&byte| byte == b' ').collect();
            let blocks: Vec<_> = blocks
                .chunks(1000)
                .map(|words| Ok(words.concat()))
                .collect();
            let (printed, traced) = within_deadline(move || {
                let (total, mut traced) = (blocks.len(), 0);
                let counted = count(threads(workers, capacity), blocks.into_iter(), |trace| {
                    assert!(trace.worker < workers);
                    traced += 1;
                });
                (lines(&counted.unwrap().ranked(usize::MAX)), total - traced)
            });
            assert!(printed == expected, "{workers} {capacity}");
            assert_eq!(traced, 0);
        }
    }

    #[test]
    fn the_first_error_ends_the_count() {
        for at in [0, 1, 70] {
            let error = within_deadline(move || {
                let failing = (0..).map(|n| match n {
                    n if n < at => Ok(b"word ".to_vec()),
                    n => Err(io::Error::other(format!("block {n}"))),
                });
                count(threads(8, 64), failing, |_| ()).err()
            });
            assert_eq!(error.unwrap().to_string(), format!("block {at}"));
        }
    }
}
