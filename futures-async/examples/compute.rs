//! Compute, or call what blocks, from async code.
//!
//! Use it when something takes longer than some 0.1 ms without awaiting; for much of it see rayon.
//! Ends: with the value, or with the panic as an error. Once begun, it cannot be aborted: give it a
//! flag to look at. The end of the runtime waits for `spawn_blocking`; the end of the process cuts
//! off a thread of its own.
//! Needs: `cargo add tokio --features macros,rt,sync`.
//!
//! ```text
//! on the runtime: the heart stands still
//! in spawn_blocking: the heart beats on
//! aborted: it still runs, until it sees the flag
//! on a thread of its own: Ok(499500)
//! a panic there: no answer
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::thread;
use tokio::sync::oneshot;
use tokio::task::{spawn_blocking, yield_now};

/// For what takes seconds, or for ever: the threads of `spawn_blocking` are for short work.
fn on_a_thread<T: Send + 'static>(
    compute: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<oneshot::Receiver<T>> {
    let (sender, receiver) = oneshot::channel();
    let run = || _ = sender.send(compute()); // fails if nobody waits any more
    thread::Builder::new().name("compute".into()).spawn(run)?;
    Ok(receiver)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let beats = Arc::new(AtomicU32::new(0));
    let heart = Arc::clone(&beats);
    tokio::spawn(async move {
        loop {
            heart.fetch_add(1, Relaxed); // nothing but a count
            yield_now().await;
        }
    });

    yield_now().await;
    let before = beats.load(Relaxed);
    let sum: u64 = (0..1_000_000).sum();
    assert_eq!((sum, beats.load(Relaxed)), (499_999_500_000, before));
    println!("on the runtime: the heart stands still");

    let (stop, (sender, beats_on)) = (Arc::new(AtomicBool::new(false)), oneshot::channel());
    let flag = Arc::clone(&stop);
    let computation = spawn_blocking(move || {
        while beats.load(Relaxed) < before + 100 {} // on the runtime it would never end
        let _ = sender.send(());
        while !flag.load(Relaxed) {} // a part of the work at a time
    });
    assert!(beats_on.await.is_ok());
    println!("in spawn_blocking: the heart beats on");

    // The case that goes wrong: `abort` does not reach it.
    computation.abort();
    assert!(!computation.is_finished());
    println!("aborted: it still runs, until it sees the flag");
    stop.store(true, Relaxed);
    assert!(computation.await.is_ok());

    let sum = on_a_thread(|| (0..1000).sum::<u64>())?.await;
    assert_eq!(sum, Ok(499_500));
    println!("on a thread of its own: {sum:?}");
    let panicked = on_a_thread(move || assert_eq!(before, 0))?.await;
    assert!(panicked.is_err());
    println!("a panic there: no answer");
    Ok(())
}
