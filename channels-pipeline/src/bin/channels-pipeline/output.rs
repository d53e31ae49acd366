//! Prints the words.

use crate::cli;
use crate::count::{Error, Threads, rank};
use crate::progress::Progress;
use crate::ranking::{Ranked, merge};
use crate::vocabulary::{SHARDS, Vocabulary};
use channels_pipeline::PipelineExt;
use std::io::{self, IsTerminal, Write};
use std::iter;
use std::thread;

/// Bytes written at a time.
const BLOCK_SIZE: usize = 64 * 1024;

/// Ranks and prints the `top` most frequent words; a reader that has left, as `head` does, is no error.
pub fn print(
    threads: Threads,
    mut counts: Vocabulary,
    top: usize,
    mut progress: Progress,
) -> Result<(), Error> {
    let words = top.min(counts.len());
    let mut parts = 0;
    let ranking = rank(threads, counts, top, || {
        parts += 1;
        progress.show(|_| format!("ranking, part {parts} of {SHARDS}"));
    })?;
    let mut stdout = cli::standard_output().map_err(Error::Write)?;
    // On a terminal, the words themselves show how it goes, and a line would stand among them.
    let mut progress = Some(progress).filter(|_| !io::stdout().is_terminal());
    let mut printed = 0;
    thread::scope(|scope| {
        let lines = lines(merge(ranking).take(top));
        for (lines, block) in lines.read_ahead(scope, 1).map_err(Error::Thread)? {
            match stdout.write_all(&block) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                result => result.map_err(Error::Write)?,
            }
            printed += lines;
            if let Some(progress) = &mut progress {
                progress.show(|_| format!("printed {printed} of {words} words"));
            }
        }
        Ok(())
    })
}

/// Lines as `uniq -c` prints them, many at a time, and how many.
pub fn lines(words: impl Iterator<Item = Ranked>) -> impl Iterator<Item = (usize, Vec<u8>)> {
    let mut words = words.peekable();
    let mut count = (0, Vec::new()); // the last one, as printed: most are that of the word before
    iter::from_fn(move || {
        words.peek()?;
        let (mut lines, mut block) = (0, Vec::with_capacity(BLOCK_SIZE + BLOCK_SIZE / 4));
        while let Some(word) = words.next_if(|_| block.len() < BLOCK_SIZE) {
            if word.count() != count.0 {
                count = (word.count(), format!("{:7} ", word.count()).into_bytes());
            }
            block.extend_from_slice(&count.1);
            word.append_to(&mut block);
            block.push(b'\n');
            lines += 1;
        }
        Some((lines, block))
    })
}
