//! Writes on threads of their own: a reader that takes nothing must not block the rest.

use crate::endpoints::within;
use std::io::{self, Write};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

pub struct Output {
    texts: mpsc::Sender<String>,
    written: JoinHandle<io::Result<()>>,
}

impl Output {
    pub fn new(name: &'static str, mut output: impl Write + Send + 'static) -> Self {
        let (texts, mut received) = mpsc::channel::<String>(1);
        let written = spawn_blocking(move || {
            while let Some(text) = received.blocking_recv() {
                let written = output.write_all(text.as_bytes());
                let written = written.and_then(|()| output.flush());
                written.map_err(|error| within(name, error))?;
            }
            Ok(())
        });
        Self { texts, written }
    }

    /// Returns whether it could be handed over: false once writing has failed.
    pub async fn print(&self, text: String) -> bool {
        text.is_empty() || self.texts.send(text).await.is_ok()
    }

    /// A message, with the name of the program.
    pub fn message(message: impl std::fmt::Display) -> String {
        format!("{}: {message}\n", env!("CARGO_PKG_NAME"))
    }

    /// Waits until all is written.
    pub async fn end(self) -> io::Result<()> {
        drop(self.texts);
        self.written.await?
    }
}

/// Standard error, unbuffered. Unlike `io::stderr`, it fails if it is not open for writing.
pub fn standard_error() -> io::Result<impl Write + Send + 'static> {
    #[cfg(unix)]
    let stderr = std::fs::File::from(std::os::fd::AsFd::as_fd(&io::stderr()).try_clone_to_owned()?);
    #[cfg(not(unix))]
    let stderr = io::stderr();
    Ok(stderr)
}
