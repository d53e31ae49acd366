//! Sums every number in files, in parallel; without arguments, shows rayon on ten numbers.

mod inputs;
mod numbers;

use inputs::{BLOCK_SIZE, Input};
use lexopt::prelude::*;
use rayon::prelude::*;
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::process::ExitCode;

const HELP: &str = "\
Sums every number in files, in parallel. Without FILE, shows rayon on the numbers 1 to 10.

Usage: rayon-sum [--threads N] [FILE|-]...

Numbers are separated by white space; - is standard input. Integers are summed exactly, in 128
bits. With decimal (1.5) or exponent (2e9) forms among them, inf or nan, the result is a 64-bit
float, the same on any number of threads.

Options:
      --threads N  number of threads [default: RAYON_NUM_THREADS, or one per core]
  -h, --help       print this help
  -V, --version    print the version
";

fn main() -> ExitCode {
    let (error, code) = match Command::parse() {
        Ok(command) => match command.run() {
            Ok(()) => return ExitCode::SUCCESS,
            Err(error) => (error.to_string(), 1),
        },
        Err(error) => (format!("{error}\nTry 'rayon-sum --help'."), 2),
    };
    // Not `eprintln!`, which panics when standard error is closed.
    let _ = writeln!(io::stderr(), "rayon-sum: {error}");
    ExitCode::from(code)
}

enum Command {
    Print(String),
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
                Long("threads") => threads = number_of_threads(&parser.value()?)?,
                Short('h') | Long("help") => return Ok(Command::Print(HELP.into())),
                Short('V') | Long("version") => {
                    return Ok(Command::Print(format!(
                        "rayon-sum {}\n",
                        env!("CARGO_PKG_VERSION")
                    )));
                }
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
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let output = match self {
            Command::Print(text) => text,
            Command::Demo { threads } => pool(threads)?.install(demo),
            Command::Sum { threads, files } => {
                let inputs = files.into_iter().map(open);
                let sum = pool(threads)?.install(|| inputs::sum(inputs, BLOCK_SIZE))?;
                format!("{sum}\n")
            }
        };
        print(&output)?;
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

/// Far more threads than cores only contend for the next block: 1024 took 50 times as long as 2.
const MAX_THREADS: usize = 512;

fn number_of_threads(value: &OsStr) -> Result<usize, String> {
    let number = value.to_str().and_then(|text| text.parse().ok());
    number
        .filter(|number| (1..=MAX_THREADS).contains(number))
        .ok_or_else(|| format!("--threads: {value:?} is not a number from 1 to {MAX_THREADS}"))
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
fn print(output: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(output.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
