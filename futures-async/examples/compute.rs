//! `spawn_blocking`, CPU-bound work, rayon from async.
//!
//! Use it when something takes longer than some 0.1 ms without awaiting:
//! `spawn_blocking` for a call that blocks, rayon for a computation.
//! Ends: with the value, or with the panic as an error. What has begun cannot
//! be aborted: let it look at `is_cancelled`. The end of the runtime waits for
//! `spawn_blocking`, see `does_not_exit.rs`; rayon ends with the process.
//! Needs: `cargo add tokio --features macros,rt,sync`, `cargo add rayon`.
//!
//! ```text
//! on the runtime: the heart stands still
//! with spawn_blocking: the heart beats on
//! with rayon: the heart beats on, the sum is 499500
//! a panic on rayon: an error
//! aborted: spawn_blocking runs to its end
//! the caller leaves: the computation on rayon stops
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::{fs, io, thread};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

/// A call that blocks: up to 512 at once, each on a thread of its own.
pub async fn read_file(path: PathBuf) -> io::Result<String> {
    spawn_blocking(move || fs::read_to_string(path)).await?
}

/// CPU-bound work: on rayon's threads, one per core. Once the caller has left,
/// `is_cancelled` returns true: ask it now and then.
pub async fn on_rayon<T: Send + 'static>(
    compute: impl FnOnce(&dyn Fn() -> bool) -> T + Send + 'static,
) -> thread::Result<T> {
    let (sender, receiver) = oneshot::channel();
    rayon::spawn(move || {
        let is_cancelled = || sender.is_closed();
        if is_cancelled() {
            return; // the caller has left while this waited for a thread
        }
        // In `rayon::spawn`, a panic would abort the process.
        let result = catch_unwind(AssertUnwindSafe(|| compute(&is_cancelled)));
        // If the caller has left, the value is dropped here, which may panic too.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(sender.send(result))));
    });
    receiver.await.unwrap_or_else(|gone| Err(Box::new(gone)))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
    use std::sync::mpsc;
    use tokio::task::yield_now;

    let beats = Arc::new(AtomicU32::new(0)); // nothing but a count
    let heart = Arc::clone(&beats);
    tokio::spawn(async move {
        loop {
            heart.fetch_add(1, Relaxed);
            yield_now().await;
        }
    });
    /// Never ends on the thread of the runtime.
    fn wait_for_beats(beats: &AtomicU32) {
        let before = beats.load(Relaxed);
        while beats.load(Relaxed) < before + 100 {
            thread::yield_now();
        }
    }

    yield_now().await;
    let before = beats.load(Relaxed);
    let sum: u64 = (0..1_000_000).sum();
    assert_eq!((sum, beats.load(Relaxed)), (499_999_500_000, before));
    println!("on the runtime: the heart stands still");

    let for_blocking = Arc::clone(&beats);
    spawn_blocking(move || wait_for_beats(&for_blocking)).await?;
    let source = read_file("no such file".into()).await;
    assert!(source.is_err_and(|error| error.kind() == io::ErrorKind::NotFound));
    println!("with spawn_blocking: the heart beats on");

    let for_rayon = Arc::clone(&beats);
    let sum = on_rayon(move |_| {
        wait_for_beats(&for_rayon);
        (0..1000).sum::<u64>()
    });
    let sum = sum.await.unwrap_or_default();
    assert_eq!(sum, 499_500);
    println!("with rayon: the heart beats on, the sum is {sum}");

    // The case that goes wrong: a panic, or a result that is no longer wanted.
    let panicked = on_rayon(|_| unreachable!("no result")).await;
    assert!(panicked.is_err());
    println!("a panic on rayon: an error");

    let (stop, stopped) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let (begun, has_begun) = oneshot::channel();
    let (flag, is_stopped) = (Arc::clone(&stop), Arc::clone(&stopped));
    let blocking = spawn_blocking(move || {
        let _ = begun.send(());
        while !flag.load(Relaxed) {
            thread::yield_now();
        }
        is_stopped.store(true, Relaxed); // read after it was awaited
    });
    assert!(has_begun.await.is_ok());
    blocking.abort();
    stop.store(true, Relaxed);
    assert!(blocking.await.is_ok());
    assert!(stopped.load(Relaxed));
    println!("aborted: spawn_blocking runs to its end");

    let (ended, end) = mpsc::channel();
    let (begun, has_begun) = oneshot::channel();
    let endless = on_rayon(move |is_cancelled| {
        let _ = begun.send(());
        while !is_cancelled() {
            thread::yield_now();
        }
        ended.send(())
    });
    tokio::select! {
        _ = endless => unreachable!("it has no end"),
        begun = has_begun => assert!(begun.is_ok()), // and the caller leaves
    }
    assert_eq!(end.recv(), Ok(()));
    println!("the caller leaves: the computation on rayon stops");
    Ok(())
}
