//! Call async from sync: `block_on`, "Cannot start a runtime from within".
//!
//! Use it when a library has an async interface only, and the program is sync.
//! Ends: each call when its future does. A panic reaches the caller of `run`,
//! and is an error of `run_all`. Dropping it waits for nothing: its thread then
//! cancels what its calls have spawned, and the end of `main` may come first.
//! Needs: `cargo add tokio --features macros,rt,sync,time`.
//!
//! ```text
//! one call: 42
//! three calls at once: [1, 2, 3]
//! between two calls, a task goes on
//! within async code: panics
//! within async code, from `spawn_blocking`: 42
//! dropped: its tasks are cancelled
//! ```

use std::convert::Infallible;
use std::future::Future;
use std::{io, thread};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinError;

/// One runtime for all calls: a new one for each would close its connections.
pub struct Blocking {
    runtime: Handle,
    /// Nothing is sent: the thread ends when this is dropped.
    _stop: oneshot::Sender<Infallible>,
}

impl Blocking {
    /// Starts a thread, on which what a call has spawned goes on after the call.
    /// Returns the OS error if that fails; `new_multi_thread` would panic.
    pub fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let drive = move || {
            let _: Result<Infallible, _> = runtime.block_on(stopped);
            // Dropped here, the runtime waits for blocking calls: on this thread.
        };
        thread::Builder::new().name("runtime".into()).spawn(drive)?;
        Ok(Self {
            runtime: handle,
            _stop: stop,
        })
    }

    /// Blocks until the future ends. Panics within async code ("Cannot start a
    /// runtime from within a runtime"): there, await the future itself.
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Runs all futures at once; results in input order.
    pub fn run_all<F>(
        &self,
        futures: impl IntoIterator<Item = F>,
    ) -> Vec<Result<F::Output, JoinError>>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let mut tasks = Vec::new();
        for future in futures {
            tasks.push(self.runtime.spawn(future)); // all, before the first wait
        }
        let mut results = Vec::new();
        for task in tasks {
            results.push(self.runtime.block_on(task));
        }
        results
    }
}

fn main() -> io::Result<()> {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    use std::sync::{Arc, mpsc};
    use std::time::Duration;
    use tokio::sync::Barrier;
    use tokio::task::spawn_blocking;
    use tokio::time::{sleep, timeout};

    const MINUTE: Duration = Duration::from_secs(60);

    let client = Arc::new(Blocking::new()?);
    println!("one call: {}", client.run(fetch(42)));
    let all = Arc::new(Barrier::new(3));
    let calls = (1..=3).map(|n| {
        let all = Arc::clone(&all);
        async move {
            // None ends before the others have begun.
            assert!(timeout(Duration::from_secs(5), all.wait()).await.is_ok());
            fetch(n).await
        }
    });
    let results = client.run_all(calls);
    let results: Result<Vec<_>, _> = results.into_iter().collect();
    println!("three calls at once: {:?}", results?);

    let (sender, receiver) = mpsc::channel();
    client.run(async {
        drop(tokio::spawn(async move {
            sleep(Duration::from_millis(5)).await;
            sender.send("done")
        }));
    });
    assert_eq!(receiver.recv(), Ok("done")); // no call is under way
    println!("between two calls, a task goes on");

    // The case that goes wrong: it would block a thread of another runtime.
    let runtime = Builder::new_current_thread().build()?;
    let inner = Arc::clone(&client);
    let nested = runtime.block_on(runtime.spawn(async move { inner.run(fetch(42)) }));
    assert!(nested.is_err_and(|error| error.is_panic()));
    println!("within async code: panics");
    let inner = Arc::clone(&client);
    let answer = runtime.block_on(async { spawn_blocking(move || inner.run(fetch(42))).await })?;
    println!("within async code, from `spawn_blocking`: {answer}");

    let (sender, receiver) = mpsc::channel::<()>();
    let is_over = Arc::new(AtomicBool::new(false));
    let blocking = Arc::clone(&is_over);
    client.run(async {
        spawn_blocking(move || {
            while !blocking.load(Relaxed) {
                thread::yield_now();
            }
        });
        drop(tokio::spawn(async move {
            sleep(MINUTE).await;
            drop(sender);
        }));
    });
    runtime.block_on(async { drop(client) }); // within async code, too
    assert!(receiver.recv().is_err()); // long before the minute is over
    is_over.store(true, Relaxed);
    println!("dropped: its tasks are cancelled");
    Ok(())
}

async fn fetch(n: u32) -> u32 {
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    n
}
