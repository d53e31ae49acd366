//! Standard output and standard error, for async code.

use crate::cli::{self, named};
use std::io::{self, Write};
use tokio::task::spawn_blocking;

/// Prints on another thread: a reader that takes nothing must not block the rest.
pub async fn print(to_stderr: bool, text: String) -> io::Result<()> {
    let written = spawn_blocking(move || match to_stderr {
        true => standard_error()?.write_all(text.as_bytes()),
        false => cli::standard_output()?.write_all(text.as_bytes()),
    });
    // An error of standard error cannot be shown.
    written
        .await?
        .map_err(|error| named("standard output", error))
}

/// Prints a message, with the name of the program.
pub async fn report(message: impl std::fmt::Display) {
    let text = format!("{}: {message}\n", env!("CARGO_PKG_NAME"));
    let _ = print(true, text).await; // there is no other place for it
}

/// Standard error, unbuffered. Unlike `io::stderr`, it fails if it is not open for writing.
fn standard_error() -> io::Result<impl Write> {
    #[cfg(unix)]
    let stderr = std::fs::File::from(std::os::fd::AsFd::as_fd(&io::stderr()).try_clone_to_owned()?);
    #[cfg(not(unix))]
    let stderr = io::stderr();
    Ok(stderr)
}
