//! All of them, or the first error, and the rest is gone.
//!
//! Use it when one failure makes the others pointless; with a limit, see `Tasks::fail_fast`.
//! Ends: with all values, in order of the input; or at the first error or panic, once the other
//! tasks have been dropped. If the caller leaves, they are dropped too.
//! Needs: `cargo add tokio --features macros,rt,test-util,time`; `test-util` goes when
//! `start_paused` does.
//!
//! ```text
//! all: Ok([0, 1, 2])
//! an error: Err("no 1"), and the rest is gone
//! a panic: Err("panicked"), and the rest is gone
//! by `try_join!`: Err("no 1"), and a task still runs
//! ```

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

async fn all<T: Send + 'static>(
    futures: impl IntoIterator<Item = impl Future<Output = Result<T, String>> + Send + 'static>,
) -> Result<Vec<T>, String> {
    let mut tasks = JoinSet::new(); // dropped, it aborts its tasks
    for (n, future) in futures.into_iter().enumerate() {
        tasks.spawn(async move { (n, future.await) });
    }
    let mut values = Vec::new();
    while let Some(joined) = tasks.join_next().await {
        let error = match joined {
            Ok((n, Ok(value))) => {
                values.push((n, value));
                continue;
            }
            Ok((_, Err(error))) => error,
            Err(error) if error.is_panic() => "panicked".into(),
            Err(_) => "cancelled".into(), // the runtime shuts down
        };
        tasks.shutdown().await; // aborts, and waits until they are gone
        return Err(error);
    }
    values.sort_unstable_by_key(|&(n, _)| n);
    Ok(values.into_iter().map(|(_, value)| value).collect())
}

// `start_paused`: when every task waits, tokio's clock jumps to the next timer, so this ends at
// once and with exact times. A program of yours leaves it out.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    let alive = Arc::new(());
    let job = |n: u64, what: &'static str| {
        let alive = Arc::clone(&alive);
        async move {
            let _alive = alive;
            sleep(Duration::from_millis(10 * n)).await;
            assert!((n, what) != (1, "a panic"));
            match (n, what) {
                (1, "an error") => Err(format!("no {n}")),
                _ => Ok(n),
            }
        }
    };
    let result = all((0..3).map(|n| job(n, ""))).await;
    assert_eq!(result, Ok(vec![0, 1, 2]));
    println!("all: {result:?}");
    for (what, error) in [("an error", "no 1"), ("a panic", "panicked")] {
        let result = all((0..3).map(|n| job(n, what))).await;
        assert_eq!(result, Err(error.into()));
        assert_eq!(Arc::strong_count(&alive), 1);
        println!("{what}: {result:?}, and the rest is gone");
    }

    // The case that goes wrong: `try_join!` drops the other handles, which stops no task.
    let joined = async |task: JoinHandle<_>| task.await.unwrap_or_else(|e| Err(e.to_string()));
    let (one, two) = (tokio::spawn(job(1, "an error")), tokio::spawn(job(2, "")));
    let result = tokio::try_join!(joined(one), joined(two));
    assert_eq!(result, Err("no 1".into()));
    assert_eq!(Arc::strong_count(&alive), 2);
    println!("by `try_join!`: {result:?}, and a task still runs");
}
