//! Counts lines, words and bytes of files as `wc` does, large files on several threads; without
//! arguments, forks and joins five threads that say hello.

mod count;
mod inputs;

use count::Count;
use inputs::Counter;
use lexopt::prelude::*;
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::num::NonZero;
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::str::FromStr;
use std::thread;
use threads_fork_join::ForkJoin;

const HELP: &str = "\
Counts lines, words and bytes of files, large files on several threads. Without FILE, forks and
joins five threads that say hello.

Usage: threads-fork-join [--threads N] [FILE|-]...

Prints what GNU wc prints in the C locale. Standard input is read only if - is given. A word is a
run of bytes without white space. An input that cannot be read to its end is reported and not
counted.

Options:
      --threads N  at most this many threads per file, 1 to 512 [default: one per core]
  -h, --help       print this help
  -V, --version    print the version
";

const VERSION: &str = concat!("threads-fork-join ", env!("CARGO_PKG_VERSION"), "\n");

/// Generous: more than the cores of nearly all machines, and some 35 ms to start and join.
const MAX_THREADS: NonZero<usize> = NonZero::new(512).unwrap();

fn main() -> ExitCode {
    let (error, code) = match Command::parse() {
        Ok(command) => match command.run() {
            Ok(code) => return code,
            Err(error) => (error.to_string(), 1),
        },
        Err(error) => (format!("{error}\nTry 'threads-fork-join --help'."), 2),
    };
    report(&error);
    ExitCode::from(code)
}

enum Command {
    Print(&'static str),
    Demo,
    Count {
        threads: NonZero<usize>,
        files: Vec<OsString>,
    },
}

impl Command {
    fn parse() -> Result<Self, lexopt::Error> {
        let mut threads = None;
        let mut files = Vec::new();
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("threads") => {
                    let range = NonZero::<usize>::MIN..=MAX_THREADS;
                    threads = Some(number("--threads", &parser.value()?, range)?);
                }
                Short('h') | Long("help") => return Ok(Command::Print(HELP)),
                Short('V') | Long("version") => return Ok(Command::Print(VERSION)),
                Value(file) => files.push(file),
                _ => return Err(argument.unexpected()),
            }
        }
        // Where the number of cores is unknown, one thread is right if slow.
        let per_core = || thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        Ok(if files.is_empty() {
            Command::Demo
        } else {
            Command::Count {
                threads: threads.unwrap_or_else(per_core),
                files,
            }
        })
    }

    fn run(self) -> Result<ExitCode, Box<dyn Error>> {
        match self {
            Command::Print(text) => print(text)?,
            Command::Demo => demo()?,
            Command::Count { threads, files } => return Ok(count_files(threads, &files)?),
        }
        Ok(ExitCode::SUCCESS)
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

/// One thread per number, in whatever order they run.
fn demo() -> io::Result<()> {
    let greet = |i: &usize| print(format!("Hello from thread {i}\n"));
    let threads = ForkJoin::new(NonZero::<usize>::MAX); // never more than numbers
    threads.try_run(&[0, 1, 2, 3, 4], |piece| piece.iter().try_for_each(greet))?;
    print("All 5 threads have joined\n")
}

/// Prints a line for each file that can be counted, and the total if more than one is named.
fn count_files(threads: NonZero<usize>, files: &[OsString]) -> io::Result<ExitCode> {
    let width = inputs::column_width(files);
    let mut counter = Counter::new(threads);
    let (mut total, mut output, mut code) = (Count::default(), Vec::new(), ExitCode::SUCCESS);
    for file in files {
        match counter.count(file) {
            Ok(count) => {
                add_line(&mut output, count, width, file);
                total += count;
            }
            Err(error) => {
                let name = if file == "-" {
                    "standard input".into()
                } else {
                    file.to_string_lossy()
                };
                report(&format!("{name}: {error}"));
                code = ExitCode::FAILURE;
            }
        }
        // Whoever watches sees each line when it is known; a pipe gets all at once.
        if io::stdout().is_terminal() {
            print(&output)?;
            output.clear();
        }
    }
    if files.len() > 1 {
        add_line(&mut output, total, width, "total".as_ref());
    }
    print(&output)?;
    Ok(code)
}

fn add_line(output: &mut Vec<u8>, count: Count, width: usize, name: &OsStr) {
    let [lines, words, bytes] = [count.lines, count.words, count.bytes];
    output.extend(format!("{lines:width$} {words:width$} {bytes:width$} ").bytes());
    output.extend(name.as_encoded_bytes());
    output.push(b'\n');
}

/// Not `eprintln!`, which panics when standard error cannot be written, as to a full disk.
fn report(error: &str) {
    let _ = writeln!(io::stderr(), "threads-fork-join: {error}");
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
