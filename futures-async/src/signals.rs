//! Ctrl-C and SIGTERM, as a future that ends and an exit code.

use futures::channel::oneshot;
use futures::stream::{self, Stream, StreamExt};
use std::io;

/// Starts to listen. The receiver gets the exit code of the first signal; the second one ends the
/// program on the spot.
pub fn listen() -> io::Result<oneshot::Receiver<u8>> {
    let mut codes = codes()?;
    let (sender, receiver) = oneshot::channel();
    tokio::spawn(async move {
        if let Some(code) = codes.next().await {
            let _ = sender.send(code); // fails if the probing is over, and the program with it
        }
        if let Some(code) = codes.next().await {
            std::process::exit(code.into());
        }
    });
    Ok(receiver)
}

/// The exit code of each signal: 128 and its number, as shells have it.
#[cfg(unix)]
fn codes() -> io::Result<impl Stream<Item = u8> + Send + Unpin> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(stream::select(
        stream::poll_fn(move |context| interrupt.poll_recv(context).map(|got| got.map(|()| 130))),
        stream::poll_fn(move |context| terminate.poll_recv(context).map(|got| got.map(|()| 143))),
    ))
}

/// As on Unix; Windows has Ctrl-C alone.
#[cfg(windows)]
fn codes() -> io::Result<impl Stream<Item = u8> + Send + Unpin> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(stream::poll_fn(move |context| {
        interrupt.poll_recv(context).map(|got| got.map(|()| 130))
    }))
}
