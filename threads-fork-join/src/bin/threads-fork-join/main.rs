//! Counts lines, words and bytes of files as `wc` does, large files on several threads; without
//! arguments, forks and joins five threads that say hello.

mod cli;
mod count;
mod demo;
mod files;
mod timeline;

use cli::{input_name, number, print, report};
use count::Count;
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

Prints what GNU wc prints in the C locale, byte for byte on ASCII texts.
Standard input is read only if - is given. An input that cannot be read to its
end is reported and not counted.

Options:
      --threads N  at most N threads per file, 1 to 512 [default: one per core]
  -h, --help       print this help
  -V, --version    print the version
";

const VERSION: &str = concat!("threads-fork-join ", env!("CARGO_PKG_VERSION"), "\n");

/// More than the cores of nearly all machines; they take some 35 ms to start and join.
const MAX_THREADS: NonZero<usize> = NonZero::new(512).unwrap();

enum Command {
    Print(&'static str),
    Demo,
    Count {
        threads: NonZero<usize>,
        names: Vec<OsString>,
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
    let result = match command {
        Command::Print(text) => print(text).map(|()| ExitCode::SUCCESS),
        Command::Demo => demo::demo().map(|()| ExitCode::SUCCESS),
        Command::Count { threads, names } => count_files(threads, &names),
    };
    result.unwrap_or_else(|error| {
        report(error);
        ExitCode::FAILURE
    })
}

fn parse() -> Result<Command, lexopt::Error> {
    let mut threads = None;
    let mut names = Vec::new();
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("threads") => {
                let range = NonZero::<usize>::MIN..=MAX_THREADS;
                threads = Some(number("--threads", &parser.value()?, range)?);
            }
            Short('h') | Long("help") => return Ok(Command::Print(HELP)),
            Short('V') | Long("version") => return Ok(Command::Print(VERSION)),
            Value(name) => names.push(name),
            _ => return Err(argument.unexpected()),
        }
    }
    match (names.is_empty(), threads) {
        (true, None) => return Ok(Command::Demo),
        (true, Some(_)) => return Err("--threads: no FILE to count".into()),
        (false, _) => {}
    }
    // If the number of cores is unknown, one thread is correct, only slower.
    let cores = thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
    let threads = threads.unwrap_or(cores);
    Ok(Command::Count { threads, names })
}

/// Prints a line for each input that can be counted, and the total if there are several.
fn count_files(threads: NonZero<usize>, names: &[OsString]) -> io::Result<ExitCode> {
    let width = files::column_width(names);
    let mut buffer = vec![0; files::BUFFER];
    let mut total = Count::default();
    let mut output = Vec::new();
    let mut code = ExitCode::SUCCESS;
    for name in names {
        match files::count_input(name, threads, &mut buffer) {
            Ok(count) => {
                output.extend(line(count, width, name));
                total = total.plus(count);
            }
            Err(error) => {
                report(format_args!("{}: {error}", input_name(name)));
                code = ExitCode::FAILURE;
            }
        }
        // On a terminal, each line appears when it is known. A pipe gets one write.
        if io::stdout().is_terminal() {
            print(&output)?;
            output.clear();
        }
    }
    if names.len() > 1 {
        output.extend(line(total, width, "total".as_ref()));
    }
    print(output)?;
    Ok(code)
}

fn line(count: Count, width: usize, name: &OsStr) -> Vec<u8> {
    let [lines, words, bytes] = [count.lines, count.words, count.bytes];
    let counts = format!("{lines:width$} {words:width$} {bytes:width$} ");
    [counts.as_bytes(), name.as_encoded_bytes(), b"\n"].concat()
}
