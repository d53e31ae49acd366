//! Ordered output of a parallel job: lines of a file.
//!
//! Use it when reading, work and writing should overlap, as in `grep -n` on a
//! large file. Memory is bounded if the length of a line is.
//! Ends: with the first error of reading or writing, after all output before it.
//! If writing fails while the input is silent, such as a terminal, it ends when
//! the batch that it reads is full.
//! Needs: `cargo add crossbeam-channel`, and `pipeline.rs` as a module.
//!
//! ```text
//! 42:line 42
//! 142:line 142
//! 242:line 242
//! found in 300 lines: 3
//! results come in the order of the lines
//! after the output before it: stream did not contain valid UTF-8
//! a write error ends an input without end
//! a full disk is not hidden by a read error
//! ```

use channels_pipeline::pipeline::PipelineExt; // yours: `crate::pipeline`
use std::io::{self, BufRead, Write};
use std::{iter, thread};

/// Handing over a single line would cost more than looking at it. For a live
/// input, such as `tail -f`, use 1: a line waits until its batch is full.
const LINES_PER_BATCH: usize = 100;

/// Writes the lines that contain `text`, with their numbers. Returns how many.
pub fn grep(input: impl BufRead + Send, text: &str, mut output: impl Write) -> io::Result<usize> {
    let workers = thread::available_parallelism()?;
    let search = |mut batch: Vec<(usize, io::Result<String>)>| {
        batch.retain(|(_, line)| match line {
            Ok(line) => line.contains(text),
            Err(_) => true,
        });
        batch
    };
    let mut found = 0;
    thread::scope(|scope| {
        let batches = batches(input);
        let capacity = 2 * workers.get(); // how many batches may wait for this thread
        for batch in batches.parallel_map(scope, workers, capacity, || search)? {
            for (number, line) in batch {
                match line {
                    Ok(line) => writeln!(output, "{number}:{line}")?,
                    Err(error) => {
                        output.flush()?; // what comes before the error counts
                        return Err(error);
                    }
                }
                found += 1;
            }
        }
        output.flush()?; // an error on drop would go unnoticed
        Ok(found)
    })
}

/// Batches of numbered lines. Nothing is read after an error.
fn batches(input: impl BufRead) -> impl Iterator<Item = Vec<(usize, io::Result<String>)>> {
    let mut lines = (1..).zip(input.lines());
    let mut failed = false;
    iter::from_fn(move || {
        let mut batch = Vec::new();
        while batch.len() < LINES_PER_BATCH && !failed {
            let Some((number, line)) = lines.next() else {
                break;
            };
            failed = line.is_err();
            batch.push((number, line));
        }
        (!batch.is_empty()).then_some(batch)
    })
}

fn main() -> io::Result<()> {
    use std::io::{BufReader, BufWriter, ErrorKind, Read};

    let input: String = (1..=300).map(|n| format!("line {n}\n")).collect();
    let found = grep(input.as_bytes(), "42", io::stdout().lock())?;
    assert_eq!(found, 3);
    println!("found in 300 lines: {found}");

    // The first batch takes by far the longest.
    let text = "-".repeat(100) + "!";
    let long_line = "-".repeat(100_000) + "\n";
    let input = format!("{text}\n{}{text}\n", long_line.repeat(LINES_PER_BATCH));
    let mut output = Vec::new();
    grep(input.as_bytes(), &text, &mut output)?;
    assert_eq!(output, format!("1:{text}\n102:{text}\n").as_bytes());
    println!("results come in the order of the lines");

    // The cases that go wrong: reading fails, writing fails, or both.
    struct Silent;
    impl Read for Silent {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            loop {
                thread::park(); // as a terminal or a pipe may do
            }
        }
    }
    let silent = BufReader::new(b"good\n\xff\n".chain(Silent));
    let mut output = Vec::new();
    let Err(error) = grep(silent, "good", &mut output) else {
        unreachable!("a line is not UTF-8");
    };
    assert_eq!(output, b"1:good\n");
    println!("after the output before it: {error}");

    let endless = BufReader::new(io::repeat(b'\n'));
    let mut room = [0; 9]; // for three lines
    let error = grep(endless, "", room.as_mut_slice()).err();
    assert!(error.is_some_and(|error| error.kind() == ErrorKind::WriteZero));
    assert_eq!(&room, b"1:\n2:\n3:\n");
    println!("a write error ends an input without end");

    for input in [&b"good\n\xff\n"[..], b"good\n"] {
        let full_disk = BufWriter::new([].as_mut_slice());
        let error = grep(input, "good", full_disk).err();
        assert!(error.is_some_and(|error| error.kind() == ErrorKind::WriteZero));
    }
    println!("a full disk is not hidden by a read error");
    Ok(())
}
