//! Share a map between tasks: which mutex?
//!
//! Use it when each access is short: a lookup, an insertion; for work with awaits see `actor.rs`.
//! Ends: with the tasks. A panic while the lock is held poisons it: here the map is then whole, as
//! each method changes it in one step, and may be used on.
//! Needs: `cargo add tokio --features macros,rt,sync,time`.
//!
//! ```text
//! {"a": 50, "b": 50}
//! a std lock held across an await: the next one would block the thread for ever
//! a tokio lock taken twice by one task: waits for itself
//! ```

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::{JoinSet, yield_now};
use tokio::time::timeout;

/// std's mutex, hidden in methods that are not async: so no guard can live across an await.
#[derive(Clone, Default)]
struct Counts(Arc<Mutex<BTreeMap<&'static str, u32>>>);

impl Counts {
    fn add(&self, key: &'static str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(key).or_default() += 1;
    }

    fn snapshot(&self) -> BTreeMap<&'static str, u32> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.clone()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (counts, mut tasks) = (Counts::default(), JoinSet::new());
    for n in 0..100 {
        let counts = counts.clone();
        tasks.spawn(async move {
            yield_now().await;
            counts.add(["a", "b"][n % 2]);
        });
    }
    assert_eq!(tasks.join_all().await.len(), 100); // it passes a panic on
    println!("{:?}", counts.snapshot());

    // The case that goes wrong. Clippy warns of it, and `tokio::spawn` refuses a future that holds
    // std's guard across an await, as the guard is not `Send`; but `join!` and `block_on` take it.
    let state = Mutex::new(0);
    #[allow(clippy::await_holding_lock)]
    let holder = async {
        let _guard = state.lock().unwrap_or_else(PoisonError::into_inner);
        yield_now().await;
    };
    let other = async { state.try_lock().is_err() }; // `lock` would never return
    let ((), would_block) = tokio::join!(holder, other);
    assert!(would_block);
    println!("a std lock held across an await: the next one would block the thread for ever");

    // tokio's may be held across awaits, which makes it easy to wait for oneself.
    let state = tokio::sync::Mutex::new(0);
    let _guard = state.lock().await;
    let second = timeout(Duration::from_millis(1), state.lock()).await;
    assert!(second.is_err());
    println!("a tokio lock taken twice by one task: waits for itself");
}
