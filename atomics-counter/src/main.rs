//! Measures what counting from many threads costs on this machine.

mod measure;
mod report;
mod ways;

use atomics_counter::ShardedCounter;
use lexopt::prelude::*;
use measure::{Job, monitor};
use report::Report;
use std::error::Error;
use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::num::NonZero;
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::mpsc;
use std::thread;

const HELP: &str = "\
Measures what counting from many threads costs on this machine.

Usage: atomics-counter [--threads N] [--increments N] [--format table|csv]

In each of several ways, the threads together increment one number N times. Times are of one
increment, all threads together; speed is relative to a Mutex.

Options:
      --threads N     threads, 1 to 512 [default: one per core]
      --increments N  increments per way and round, 1 to 1000000000 [default: 1000000, at least
                      100000 per thread]
      --format WORD   table, or csv for programs [default: table]
  -h, --help          print this help
  -V, --version       print the version
";

const VERSION: &str = concat!("atomics-counter ", env!("CARGO_PKG_VERSION"), "\n");

/// More threads than cores measure the scheduler; so many still start within seconds.
const MAX_THREADS: NonZero<usize> = NonZero::new(512).unwrap();

/// Minutes of a contended `Mutex`; all ways and rounds together stay far from overflow.
const MAX_INCREMENTS: u64 = 1_000_000_000;

/// So that the run takes about half a second on a few cores.
const DEFAULT_INCREMENTS: u64 = 1_000_000;

/// So that many threads still meet: a millisecond and more in the ways that make them wait.
const LEAST_PER_THREAD: u64 = 100_000;

fn main() -> ExitCode {
    let (error, code) = match Command::parse() {
        Ok(command) => match command.run() {
            Ok(()) => return ExitCode::SUCCESS,
            Err(error) => (error.to_string(), 1),
        },
        Err(error) => (format!("{error}\nTry 'atomics-counter --help'."), 2),
    };
    // Not `eprintln!`, which panics when standard error cannot be written, as to a full disk.
    let _ = writeln!(io::stderr(), "atomics-counter: {error}");
    ExitCode::from(code)
}

enum Command {
    Print(&'static str),
    Measure {
        job: Job,
        format: fn(&Report) -> String,
    },
}

impl Command {
    fn parse() -> Result<Self, lexopt::Error> {
        let mut threads = None;
        let mut increments = None;
        let mut format: fn(&Report) -> String = Report::table;
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("threads") => {
                    let range = NonZero::<usize>::MIN..=MAX_THREADS;
                    threads = Some(number("--threads", &parser.value()?, range)?);
                }
                Long("increments") => {
                    let range = 1..=MAX_INCREMENTS;
                    increments = Some(number("--increments", &parser.value()?, range)?);
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
        // Where the number of cores cannot be told, one thread still shows the costs.
        let cores = || thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        let threads = threads.unwrap_or_else(cores);
        let enough = DEFAULT_INCREMENTS.max(LEAST_PER_THREAD * threads.get() as u64);
        let increments = increments.unwrap_or(enough);
        let job = Job {
            threads,
            increments,
        };
        Ok(Command::Measure { job, format })
    }

    fn run(self) -> Result<(), Box<dyn Error>> {
        let output = match self {
            Command::Print(text) => text.into(),
            Command::Measure { job, format } => format(&measure(job)?),
        };
        print(output)?;
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

/// Runs the job, with its progress on a terminal.
fn measure(job: Job) -> Result<Report, measure::Error> {
    let progress = ShardedCounter::new(job.threads);
    let rows = thread::scope(|scope| {
        // Dropped however this closure is left, which ends the monitor.
        let (_running, ended) = mpsc::channel();
        if io::stderr().is_terminal() {
            let progress = &progress;
            let show = move || monitor(progress, job.steps(), ended, io::stderr());
            // Without it there is no progress to see, but all the rest.
            let _ = thread::Builder::new().spawn_scoped(scope, show);
        }
        job.run(&progress)
    })?;
    Ok(Report { job, rows })
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
