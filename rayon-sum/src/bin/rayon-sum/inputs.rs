//! Reads inputs block by block and adds up the blocks in parallel.

use crate::numbers::{Number, Reason, Total};
use crate::tokens::{is_space, sum_tokens};
use rayon::prelude::*;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fmt, iter, mem};

/// Bytes read at a time, some 0.1 ms of work: long against handing a block over, and short enough
/// to be still in the core's cache when it is parsed. A token of this length is refused, and float
/// sums depend on this number in their last digits.
pub const BLOCK_SIZE: usize = 256 * 1024;

/// Blocks whose sums are held at a time, so that memory does not grow with the input.
const WINDOW: usize = 1024;

const UTF_16: &str = "is UTF-16; convert it first: iconv -f UTF-16 -t UTF-8";

/// A named stream of text; `reader` is the error if it could not be opened.
pub struct Input {
    pub name: String,
    pub reader: io::Result<Box<dyn Read + Send>>,
}

/// Why there is no sum.
#[derive(Debug)]
pub enum Error {
    Read {
        input: String,
        error: io::Error,
    },
    Token {
        input: String,
        line: u64,
        token: String,
        reason: Reason,
    },
    Total(Reason),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Error::Read { input, .. } => f.write_str(input),
            Error::Token {
                input,
                line,
                token,
                reason,
            } => {
                write!(f, "{input}:{line}: {token} {reason}")
            }
            Error::Total(Reason::FloatOverflow) => {
                write!(f, "a partial sum {}", Reason::FloatOverflow)
            }
            Error::Total(reason) => write!(f, "the sum {reason}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Read { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// Adds up all numbers of all inputs, in the current rayon pool. With several errors, the first in
/// input order is returned.
///
/// Threads of the pool block while they read, or wait for the one that reads; so the pool should be
/// a private one.
pub fn sum(inputs: impl Iterator<Item = Input> + Send, block_size: usize) -> Result<Number, Error> {
    let buffers = Buffers::default();
    let mut blocks = Blocks {
        inputs,
        block_size,
        buffers: &buffers,
        open: None,
        has_failed: false,
    };
    let mut total = Total::default();
    let mut lines = 0;
    // Relaxed, because the flag only saves work: the error itself travels through `collect`.
    let failed = AtomicBool::new(false);
    let sum_block = |(index, block): (usize, Result<Block, Error>)| {
        let sum = block.and_then(|block| {
            let sum = block.sum();
            buffers.give_back(block.buffer);
            sum
        });
        if sum.is_err() {
            failed.store(true, Ordering::Relaxed);
        }
        (index, sum)
    };
    loop {
        // `par_bridge` locks the iterator while one thread reads a block; that thread then parses
        // it while the next one reads. Blocks are handed out in order, and what was handed out is
        // always finished, so stopping at a bad block cannot miss an earlier one.
        let next_block = || {
            if failed.load(Ordering::Relaxed) {
                None
            } else {
                blocks.next()
            }
        };
        let window = iter::from_fn(next_block).take(WINDOW).enumerate();
        let mut sums: Vec<_> = window.par_bridge().map(sum_block).collect();
        if sums.is_empty() {
            return total.value().map_err(Error::Total);
        }
        // The bridge loses the order, which the float sum and the choice of the error depend on.
        sums.sort_unstable_by_key(|&(index, _)| index);
        for (_, sum) in sums {
            let sum = sum.map_err(|error| error.after(lines))?;
            total.merge(sum.total);
            lines = if sum.is_last { 0 } else { lines + sum.newlines };
        }
    }
}

/// Buffers to be used again, some one per thread: a new one would have to be filled with zeros.
#[derive(Default)]
struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    fn take(&self, size: usize) -> Vec<u8> {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.unwrap_or_else(|| vec![0; size])
    }

    fn give_back(&self, buffer: Vec<u8>) {
        let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spare.push(buffer);
    }
}

/// Whole tokens of one input: the first `length` bytes of `buffer`.
struct Block {
    input: Arc<str>,
    buffer: Vec<u8>,
    length: usize,
    is_last: bool,
}

struct BlockSum {
    total: Total,
    newlines: u64,
    is_last: bool,
}

impl Block {
    fn sum(&self) -> Result<BlockSum, Error> {
        match sum_tokens(&self.buffer[..self.length]) {
            Ok((total, newlines)) => Ok(BlockSum {
                total,
                newlines,
                is_last: self.is_last,
            }),
            Err(bad) => Err(Error::token(
                &self.input,
                1 + bad.newlines,
                bad.token,
                bad.reason,
            )),
        }
    }
}

impl Error {
    fn token(input: &str, line: u64, token: &[u8], reason: Reason) -> Self {
        /// Columns, so that the message fits on one line of a terminal.
        const SHOWN: usize = 30;
        // Characters have up to four bytes. Those outside of ASCII may look like others, such as
        // the dashes that look like a minus sign.
        let start = String::from_utf8_lossy(&token[..token.len().min(4 * SHOWN + 4)]);
        let (mut shown, mut dots) = (String::new(), "");
        for character in start.chars().map(char::escape_default) {
            if shown.len() + character.len() > SHOWN {
                dots = "...";
                break;
            }
            shown.extend(character);
        }
        Error::Token {
            input: input.into(),
            line,
            token: format!("\"{shown}\"{dots}"),
            reason,
        }
    }

    /// Adds the lines of the blocks before.
    fn after(mut self, lines: u64) -> Self {
        if let Error::Token { line, .. } = &mut self {
            *line += lines;
        }
        self
    }
}

/// Cuts inputs into blocks, one after the other; a block ends with white space or its input. The
/// first error ends it: nothing behind that matters, and to open it might block.
struct Blocks<'a, I> {
    inputs: I,
    block_size: usize,
    buffers: &'a Buffers,
    open: Option<Open>,
    has_failed: bool,
}

struct Open {
    name: Arc<str>,
    reader: Box<dyn Read + Send>,
    /// The start of a token that the last block was cut in front of.
    tail: Vec<u8>,
    /// Comes behind what was read before it.
    error: Option<io::Error>,
    is_new: bool,
}

impl<I: Iterator<Item = Input>> Iterator for Blocks<'_, I> {
    type Item = Result<Block, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed {
            return None;
        }
        let open = match self.open.take() {
            Some(open) => Ok(open),
            None => Open::new(self.inputs.next()?),
        };
        let block = open.and_then(|mut open| {
            let block = open.read_block(self.buffers.take(self.block_size))?;
            // An input that has ended is not read again: a terminal would ask for more.
            if !block.is_last {
                self.open = Some(open);
            }
            Ok(block)
        });
        self.has_failed = block.is_err();
        Some(block)
    }
}

impl Open {
    fn new(Input { name, reader }: Input) -> Result<Self, Error> {
        match reader {
            Ok(reader) => Ok(Open {
                name: name.into(),
                reader,
                tail: Vec::new(),
                error: None,
                is_new: true,
            }),
            Err(error) => Err(Error::Read { input: name, error }),
        }
    }

    /// Fills the buffer, or takes what is left: where a block ends must not depend on how much a
    /// pipe has ready.
    fn read_block(&mut self, mut buffer: Vec<u8>) -> Result<Block, Error> {
        let mut length = self.tail.len();
        buffer[..length].copy_from_slice(&self.tail);
        let mut is_last = false;
        while length < buffer.len() && !is_last && self.error.is_none() {
            match self.reader.read(&mut buffer[length..]) {
                Ok(read) => {
                    is_last = read == 0;
                    length += read;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.error = Some(error),
            }
        }
        let read_error = |error| {
            let input = self.name.to_string();
            Error::Read { input, error }
        };
        if mem::take(&mut self.is_new) {
            match &buffer[..length] {
                [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => {
                    return Err(read_error(io::Error::other(UTF_16)));
                }
                // The byte-order mark of UTF-8, which Windows likes to write.
                [0xEF, 0xBB, 0xBF, ..] => buffer[..3].fill(b' '),
                _ => {}
            }
        }
        if !is_last {
            let Some(space) = buffer[..length].iter().rposition(is_space) else {
                return Err(match self.error.take() {
                    Some(error) => read_error(error),
                    None => Error::token(&self.name, 1, &buffer, Reason::TooLong),
                });
            };
            self.tail.clear();
            self.tail.extend_from_slice(&buffer[space + 1..length]);
            length = space + 1;
        }
        Ok(Block {
            input: Arc::clone(&self.name),
            buffer,
            length,
            is_last,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc;
    use std::thread;
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

    /// An error as the user sees it.
    fn shown(error: Error) -> String {
        let source = std::error::Error::source(&error);
        let source = source.map_or_else(String::new, |source| format!(": {source}"));
        format!("{error}{source}")
    }

    /// Runs in a pool of its own.
    fn in_pool(
        threads: usize,
        sum: impl FnOnce() -> Result<Number, Error> + Send,
    ) -> Result<Number, String> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(sum).map_err(shown)
    }

    /// Sums texts named `a`, `b`, ... on `threads` threads.
    fn sum_texts(texts: &[&str], block_size: usize, threads: usize) -> Result<Number, String> {
        let texts: Vec<String> = texts.iter().map(|&text| text.into()).collect();
        within_deadline(move || {
            let inputs = ('a'..)
                .zip(texts)
                .map(|(name, text)| input(&name.to_string(), io::Cursor::new(text)));
            in_pool(threads, || sum(inputs, block_size))
        })
    }

    /// Marsaglia's xorshift64: all of `u64` but 0, the same on every run.
    fn random(seed: u64) -> impl Iterator<Item = u64> {
        let mut state = seed;
        iter::repeat_with(move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        })
    }

    /// Random integers of one to nineteen digits, separated by all kinds of white space.
    fn random_text(numbers: usize, seed: u64) -> (String, i128) {
        let spaces = [" ", "\n", "\r\n", "\t", "\x0c", "  \n\n "];
        let mut text = String::new();
        let mut sum = 0;
        for bits in random(seed).take(numbers) {
            let value = bits as i64 >> (bits % 61);
            sum += i128::from(value);
            text += &format!("{value}{}", spaces[(bits >> 60) as usize % spaces.len()]);
        }
        (text, sum)
    }

    #[test]
    fn integers_cut_at_every_block_boundary_add_up() {
        for seed in 1..=2 {
            let (text, expected) = random_text(20, seed);
            // 21: one more than the longest number, -9223372036854775808.
            for block_size in 21..=text.len() + 1 {
                for text in [text.as_str(), text.trim_end()] {
                    let sum = sum_texts(&[text, text], block_size, 2);
                    assert_eq!(
                        sum,
                        Ok(Number::Integer(2 * expected)),
                        "{block_size}: {text:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn many_windows_of_blocks_add_up() {
        let (text, expected) = random_text(9000, 4);
        assert!(text.len() / 32 > 3 * WINDOW);
        for threads in [1, 2, 3, 8] {
            assert_eq!(
                sum_texts(&[&text], 32, threads),
                Ok(Number::Integer(expected))
            );
        }
    }

    #[test]
    fn inputs_without_numbers_sum_to_zero() {
        for texts in [&[][..], &[""], &["", "", ""], &[" \r\n\t "]] {
            for threads in [1, 2] {
                assert_eq!(sum_texts(texts, 4, threads), Ok(Number::Integer(0)));
            }
        }
    }

    #[test]
    fn inputs_do_not_run_into_each_other() {
        assert_eq!(
            sum_texts(&["1", "2", "", "3"], 8, 2),
            Ok(Number::Integer(6))
        );
        assert_eq!(
            sum_texts(&["1", "-", "2"], 8, 2),
            Err("b:1: \"-\" is not a number".into())
        );
    }

    /// They cancel, so that what is left of them depends on the order.
    fn cancelling_floats() -> String {
        let values = random(5)
            .take(2000)
            .map(|bits| bits as i64 as f64 * 2_f64.powi((bits % 64) as i32));
        let mut values: Vec<f64> = values.collect();
        let negated: Vec<f64> = values.iter().rev().map(|value| -value).collect();
        values.extend(negated);
        values.iter().map(|value| format!("{value:e}\n")).collect()
    }

    #[test]
    fn float_sums_follow_the_documented_scheme_bit_for_bit() {
        // Blocks of 64 bytes, each ending after its last white space; compensated within a block,
        // then from block to block.
        let text = cancelling_floats();
        let mut expected = rayon_sum::reproducible_sum::CompensatedSum::default();
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let end = if rest.len() < 64 {
                rest.len()
            } else {
                rest[..64].rfind('\n').unwrap() + 1
            };
            let (block, after) = rest.split_at(end);
            let mut sum = rayon_sum::reproducible_sum::CompensatedSum::default();
            block
                .lines()
                .for_each(|line| sum.add(line.parse().unwrap()));
            expected.merge(sum);
            rest = after;
        }
        for threads in [1, 2, 3, 8] {
            for _ in 0..25 {
                let sum = sum_texts(&[&text], 64, threads);
                assert_eq!(
                    sum,
                    Ok(Number::Float(expected.value())),
                    "{threads} threads"
                );
            }
        }
    }

    /// As slow as a pipe can be: a byte at a time, after an interruption.
    struct Trickle(io::Cursor<String>, bool);

    impl Read for Trickle {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            self.0.read(&mut buffer[..1])
        }
    }

    #[test]
    fn blocks_do_not_depend_on_how_much_is_ready_at_a_time() {
        let text = cancelling_floats();
        let expected = sum_texts(&[&text], 64, 2);
        let other_blocks = sum_texts(&[&text], 1 << 20, 2);
        assert_ne!(expected, other_blocks); // otherwise this could not fail
        let trickling = within_deadline(move || {
            let inputs = [input("pipe", Trickle(io::Cursor::new(text), false))];
            in_pool(2, || sum(inputs.into_iter(), 64))
        });
        assert_eq!(trickling, expected);
    }

    #[test]
    fn the_first_error_in_input_order_is_reported() {
        let good = "1 2\n".repeat(50);
        let texts = [good.as_str(), &format!("{good}3 x1\n{good}x2\nx3"), "x4"];
        for threads in [1, 2, 8] {
            for block_size in [4, 5, 64, 1000] {
                let expected = "b:51: \"x1\" is not a number";
                assert_eq!(sum_texts(&texts, block_size, threads), Err(expected.into()));
            }
        }
    }

    #[test]
    fn a_token_as_long_as_a_block_is_refused_wherever_it_starts() {
        let expected = "a:2: \"0000000001\" is too long for a number";
        for before in ["\n", "1\n", "123\n", "1234567\n", "12345678\n"] {
            for after in ["", "\n", " 2"] {
                let sum = sum_texts(&[&format!("{before}0000000001{after}")], 10, 2);
                assert_eq!(sum, Err(expected.into()), "{before:?} {after:?}");
                assert!(sum_texts(&[&format!("{before}000000001{after}")], 10, 2).is_ok());
            }
        }
    }

    #[test]
    fn tokens_are_shown_in_short_and_escaped() {
        let nines = |count| "9".repeat(count);
        for (token, shown) in [
            (nines(30), format!("\"{}\"", nines(30))),
            (nines(31), format!("\"{}\"...", nines(30))),
            ("\u{2013}0.18".into(), "\"\\u{2013}0.18\"".into()),
            ("a\"\\\x1b[1m".into(), "\"a\\\"\\\\\\u{1b}[1m\"".into()),
            (
                "\u{fffd}".repeat(99),
                format!("\"{}\"...", "\\u{fffd}".repeat(3)),
            ),
        ] {
            let error = Error::token("a", 1, token.as_bytes(), Reason::Malformed);
            assert_eq!(error.to_string(), format!("a:1: {shown} is not a number"));
        }
        let error = Error::token("a", 1, b"\xff", Reason::Malformed).to_string();
        assert_eq!(error, "a:1: \"\\u{fffd}\" is not a number");
    }

    #[test]
    fn a_byte_order_mark_is_skipped_at_the_start_of_an_input() {
        for block_size in [5, 6, 64] {
            let sum = sum_texts(&["\u{feff}1 2", "\u{feff}3", "\u{feff}"], block_size, 2);
            assert_eq!(sum, Ok(Number::Integer(6)));
        }
        let elsewhere = sum_texts(&["1\n\u{feff}2"], 64, 2);
        assert_eq!(elsewhere, Err("a:2: \"\\u{feff}2\" is not a number".into()));
    }

    #[test]
    fn utf_16_is_recognised() {
        for text in [&b"\xFF\xFE7\0\n\0"[..], b"\xFE\xFF\x007\0\n"] {
            let inputs = [input("excel", text)].into_iter();
            let expected = "excel: is UTF-16; convert it first: iconv -f UTF-16 -t UTF-8";
            assert_eq!(in_pool(1, || sum(inputs, 64)), Err(expected.into()));
        }
    }

    /// Fails or panics after some text.
    struct Broken(io::Cursor<&'static str>, fn() -> io::Error);

    impl Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(self.1()),
                length => Ok(length),
            }
        }
    }

    fn sum_broken(
        text: &'static str,
        block_size: usize,
        error: fn() -> io::Error,
    ) -> Result<Number, String> {
        within_deadline(move || {
            let inputs = [
                input("disk", Broken(io::Cursor::new(text), error)),
                input("more", io::repeat(b'x')),
            ];
            in_pool(2, || sum(inputs.into_iter(), block_size))
        })
    }

    #[test]
    fn a_read_error_names_its_input() {
        for block_size in [4, 7, 13, 14, 64] {
            for text in ["1 2 3 4 5 6 7", "1 2 3 4 5 6 ", "1 2 3 4 5 6 -", "1", ""] {
                let sum = sum_broken(text, block_size, || io::Error::other("head crash"));
                assert_eq!(sum, Err("disk: head crash".into()), "{block_size}");
            }
        }
    }

    #[test]
    fn a_bad_token_before_a_read_error_is_reported_first() {
        for block_size in [4, 8, 13, 14, 64] {
            let sum = sum_broken("1 2 3 x 5 6 7", block_size, || {
                io::Error::other("head crash")
            });
            let expected = "disk:1: \"x\" is not a number";
            assert_eq!(sum, Err(expected.into()), "{block_size}");
        }
    }

    #[test]
    #[cfg(panic = "unwind")]
    fn a_panic_while_reading_reaches_the_caller() {
        let sum = || sum_broken("1 2 3", 4, || panic!("reader"));
        let payload = std::panic::catch_unwind(sum).unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&"reader"));
    }

    #[test]
    fn nothing_is_opened_after_an_input_that_cannot_be_read() {
        let broken = Broken(io::Cursor::new("1 2 "), || io::Error::other("head crash"));
        let gone = Input {
            name: "gone".into(),
            reader: Err(io::Error::other("no such disk")),
        };
        for (bad, error) in [
            (gone, "gone: no such disk"),
            (input("bad", broken), "bad: head crash"),
        ] {
            let mut opened = 0;
            let mut blocks = Blocks {
                inputs: [bad, input("more", io::repeat(b' '))]
                    .into_iter()
                    .inspect(|_| opened += 1),
                block_size: 4,
                buffers: &Buffers::default(),
                open: None,
                has_failed: false,
            };
            let failed = blocks.find_map(Result::err);
            assert_eq!(shown(failed.unwrap()), error);
            assert!(blocks.next().is_none());
            assert_eq!(opened, 1);
        }
    }

    #[test]
    fn several_threads_read() {
        /// White space until a second thread has come to read.
        struct Meeting(Vec<thread::ThreadId>);

        impl Read for Meeting {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let reader = thread::current().id();
                if !self.0.contains(&reader) {
                    self.0.push(reader);
                }
                buffer.fill(b' ');
                Ok(if self.0.len() < 2 { buffer.len() } else { 0 })
            }
        }

        let inputs = [input("meeting", Meeting(Vec::new()))].into_iter();
        let sum = within_deadline(|| in_pool(2, || sum(inputs, 64)));
        assert_eq!(sum, Ok(Number::Integer(0)));
    }

    #[test]
    fn an_error_stops_the_reading() {
        /// White space without end; counts what it hands out.
        struct Endless(Arc<AtomicUsize>);

        impl Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0.fetch_add(buffer.len(), Ordering::Relaxed);
                buffer.fill(b' ');
                Ok(buffer.len())
            }
        }

        let read = Arc::new(AtomicUsize::new(0));
        let endless = Endless(Arc::clone(&read));
        let sum = within_deadline(|| {
            // One thread: it has summed a block before it reads the next.
            let inputs = [input("endless", io::Cursor::new("x ").chain(endless))];
            in_pool(1, || sum(inputs.into_iter(), 64))
        });
        assert_eq!(sum, Err("endless:1: \"x\" is not a number".into()));
        assert_eq!(read.load(Ordering::Relaxed), 62);
    }
}
