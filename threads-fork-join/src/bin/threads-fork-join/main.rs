//! Counts lines, words and bytes of files as `wc` does, large files on several threads; without
//! arguments, forks and joins five threads that say hello.

mod cli;
mod count;
mod demo;
mod inputs;
mod timeline;

use cli::{escaped, number, print, report};
use count::Count;
use inputs::Counter;
use lexopt::prelude::*;
use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal};
use std::num::NonZero;
use std::process::ExitCode;
use std::thread;

const HELP: &str = "\
Counts lines, words and bytes of files, large files on several threads.
Without FILE, forks and joins five threads that say hello.

Usage: threads-fork-join [--threads N] FILE|-...
       threads-fork-join

Prints what GNU wc prints in the C locale, byte for byte on ASCII texts. Other
bytes, as in UTF-8 texts and binary files, are parts of words, as POSIX has it
and as in GNU wc since 9.5 with POSIXLY_CORRECT set. Without that, it also ends
a word at byte A0, a no-break space in Latin-1; before 9.5, it counts as words
only those with a printable ASCII character. Standard input is read only if -
is given. An input that cannot be read to its end is reported and not counted.

Options:
      --threads N  at most N threads per file, 1 to 512 [default: one per core]
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
        Err(error) => (cli::wrong_usage(&error), 2),
    };
    report(error);
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
        match (files.is_empty(), threads) {
            (true, None) => Ok(Command::Demo),
            (true, Some(_)) => Err("--threads: no FILE to count".into()),
            (false, threads) => Ok(Command::Count {
                threads: threads.unwrap_or_else(per_core),
                files,
            }),
        }
    }

    fn run(self) -> io::Result<ExitCode> {
        match self {
            Command::Print(text) => print(text)?,
            Command::Demo => demo::demo()?,
            Command::Count { threads, files } => return count_files(threads, &files),
        }
        Ok(ExitCode::SUCCESS)
    }
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
                if file == "-" {
                    report(format_args!("standard input: {error}"));
                } else {
                    report(format_args!("{}: {error}", escaped(file)));
                }
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
