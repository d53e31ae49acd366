//! Runs the program as a person would, and tests what all programs of the workspace have in common.
//!
//! The same file in each crate.

#![allow(dead_code, clippy::unwrap_used, clippy::panic)] // not every crate uses all of it

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

pub const NAME: &str = env!("CARGO_PKG_NAME");
pub const PROGRAM: &str = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));

/// A program that takes longer has hung.
const DEADLINE: Duration = Duration::from_secs(60);

/// Where the program runs: a folder of this crate alone.
pub fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(NAME);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Writes a file into that folder. Each test needs names of its own.
pub fn file(name: &str, content: impl AsRef<[u8]>) -> String {
    fs::write(folder().join(name), content).unwrap();
    name.into()
}

/// The program, to be run in that folder, with pipes for input and output.
pub fn program(args: &[&str]) -> Command {
    command(PROGRAM, args)
}

/// Another command, in the same way.
pub fn command(name: &str, args: &[&str]) -> Command {
    let mut command = Command::new(name);
    command.args(args).current_dir(folder());
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The program with a redirection such as `<&-`.
pub fn redirected(args: &str, redirection: &str) -> Command {
    let script = format!("exec \"$PROGRAM\" {args} {redirection}");
    let mut shell = command("sh", &["-c", &script]);
    shell.env("PROGRAM", PROGRAM);
    shell
}

/// How a command has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

pub fn outcome(command: &mut Command, input: &[u8]) -> Outcome {
    let mut child = command.spawn().unwrap();
    if let Some(mut stdin) = child.stdin.take() {
        let input = input.to_vec();
        // On a thread, as either pipe may be full. The program may end before it has read all.
        thread::spawn(move || _ = stdin.write_all(&input));
    }
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(output) = ended.recv_timeout(DEADLINE) else {
        panic!("{command:?} does not end");
    };
    let output = output.unwrap();
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

pub fn run(args: &[&str], input: &[u8]) -> Outcome {
    outcome(&mut program(args), input)
}

/// It prints exactly this, and no message.
#[track_caller]
pub fn assert_prints(args: &[&str], input: &[u8], stdout: &str) {
    let expected = Outcome {
        code: Some(0),
        stdout: stdout.into(),
        stderr: String::new(),
    };
    assert_eq!(run(args, input), expected, "{args:?}");
}

/// It prints nothing but one message, which begins like this after the program's name.
#[track_caller]
pub fn assert_fails(args: &[&str], input: &[u8], code: i32, message: &str) {
    run(args, input).assert_failed(code, message);
}

impl Outcome {
    #[track_caller]
    pub fn assert_failed(&self, code: i32, message: &str) {
        assert_eq!(
            (self.code, self.stdout.as_str()),
            (Some(code), ""),
            "{self:?}"
        );
        let expected = format!("{NAME}: {message}");
        assert!(self.stderr.starts_with(&expected), "{expected}: {self:?}");
        let hint = format!("Try '{NAME} --help'.");
        let lines: Vec<&str> = self.stderr.lines().skip(1).collect();
        let expected = if code == 2 { &[&*hint][..] } else { &[] };
        assert_eq!(lines, expected, "{self:?}");
    }
}

/// All that a program prints fits a terminal.
#[track_caller]
pub fn assert_fits(text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= 79, "{line}");
    }
}

#[test]
fn help_and_version_are_printed() {
    let help = run(&["--help"], b"");
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    assert!(help.stdout.contains(&format!("Usage: {NAME} ")), "{help:?}");
    assert_fits(&help.stdout);
    assert_prints(&["-h"], b"", &help.stdout);
    for option in ["-V", "--version"] {
        let version = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"), "\n");
        assert_prints(&[option], b"", version);
    }
}

#[test]
fn wrong_usage_is_explained() {
    for (args, problem) in [
        (&["--sideways"][..], "invalid option '--sideways'"),
        (&["--\x1b[2J\n"], "invalid option '--\u{fffd}[2J\u{fffd}'"),
    ] {
        assert_fails(args, b"", 2, problem);
    }
}

#[test]
#[cfg(unix)]
fn a_closed_pipe_is_no_error() {
    // The pipe to a program that has ended has no reader.
    let mut ended = command("true", &[]).spawn().unwrap();
    let pipe = ended.stdin.take().unwrap();
    ended.wait().unwrap();
    let outcome = outcome(program(&["--help"]).stdout(pipe), b"");
    assert_eq!(
        (outcome.code, outcome.stderr.as_str()),
        (Some(0), ""),
        "{outcome:?}"
    );
}

#[test]
#[cfg(unix)]
fn standard_output_that_is_not_open_for_writing_is_an_error() {
    let read_only = fs::File::open(folder().join(file("read-only", ""))).unwrap();
    let outcome = outcome(program(&["--help"]).stdout(read_only), b"");
    outcome.assert_failed(1, "standard output: Bad file descriptor");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error_and_loses_no_exit_code() {
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    for args in [&["--help"][..], &[]] {
        let outcome = outcome(program(args).stdout(full()), b"");
        outcome.assert_failed(1, "standard output: No space left");
    }
    let unreported = outcome(program(&["--sideways"]).stderr(full()), b"");
    assert_eq!(unreported.code, Some(2), "{unreported:?}");
}
