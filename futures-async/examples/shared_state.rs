//! tokio `Mutex` or std `Mutex`? Guard across await, "future is not `Send`".
//!
//! Use it when tasks share a value (`Counts`, with std's), or something that is
//! used across an await, such as a connection (`Connection`, with tokio's). If
//! its users queue up, give it a task of its own: see `actor.rs`.
//! Ends: a panic poisons std's lock; `Counts` goes on with the other entries. A
//! request that is dropped or fails closes its connection.
//! Needs: `cargo add tokio --features io-util,macros,rt,sync,time`.
//!
//! ```text
//! 100 tasks: {"a": 50, "b": 50}
//! after a panic with the lock held: {"a": 51, "b": 50}
//! 3 tasks on one connection: each has its own answer
//! a request that is dropped midway: no later one gets its answer
//! std's guard across an await: another task would block the thread
//! tokio's lock, taken twice by one task: deadlock
//! ```

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Its methods are not async, so no guard lives across an await: the compiler
/// would say "future cannot be sent between threads safely".
#[derive(Clone, Default)]
pub struct Counts(Arc<Mutex<BTreeMap<String, u32>>>);

impl Counts {
    /// Reads and writes with the lock held; in two steps, an update between
    /// them would be lost.
    pub fn update<R>(&self, key: &str, change: impl FnOnce(&mut u32) -> R) -> R {
        // Poisoned by a panic in `change`; the other entries are as they were.
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(counts.entry(key.to_owned()).or_default())
    }

    /// All counts at one moment.
    pub fn snapshot(&self) -> BTreeMap<String, u32> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.clone()
    }
}

/// A request and its answer belong together, so the lock is held across awaits.
pub struct Connection<S>(tokio::sync::Mutex<Option<S>>);

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Shares a stream, such as a `TcpStream`.
    pub fn new(stream: S) -> Self {
        Self(tokio::sync::Mutex::new(Some(stream)))
    }

    /// Sends two numbers, and reads the answer. The error `NotConnected` means that
    /// an earlier request was dropped, as by a timeout, or has failed.
    pub async fn request(&self, a: u32, b: u32) -> io::Result<u32> {
        let mut connection = self.0.lock().await;
        // Dropped here, a request takes the stream along. Left behind, it would hold
        // half a request, or the answer, and the next one would read that.
        let mut stream = connection.take().ok_or(io::ErrorKind::NotConnected)?;
        stream.write_u32(a).await?;
        stream.write_u32(b).await?;
        stream.flush().await?; // a stream that buffers would keep the request
        let answer = stream.read_u32().await?;
        *connection = Some(stream);
        Ok(answer)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    use std::time::Duration;
    use tokio::io::{BufStream, duplex};
    use tokio::task::{JoinSet, yield_now};
    use tokio::time::timeout;

    let (counts, mut tasks) = (Counts::default(), JoinSet::new());
    for n in 0..100 {
        let counts = counts.clone();
        tasks.spawn(async move {
            yield_now().await;
            counts.update(["a", "b"][n % 2], |count| {
                *count += 1;
                assert!(counts.0.try_lock().is_err(), "the lock is held");
            });
        });
    }
    assert_eq!(tasks.join_all().await.len(), 100); // re-raises a panic
    println!("100 tasks: {:?}", counts.snapshot());

    let panicking = counts.clone();
    let task = tokio::spawn(async move { panicking.update("c", |_| unreachable!("at c")) });
    assert!(task.await.is_err());
    assert!(counts.0.is_poisoned());
    counts.update("a", |count| *count += 1);
    let mut counts = counts.snapshot();
    assert_eq!(counts.remove("c"), Some(0));
    println!("after a panic with the lock held: {counts:?}");

    let (here, mut peer) = duplex(1);
    tokio::spawn(async move {
        loop {
            let (a, b) = (peer.read_u32().await?, peer.read_u32().await?);
            peer.write_u32(a * b).await?;
        }
        #[allow(unreachable_code)]
        io::Result::Ok(())
    });
    let connection = Arc::new(Connection::new(BufStream::new(here)));
    let mut tasks = JoinSet::new();
    for n in 1..=3 {
        let connection = Arc::clone(&connection);
        tasks.spawn(async move { (n, connection.request(n, 10).await) });
    }
    for (n, answer) in tasks.join_all().await {
        assert_eq!(answer?, n * 10);
    }
    println!("3 tasks on one connection: each has its own answer");

    // The case that goes wrong: a request is dropped, or a guard lives too long.
    tokio::select! {
        biased;
        _ = connection.request(1, 10) => unreachable!("the peer had no turn"),
        () = async {} => {} // drops it once it was polled, as a timeout would
    }
    let next = connection.request(2, 10).await;
    assert!(next.is_err_and(|error| error.kind() == io::ErrorKind::NotConnected));
    println!("a request that is dropped midway: no later one gets its answer");

    // `spawn` would reject this future; `join!` and `block_on` take it, and clippy
    // warns.
    let state = Mutex::new(0);
    #[allow(clippy::await_holding_lock)]
    let holder = async {
        let _guard = state.lock().unwrap_or_else(PoisonError::into_inner);
        yield_now().await;
    };
    let other = async { state.try_lock().is_err() }; // `lock` would block
    let ((), would_block) = tokio::join!(biased; holder, other);
    assert!(would_block);
    println!("std's guard across an await: another task would block the thread");

    let state = tokio::sync::Mutex::new(0);
    let _guard = state.lock().await;
    let second = timeout(Duration::from_millis(20), state.lock()).await;
    assert!(second.is_err());
    println!("tokio's lock, taken twice by one task: deadlock");
    Ok(())
}
