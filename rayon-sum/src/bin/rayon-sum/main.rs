//! Sums every number in files, in parallel; without arguments, shows what rayon does.

mod cli;
mod demo;
mod inputs;
mod numbers;
mod timeline;
mod tokens;

use inputs::{BLOCK_SIZE, Input};
use lexopt::prelude::*;
use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::process::ExitCode;

const HELP: &str = "\
Sums every number in files, in parallel. Without FILE, shows what rayon does.

Usage: rayon-sum [--threads N] [FILE|-]...

Numbers are separated by white space; - is standard input. The sum is
  - exact, if all are integers or decimals of up to 18 places (19.99, but not
    1999e-2); its whole part must fit in a signed 128-bit integer;
  - else a 64-bit float, the same on any number of threads; 1e309 is refused
    as too large, 1e-400 is 0.

A column of a CSV file, without header, quotes, \\r and what is missing:
  tail -n +2 prices.csv | cut -d, -f2 | tr -d '\"\\r' | grep -vx NA | rayon-sum -

Options:
      --threads N  1 to 512 [default: RAYON_NUM_THREADS, else one per core]
  -h, --help       print this help
  -V, --version    print the version
";

const VERSION: &str = concat!("rayon-sum ", env!("CARGO_PKG_VERSION"), "\n");

/// Far more threads than cores only contend for the next block: 1024 took 50 times as long as 2.
const MAX_THREADS: usize = 512;

fn main() -> ExitCode {
    let (error, code) = match Command::parse() {
        Ok(command) => match command.run() {
            Ok(()) => return ExitCode::SUCCESS,
            Err(error) => match error.source() {
                Some(source) => (format!("{error}: {source}"), 1),
                None => (error.to_string(), 1),
            },
        },
        Err(error) => (cli::wrong_usage(&error), 2),
    };
    cli::report(error);
    ExitCode::from(code)
}

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

impl Command {
    fn parse() -> Result<Self, lexopt::Error> {
        let mut threads = default_threads(env::var("RAYON_NUM_THREADS").ok());
        let mut files = Vec::new();
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("threads") => {
                    threads = cli::number("--threads", &parser.value()?, 1..=MAX_THREADS)?
                }
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

    fn run(self) -> Result<(), Box<dyn Error>> {
        // A pool of our own: threads block while they read, which would starve others' jobs.
        let pool = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .thread_name(|index| format!("thread {index}")) // as in the picture
                .build();
            pool.map_err(|error| format!("cannot start the threads: {error}"))
        };
        match self {
            Command::Print(text) => cli::print(text)?,
            Command::Demo { threads } => demo::demo(&pool(threads)?)?,
            Command::Sum { threads, files } => {
                let inputs = files.into_iter().map(open);
                let sum = pool(threads)?.install(|| inputs::sum(inputs, BLOCK_SIZE))?;
                cli::print(format!("{sum}\n"))?;
            }
        }
        Ok(())
    }
}

/// What rayon would take from its variable, within our limit; 0 leaves the choice to it.
fn default_threads(variable: Option<String>) -> usize {
    let threads = variable.and_then(|threads| threads.parse().ok());
    threads.map_or(0, |threads: usize| threads.min(MAX_THREADS))
}

/// Opens an argument when its turn comes, so that a thousand files need one descriptor.
fn open(file: OsString) -> Input {
    fn boxed(reader: impl Read + Send + 'static) -> Box<dyn Read + Send> {
        Box::new(reader)
    }
    if file == "-" {
        Input {
            name: "standard input".into(),
            reader: cli::standard_input().map(boxed),
        }
    } else {
        Input {
            name: cli::input_name(&file),
            reader: File::open(&file).map(boxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_chooses_within_the_limit_or_leaves_the_choice() {
        let threads = |variable: &str| default_threads(Some(variable.into()));
        assert_eq!(
            ["3", "512", "513", "100000"].map(threads),
            [3, 512, 512, 512]
        );
        assert_eq!(["0", "", "many", "-1"].map(threads), [0; 4]);
        assert_eq!(default_threads(None), 0);
    }
}
