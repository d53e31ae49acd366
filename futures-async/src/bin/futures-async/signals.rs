//! Ctrl-C and SIGTERM.

use futures::future::{Either, select};
use std::io;
use std::pin::pin;

/// Waits for a signal; returns its exit code: 128 and its number, as shells do.
pub async fn next() -> io::Result<u8> {
    #[cfg(unix)]
    let terminated = {
        use tokio::signal::unix::{SignalKind, signal};
        let mut signals = signal(SignalKind::terminate())?;
        async move { signals.recv().await }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    match select(pin!(tokio::signal::ctrl_c()), pin!(terminated)).await {
        Either::Left((interrupted, _)) => interrupted.map(|()| 130),
        Either::Right(_) => Ok(143),
    }
}
