//! Counts the words of inputs and ranks them, with a pipeline each.

use crate::inputs::{Blocks, Input};
use crate::ranking::Ranking;
use crate::vocabulary::{Shard, Vocabulary};
use crate::words::Counts;
use channels_pipeline::PipelineExt;
use crossbeam_channel::unbounded;
use std::fmt;
use std::io;
use std::iter;
use std::num::NonZero;
use std::thread;
use std::time::Instant;

/// Bytes read at a time, some 0.4 ms of work: long against handing a block over, and short enough
/// to be still in the core's cache when it is counted.
pub const BLOCK_SIZE: usize = 256 * 1024;

/// What ends a run.
#[derive(Debug)]
pub enum Error {
    /// This input cannot be read.
    Read(String, io::Error),
    /// The system refuses a thread.
    Thread(io::Error),
    /// Standard output cannot be written.
    Write(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Error::Read(input, _) => f.write_str(input),
            Error::Thread(_) => f.write_str("cannot start a thread"),
            Error::Write(_) => f.write_str("standard output"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let (Error::Read(_, error) | Error::Thread(error) | Error::Write(error)) = self;
        Some(error)
    }
}

/// How many threads share the work, and how much may wait for them.
#[derive(Clone, Copy)]
pub struct Threads {
    pub workers: NonZero<usize>,
    pub capacity: usize,
}

/// From when to when something was done.
pub type Span = (Instant, Instant);

/// A block that went through: when each stage had it in hand.
pub struct Counted {
    pub bytes: usize,
    pub read: Span,
    pub counted: Span,
    /// Which worker counted it, from 0.
    pub worker: usize,
    pub used: Span,
}

fn timed<R>(work: impl FnOnce() -> R) -> (Span, R) {
    let start = Instant::now();
    let result = work();
    ((start, Instant::now()), result)
}

/// Counts all words of all inputs; `progress` hears of each block.
///
/// No word reaches from one input to the next.
pub fn count(
    threads: Threads,
    inputs: impl Iterator<Item = Input> + Send,
    block_size: usize,
    mut progress: impl FnMut(Counted),
) -> Result<Vocabulary, Error> {
    let vocabulary = Vocabulary::new();
    // Buffers that come back. No more of them than were in flight at a time: it needs no bound.
    let (recycle, recycled) = unbounded();
    let mut blocks = Blocks::new(inputs, block_size, recycled);
    let blocks = iter::from_fn(move || {
        let (read, block) = timed(|| blocks.next());
        Some(block?.map(|block| (read, block)))
    });
    let mut workers = 0;
    let counting = || {
        let (worker, mut counts) = (workers, Counts::new(&vocabulary));
        workers += 1;
        move |block: Result<(Span, Vec<u8>), Error>| {
            let (read, mut block) = block?;
            let (counted, ()) = timed(|| counts.add(&mut block));
            Ok((read, counted, worker, block))
        }
    };
    thread::scope(|scope| {
        let Threads { workers, capacity } = threads;
        // A block's words count the same whenever they come.
        let counted = blocks.parallel_map_unordered(scope, workers, capacity, counting);
        for result in counted.map_err(Error::Thread)? {
            let (read, counted, worker, block) = result?;
            let bytes = block.len();
            // Fails when the source has ended, and needs no more.
            let (used, _) = timed(|| recycle.send(block));
            progress(Counted {
                bytes,
                read,
                counted,
                worker,
                used,
            });
        }
        Ok(())
    })?;
    Ok(vocabulary)
}

/// Puts the `top` most frequent words in order, in several parts; `progress` hears of each.
pub fn rank(
    threads: Threads,
    vocabulary: Vocabulary,
    top: usize,
    mut progress: impl FnMut(),
) -> Result<Vec<Ranking>, Error> {
    thread::scope(|scope| {
        let Threads { workers, capacity } = threads;
        let shards = vocabulary.into_shards();
        let ranking = || move |shard: Shard| shard.ranked(top);
        let ranked = shards.parallel_map_unordered(scope, workers, capacity, ranking);
        let ranked = ranked.map_err(Error::Thread)?.inspect(|_| progress());
        Ok(ranked.flatten().collect())
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::output::lines;
    use crate::ranking::merge;
    use std::cmp::Reverse;
    use std::collections::BTreeMap;
    use std::error::Error as _;
    use std::io::{Cursor, Read};
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

    fn input(name: &str, reader: impl Read + Send + 'static) -> Input {
        Input {
            name: name.into(),
            reader: Ok(Box::new(reader)),
        }
    }

    fn threads(workers: usize, capacity: usize) -> Threads {
        let workers = NonZero::new(workers).unwrap();
        Threads { workers, capacity }
    }

    fn printed(threads: Threads, vocabulary: Vocabulary, top: usize) -> Vec<u8> {
        let rankings = rank(threads, vocabulary, top, || ()).unwrap();
        let blocks = lines(merge(rankings).take(top));
        blocks.flat_map(|(_, block)| block).collect()
    }

    /// Counts texts that are an input each; also the bytes reported as progress.
    fn count_texts(
        texts: &[&[u8]],
        block_size: usize,
        workers: usize,
        capacity: usize,
    ) -> (Vec<u8>, usize) {
        let texts: Vec<_> = texts.iter().map(|text| text.to_vec()).collect();
        within_deadline(move || {
            let threads = threads(workers, capacity);
            let inputs = texts
                .into_iter()
                .map(|text| input("text", Cursor::new(text)));
            let mut bytes = 0;
            let vocabulary = count(threads, inputs, block_size, |block| bytes += block.bytes);
            (printed(threads, vocabulary.unwrap(), usize::MAX), bytes)
        })
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

    const TEXT: &[u8] = b"\xff One two  THREE a-word-that-is-longer-than-most-blocks-here\t\r\n\
        one\x0btwo\x0ctwo three\n\n fifteen-letters sixteen--letters and-seventeen-lett one";

    #[test]
    fn words_cut_at_every_block_boundary_are_counted_once() {
        for block_size in 1..=TEXT.len() + 1 {
            for (workers, capacity) in [(1, 0), (2, 3)] {
                let (words, bytes) = count_texts(&[TEXT], block_size, workers, capacity);
                assert_eq!(words, expected(TEXT), "{block_size}");
                assert_eq!(bytes, TEXT.len());
            }
        }
    }

    #[test]
    fn many_blocks_add_up_on_any_number_of_workers() {
        let text = [TEXT, b" "].concat().repeat(200);
        for workers in [1, 2, 8] {
            for capacity in [0, 1, 64] {
                let (words, _) = count_texts(&[&text], 64, workers, capacity);
                assert_eq!(words, expected(&text), "{workers} {capacity}");
            }
        }
    }

    #[test]
    fn inputs_do_not_run_into_each_other() {
        let (words, _) = count_texts(&[b"one", b"", b"two one", b"two"], 8, 2, 1);
        assert_eq!(words, expected(b"one two one two"));
        assert_eq!(count_texts(&[], 8, 2, 1), (vec![], 0));
    }

    /// Fails after some text.
    struct Broken<'a>(&'a [u8]);

    impl Read for Broken<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::Error::other("the disk is on fire")),
                read => Ok(read),
            }
        }
    }

    #[test]
    fn a_read_error_ends_the_count_and_names_the_input() {
        let error = within_deadline(|| {
            let inputs = [
                input("good", Cursor::new("one two")),
                input("broken", Broken(b"three four five six seven eight")),
                input("endless", io::repeat(b' ')),
            ];
            count(threads(2, 1), inputs.into_iter(), 8, |_| ()).err()
        });
        let error = error.unwrap();
        assert_eq!(error.to_string(), "broken");
        assert_eq!(error.source().unwrap().to_string(), "the disk is on fire");
    }

    /// Many distinct words, more than a worker counts by itself, and of each length some, with
    /// counts of 1 and more.
    #[test]
    fn a_large_vocabulary_is_ranked_as_it_should() {
        let mut text = Vec::new();
        for number in 0..75_000_u64 {
            let word = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (number % 60);
            let word = format!("{word:x}{word:x}");
            for _ in 0..1 + number % 7 / 5 {
                text.extend_from_slice(word.as_bytes());
                text.push(b' ');
            }
        }
        let expected = expected(&text);
        for workers in [1, 3] {
            let (words, _) = count_texts(&[&text], 50_000, workers, 2);
            assert!(words == expected, "{workers}");
        }
        let threads = threads(2, 1);
        let of_lines = |top: usize| {
            let bytes = expected.iter().enumerate();
            let mut ends = bytes.filter(|&(_, &byte)| byte == b'\n');
            ends.nth(top - 1).unwrap().0 + 1
        };
        for top in [1, 60_000] {
            let inputs = [input("text", Cursor::new(text.clone()))].into_iter();
            let vocabulary = count(threads, inputs, 50_000, |_| ()).unwrap();
            let words = printed(threads, vocabulary, top);
            assert!(words == expected[..of_lines(top)], "{top}");
        }
    }
}
