//! Async tasks with tokio and futures: thousands of waits on one thread. A task costs about a
//! microsecond and a kilobyte.
//!
//! [`tasks`], [`retry`] and [`first_ok`] are modules: copy the file. All others below are recipes:
//! copy what stands above `fn main`, the rest demonstrates it. The search finds each by the words for
//! what you want.
//!
//! Streams, joins and combinators come from `futures`, which runs on any executor; tasks, timers and
//! sockets from `tokio`.
//!
//! The other mechanisms have pages of their own:
//! [threads](../threads_fork_join/index.html), [channels](../channels_pipeline/index.html),
//! [atomics](../atomics_counter/index.html) and [rayon](../rayon_sum/index.html).

#[doc(alias(
    "race",
    "select_ok",
    "happy eyeballs",
    "first success",
    "hedged requests",
    "fallback",
    "RFC 8305"
))]
pub mod first_ok;
#[doc(alias(
    "backoff",
    "exponential backoff",
    "jitter",
    "retry until a deadline",
    "backon",
    "tokio-retry",
    "reconnect",
    "captured variable cannot escape FnMut closure body"
))]
pub mod retry;
#[doc(alias(
    "concurrency limit",
    "JoinSet",
    "semaphore",
    "buffer_unordered",
    "FuturesUnordered",
    "bounded concurrency",
    "fail fast",
    "graceful shutdown",
    "backpressure",
    "results in order",
    "buffered(0) hangs"
))]
pub mod tasks;

// Included, as rustdoc drops the search words of what is re-exported.
#[cfg(all(doc, not(doctest)))]
include!("recipes.rs");

/// The examples of the README, compiled and run, after two that only `tasks` shows.
///
/// An error of `tasks` whose own error is a box:
///
/// ```rust
/// use futures_async::tasks::{Cause, TaskError};
/// use std::error::Error;
///
/// type BoxError = Box<dyn Error + Send + Sync>;
///
/// fn convert(error: TaskError<BoxError>) -> BoxError {
///     match error.cause {
///         Cause::Failed(error) => error,
///         Cause::Panicked(error) => error.into(),
///         Cause::Cancelled => "cancelled".into(), // with anyhow: `anyhow!("cancelled")`
///     }
/// }
/// ```
///
/// The first error ends all:
///
/// ```rust
/// use futures::stream::{self, StreamExt};
/// use std::num::NonZero;
/// use futures_async::tasks::Tasks;
///
/// const LIMIT: NonZero<usize> = NonZero::new(100).unwrap();
///
/// #[tokio::main]
/// async fn main() {
///     let futures = stream::iter(["1", "x", "3"]).map(|text| async { text.parse::<u64>() });
///     let error = Tasks::new(LIMIT, futures).fail_fast().await.unwrap_err();
///     assert_eq!(error.to_string(), "task 1 failed");
/// }
/// ```
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
