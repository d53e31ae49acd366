//! Counts the words of files, on all cores; without arguments, those of a built-in text.

mod count;
mod inputs;
mod progress;
mod words;

use channels_pipeline::Pipeline;
use count::{BLOCK_SIZE, count};
use inputs::Input;
use lexopt::prelude::*;
use progress::Progress;
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read, Write};
use std::num::NonZero;
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::str::FromStr;
use std::thread;

const HELP: &str = "\
Counts the words of files, on all cores. Without FILE, counts those of a built-in text, the first
chapter of Genesis, and shows what the stages of the pipeline did.

Usage: channels-pipeline [--workers N] [--capacity N] [--top K | --all] [FILE|-]...

Words are separated by ASCII white space and put in lower case, if ASCII. Standard input is read if
- is given. The most frequent words come first, ties in byte order, in the format of uniq -c.

Options:
      --workers N   threads that count, 1 to 255 [default: one per core]
      --capacity N  blocks that may wait for them, 0 to 255 [default: 2 per worker]
      --top K       print the K most frequent words, 0 to 1000000000 [default: 10]
      --all         print all words
  -h, --help        print this help
  -V, --version     print the version
";

const VERSION: &str = concat!("channels-pipeline ", env!("CARGO_PKG_VERSION"), "\n");

/// The first chapter of the King James Bible, of 1611.
const TEXT: &[u8] = include_bytes!("genesis.txt");

/// Makes several blocks of the text, so that there is something to see.
const TEXT_BLOCK_SIZE: usize = 500;

/// A bound that a message can name; whoever wants more has `--all`.
const MAX_TOP: usize = 1_000_000_000;

fn main() -> ExitCode {
    let (error, code) = match Command::parse() {
        Ok(command) => match command.run() {
            Ok(()) => return ExitCode::SUCCESS,
            Err(error) => (error.to_string(), 1),
        },
        Err(error) => (format!("{error}\nTry 'channels-pipeline --help'."), 2),
    };
    // Not `eprintln!`, which panics when standard error cannot be written, as to a full disk.
    let _ = writeln!(io::stderr(), "channels-pipeline: {error}");
    ExitCode::from(code)
}

enum Command {
    Print(&'static str),
    Demo {
        pipeline: Pipeline,
        top: usize,
    },
    Count {
        pipeline: Pipeline,
        top: usize,
        files: Vec<OsString>,
    },
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
                Value(file) => files.push(file),
                _ => return Err(argument.unexpected()),
            }
        }
        let capacity = capacity.unwrap_or(2 * workers.get());
        // A block's words count the same whenever they come.
        let pipeline = Pipeline::new(workers, capacity).unordered();
        Ok(if files.is_empty() {
            Command::Demo { pipeline, top }
        } else {
            Command::Count {
                pipeline,
                top,
                files,
            }
        })
    }

    fn run(self) -> Result<(), Box<dyn Error>> {
        match self {
            Command::Print(text) => print(text)?,
            Command::Demo { pipeline, top } => {
                let text = Input {
                    name: "Genesis 1".into(),
                    reader: Ok(Box::new(TEXT)),
                };
                let (counts, report) = count(&pipeline, [text], TEXT_BLOCK_SIZE, |_| ())?;
                print(counts.format(top))?;
                let _ = write!(io::stderr(), "{}", progress::table(&report));
            }
            Command::Count {
                pipeline,
                top,
                files,
            } => {
                let mut progress = Progress::new(&files);
                let files = files.into_iter().map(open);
                let (counts, _) = count(&pipeline, files, BLOCK_SIZE, |bytes| progress.add(bytes))?;
                drop(progress); // removes its line
                print(counts.format(top))?;
            }
        }
        Ok(())
    }
}

/// Reads the value of an option, a number within `range`.
fn number<N>(option: &str, value: &OsStr, range: RangeInclusive<N>) -> Result<N, String>
where
    N: FromStr + PartialOrd + Display,
{
    let number = value.to_str().and_then(|text| text.parse().ok());
    number
        .filter(|number| range.contains(number))
        .ok_or_else(|| {
            let (from, to) = range.into_inner();
            format!("{option}: {value:?} is not a whole number from {from} to {to}")
        })
}

/// Opens an argument when its turn comes, so that a thousand files need one descriptor.
fn open(file: OsString) -> Input {
    if file == "-" {
        return Input {
            name: "standard input".into(),
            reader: Ok(Box::new(io::stdin())),
        };
    }
    let reader = File::open(&file).map(|file| Box::new(file) as Box<dyn Read + Send>);
    Input {
        name: file.to_string_lossy().into_owned(),
        reader,
    }
}

/// Writes the whole output; a reader that has left, as `head` does, is no error.
fn print(output: impl AsRef<[u8]>) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(output.as_ref());
    match written.and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result
            .map_err(|error| io::Error::new(error.kind(), format!("standard output: {error}"))),
    }
}
