//! Cuts inputs into blocks of whole numbers.

use crate::cli;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::{iter, mem};

/// Bytes read at a time, 0.1 to 0.3 ms of work: long against handing a block over, and few enough to
/// be still in the core's cache when they are parsed. A token of this length is an error, and the
/// last digits of float sums depend on this number.
pub const BLOCK_SIZE: usize = 256 * 1024;

type Reader = Box<dyn Read + Send>;

/// A named stream of text; `reader` is the error if it could not be opened.
pub struct Input {
    pub name: String,
    pub reader: io::Result<Reader>,
}

impl Input {
    /// A file, or standard input if it is named `-`.
    pub fn open(name: &OsStr) -> Self {
        let reader = if name == "-" {
            cli::standard_input().map(|stdin| Box::new(stdin) as Reader)
        } else {
            File::open(name).map(|file| Box::new(file) as Reader)
        };
        let name = cli::input_name(name);
        Self { name, reader }
    }
}

/// A part of an input that cuts no number in two.
pub struct Block {
    pub input: Arc<str>,
    pub text: Vec<u8>,
    /// Comes behind the text.
    pub error: Option<io::Error>,
    pub is_last: bool,
}

/// The blocks of one input after the other. An input is opened when its turn comes: a thousand
/// files need one descriptor.
pub fn blocks(inputs: impl Iterator<Item = Input>, size: usize) -> impl Iterator<Item = Block> {
    inputs.flat_map(move |Input { name, reader }| {
        let input: Arc<str> = name.into();
        let mut is_first = true;
        let mut reader = Some(reader.map(BufReader::new)); // until the input has ended
        iter::from_fn(move || {
            let mut text = Vec::with_capacity(size + 64); // 64: a number that is cut
            let read = reader.take()?.and_then(|mut open| {
                let is_last = read_block(&mut open, size, &mut text)?;
                if mem::take(&mut is_first) {
                    skip_byte_order_mark(&mut text)?;
                }
                if !is_last {
                    reader = Some(Ok(open));
                }
                Ok(())
            });
            if read.is_err() {
                // A number that the error cuts in two is none.
                let space = text.iter().rposition(u8::is_ascii_whitespace);
                text.truncate(space.unwrap_or(0));
            }
            Some(Block {
                input: Arc::clone(&input),
                text,
                is_last: reader.is_none(),
                error: read.err(),
            })
        })
    })
}

/// Reads `size` bytes, then up to the next white space. Returns whether the input has ended before.
///
/// Where a block ends must not depend on how much a pipe has ready.
fn read_block(reader: &mut impl BufRead, size: usize, text: &mut Vec<u8>) -> io::Result<bool> {
    let limit = size as u64;
    if reader.by_ref().take(limit).read_to_end(text)? < size {
        return Ok(true);
    }
    // The limit may cut a token, which is then at least as long as a block.
    for byte in reader.by_ref().take(limit).bytes() {
        let byte = byte?;
        text.push(byte);
        if byte.is_ascii_whitespace() {
            break;
        }
    }
    Ok(false)
}

fn skip_byte_order_mark(text: &mut Vec<u8>) -> io::Result<()> {
    const UTF_16: &str = "is UTF-16; convert it first: iconv -f UTF-16 -t UTF-8";
    match text[..] {
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => {
            text.clear();
            Err(io::Error::other(UTF_16))
        }
        [0xEF, 0xBB, 0xBF, ..] => {
            text[..3].fill(b' ');
            Ok(())
        }
        _ => Ok(()),
    }
}
