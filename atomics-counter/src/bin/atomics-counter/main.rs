//! Measures what counting from many threads costs on this machine.

#[allow(dead_code)] // the same file in each program; this one reads no input
mod cli;
mod measure;
mod report;
#[allow(dead_code)] // as above; the line is made for a terminal or not at all
mod status_line;
mod ways;

use cli::{number, print};
use lexopt::prelude::*;
use measure::Job;
use report::Report;
use status_line::StatusLine;
use std::error::Error;
use std::io::{self, Write};
use std::num::NonZero;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

const HELP: &str = "\
Measures what counting from many threads costs on this machine.

Usage: atomics-counter [--threads N] [--time MS] [--format table|csv]

In each of several ways, all threads together increment one number for a while.
Times are of one increment, all threads together: two threads at 4 ns each make
it 2 ns. Speed is relative to a Mutex. Every total is checked.

Without arguments: a demonstration by at least two threads, with the table on
standard error.

Options:
      --threads N    threads, 1 to 512 [default: one per core]
      --time MS      milliseconds of a round, 1 to 10000 [default: 10]
      --format WORD  table, or csv for programs [default: table]
  -h, --help         print this help
  -V, --version      print the version
";

const VERSION: &str = concat!("atomics-counter ", env!("CARGO_PKG_VERSION"), "\n");

/// More threads than cores measure the scheduler; so many still start within seconds.
const MAX_THREADS: NonZero<usize> = NonZero::new(512).unwrap();

/// So that all rounds together take half a second; many times what starting threads takes.
const DEFAULT_MILLIS: u64 = 10;

fn main() -> ExitCode {
    let (message, code) = match Command::parse() {
        Ok(command) => match command.run() {
            Ok(()) => return ExitCode::SUCCESS,
            Err(error) => match error.source() {
                Some(source) => (format!("{error}: {source}"), 1),
                None => (error.to_string(), 1),
            },
        },
        Err(error) => (cli::wrong_usage(&error), 2),
    };
    cli::report(message);
    ExitCode::from(code)
}

enum Command {
    Print(&'static str),
    Demonstrate(Job),
    Measure {
        job: Job,
        format: fn(&Report) -> String,
    },
}

impl Command {
    fn parse() -> Result<Self, lexopt::Error> {
        // Where the number of cores cannot be told, one thread still shows the costs.
        let cores = thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        let mut job = Job {
            threads: cores.min(MAX_THREADS),
            time: Duration::from_millis(DEFAULT_MILLIS),
        };
        let mut format: fn(&Report) -> String = Report::table;
        let mut parser = lexopt::Parser::from_env();
        let mut has_options = false;
        while let Some(argument) = parser.next()? {
            has_options = true;
            match argument {
                Long("threads") => {
                    let range = NonZero::<usize>::MIN..=MAX_THREADS;
                    job.threads = number("--threads", &parser.value()?, range)?;
                }
                Long("time") => {
                    let millis = number("--time", &parser.value()?, 1..=10_000)?;
                    job.time = Duration::from_millis(millis);
                }
                Long("format") => {
                    let value = parser.value()?;
                    format = match value.to_str() {
                        Some("table") => Report::table,
                        Some("csv") => Report::csv,
                        _ => return Err(format!("--format: {value:?} is not table or csv").into()),
                    };
                }
                Short('h') | Long("help") => return Ok(Command::Print(HELP)),
                Short('V') | Long("version") => return Ok(Command::Print(VERSION)),
                _ => return Err(argument.unexpected()),
            }
        }
        if has_options {
            return Ok(Command::Measure { job, format });
        }
        job.threads = job.threads.max(NonZero::<usize>::MIN.saturating_add(1));
        Ok(Command::Demonstrate(job))
    }

    fn run(self) -> Result<(), Box<dyn Error>> {
        match self {
            Command::Print(text) => print(text)?,
            Command::Demonstrate(job) => {
                let report = measure(job)?;
                // Not `eprint!`, which panics if it cannot be written; it is not the result.
                let _ = io::stderr().write_all(report.table().as_bytes());
                print(report::VERDICT)?;
            }
            Command::Measure { job, format } => print(format(&measure(job)?))?,
        }
        Ok(())
    }
}

/// Runs the job, with its progress on a terminal.
fn measure(job: Job) -> Result<Report, measure::Error> {
    let mut status = StatusLine::new();
    let rows = job.run(|progress| status.show(&progress))?;
    Ok(Report { job, rows })
}
