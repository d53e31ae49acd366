//! The command that runs once all endpoints are open.

use crate::cli::{report, shown};
use std::ffi::{OsStr, OsString};
use std::io;
use std::process::{Command, ExitCode};

/// Runs a command in place of this process, with its id and its signals; returns only if that fails.
/// On Windows, runs it and returns its exit code.
pub fn execute(program: &OsStr, arguments: &[OsString]) -> ExitCode {
    let mut command = Command::new(program);
    command.args(arguments);
    #[cfg(unix)]
    let error = std::os::unix::process::CommandExt::exec(&mut command);
    #[cfg(not(unix))]
    let error = match command.status() {
        Ok(status) => return status.code().map_or(1, |code| code as u8).into(),
        Err(error) => error,
    };
    report(format_args!("{}: {error}", shown(program)));
    match error.kind() {
        io::ErrorKind::NotFound => 127.into(), // as shells do
        _ => 126.into(),
    }
}
