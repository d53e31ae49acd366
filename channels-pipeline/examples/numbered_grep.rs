//! A parallel job whose output must be in order: numbered lines that contain a text.
//!
//! Use it when reading, work and writing are all to go on at once, in bounded memory.
//! Ends: with the first error in input order, of reading or of writing, after all output before it.
//! Needs: `src/pipeline.rs` beside it (`#[allow(dead_code)] mod pipeline;`),
//! `cargo add crossbeam-channel`.
//!
//! ```text
//! 42:line 42
//! 142:line 142
//! 242:line 242
//! found in 300 lines: 3
//! after line 1: stream did not contain valid UTF-8
//! an input without end, and no more room: failed to write whole buffer
//! ```

use channels_pipeline::PipelineExt; // beside it: use pipeline::PipelineExt
use std::io::{self, BufRead, BufReader, Write};
use std::{iter, thread};

/// Writes the lines of `input` that contain `text`, and returns how many.
fn grep(input: impl BufRead + Send, text: &str, mut output: impl Write) -> io::Result<usize> {
    let workers = thread::available_parallelism()?;
    let mut lines = input.lines().zip(1..);
    // Many lines at a time: to hand over each one would cost more than to look at it.
    let batches = iter::from_fn(|| {
        let batch: Vec<_> = lines.by_ref().take(100).collect();
        (!batch.is_empty()).then_some(batch)
    });
    let search = |mut batch: Vec<(io::Result<String>, u64)>| {
        batch.retain(|(line, _)| match line {
            Ok(line) => line.contains(text),
            Err(_) => true, // in its place: what was found before it counts
        });
        batch
    };
    let mut count = 0;
    thread::scope(|scope| {
        for found in batches.parallel_map(scope, workers, 2 * workers.get(), || search)? {
            for (line, number) in found {
                let line = line?; // the scope ends all threads before this returns
                writeln!(output, "{number}:{line}")?;
                count += 1;
            }
        }
        output.flush()?;
        Ok(count)
    })
}

fn main() -> io::Result<()> {
    let input: String = (1..=300).map(|n| format!("line {n}\n")).collect();
    let found = grep(input.as_bytes(), "42", io::stdout().lock())?;
    println!("found in 300 lines: {found}");
    assert_eq!(found, 3);

    let mut before = Vec::new();
    let Err(error) = grep(&b"good\n\xff\ngood\n"[..], "good", &mut before) else {
        unreachable!("a line is not UTF-8")
    };
    println!("after line 1: {error}");
    assert_eq!(before, b"1:good\n");

    let endless = BufReader::new(io::repeat(b'\n'));
    let mut room = [0; 9]; // for "1:" to "3:" and their ends
    let Err(error) = grep(endless, "", room.as_mut_slice()) else {
        unreachable!("the input never ends")
    };
    println!("an input without end, and no more room: {error}");
    assert_eq!(&room, b"1:\n2:\n3:\n");
    Ok(())
}
