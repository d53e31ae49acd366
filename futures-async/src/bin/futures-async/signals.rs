//! Ctrl-C and SIGTERM, as a future that ends and an exit code.

use futures::channel::oneshot;
use futures::stream::{self, BoxStream, StreamExt};
use std::time::Duration;
use std::{io, process, thread};
use tokio::runtime::Builder;
use tokio::time::timeout;

/// Starts to listen, on a thread and a runtime of their own: a message to a reader that takes nothing
/// blocks the others. The receiver gets the exit code of the first signal; the second one ends the
/// program on the spot, and so does the end of `patience` after the first.
pub fn listen(patience: Duration) -> io::Result<oneshot::Receiver<u8>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let guard = runtime.enter();
    // Without a signal it must not end.
    let mut codes = codes()?.chain(stream::pending());
    drop(guard);
    let (sender, receiver) = oneshot::channel();
    let listen = async move {
        let Some(code) = codes.next().await else {
            return;
        };
        if sender.send(code).is_ok() {
            let second = timeout(patience, codes.next()).await;
            process::exit(second.ok().flatten().unwrap_or(code).into());
        }
        // The probing is over. Where COMMAND takes the place of this program, it must not start any
        // more; elsewhere it runs, and has got the signal, too.
        if cfg!(unix) {
            process::exit(code.into());
        }
    };
    let thread = thread::Builder::new().name("signals".into());
    thread.spawn(move || runtime.block_on(listen))?;
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
