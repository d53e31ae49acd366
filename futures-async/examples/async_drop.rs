//! Async cleanup, async `Drop`.
//!
//! Use it when the end of something must be awaited: a goodbye, a flush, a
//! rollback. `Drop` cannot await; it can leave the work to a task.
//! Ends: `close` when the goodbye is sent, or with an error, within `LIMIT`.
//! After a drop (`?`, a panic, a timeout, also of `close`) a task sends it; its
//! errors are lost. A `send` that fails or is dropped ends the connection
//! without a goodbye. Await `cleanup` before the runtime ends.
//! Needs: `cargo add tokio --features io-util,macros,rt,time`,
//! `cargo add tokio-util --features rt`.
//!
//! ```text
//! closed: "hello, goodbye"
//! dropped by `?`: "hello, goodbye"
//! dropped by a timeout: "hello, goodbye"
//! `close` is dropped by a timeout: "hello, goodbye"
//! `send` is dropped by a timeout: "a long m", and no goodbye
//! the peer takes nothing: given up
//! the runtime ends before the cleanup: "hello"
//! ```

use std::io;
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

/// A peer that takes nothing must not hold up the end of the program.
const LIMIT: Duration = Duration::from_millis(200);

/// A connection that says goodbye.
pub struct Session<W: AsyncWrite + Unpin + Send + 'static> {
    /// `None` once it is closed or broken.
    stream: Option<W>,
    /// Of the program: its tasks clean up. Await it at the end of `main`.
    cleanup: TaskTracker,
}

impl<W: AsyncWrite + Unpin + Send + 'static> Session<W> {
    /// When it is dropped, it needs a runtime with its time enabled.
    pub fn new(stream: W, cleanup: &TaskTracker) -> Self {
        let (stream, cleanup) = (Some(stream), cleanup.clone());
        Self { stream, cleanup }
    }

    /// One of the things that it does while it is open.
    pub async fn send(&mut self, text: &str) -> io::Result<()> {
        // Dropped here, it takes the stream along: a goodbye within a message
        // would be wrong.
        let mut stream = self.stream.take().ok_or(io::ErrorKind::NotConnected)?;
        stream.write_all(text.as_bytes()).await?;
        stream.flush().await?;
        self.stream = Some(stream);
        Ok(())
    }

    /// For the normal case: it returns the error.
    pub async fn close(mut self) -> io::Result<()> {
        let stream = self.stream.take().ok_or(io::ErrorKind::NotConnected)?;
        // In a task: it goes on if this future is dropped.
        self.cleanup.spawn(say_goodbye(stream)).await?
    }
}

impl<W: AsyncWrite + Unpin + Send + 'static> Drop for Session<W> {
    fn drop(&mut self) {
        // Outside of a runtime, `spawn` would panic.
        let runtime = tokio::runtime::Handle::try_current();
        if let (Some(stream), Ok(runtime)) = (self.stream.take(), runtime) {
            self.cleanup.spawn_on(say_goodbye(stream), &runtime);
        }
    }
}

async fn say_goodbye(mut stream: impl AsyncWrite + Unpin) -> io::Result<()> {
    let goodbye = async {
        stream.write_all(b", goodbye").await?;
        stream.shutdown().await // flushes first
    };
    timeout(LIMIT, goodbye).await?
}

fn main() -> io::Result<()> {
    use std::future::pending;
    use tokio::io::{AsyncReadExt, BufWriter, DuplexStream, duplex};
    use tokio::runtime::Builder;
    use tokio::time::Instant;

    async fn received(mut peer: DuplexStream) -> io::Result<String> {
        let mut text = String::new();
        peer.read_to_string(&mut text).await?;
        Ok(text)
    }

    let runtime = Builder::new_current_thread().enable_time().build()?;
    let cleanup = TaskTracker::new();
    runtime.block_on(async {
        let (stream, peer) = duplex(100);
        let mut session = Session::new(BufWriter::new(stream), &cleanup);
        session.send("hello").await?;
        session.close().await?;
        assert!(cleanup.is_empty());
        println!("closed: {:?}", received(peer).await?);

        // The case that goes wrong: it is dropped.
        let (stream, peer) = duplex(100);
        let mut session = Session::new(BufWriter::new(stream), &cleanup);
        let fails = async move {
            session.send("hello").await?;
            Err::<(), _>(io::Error::other("no such user"))
        };
        assert!(fails.await.is_err());
        println!("dropped by `?`: {:?}", received(peer).await?);

        let (stream, peer) = duplex(100);
        let mut session = Session::new(BufWriter::new(stream), &cleanup);
        let hangs = async move {
            session.send("hello").await?;
            pending::<io::Result<()>>().await
        };
        assert!(timeout(Duration::from_millis(1), hangs).await.is_err());
        println!("dropped by a timeout: {:?}", received(peer).await?);

        let (stream, peer) = duplex(8);
        let mut session = Session::new(stream, &cleanup);
        session.send("hello").await?;
        let closed = timeout(Duration::from_millis(1), session.close()).await;
        assert!(closed.is_err());
        println!(
            "`close` is dropped by a timeout: {:?}",
            received(peer).await?
        );

        let (stream, peer) = duplex(8);
        let mut session = Session::new(stream, &cleanup);
        let sent = timeout(Duration::from_millis(1), session.send("a long message")).await;
        assert!(sent.is_err());
        drop(session);
        let text = received(peer).await?;
        println!("`send` is dropped by a timeout: {text:?}, and no goodbye");

        let (stream, _peer) = duplex(1);
        let closed = Session::new(stream, &cleanup).close().await;
        assert!(closed.is_err_and(|error| error.kind() == io::ErrorKind::TimedOut));
        let (stream, _peer) = duplex(1);
        drop(Session::new(BufWriter::new(stream), &cleanup));
        let start = Instant::now();
        cleanup.close();
        cleanup.wait().await;
        assert!(start.elapsed() >= LIMIT);
        println!("the peer takes nothing: given up");
        io::Result::Ok(())
    })?;

    let (stream, peer) = duplex(100);
    runtime.block_on(async {
        let mut session = Session::new(BufWriter::new(stream), &cleanup);
        session.send("hello").await
    })?;
    drop(runtime); // and nothing awaits `cleanup`
    let runtime = Builder::new_current_thread().build()?;
    let text = runtime.block_on(received(peer))?;
    println!("the runtime ends before the cleanup: {text:?}");

    drop(Session::new(duplex(1).0, &cleanup)); // no runtime, no goodbye, no panic
    Ok(())
}
