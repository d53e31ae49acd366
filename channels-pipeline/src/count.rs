//! Counts the words of inputs, with a pipeline of blocks.

use crate::inputs::{Blocks, Error, Input};
use crate::words::Counts;
use channels_pipeline::{Pipeline, Report};
use crossbeam_channel::unbounded;
use std::ops::ControlFlow;

/// Bytes read at a time, some 0.4 ms of work: long against handing a block over, and short enough
/// to be still in the core's cache when it is counted.
pub const BLOCK_SIZE: usize = 256 * 1024;

/// Counts all words of all inputs; `progress` hears of each block how long it was.
///
/// No word reaches from one input to the next.
pub fn count(
    pipeline: &Pipeline,
    inputs: impl IntoIterator<Item = Input, IntoIter: Send>,
    block_size: usize,
    mut progress: impl FnMut(usize),
) -> Result<(Counts, Report), Error> {
    // Two pools: whoever needs a thing takes one or, if there is none, makes one. They hold no more
    // than was in flight at a time, so they need no bound, and nobody waits for them.
    let (recycle, recycled) = unbounded();
    let (put_back, tables) = unbounded();
    let report = pipeline.run(
        Blocks::new(inputs.into_iter(), block_size, recycled),
        |mut block| {
            // So each worker has a table to itself while it counts, and there are as many tables as
            // workers. Whose it was before does not matter.
            let mut counts: Counts = tables.try_recv().unwrap_or_default();
            counts.add(&mut block);
            let _ = put_back.send(counts);
            Ok(block)
        },
        |block: Vec<u8>| {
            progress(block.len());
            // Fails when the source has ended, and needs no more.
            let _ = recycle.send(block);
            ControlFlow::Continue(())
        },
    )?;
    let counts = tables.try_iter().reduce(Counts::merge).unwrap_or_default();
    Ok((counts, report))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use std::collections::BTreeMap;
    use std::io::{self, Cursor, Read};
    use std::num::NonZero;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

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

    fn input(name: &str, reader: impl Read + Send + 'static) -> Input {
        Input {
            name: name.into(),
            reader: Ok(Box::new(reader)),
        }
    }

    /// Counts texts that are an input each, in byte order; also the bytes reported as progress.
    fn count_texts(
        texts: &[&[u8]],
        block_size: usize,
        workers: usize,
        capacity: usize,
    ) -> (Vec<(Vec<u8>, u64)>, usize) {
        let texts: Vec<_> = texts.iter().map(|text| text.to_vec()).collect();
        within_deadline(move || {
            let pipeline = Pipeline::new(NonZero::new(workers).unwrap(), capacity);
            let inputs = texts
                .into_iter()
                .map(|text| input("text", Cursor::new(text)));
            let mut bytes = 0;
            let (counts, _) = count(&pipeline, inputs, block_size, |read| bytes += read).unwrap();
            let mut words = counts.ranked(usize::MAX);
            words.sort_unstable();
            (words, bytes)
        })
    }

    /// The obvious way, for comparison.
    fn expected(text: &[u8]) -> Vec<(Vec<u8>, u64)> {
        let mut counts = BTreeMap::new();
        for word in text.split(|byte| b" \t\n\x0b\x0c\r".contains(byte)) {
            if !word.is_empty() {
                *counts.entry(word.to_ascii_lowercase()).or_insert(0) += 1;
            }
        }
        counts.into_iter().collect()
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
            let pipeline = Pipeline::new(NonZero::new(2).unwrap(), 1);
            let inputs = [
                input("good", Cursor::new("one two")),
                input("broken", Broken(b"three four five six seven eight")),
                input("endless", io::repeat(b' ')),
            ];
            count(&pipeline, inputs, 8, |_| ()).map(|_| ()).unwrap_err()
        });
        assert_eq!(error.to_string(), "broken: the disk is on fire");
    }
}
