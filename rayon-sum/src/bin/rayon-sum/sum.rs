//! Adds up the numbers of all inputs in parallel: what this program does with rayon.

use crate::blocks::{Input, blocks};
use crate::cli::named;
use crate::numbers::{Number, Total};
use crate::tokens::sum_tokens;
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::{io, iter, mem};

/// Blocks whose sums are held at a time, so that memory does not grow with the input.
const WINDOW: usize = 1024;

/// Adds up all numbers of all inputs, on the threads of the current pool. With several errors,
/// returns the first in the order of the inputs.
///
/// The threads block while they read, and while they wait for the one that reads. So the pool must
/// have no other jobs.
pub fn sum(inputs: impl Iterator<Item = Input> + Send, block_size: usize) -> io::Result<Number> {
    let mut blocks = blocks(inputs, block_size);
    // `Relaxed`: the flag only saves work, the error itself travels through `collect`.
    let failed = AtomicBool::new(false);
    let mut total = Total::default();
    let mut lines = 0; // of the current input
    loop {
        let next_block = || {
            if failed.load(Relaxed) {
                return None; // all blocks before the bad one have been handed out
            }
            let block = blocks.next()?;
            if block.error.is_some() {
                failed.store(true, Relaxed); // at once, as opening the next input might block
            }
            Some(block)
        };
        // `par_bridge` shares the iterator: while one thread reads the next block, the others work
        // on theirs. What was handed out is always finished.
        let window = iter::from_fn(next_block).take(WINDOW).enumerate();
        let mut sums: Vec<_> = window
            .par_bridge()
            .map(|(index, mut block)| {
                let text = mem::take(&mut block.text); // freed now, not with the window
                let (lines, sum) = sum_tokens(&text, block_size);
                if sum.is_err() {
                    failed.store(true, Relaxed);
                }
                (index, block, lines, sum)
            })
            .collect();
        if sums.is_empty() {
            return total.value().map_err(io::Error::other);
        }
        // The order is lost. A sum of floats depends on it, and so does which error is the first.
        sums.sort_unstable_by_key(|&(index, ..)| index);
        for (_, block, lines_of_block, sum) in sums {
            let input = block.input;
            lines += lines_of_block;
            match sum {
                Ok(sum) => total.merge(sum),
                Err(bad) => {
                    return Err(io::Error::other(format!("{input}:{}: {bad}", lines + 1)));
                }
            }
            if let Some(error) = block.error {
                return Err(named(&input, error));
            }
            if block.is_last {
                lines = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use rayon_sum::reproducible_sum::CompensatedSum;
    use std::io::Read;
    use std::sync::atomic::AtomicUsize;
    use std::sync::{Arc, mpsc};
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

    /// Sums inputs on `threads` threads.
    fn sum_on(
        threads: usize,
        block_size: usize,
        inputs: impl IntoIterator<Item = Input, IntoIter: Send> + Send + 'static,
    ) -> Result<String, String> {
        within_deadline(move || {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let sum = || sum(inputs.into_iter(), block_size);
            let sum = pool.build().unwrap().install(sum);
            sum.map(|sum| sum.to_string())
                .map_err(|error| error.to_string())
        })
    }

    /// Sums texts named `a`, `b`, ... on `threads` threads.
    fn sum_texts(texts: &[&str], block_size: usize, threads: usize) -> Result<String, String> {
        let texts: Vec<String> = texts.iter().map(|&text| text.into()).collect();
        let named = ('a'..).zip(texts);
        let inputs = named.map(|(name, text)| input(&name.to_string(), io::Cursor::new(text)));
        sum_on(threads, block_size, inputs)
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
            let (text, sum) = random_text(20, seed);
            // 21: one more than the longest number, -9223372036854775808.
            for block_size in 21..=text.len() + 1 {
                for text in [text.as_str(), text.trim_end()] {
                    let twice = sum_texts(&[text, text], block_size, 2);
                    assert_eq!(twice, Ok((2 * sum).to_string()), "{block_size}: {text:?}");
                }
            }
        }
    }

    #[test]
    fn many_windows_of_blocks_add_up() {
        let (text, sum) = random_text(9000, 4);
        assert!(text.len() / 52 > 2 * WINDOW); // a block of 32 bytes, and at most 20 more
        for threads in [1, 2, 3, 8] {
            assert_eq!(sum_texts(&[&text], 32, threads), Ok(sum.to_string()));
        }
    }

    #[test]
    fn inputs_without_numbers_sum_to_zero() {
        for texts in [&[][..], &[""], &["", "", ""], &[" \r\n\t "]] {
            for threads in [1, 2] {
                assert_eq!(sum_texts(texts, 4, threads), Ok("0".into()));
            }
        }
    }

    #[test]
    fn inputs_do_not_run_into_each_other() {
        assert_eq!(sum_texts(&["1", "2", "", "3"], 8, 2), Ok("6".into()));
        let error = Err("b:1: \"-\" is not a number".into());
        assert_eq!(sum_texts(&["1\n", "-", "2"], 8, 2), error);
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
        // Blocks of 64 bytes, each up to the next white space; compensated within a block, then
        // from block to block.
        let text = cancelling_floats();
        let mut expected = CompensatedSum::default();
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let end = rest.get(64..).and_then(|after| after.find('\n'));
            let (block, after) = rest.split_at(end.map_or(rest.len(), |end| 64 + end + 1));
            let mut sum = CompensatedSum::default();
            for line in block.lines() {
                sum.add(line.parse().unwrap());
            }
            expected.merge(sum);
            rest = after;
        }
        let expected = Ok(Number::Float(expected.value()).to_string());
        for threads in [1, 2, 3, 8] {
            for _ in 0..8 {
                assert_eq!(
                    sum_texts(&[&text], 64, threads),
                    expected,
                    "{threads} threads"
                );
            }
        }
        assert_ne!(sum_texts(&[&text], 1 << 20, 2), expected); // otherwise it could not fail
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
        let text = format!("\u{feff}{}", cancelling_floats());
        let expected = sum_texts(&[&text], 64, 2);
        let trickling = input("pipe", Trickle(io::Cursor::new(text), false));
        assert_eq!(sum_on(2, 64, [trickling]), expected);
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
        // Longer than the digits that are read at once.
        let numbers = [
            "0123456789012345678901234567890",
            "-0123456789012345678901234567890",
            "0.0123456789012345678901234567890",
            "1e00000000000000000000000000000007",
        ];
        for before in [
            "\n",
            "1\n",
            "123\n",
            "1234567890\n",
            "123456789012345678901234567\n",
        ] {
            for number in numbers {
                for after in ["", "\n", " 2", "0", "00000000000000000000000000000000 3"] {
                    let text = format!("1e0\n{before}{number}{after}");
                    let message = sum_texts(&[&text], number.len(), 2).unwrap_err();
                    assert!(message.starts_with("a:3: "), "{text}: {message}");
                    assert!(
                        message.ends_with(" is too long for a number"),
                        "{text}: {message}"
                    );
                }
                let text = format!("1e0\n{before}{number}\n2");
                let sum = sum_texts(&[&text], number.len() + 1, 2);
                assert!(
                    !sum.is_err_and(|error| error.contains("too long")),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn a_byte_order_mark_is_skipped_at_the_start_of_an_input() {
        for block_size in [5, 6, 64] {
            let sum = sum_texts(&["\u{feff}1 2", "\u{feff}3", "\u{feff}"], block_size, 2);
            assert_eq!(sum, Ok("6".into()));
        }
        let elsewhere = sum_texts(&["1234\n\u{feff}2"], 5, 2);
        assert_eq!(elsewhere, Err("a:2: \"\\u{feff}2\" is not a number".into()));
    }

    #[test]
    fn utf_16_is_recognised() {
        for text in [&b"\xFF\xFE7\0\n\0"[..], b"\xFE\xFF\x007\0\n"] {
            let expected = "excel: is UTF-16; convert it first: iconv -f UTF-16 -t UTF-8";
            assert_eq!(sum_on(1, 64, [input("excel", text)]), Err(expected.into()));
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

    fn broken(text: &'static str, error: fn() -> io::Error) -> [Input; 2] {
        let disk = Broken(io::Cursor::new(text), error);
        [input("disk", disk), input("more", io::repeat(b'x'))]
    }

    #[test]
    fn a_read_error_names_its_input_unless_a_bad_token_comes_first() {
        for block_size in [2, 4, 7, 13, 14, 64] {
            for (text, expected) in [
                ("1 2 3 4 5 6 7", "disk: head crash"),
                ("1 2 3 4 5 6 ", "disk: head crash"),
                ("1 2 3 4 5 6 -", "disk: head crash"),
                ("1", "disk: head crash"),
                ("", "disk: head crash"),
                ("1 2 3 x 5 6 7", "disk:1: \"x\" is not a number"),
                ("\n1 x -", "disk:2: \"x\" is not a number"),
            ] {
                let inputs = broken(text, || io::Error::other("head crash"));
                let sum = sum_on(2, block_size, inputs);
                assert_eq!(sum, Err(expected.into()), "{block_size}: {text:?}");
            }
        }
    }

    #[test]
    #[cfg(panic = "unwind")]
    fn a_panic_while_reading_reaches_the_caller() {
        let sum = || sum_on(2, 4, broken("1 2 3", || panic!("reader")));
        let payload = std::panic::catch_unwind(sum).unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&"reader"));
    }

    #[test]
    fn nothing_is_opened_after_an_input_that_cannot_be_read() {
        let gone = Input {
            name: "gone".into(),
            reader: Err(io::Error::other("no such disk")),
        };
        let [broken, _] = broken("1 2 ", || io::Error::other("head crash"));
        for (bad, error) in [(gone, "gone: no such disk"), (broken, "disk: head crash")] {
            let opened = Arc::new(AtomicUsize::new(0));
            let inputs = [bad, input("more", io::repeat(b' '))].into_iter();
            let counter = Arc::clone(&opened);
            let inputs = inputs.inspect(move |_| _ = counter.fetch_add(1, Relaxed));
            assert_eq!(sum_on(2, 4, inputs), Err(error.into()));
            assert_eq!(opened.load(Relaxed), 1);
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

        let meeting = input("meeting", Meeting(Vec::new()));
        assert_eq!(sum_on(2, 64, [meeting]), Ok("0".into()));
    }

    #[test]
    fn an_error_stops_the_reading() {
        /// White space without end; counts the calls.
        struct Endless(Arc<AtomicUsize>);

        impl Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0.fetch_add(1, Relaxed);
                buffer.fill(b' ');
                Ok(buffer.len())
            }
        }

        let reads = Arc::new(AtomicUsize::new(0));
        let endless = Endless(Arc::clone(&reads));
        // One thread: it has summed a block before it reads the next.
        let inputs = [input("endless", io::Cursor::new("x ").chain(endless))];
        let sum = sum_on(1, 64, inputs);
        assert_eq!(sum, Err("endless:1: \"x\" is not a number".into()));
        assert_eq!(reads.load(Relaxed), 1);
    }
}
