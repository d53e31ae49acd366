//! `try_join_all`, cancel the rest on the first error.
//!
//! Use it when one failure makes the other results worthless. Without tasks,
//! `futures::future::try_join_all(futures).await` is all; with a limit, use
//! `tasks.rs`.
//! Ends: with all values, in input order; or at the first error or panic, once
//! the other tasks are gone. If the caller leaves, they are aborted.
//! Needs: `cargo add futures --no-default-features --features std`,
//! `cargo add tokio --features macros,rt,time`. To run this file, also
//! `cargo add tokio --features test-util`.
//!
//! ```text
//! all: [0, 1, 2]
//! an error: no 1; the rest is gone
//! a panic: "the disk is full"; the rest is gone
//! with try_join_all on futures: no 1; the rest is gone
//! with try_join_all on handles: no 1; 1 task goes on
//! ```

use std::future::Future;
use tokio::task::{JoinError, JoinSet};

/// Runs all futures as tasks. A panic becomes an `E`: `anyhow::Error` and
/// `Box<dyn Error + Send + Sync>` keep its message, `io::Error` does not.
pub async fn try_all<T, E, F>(futures: impl IntoIterator<Item = F>) -> Result<Vec<T>, E>
where
    T: Send + 'static,
    E: From<JoinError> + Send + 'static,
    F: Future<Output = Result<T, E>> + Send + 'static,
{
    let mut tasks = JoinSet::new(); // aborts its tasks when dropped
    for (index, future) in futures.into_iter().enumerate() {
        tasks.spawn(async move { (index, future.await) });
    }
    let mut values = Vec::new();
    while let Some(joined) = tasks.join_next().await {
        let error = match joined {
            Ok((index, Ok(value))) => {
                values.push((index, value));
                continue;
            }
            Ok((_, Err(error))) => error,
            Err(error) => error.into(), // a panic, or the end of the runtime
        };
        tasks.shutdown().await; // aborts, and waits until they are gone
        return Err(error);
    }
    values.sort_unstable_by_key(|&(index, _)| index);
    Ok(values.into_iter().map(|(_, value)| value).collect())
}

// `start_paused`: when every task waits, tokio's clock jumps to the next timer,
// so times are exact. A program of yours leaves it out.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), BoxError> {
    use futures::future::try_join_all;
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::time::sleep;

    // The later ones end first.
    let alive = Arc::new(());
    let job = |n: u64, what: &'static str| {
        let alive = Arc::clone(&alive);
        async move {
            let _alive = alive;
            sleep(Duration::from_millis(30 - 10 * n)).await;
            match (n, what) {
                (1, "error") => Err(BoxError::from("no 1")),
                (1, "panic") => unreachable!("the disk is full"),
                _ => Ok(n),
            }
        }
    };
    let jobs = |what| (0..3).map(move |n| job(n, what));

    println!("all: {:?}", try_all(jobs("")).await?);
    let error = try_all(jobs("error")).await;
    assert_eq!(Arc::strong_count(&alive), 1);
    println!("an error: {}; the rest is gone", text(error));

    let error = text(try_all(jobs("panic")).await);
    assert_eq!(Arc::strong_count(&alive), 1);
    assert!(error.contains("the disk is full"));
    println!("a panic: \"the disk is full\"; the rest is gone");

    let error = try_join_all(jobs("error")).await;
    assert_eq!(Arc::strong_count(&alive), 1);
    let error = text(error);
    println!("with try_join_all on futures: {error}; the rest is gone");

    // The case that goes wrong: dropping a `JoinHandle` stops no task.
    let handles = jobs("error").map(tokio::spawn);
    let joined = handles.map(async |handle| handle.await?);
    let error = text(try_join_all(joined).await);
    assert_eq!(Arc::strong_count(&alive), 2);
    println!("with try_join_all on handles: {error}; 1 task goes on");
    Ok(())
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

fn text(result: Result<Vec<u64>, BoxError>) -> String {
    result.map_or_else(|error| error.to_string(), |values| format!("{values:?}"))
}
