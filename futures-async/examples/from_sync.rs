//! Call async code from sync code.
//!
//! Use it when a library has an async interface only, and the program has none.
//! Ends: each call when its future does; a panic goes on to the caller, or is the error of
//! `fetch_all`, whose other fetches go on. Dropping the client cancels what its calls have spawned.
//! Needs: `cargo add tokio --features macros,rt,rt-multi-thread,time`.
//!
//! ```text
//! one: 42
//! several at once: [1, 2, 3]
//! from async code: panics
//! from `spawn_blocking`: 42
//! ```

use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::sleep;

async fn fetch(n: u32) -> u32 {
    sleep(Duration::from_millis(1)).await;
    n
}

/// One runtime for all calls: each of its own would take long to start, and close its connections.
struct Client(Runtime);

impl Client {
    fn new() -> io::Result<Self> {
        // A thread of its own, or what a call has spawned would stand still between the calls.
        let mut runtime = Builder::new_multi_thread();
        Ok(Self(runtime.worker_threads(1).enable_all().build()?))
    }

    /// Blocks. Panics inside of async code; there, await `fetch` itself.
    fn fetch(&self, n: u32) -> u32 {
        self.0.block_on(fetch(n))
    }

    fn fetch_all(&self, numbers: &[u32]) -> Result<Vec<u32>, JoinError> {
        let tasks: Vec<_> = numbers.iter().map(|&n| self.0.spawn(fetch(n))).collect();
        let values = tasks.into_iter().map(|task| self.0.block_on(task));
        values.collect()
    }
}

fn main() -> io::Result<()> {
    let client = Arc::new(Client::new()?);
    println!("one: {}", client.fetch(42));
    println!("several at once: {:?}", client.fetch_all(&[1, 2, 3])?);

    // The case that goes wrong: below somebody else's runtime, whose thread it would block.
    let runtime = Builder::new_current_thread().build()?;
    let inner = Arc::clone(&client);
    let nested = runtime.block_on(runtime.spawn(async move { inner.fetch(42) }));
    assert!(nested.is_err_and(|error| error.is_panic()));
    println!("from async code: panics");
    let inner = Arc::clone(&client);
    let answer = runtime.block_on(async { spawn_blocking(move || inner.fetch(42)).await })?;
    println!("from `spawn_blocking`: {answer}");
    // Dropped inside of async code a runtime panics, too, as that waits for its threads. Here the
    // last `Arc` is ours.
    assert!(Arc::into_inner(client).is_some());
    Ok(())
}
