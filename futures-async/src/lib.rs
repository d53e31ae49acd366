//! Thousands of waits on one thread: futures run as tasks with a limit, retried, stopped
//! gracefully.
//!
//! | you want | piece |
//! |---|---|
//! | many futures at most so many at a time, failing fast or stopping gracefully | [`Tasks`] |
//! | another attempt after a failure, with backoff and a deadline | [`Retry`] |
//! | the first success of a few futures | [`first_ok`](first_ok()) |
//!
//! Streams, joins and combinators come from `futures`, which runs on any executor; tasks, timers
//! and sockets from `tokio`, which runs them on one thread or on many. What you want may be shorter
//! than a piece: see the idioms in `examples/`.

pub mod first_ok;
pub mod retry;
pub mod tasks;

pub use first_ok::{NoneOk, first_ok};
pub use retry::{GaveUp, Reason, Retry};
pub use tasks::{Cause, Counts, TaskError, Tasks};
