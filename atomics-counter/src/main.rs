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
use std::io::{self, IsTerminal, Write};
use std::num::NonZero;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::mpsc;
use std::thread;

const HELP: &str = "\
Measures what counting from many threads costs on this machine.

Usage: atomics-counter [--threads N] [--increments N] [--format table|csv]

The threads share the increments of one number, in each of several ways. Times are of one
increment, all threads together; speed is relative to a Mutex.

Options:
      --threads N     number of threads, up to 512 [default: one per core]
      --increments N  increments per way and round, up to 1000000000 [default: 1000000, at least
                      100000 per thread]
      --format WORD   table, or csv for programs [default: table]
  -h, --help          print this help
  -V, --version       print the version
";

/// More threads than cores measure the scheduler; so many still start within seconds.
const MAX_THREADS: usize = 512;

/// Minutes of a contended `Mutex`; all ways and rounds together stay far from overflow.
const MAX_INCREMENTS: u64 = 1_000_000_000;

/// So that the run takes about half a second on a few cores.
const DEFAULT_INCREMENTS: u64 = 1_000_000;

/// So that many threads still meet: some 0.1 ms in the fastest way.
const LEAST_PER_THREAD: u64 = 100_000;

fn main() -> ExitCode {
    let (error, code) = match Command::parse() {
        Ok(command) => match command.run() {
            Ok(()) => return ExitCode::SUCCESS,
            Err(error) => (error.to_string(), 1),
        },
        Err(error) => (format!("{error}\nTry 'atomics-counter --help'."), 2),
    };
    // Not `eprintln!`, which panics when standard error is closed.
    let _ = writeln!(io::stderr(), "atomics-counter: {error}");
    ExitCode::from(code)
}

enum Command {
    Print(String),
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
                    let value = parser.value()?;
                    let fits = |count: &NonZero<usize>| count.get() <= MAX_THREADS;
                    threads = Some(number(&value, fits).ok_or_else(|| {
                        format!("--threads: {value:?} is not a number from 1 to {MAX_THREADS}")
                    })?);
                }
                Long("increments") => {
                    let value = parser.value()?;
                    let fits = |count: &u64| (1..=MAX_INCREMENTS).contains(count);
                    increments = Some(number(&value, fits).ok_or_else(|| {
                        format!(
                            "--increments: {value:?} is not a number from 1 to {MAX_INCREMENTS}"
                        )
                    })?);
                }
                Long("format") => {
                    let value = parser.value()?;
                    format = match value.to_str() {
                        Some("table") => Report::table,
                        Some("csv") => Report::csv,
                        _ => return Err(format!("--format: {value:?} is not table or csv").into()),
                    };
                }
                Short('h') | Long("help") => return Ok(Command::Print(HELP.into())),
                Short('V') | Long("version") => {
                    return Ok(Command::Print(format!(
                        "atomics-counter {}\n",
                        env!("CARGO_PKG_VERSION")
                    )));
                }
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
            Command::Print(text) => text,
            Command::Measure { job, format } => format(&measure(job)?),
        };
        print(&output)?;
        Ok(())
    }
}

fn number<N: FromStr>(value: &OsStr, fits: impl FnOnce(&N) -> bool) -> Option<N> {
    value.to_str()?.parse().ok().filter(fits)
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
