//! Counts the words of files, on all cores; without arguments, those of a built-in text.

mod cli;
mod count;
mod inputs;
mod output;
mod progress;
mod ranking;
mod status_line;
mod timeline;
mod vocabulary;
mod words;

use count::{BLOCK_SIZE, Threads, count};
use inputs::Input;
use lexopt::prelude::*;
use output::print;
use progress::{Progress, counting, picture, total};
use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Cursor, Write};
use std::num::NonZero;
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

const HELP: &str = "\
Counts the words of files, on all cores. Without FILE, counts those of the
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

/// The first chapter of the King James Bible, of 1611.
const TEXT: &[u8] = include_bytes!("genesis.txt");

/// Times the text, so that counting takes long against starting threads.
const TEXT_TIMES: usize = 1_000;

/// Makes many blocks of it, so that there is something to see.
const TEXT_BLOCK_SIZE: usize = 64 * 1024;

/// A bound that a message can name; whoever wants more has `--all`.
const MAX_TOP: usize = 1_000_000_000;

fn main() -> ExitCode {
    match Command::parse() {
        Err(error) => {
            cli::report(cli::wrong_usage(&error));
            ExitCode::from(2)
        }
        Ok(command) => match command.run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                match error.source() {
                    Some(source) => cli::report(format_args!("{error}: {source}")),
                    None => cli::report(error),
                }
                ExitCode::FAILURE
            }
        },
    }
}

enum Command {
    Print(&'static str),
    Demo(Threads, usize),
    Count(Threads, usize, Vec<OsString>),
}

impl Command {
    fn parse() -> Result<Self, lexopt::Error> {
        let mut workers = thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        let mut capacity = None;
        let mut top = 10;
        let mut files = Vec::new();
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("workers") => {
                    let range = NonZero::<u8>::MIN..=NonZero::<u8>::MAX; // a system can start these
                    workers = cli::number("--workers", &parser.value()?, range)?.into();
                }
                Long("capacity") => {
                    let blocks = cli::number("--capacity", &parser.value()?, 0..=u8::MAX)?;
                    capacity = Some(blocks.into());
                }
                Long("top") => top = cli::number("--top", &parser.value()?, 0..=MAX_TOP)?,
                Long("all") => top = usize::MAX,
                Short('h') | Long("help") => return Ok(Command::Print(HELP)),
                Short('V') | Long("version") => return Ok(Command::Print(VERSION)),
                Value(file) => files.push(file),
                _ => return Err(argument.unexpected()),
            }
        }
        let capacity = capacity.unwrap_or(2 * workers.get());
        let threads = Threads { workers, capacity };
        Ok(if files.is_empty() {
            Command::Demo(threads, top)
        } else {
            Command::Count(threads, top, files)
        })
    }

    fn run(self) -> Result<(), Box<dyn Error>> {
        match self {
            Command::Print(text) => Ok(cli::print(text)?),
            Command::Demo(threads, top) => {
                let text = Input {
                    name: "Genesis 1".into(),
                    reader: Ok(Box::new(Cursor::new(TEXT.repeat(TEXT_TIMES)))),
                };
                let (start, mut blocks) = (Instant::now(), Vec::new());
                let text = [text].into_iter();
                let counts = count(threads, text, TEXT_BLOCK_SIZE, |block| blocks.push(block))?;
                print(threads, counts, top, Progress::new())?;
                let _ = write!(io::stderr(), "{}", picture(start, &blocks));
                Ok(())
            }
            Command::Count(threads, top, files) => {
                let mut progress = Progress::new();
                let (total, mut read) = (total(&files), 0);
                let files = files.into_iter().map(Input::open);
                let counts = count(threads, files, BLOCK_SIZE, |block| {
                    read += block.bytes as u64;
                    progress.show(|elapsed| counting(read, total, elapsed));
                })?;
                Ok(print(threads, counts, top, progress)?)
            }
        }
    }
}
