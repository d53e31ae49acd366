//! Measures what counting from several threads costs on this machine.

#[allow(dead_code)] // the same file in each program; this one reads no input
mod cli;
mod measure;
mod table;
mod ways;

use cli::{number, print, report};
use lexopt::prelude::*;
use measure::Job;
use std::io::{self, Write};
use std::num::NonZero;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

const HELP: &str = "\
Measures what counting from several threads costs on this machine.
Without options, a demonstration by at least two threads.

Usage: atomics-counter [--threads N] [--time MS]

All threads together increment one number, in each of eight ways. The time is
per increment, all threads together: two threads at 4 ns each make it 2 ns.
Speed is relative to one atomic. Every total is checked.

Options:
      --threads N  threads, 1 to 512 [default: one per core]
      --time MS    milliseconds of a round, 1 to 10000 [default: 10]
  -h, --help       print this help
  -V, --version    print the version
";

const VERSION: &str = concat!("atomics-counter ", env!("CARGO_PKG_VERSION"), "\n");

/// More than the cores of nearly all machines; they take some 35 ms to start and join.
const MAX_THREADS: NonZero<usize> = NonZero::new(512).unwrap();

/// All rounds together then take half a second.
const DEFAULT_TIME: Duration = Duration::from_millis(10);

enum Command {
    Print(&'static str),
    Demo(Job),
    Measure(Job),
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
        Command::Print(text) => print(text),
        Command::Demo(job) => demo(job),
        Command::Measure(job) => measure(job),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(error);
            ExitCode::FAILURE
        }
    }
}

fn parse() -> Result<Command, lexopt::Error> {
    let (mut threads, mut time) = (None, None);
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("threads") => {
                let range = NonZero::<usize>::MIN..=MAX_THREADS;
                threads = Some(number("--threads", &parser.value()?, range)?);
            }
            Long("time") => {
                let millis = number("--time", &parser.value()?, 1..=10_000)?;
                time = Some(Duration::from_millis(millis));
            }
            Short('h') | Long("help") => return Ok(Command::Print(HELP)),
            Short('V') | Long("version") => return Ok(Command::Print(VERSION)),
            _ => return Err(argument.unexpected()),
        }
    }
    let is_demo = threads.is_none() && time.is_none();
    // If the number of cores is unknown, one thread still shows what each way costs.
    let cores = thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
    let mut job = Job {
        threads: threads.unwrap_or(cores.min(MAX_THREADS)),
        time: time.unwrap_or(DEFAULT_TIME),
    };
    if is_demo {
        job.threads = job.threads.max(NonZero::<usize>::MIN.saturating_add(1));
        return Ok(Command::Demo(job));
    }
    Ok(Command::Measure(job))
}

fn measure(job: Job) -> io::Result<()> {
    let (times, bug) = measure::measure(job)?;
    print(table::table(job, &times, &bug))
}

/// The result is what is the same on every run; the times are the picture.
fn demo(job: Job) -> io::Result<()> {
    let (times, bug) = measure::measure(job)?;
    print(table::verdict(&bug))?;
    // Without the picture, the result is still complete.
    let _ = io::stderr().write_all(table::table(job, &times, &bug).as_bytes());
    Ok(())
}
