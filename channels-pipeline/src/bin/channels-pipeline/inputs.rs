//! Cuts inputs into blocks of whole words.

use crate::cli;
use crate::count::Error;
use crate::words::is_space;
use crossbeam_channel::Receiver;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::mem;

/// Room in a buffer for the start of a word that the block before was cut in front of, and for what
/// [`Counts::add`](crate::words::Counts::add) puts behind the text, so that it need not grow.
const ROOM: usize = 1024;

/// A named stream of text; `reader` is the error if it could not be opened.
pub struct Input {
    pub name: String,
    pub reader: io::Result<Box<dyn Read + Send>>,
}

impl Input {
    /// Opens an argument when its turn comes, so that a thousand files need one descriptor.
    pub fn open(file: OsString) -> Self {
        fn boxed(reader: impl Read + Send + 'static) -> Box<dyn Read + Send> {
            Box::new(reader)
        }
        if file == "-" {
            return Self {
                name: "standard input".into(),
                reader: cli::standard_input().map(boxed),
            };
        }
        Self {
            name: cli::escaped(&file).to_string(),
            reader: File::open(&file).map(boxed),
        }
    }
}

/// Cuts inputs into blocks, one after the other; a block ends with white space or its input.
pub struct Blocks<I> {
    inputs: I,
    block_size: usize,
    recycled: Receiver<Vec<u8>>,
    open: Option<Input>,
    /// The start of a word that the last block was cut in front of.
    tail: Vec<u8>,
}

impl<I: Iterator<Item = Input>> Blocks<I> {
    /// Reads `block_size` bytes at a time, into the buffers that come back on `recycled`.
    pub fn new(inputs: I, block_size: usize, recycled: Receiver<Vec<u8>>) -> Self {
        Self {
            inputs,
            block_size,
            recycled,
            open: None,
            tail: Vec::new(),
        }
    }

    fn read_block(&mut self, reader: &mut dyn Read) -> io::Result<(Vec<u8>, bool)> {
        // Not `recv`: the buffers may all be in flight, and this one makes them come back.
        let mut bytes = self.recycled.try_recv().unwrap_or_default();
        bytes.clear();
        bytes.shrink_to(2 * (self.block_size + ROOM)); // one that a huge word has made grow
        bytes.reserve(self.block_size + ROOM);
        bytes.append(&mut mem::take(&mut self.tail)); // not kept: it may have been huge
        loop {
            let start = bytes.len();
            let read = reader
                .take(self.block_size as u64)
                .read_to_end(&mut bytes)?;
            if read < self.block_size {
                return Ok((bytes, true));
            }
            // A word longer than a block has none: read on until it ends.
            if let Some(space) = bytes[start..].iter().rposition(is_space) {
                self.tail.extend_from_slice(&bytes[start + space + 1..]);
                bytes.truncate(start + space + 1);
                return Ok((bytes, false));
            }
        }
    }
}

impl<I: Iterator<Item = Input>> Iterator for Blocks<I> {
    type Item = Result<Vec<u8>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let Input { name, reader } = match self.open.take() {
            Some(open) => open,
            None => self.inputs.next()?,
        };
        let block = reader.and_then(|mut reader| {
            let (bytes, is_last) = self.read_block(&mut reader)?;
            // An input that has ended is not read again: a terminal would ask for more.
            if !is_last {
                let (name, reader) = (name.clone(), Ok(reader));
                self.open = Some(Input { name, reader });
            }
            Ok(bytes)
        });
        Some(block.map_err(|error| Error::Read(name, error)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crossbeam_channel::unbounded;
    use std::io::Cursor;

    #[test]
    fn a_buffer_that_came_back_is_read_into_again() {
        let (recycle, recycled) = unbounded();
        let input = Input {
            name: "text".into(),
            reader: Ok(Box::new(Cursor::new("one two three four"))),
        };
        let mut blocks = Blocks::new([input].into_iter(), 8, recycled);
        let first = blocks.next().unwrap().unwrap();
        assert_eq!(first, b"one two ");
        let buffer = first.as_ptr();
        recycle.send(first).unwrap();
        let second = blocks.next().unwrap().unwrap();
        assert_eq!(
            (second.as_slice(), second.as_ptr()),
            (&b"three "[..], buffer)
        );
    }

    #[test]
    fn a_buffer_that_a_huge_word_has_made_grow_shrinks_again() {
        let (recycle, recycled) = unbounded();
        let input = Input {
            name: "text".into(),
            reader: Ok(Box::new(Cursor::new(
                [&[b'x'; 1 << 20][..], b" one two three"].concat(),
            ))),
        };
        let mut blocks = Blocks::new([input].into_iter(), 8, recycled);
        let huge = blocks.next().unwrap().unwrap();
        assert!(huge.capacity() > 1 << 20);
        recycle.send(huge).unwrap();
        let next = blocks.next().unwrap().unwrap();
        assert!(next.capacity() <= 2 * (8 + ROOM), "{}", next.capacity());
        assert!(blocks.tail.capacity() <= 8 + ROOM);
    }
}
