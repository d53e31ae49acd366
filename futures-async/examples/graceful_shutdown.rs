//! Graceful shutdown: Ctrl-C/SIGTERM, finish, give up after a while.
//!
//! Use it when a server should finish what it has begun. For the tasks of one
//! stream, use `tasks.rs`; for a whole server, see `tcp_server.rs`.
//! Ends: `serve` when the connections have ended, at the latest `grace` after
//! the stop. If `serve` is dropped, so are they. A connection that never awaits
//! cannot be dropped; a panic ends its own connection. A second signal changes
//! nothing: see `tcp_server.rs`.
//! Needs: `cargo add tokio --features io-util,macros,net,rt,signal,time`,
//! `cargo add tokio-util --features rt`.
//!
//! ```text
//! SIGTERM
//! an idle client: let go; a busy one: answered
//! new clients: refused
//! a stuck one: given up after the grace period
//! a stop beside 10 waiting clients: none of them is accepted
//! `serve` is dropped: its connections are, too
//! ```

use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Between two attempts to accept if one fails.
const PAUSE: Duration = Duration::from_millis(100);

/// Ready at Ctrl-C or SIGTERM: from the call on, they do not end the process.
#[cfg(unix)]
pub fn ctrl_c_or_sigterm() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
    })
}

/// Ready at Ctrl-C: from the call on, it does not end the process.
#[cfg(windows)]
pub fn ctrl_c_or_sigterm() -> io::Result<impl Future<Output = ()>> {
    let mut ctrl_c = tokio::signal::windows::ctrl_c()?;
    Ok(async move { _ = ctrl_c.recv().await })
}

/// Serves until `stop` is ready, and then waits up to `grace` for the
/// connections to end. Returns how many it has given up.
///
/// A connection gets a token that is cancelled at the stop: if it is idle then,
/// it should end. Do its work in the future: a panic or a wait of `connection`
/// itself holds up all.
pub async fn serve<F>(
    listener: TcpListener,
    stop: impl Future<Output = ()>,
    grace: Duration,
    connection: impl Fn(TcpStream, CancellationToken) -> F,
) -> usize
where
    F: Future<Output: Send> + Send + 'static,
{
    let (stopping, give_up) = (CancellationToken::new(), CancellationToken::new());
    let _on_drop = give_up.clone().drop_guard();
    let connections = TaskTracker::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            biased; // the stop first, however many clients are waiting
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let connection = connection(stream, stopping.clone());
                let give_up = give_up.clone();
                connections.spawn(async move { give_up.run_until_cancelled(connection).await });
            }
            // Too many open files, or a client that has left: no reason to stop.
            Err(_) => tokio::select! {
                () = &mut stop => break,
                () = sleep(PAUSE) => {}
            },
        }
    }
    drop(listener); // from now on, clients are refused
    stopping.cancel();
    connections.close();
    if timeout(grace, connections.wait()).await.is_ok() {
        return 0;
    }
    let given_up = connections.len();
    give_up.cancel(); // each is dropped where it awaits
    connections.wait().await;
    given_up
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    use std::future::{pending, ready};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::Instant;

    const GRACE: Duration = Duration::from_millis(300);

    /// Answers each byte: `s` never, others after a moment.
    async fn answer(
        mut stream: TcpStream,
        stopping: CancellationToken,
        begun: Arc<AtomicUsize>,
    ) -> io::Result<()> {
        loop {
            begun.fetch_add(1, Relaxed);
            let request = tokio::select! {
                () = stopping.cancelled() => return Ok(()),
                request = stream.read_u8() => request?,
            };
            begun.fetch_add(1, Relaxed);
            if request == b's' {
                pending::<()>().await;
            }
            stopping.cancelled().await; // as if it took until then
            stream.write_u8(request).await?;
        }
    }

    if cfg!(unix) {
        let early = ctrl_c_or_sigterm()?;
        terminate_myself()?; // before anything awaits it
        early.await;
    }
    let signal = ctrl_c_or_sigterm()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let begun = Arc::new(AtomicUsize::new(0));
    let (count, no_signals) = (Arc::clone(&begun), CancellationToken::new());
    let fallback = no_signals.clone();
    let server = tokio::spawn(async move {
        let stop = async {
            tokio::select! { () = signal => {}, () = fallback.cancelled() => {} }
        };
        let connection = |stream, stopping| answer(stream, stopping, Arc::clone(&count));
        let given_up = serve(listener, stop, GRACE, connection).await;
        assert_eq!(Arc::strong_count(&count), 2); // all connections are gone
        given_up
    });
    let mut idle = TcpStream::connect(address).await?;
    let mut busy = TcpStream::connect(address).await?;
    let mut stuck = TcpStream::connect(address).await?;
    busy.write_u8(b'b').await?;
    stuck.write_u8(b's').await?;
    // All three have begun, and two have read.
    while begun.load(Relaxed) < 5 {
        sleep(Duration::from_millis(1)).await;
    }
    let stopped = Instant::now();
    if cfg!(unix) {
        terminate_myself()?;
    } else {
        no_signals.cancel();
    }
    println!("SIGTERM");

    assert!(idle.read_u8().await.is_err());
    assert_eq!(busy.read_u8().await?, b'b');
    println!("an idle client: let go; a busy one: answered");
    assert!(TcpStream::connect(address).await.is_err());
    println!("new clients: refused");
    // The case that goes wrong: one is stuck, or many come at the last moment.
    assert_eq!(server.await?, 1);
    assert!(stopped.elapsed() >= GRACE);
    assert!(stuck.read_u8().await.is_err());
    println!("a stuck one: given up after the grace period");

    // Ten clients are waiting when the first connection stops it.
    for _ in 0..20 {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let mut clients = Vec::new();
        for _ in 0..10 {
            clients.push(TcpStream::connect(address).await?);
        }
        let (stop, accepted) = (CancellationToken::new(), AtomicUsize::new(0));
        let accept = |_, _| {
            accepted.fetch_add(1, Relaxed);
            stop.cancel();
            ready(())
        };
        serve(listener, stop.cancelled(), GRACE, accept).await;
        assert_eq!(accepted.load(Relaxed), 1);
    }
    println!("a stop beside 10 waiting clients: none of them is accepted");

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut client = TcpStream::connect(listener.local_addr()?).await?;
    let connection = |stream, stopping| answer(stream, stopping, Arc::clone(&begun));
    let serving = serve(listener, pending(), GRACE, connection);
    let idle = sleep(Duration::from_millis(20));
    tokio::select! { _ = serving => unreachable!("nothing stops it"), () = idle => {} }
    assert!(client.read_u8().await.is_err()); // otherwise it waits forever
    println!("`serve` is dropped: its connections are, too");
    Ok(())
}

fn terminate_myself() -> io::Result<()> {
    let command = format!("kill -TERM {}", std::process::id());
    let status = std::process::Command::new("sh")
        .args(["-c", &command])
        .status()?;
    assert!(status.success());
    Ok(())
}
