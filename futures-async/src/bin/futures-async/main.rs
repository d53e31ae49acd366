//! Waits for TCP endpoints, or probes thousands of them; without arguments, shows 100 requests at
//! once.

mod cli;
mod demo;
mod descriptors;
mod endpoints;
mod execute;
mod job;
mod probe;
mod resolver;
mod signals;
mod timeline;

use cli::{escaped, number, print, report};
use endpoints::{Argument, Endpoint, within};
use execute::execute;
use job::Job;
use lexopt::prelude::*;
use std::env;
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::num::NonZero;
use std::process::ExitCode;
use std::time::Duration;
use tokio::runtime::Builder;

const HELP: &str = "\
Waits for TCP endpoints, or probes thousands of them. Without arguments, shows
100 requests at once.

Usage: futures-async [OPTION]... [HOST:PORT|-]... [-- COMMAND [ARGUMENT]...]

Prints a line for each endpoint as it is known: `open` and how long the
connection took, or why it is not open. HOST is a name, an IPv4 address, or an
IPv6 address in brackets. - reads standard input: an endpoint a line, and
comments from # on. Once all are open, COMMAND is executed in place of this
program; what this one prints then goes to standard error.

Options:
      --limit N          connections at a time, 1 to 1000000 [default: 1000, or
                         as many as the system allows]
      --timeout SECONDS  for a connection, and for looking up a name
                         [default: 3]
      --wait SECONDS     keep trying those that are not open until all are or
                         the time is over; 0, the default, tries each once
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
            limit: None,
            timeout: DEFAULT_TIMEOUT,
            wait: Duration::ZERO,
            quiet: false,
            arguments: Vec::new(),
            to_stderr: false,
        };
        let mut arguments = env::args_os().skip(1);
        let ours = arguments.by_ref().take_while(|argument| argument != "--");
        let mut parser = lexopt::Parser::from_args(Vec::from_iter(ours));
        let command = Vec::from_iter(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("limit") => {
                    let range = NonZero::<usize>::MIN..=MAX_LIMIT;
                    job.limit = Some(number("--limit", &parser.value()?, range)?);
                }
                Long("timeout") => job.timeout = seconds("--timeout", &parser.value()?)?,
                Long("wait") => job.wait = seconds("--wait", &parser.value()?)?,
                Short('q') | Long("quiet") => job.quiet = true,
                Short('h') | Long("help") => return Ok(Command::Print(HELP)),
                Short('V') | Long("version") => return Ok(Command::Print(VERSION)),
                Value(value) if value == "-" => job.arguments.push(Argument::StandardInput),
                Value(value) => {
                    let endpoint = Endpoint::parse(value.as_encoded_bytes());
                    let endpoint =
                        endpoint.map_err(|error| format!("{} {error}", escaped(&value)))?;
                    job.arguments.push(Argument::Endpoint(endpoint));
                }
                _ => return Err(argument.unexpected()),
            }
        }
        if env::args_os().len() <= 1 {
            return Ok(Command::Demo);
        }
        if job.arguments.is_empty() {
            // A list that turns out empty must not look like endpoints that are open.
            return Err("no endpoint to probe".into());
        }
        if command.is_empty() && env::args_os().any(|argument| argument == "--") {
            return Err("no command after --".into());
        }
        job.to_stderr = !command.is_empty();
        Ok(Command::Probe(job, command))
    }

    fn run(self) -> Result<ExitCode, Box<dyn Error>> {
        let (job, command) = match self {
            Command::Print(text) => {
                print(text)?;
                return Ok(ExitCode::SUCCESS);
            }
            Command::Demo => (None, Vec::new()),
            Command::Probe(job, command) => (Some(job), command),
        };
        let restore_limit = descriptors::raise_limit();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let code = match job {
            None => runtime.block_on(demo::demo()).map(|()| 0),
            Some(job) => {
                // Twice as long as a stop takes.
                let signal = signals::listen(4 * job::GRACE)
                    .map_err(|error| within("no thread that waits for signals", error))?;
                runtime.block_on(job.run(signal))
            }
        };
        // Not `drop`: nothing is worth waiting for.
        runtime.shutdown_background();
        match (code?, &command[..]) {
            (0, [program, arguments @ ..]) => {
                restore_limit();
                Ok(execute(program, arguments))
            }
            (code, _) => Ok(code.into()),
        }
    }
}

fn seconds(option: &str, value: &OsStr) -> Result<Duration, String> {
    let text = value.to_str().unwrap_or_default();
    let parse = |text: &str| {
        let seconds = text.parse::<f64>().ok();
        seconds.filter(|seconds| (0.0..=MAX_SECONDS).contains(seconds))
    };
    parse(text).map(Duration::from_secs_f64).ok_or_else(|| {
        let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0)];
        let hint = units.iter().find_map(|(unit, factor)| {
            let seconds = parse(text.strip_suffix(unit)?)? * factor;
            Some(format!("; write {seconds}"))
        });
        let hint = hint.unwrap_or_default();
        let value = escaped(value);
        format!("{option}: {value} is not a number of seconds from 0 to {MAX_SECONDS}{hint}")
    })
}
