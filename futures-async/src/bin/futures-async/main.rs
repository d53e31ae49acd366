//! Waits for TCP endpoints, or probes thousands of them; without arguments, shows 100 requests at
//! once.

#[allow(dead_code)] // the same file in all programs
mod cli;
mod demo;
mod descriptors;
mod endpoints;
mod execute;
mod job;
mod output;
mod probe;
mod signals;
mod timeline;

use cli::{named, number, print, report};
use endpoints::Endpoint;
use job::Job;
use lexopt::prelude::*;
use std::ffi::{OsStr, OsString};
use std::num::NonZero;
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::time::Duration;
use std::{env, io, thread};
use tokio::runtime::Builder;

const HELP: &str = "\
Waits for TCP endpoints, or probes them. Without arguments, a demonstration.

Usage: futures-async [OPTION]... [HOST:PORT|-]... [-- COMMAND [ARGUMENT]...]

Prints a line for each endpoint as it is known: `open` and how long the
connection took, or why it is not open. HOST is a name, an IPv4 address, or an
IPv6 address in brackets. - reads standard input: an endpoint a line, and
comments from # on. Once all are open, COMMAND is executed in place of this
program; what this one prints then goes to standard error.

Options:
      --limit N          connections at a time, 1 to 1000000 [default: 1000]
      --timeout SECONDS  for a connection, and for a look-up [default: 3]
      --wait SECONDS     try again what is not open, for this long [default: 0]
  -q, --quiet            print only what is not open
  -h, --help             print this help
  -V, --version          print the version

Exits with 0 if every endpoint was seen open, and there was one; 1 if not; 2
for wrong usage; 126 or 127 if COMMAND cannot be executed, else with its code;
130 and 143 after Ctrl-C and SIGTERM.
";

const VERSION: &str = concat!("futures-async ", env!("CARGO_PKG_VERSION"), "\n");

/// Below 1,024, the number of descriptors that a process usually gets unless it asks for more.
const DEFAULT_LIMIT: NonZero<usize> = NonZero::new(1000).unwrap();

/// Up to about as many descriptors as Linux grants a process by default at most.
const LIMITS: RangeInclusive<NonZero<usize>> =
    NonZero::<usize>::MIN..=NonZero::new(1_000_000).unwrap();

/// Time for a first packet to get lost, which systems send again after one second.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);

/// Some thirty years: what is added to the clock must not overflow it.
const MAX_SECONDS: f64 = 1e9;

/// As long as the longest wait.
const FOREVER: Duration = Duration::from_secs(MAX_SECONDS as u64);

/// What a runtime, its signals, the output, a look-up and two connections need.
const DESCRIPTORS: usize = 12;

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
    Probe(Job, Vec<OsString>),
}

impl Command {
    fn parse() -> Result<Self, lexopt::Error> {
        let mut job = Job {
            limit: DEFAULT_LIMIT,
            timeout: DEFAULT_TIMEOUT,
            wait: Duration::ZERO,
            quiet: false,
            endpoints: Vec::new(),
            has_list: false,
            to_stderr: false,
        };
        let mut arguments = env::args_os().skip(1);
        let ours = arguments.by_ref().take_while(|argument| argument != "--");
        let mut parser = lexopt::Parser::from_args(Vec::from_iter(ours));
        let command = Vec::from_iter(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("limit") => job.limit = number("--limit", &parser.value()?, LIMITS)?,
                Long("timeout") => job.timeout = seconds("--timeout", &parser.value()?)?,
                Long("wait") => job.wait = seconds("--wait", &parser.value()?)?,
                Short('q') | Long("quiet") => job.quiet = true,
                Short('h') | Long("help") => return Ok(Command::Print(HELP)),
                Short('V') | Long("version") => return Ok(Command::Print(VERSION)),
                Value(value) if value == "-" => job.has_list = true,
                Value(value) => job
                    .endpoints
                    .push(Endpoint::parse(&value.to_string_lossy())?),
                _ => return Err(argument.unexpected()),
            }
        }
        if env::args_os().len() <= 1 {
            return Ok(Command::Demo);
        }
        if job.endpoints.is_empty() && !job.has_list {
            // A list that turns out empty must not look like endpoints that are open.
            return Err("no endpoint to probe".into());
        }
        job.to_stderr = !command.is_empty();
        Ok(Command::Probe(job, command))
    }

    fn run(self) -> io::Result<ExitCode> {
        let (job, command) = match self {
            Command::Print(text) => return print(text).map(|()| ExitCode::SUCCESS),
            Command::Demo => (None, Vec::new()),
            Command::Probe(job, command) => (Some(job), command),
        };
        let restore_limit = descriptors::raise_limit();
        // Without descriptors and a thread, tokio would panic. One thread is kept from now on.
        if descriptors::left() < DESCRIPTORS {
            return Err(io::Error::other("too few files may be open"));
        }
        let checked = thread::Builder::new().spawn(|| ());
        checked.map_err(|error| named("spawning a thread", error))?;
        let mut runtime = Builder::new_current_thread();
        let runtime = runtime.thread_keep_alive(FOREVER).enable_all().build()?;
        let code = match job {
            None => runtime.block_on(demo::demo()).map(|()| 0),
            Some(job) => runtime.block_on(job.run()),
        };
        runtime.shutdown_background(); // a read of standard input may never end
        match (code?, &command[..]) {
            (0, [program, arguments @ ..]) => {
                restore_limit();
                Ok(execute::execute(program, arguments))
            }
            (code, _) => Ok(code.into()),
        }
    }
}

fn seconds(option: &str, value: &OsStr) -> Result<Duration, String> {
    let seconds = value.to_str().and_then(|text| text.parse().ok());
    let seconds = seconds.filter(|seconds| (0.0..=MAX_SECONDS).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| {
        format!("{option}: {value:?} is not a number of seconds from 0 to {MAX_SECONDS}")
    })
}
