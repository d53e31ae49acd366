//! Ctrl-C and SIGTERM, as a future that ends and an exit code.

use futures::channel::oneshot;
use futures::stream::{self, BoxStream, StreamExt};
use std::io;

/// Starts to listen. The receiver gets the exit code of the first signal; the second one ends the
/// program on the spot.
pub fn listen() -> io::Result<oneshot::Receiver<u8>> {
    // Without a signal it must not end.
    let mut codes = codes()?.chain(stream::pending());
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
fn codes() -> io::Result<impl StreamExt<Item = u8> + Send + Unpin> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut codes: Vec<BoxStream<u8>> = Vec::new();
    for (kind, code) in [
        (SignalKind::interrupt(), 130),
        (SignalKind::terminate(), 143),
    ] {
        if is_ignored(kind.as_raw_value()) {
            continue;
        }
        let mut signals = signal(kind)?;
        let signals = stream::poll_fn(move |context| signals.poll_recv(context));
        codes.push(signals.map(move |()| code).boxed());
    }
    Ok(stream::select_all(codes))
}

/// Whether whoever started this program wants a signal to be ignored, as shells do with Ctrl-C for
/// what they run in the background.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    // Linux tells, a bit for each signal from the first on; elsewhere no file does, and `std` not
    // either.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    ignored.is_some_and(|bits| bits >> (signal - 1) & 1 == 1)
}

/// As on Unix; Windows has Ctrl-C alone.
#[cfg(windows)]
fn codes() -> io::Result<BoxStream<'static, u8>> {
    let mut interrupts = tokio::signal::windows::ctrl_c()?;
    let interrupts = stream::poll_fn(move |context| interrupts.poll_recv(context));
    Ok(interrupts.map(|()| 130).boxed())
}
