//! Sums every number in files, in parallel; without arguments, shows what rayon does.

mod blocks;
mod cli;
mod demo;
mod numbers;
mod sum;
mod timeline;
mod tokens;

use cli::{number, print, report};
use lexopt::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::ffi::OsString;
use std::process::ExitCode;
use std::{env, io, thread};

const HELP: &str = "\
Sums every number in files, in parallel. Without FILE, shows what rayon does.

Usage: rayon-sum [--threads N] [FILE|-]...

Numbers are separated by white space; - is standard input. The sum is
  - exact, if all are integers or decimals of up to 18 places (19.99, but not
    1999e-2); its whole part must fit in a signed 128-bit integer;
  - else a 64-bit float, the same on any number of threads; 1e309 is refused
    as too large, 1e-400 is 0.

A column of a CSV file, without header, quotes and what is missing:
  tr '\\r' '\\n' < prices.csv | sed 1d | cut -d, -f2 | tr -d '\"' |
    sed '/^NA$/d' | rayon-sum -
Commas, line breaks or spaces in a cell can give a wrong sum: use a CSV tool.

Options:
      --threads N  1 to 512 [default: RAYON_NUM_THREADS, else one per core]
  -h, --help       print this help
  -V, --version    print the version
";

const VERSION: &str = concat!("rayon-sum ", env!("CARGO_PKG_VERSION"), "\n");

/// Far more threads than cores only contend for the next block: 1024 took 50 times as long as 2.
const MAX_THREADS: usize = 512;

enum Command {
    Print(&'static str),
    Demo {
        threads: usize,
    },
    Sum {
        threads: usize,
        files: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let command = match parse() {
        Ok(command) => command,
        Err(error) => {
            report(cli::wrong_usage(&error));
            return ExitCode::from(2);
        }
    };
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(error);
            ExitCode::FAILURE
        }
    }
}

fn parse() -> Result<Command, lexopt::Error> {
    let mut threads = default_threads(env::var("RAYON_NUM_THREADS").ok());
    let mut files = Vec::new();
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("threads") => threads = number("--threads", &parser.value()?, 1..=MAX_THREADS)?,
            Short('h') | Long("help") => return Ok(Command::Print(HELP)),
            Short('V') | Long("version") => return Ok(Command::Print(VERSION)),
            Value(file) => files.push(file),
            _ => return Err(argument.unexpected()),
        }
    }
    Ok(if files.is_empty() {
        Command::Demo { threads }
    } else {
        Command::Sum { threads, files }
    })
}

/// What rayon would choose, within our limit.
fn default_threads(variable: Option<String>) -> usize {
    let threads = variable.and_then(|threads| threads.parse().ok());
    let cores = || thread::available_parallelism().map_or(1, |cores| cores.get());
    let threads = threads.filter(|&threads| threads > 0).unwrap_or_else(cores);
    threads.min(MAX_THREADS)
}

fn run(command: Command) -> io::Result<()> {
    match command {
        Command::Print(text) => print(text),
        Command::Demo { threads } => demo::demo(threads),
        Command::Sum { threads, files } => {
            let inputs = files.iter().map(|file| blocks::Input::open(file));
            let sum = pool(threads)?.install(|| sum::sum(inputs, blocks::BLOCK_SIZE))?;
            print(format!("{sum}\n"))
        }
    }
}

/// A pool of our own: its threads block while they read, which would starve others' jobs.
fn pool(threads: usize) -> io::Result<ThreadPool> {
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("thread {index}")) // as in the picture
        .build();
    pool.map_err(|error| io::Error::other(format!("cannot start the threads: {error}")))
}

#[test]
fn the_environment_chooses_the_number_of_threads_within_the_limit() {
    let threads = |variable: &str| default_threads(Some(variable.into()));
    assert_eq!(
        ["3", "512", "513", "100000"].map(threads),
        [3, 512, 512, 512]
    );
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
    assert_eq!(["0", "", "many", "-1"].map(threads), [cores.min(512); 4]);
    assert_eq!(default_threads(None), cores.min(512));
}
