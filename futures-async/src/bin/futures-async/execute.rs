//! The command that is to run once all endpoints are open.

use crate::cli::{escaped, report};
use std::ffi::{OsStr, OsString};
use std::io;
use std::process::{Command, ExitCode};

/// Runs a command in place of this process, which so keeps its id and gets its signals; returns only
/// if that fails. Elsewhere, runs it and returns its exit code.
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
    report(format_args!("{}: {error}", escaped(program)));
    // As shells have it.
    match error.kind() {
        io::ErrorKind::NotFound => 127.into(),
        _ => 126.into(),
    }
}
