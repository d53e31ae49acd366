//! Sums every number in files, in parallel; without arguments, shows rayon on ten numbers.

mod inputs;
mod numbers;

use inputs::{BLOCK_SIZE, Input};
use lexopt::prelude::*;
use rayon::prelude::*;
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::str::FromStr;

const HELP: &str = "\
Sums every number in files, in parallel. Without FILE, shows rayon on the numbers 1 to 10.

Usage: rayon-sum [--threads N] [FILE|-]...

Numbers are separated by white space. Standard input is read if - is given. Integers are summed
exactly; the sum must fit in a signed 128-bit integer. If any number is a decimal (1.5), has an
exponent (2e9), or is inf or nan, the sum is a 64-bit float, the same on any number of threads.

Options:
      --threads N  threads, 1 to 512 [default: RAYON_NUM_THREADS, or one per core]
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
            Err(error) => (error.to_string(), 1),
        },
        Err(error) => (format!("{error}\nTry 'rayon-sum --help'."), 2),
    };
    // Not `eprintln!`, which panics when standard error cannot be written, as to a full disk.
    let _ = writeln!(io::stderr(), "rayon-sum: {error}");
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
        let mut threads = 0; // rayon's default
        let mut files = Vec::new();
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("threads") => {
                    threads = number("--threads", &parser.value()?, 1..=MAX_THREADS)?
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
        let pool = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.map_err(|error| format!("cannot start the threads: {error}"))
        };
        let output = match self {
            Command::Print(text) => text.into(),
            Command::Demo { threads } => pool(threads)?.install(demo),
            Command::Sum { threads, files } => {
                let inputs = files.into_iter().map(open);
                let sum = pool(threads)?.install(|| inputs::sum(inputs, BLOCK_SIZE))?;
                format!("{sum}\n")
            }
        };
        print(output)?;
        Ok(())
    }
}

/// The same numbers through four operations of a parallel iterator.
fn demo() -> String {
    let numbers: Vec<u64> = (1..=10).collect();
    let sum: u64 = numbers.par_iter().sum();
    let squares: Vec<u64> = numbers.par_iter().map(|n| n * n).collect();
    let even: Vec<u64> = numbers.par_iter().copied().filter(|n| n % 2 == 0).collect();
    let product = numbers.par_iter().copied().reduce(|| 1, |a, b| a * b);
    format!("Sum is {sum}\nSquares are {squares:?}\nEven ones are {even:?}\nProduct is {product}\n")
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
