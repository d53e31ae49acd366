//! Probes TCP endpoints, thousands at a time; without arguments, shows 100 requests at once.

mod demo;
mod endpoints;
mod job;
mod probe;
mod signals;

use endpoints::{Argument, Malformed};
use job::Job;
use lexopt::prelude::*;
use std::env;
use std::error::Error;
use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{self, Write};
use std::num::NonZero;
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;
use tokio::runtime::Builder;

const HELP: &str = "\
Probes TCP endpoints, thousands at a time. Without arguments, shows 100 requests at once.

Usage: futures-async [--limit N] [--timeout SECONDS] [--wait SECONDS] [HOST:PORT|-]...

Prints a line for each endpoint as it is known: `open` and how long the connection took, or why it
is not open. HOST is a name, an IPv4 address, or an IPv6 address in brackets. Standard input is
read only if - is given: an endpoint a line. Exits with 0 if all are open, else with 1.

Options:
      --limit N          probes at a time, 1 to 1000000 [default: 1000]
      --timeout SECONDS  for each attempt, finding the address included [default: 3]
      --wait SECONDS     keep trying those that are not open until all are or the time is over
  -h, --help             print this help
  -V, --version          print the version
";

const VERSION: &str = concat!("futures-async ", env!("CARGO_PKG_VERSION"), "\n");

/// Below 1,024, the number of descriptors that a process usually gets.
const DEFAULT_LIMIT: NonZero<usize> = NonZero::new(1000).unwrap();

/// About as many descriptors as Linux grants a process by default at most.
const MAX_LIMIT: NonZero<usize> = NonZero::new(1_000_000).unwrap();

/// Time for a first packet to get lost, which systems send again after one second.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);

/// Some thirty years: what is added to the clock must not overflow it.
const MAX_SECONDS: f64 = 1e9;

fn main() -> ExitCode {
    let (error, code) = match Command::parse() {
        Ok(command) => match command.run() {
            Ok(code) => return code,
            Err(error) => (error.to_string(), 1),
        },
        Err(error) => (format!("{error}\nTry 'futures-async --help'."), 2),
    };
    // Not `eprintln!`, which panics when standard error cannot be written, as to a full disk.
    let _ = writeln!(io::stderr(), "futures-async: {error}");
    ExitCode::from(code)
}

enum Command {
    Print(&'static str),
    Demo,
    Probe(Job),
}

impl Command {
    fn parse() -> Result<Self, lexopt::Error> {
        let mut job = Job {
            limit: DEFAULT_LIMIT,
            timeout: DEFAULT_TIMEOUT,
            wait: None,
            arguments: Vec::new(),
        };
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("limit") => {
                    let range = NonZero::<usize>::MIN..=MAX_LIMIT;
                    job.limit = number("--limit", &parser.value()?, range)?;
                }
                Long("timeout") => job.timeout = seconds("--timeout", &parser.value()?)?,
                Long("wait") => job.wait = Some(seconds("--wait", &parser.value()?)?),
                Short('h') | Long("help") => return Ok(Command::Print(HELP)),
                Short('V') | Long("version") => return Ok(Command::Print(VERSION)),
                Value(value) if value == "-" => job.arguments.push(Argument::StandardInput),
                Value(value) => {
                    let endpoint = value.to_str().map_or(Err(Malformed::NotUtf8), str::parse);
                    let endpoint = endpoint.map_err(|error| format!("{value:?} {error}"))?;
                    job.arguments.push(Argument::Endpoint(endpoint));
                }
                _ => return Err(argument.unexpected()),
            }
        }
        if !job.arguments.is_empty() {
            Ok(Command::Probe(job))
        } else if env::args_os().len() > 1 {
            // A list that turns out empty must not look like endpoints that are open.
            Err("no endpoint to probe".into())
        } else {
            Ok(Command::Demo)
        }
    }

    fn run(self) -> Result<ExitCode, Box<dyn Error>> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let result = runtime.block_on(async {
            match self {
                Command::Print(text) => print(text)?,
                Command::Demo => print(demo::demo().await?)?,
                Command::Probe(job) => return job.run().await,
            }
            Ok(ExitCode::SUCCESS)
        });
        // Not `drop`, which would wait for names that are still being looked up.
        runtime.shutdown_background();
        result
    }
}

fn seconds(option: &str, value: &OsStr) -> Result<Duration, String> {
    let seconds = value.to_str().and_then(|text| text.parse().ok());
    let seconds = seconds.filter(|seconds| (0.0..=MAX_SECONDS).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| {
        format!("{option}: {value:?} is not a number of seconds from 0 to {MAX_SECONDS}")
    })
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
