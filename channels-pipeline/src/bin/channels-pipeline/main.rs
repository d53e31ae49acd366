//! Counts the words of files on all cores; without arguments, the words of a built-in text.

mod cli;
mod count;
mod demo;
mod inputs;
mod timeline;
mod vocabulary;
mod words;

use cli::{number, print, report};
use count::Threads;
use lexopt::prelude::*;
use std::ffi::OsString;
use std::io::{self, Write};
use std::num::NonZero;
use std::process::ExitCode;
use std::thread;

const HELP: &str = "\
Counts the words of files on all cores. Without FILE, counts the words of the
first chapter of Genesis, a thousand times over, and shows what the threads of
the pipeline did.

Usage: channels-pipeline [OPTION]... [FILE]...

Words are separated by ASCII white space and put in lower case, if ASCII. FILE
may be - for standard input. The most frequent words come first, ties in byte
order, in the format of uniq -c.

Options:
      --workers N   threads that count, 1 to 255 [default: one per core]
      --capacity N  blocks that may wait, 0 to 255 [default: 2 per worker]
      --top K       print the K most frequent words, 0 to 1000000000
                    [default: 10]
      --all         print all words
  -h, --help        print this help
  -V, --version     print the version
";

const VERSION: &str = concat!("channels-pipeline ", env!("CARGO_PKG_VERSION"), "\n");

/// A bound that a message can name. For more, there is `--all`.
const MAX_TOP: usize = 1_000_000_000;

enum Command {
    Print(&'static str),
    Demo(Threads, usize),
    Count(Threads, usize, Vec<OsString>),
}

fn main() -> ExitCode {
    let command = match parse() {
        Ok(command) => command,
        Err(error) => {
            report(cli::wrong_usage(&error));
            return ExitCode::from(2);
        }
    };
    let result = match command {
        Command::Print(text) => print(text),
        Command::Demo(threads, top) => demonstrate(threads, top),
        Command::Count(threads, top, names) => count_files(threads, top, names),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(error);
            ExitCode::FAILURE
        }
    }
}

fn parse() -> Result<Command, lexopt::Error> {
    // If the number of cores is unknown, one worker is correct, only slower.
    let mut workers = thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
    let mut capacity = None;
    let mut top = 10;
    let mut names = Vec::new();
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("workers") => {
                let range = NonZero::<u8>::MIN..=NonZero::<u8>::MAX; // a system can start these
                workers = number("--workers", &parser.value()?, range)?.into();
            }
            Long("capacity") => {
                let blocks = number("--capacity", &parser.value()?, 0..=u8::MAX)?;
                capacity = Some(blocks.into());
            }
            Long("top") => top = number("--top", &parser.value()?, 0..=MAX_TOP)?,
            Long("all") => top = usize::MAX,
            Short('h') | Long("help") => return Ok(Command::Print(HELP)),
            Short('V') | Long("version") => return Ok(Command::Print(VERSION)),
            Value(name) => names.push(name),
            _ => return Err(argument.unexpected()),
        }
    }
    let capacity = capacity.unwrap_or(2 * workers.get());
    let threads = Threads { workers, capacity };
    if names.is_empty() {
        return Ok(Command::Demo(threads, top));
    }
    Ok(Command::Count(threads, top, names))
}

fn demonstrate(threads: Threads, top: usize) -> io::Result<()> {
    let (vocabulary, picture) = demo::demo(threads)?;
    count::print(threads, &vocabulary.ranked(top))?;
    // Without the picture, the results are still complete.
    let _ = write!(io::stderr(), "{picture}");
    Ok(())
}

fn count_files(threads: Threads, top: usize, names: Vec<OsString>) -> io::Result<()> {
    let blocks = names.iter().flat_map(|name| inputs::open(name));
    let vocabulary = count::count(threads, blocks, |_| ())?;
    count::print(threads, &vocabulary.ranked(top))
}
