//! Reads inputs in blocks of whole words.

use crate::cli::{self, named};
use crate::words::is_space;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::{iter, mem};

/// Bytes read at a time, some 0.4 ms of work: long against handing a block over, and short enough
/// to be still in the core's cache when it is counted.
const BLOCK_SIZE: usize = 256 * 1024;

/// No text has a word of so many bytes. An input without white space, such as `/dev/zero`, would
/// fill the memory.
const MAX_WORD: usize = 16 << 20;

/// Opens a file, or standard input if it is named `-`, and reads its blocks. To be called when its
/// turn comes, so that a thousand files need one descriptor.
pub fn open(name: &OsStr) -> impl Iterator<Item = io::Result<Vec<u8>>> + Send + use<> {
    let opened: io::Result<Box<dyn Read + Send>> = if name == "-" {
        cli::standard_input().map(|input| Box::new(input) as _)
    } else {
        File::open(name).map(|file| Box::new(file) as _)
    };
    blocks(cli::input_name(name), opened, BLOCK_SIZE)
}

/// Reads `block_size` bytes at a time. A word that a block ends in goes to the next block.
pub fn blocks<R: Read + Send>(
    name: String,
    opened: io::Result<R>,
    block_size: usize,
) -> impl Iterator<Item = io::Result<Vec<u8>>> + Send {
    // `None` at its end: a terminal that is read again would ask for more.
    let mut input = Some(opened);
    let mut tail = Vec::new();
    iter::from_fn(move || {
        let block = input.take()?.and_then(|mut reader| {
            let (block, is_last) = read_block(&mut reader, &mut tail, block_size)?;
            if !is_last {
                input = Some(Ok(reader));
            }
            Ok(block)
        });
        Some(block.map_err(|error| named(&name, error)))
    })
}

fn read_block(
    reader: &mut impl Read,
    tail: &mut Vec<u8>,
    block_size: usize,
) -> io::Result<(Vec<u8>, bool)> {
    let mut block = mem::take(tail);
    loop {
        let start = block.len();
        block.reserve(block_size + 64); // some more, for what is appended when it is counted
        reader.take(block_size as u64).read_to_end(&mut block)?;
        if block.len() - start < block_size {
            return Ok((block, true));
        }
        // If there is no white space, all of the block is one word.
        if let Some(space) = block[start..].iter().rposition(is_space) {
            *tail = block.split_off(start + space + 1);
            return Ok((block, false));
        }
        if block.len() > MAX_WORD {
            return Err(io::Error::other("a word of more than 16 MiB"));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::io::ErrorKind;

    /// What an input gives: bytes, or an error.
    struct Script(Vec<io::Result<&'static [u8]>>);

    impl Read for Script {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let next = self.0.remove(0)?; // panics if it is read after its end
            let length = next.len().min(buffer.len());
            buffer[..length].copy_from_slice(&next[..length]);
            if length < next.len() {
                self.0.insert(0, Ok(&next[length..]));
            }
            Ok(length)
        }
    }

    fn read(script: Vec<io::Result<&'static [u8]>>, size: usize) -> Vec<io::Result<Vec<u8>>> {
        blocks("input".into(), Ok(Script(script)), size).collect()
    }

    #[test]
    fn blocks_end_with_white_space_wherever_the_size_falls() {
        const TEXT: &[u8] = b"one  two\nthree\tfour\x0bfive six";
        for size in 1..=TEXT.len() + 1 {
            let blocks = blocks("text".into(), Ok(TEXT), size);
            let blocks: Vec<Vec<u8>> = blocks.map(Result::unwrap).collect();
            assert_eq!(blocks.concat(), TEXT, "{size}");
            for (index, block) in blocks.iter().enumerate() {
                let is_last = index + 1 == blocks.len();
                assert!(is_last || block.last().is_some_and(is_space), "{size}");
                assert!(block.len() <= size + 2 * "three".len(), "{size}");
            }
        }
    }

    #[test]
    fn an_input_is_not_read_again_after_its_end() {
        for size in [2, 3, 8] {
            let blocks: Vec<_> = read(vec![Ok(b"one"), Ok(b"")], size);
            assert_eq!(blocks.len(), 1);
            assert_eq!(blocks[0].as_ref().unwrap(), b"one");
        }
    }

    #[test]
    fn an_error_names_the_input_and_an_interruption_is_none() {
        let interrupted = || Err(ErrorKind::Interrupted.into());
        let broken = Err(io::Error::new(ErrorKind::TimedOut, "no answer"));
        let script: Vec<io::Result<&[u8]>> = vec![
            interrupted(),
            Ok(b"one "),
            interrupted(),
            Ok(b"two."),
            broken,
        ];
        let blocks = read(script, 4);
        assert_eq!(blocks.len(), 2);
        assert_eq!(blocks[0].as_ref().unwrap(), b"one ");
        let error = blocks[1].as_ref().unwrap_err();
        assert_eq!(error.to_string(), "input: no answer");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn a_word_that_does_not_end_is_refused() {
        let mut endless = blocks("zeros".into(), Ok(io::repeat(0)), 1 << 20);
        let error = endless.next().unwrap().unwrap_err();
        assert_eq!(error.to_string(), "zeros: a word of more than 16 MiB");
        assert!(endless.next().is_none());
        let long = io::repeat(b'a').take(MAX_WORD as u64);
        assert!(blocks("long".into(), Ok(long), 1 << 20).all(|block| block.is_ok()));
    }
}
