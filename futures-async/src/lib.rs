//! Thousands of waits on one thread: futures run as tasks with a limit, retried, stopped
//! gracefully.
//!
//! | you want | piece |
//! |---|---|
//! | many futures at most so many at a time, failing fast or stopping gracefully | [`Tasks`], in [`tasks`] |
//! | another attempt after a failure, with backoff and a deadline | [`Retry`], in [`retry`] |
//! | the first success of a few futures | [`first_ok()`] |
//!
//! Streams, joins and combinators come from `futures`, which runs on any executor; tasks, timers
//! and sockets from `tokio`, which runs them on one thread or on many. What you want may be shorter
//! than a piece: an idiom.
//!
//! Pieces are files to copy; so are the idioms, whole programs of one screen in `examples/`:
//!
//! | you want to | idiom |
//! |---|---|
//! | do at most n at a time, and keep the errors | `limit.rs` |
//! | stop accepting, finish, give up after a while | `graceful_shutdown.rs` |
//! | compute or block from async code | `compute.rs` |
//! | have all of them, or the first error, and the rest gone | `first_error.rs` |
//! | give up on a future | `timeout.rs` |
//! | `select!` in a loop without losing data | `select_loop.rs` |
//! | know which `Mutex` to use in async code | `shared_state.rs` |
//! | have one task own the state | `actor.rs` |
//! | call async code from sync code | `from_sync.rs` |
//! | do something every n ms, and skip what was missed | `periodic.rs` |
//! | always have the newest value | `newest_value.rs` |

pub mod first_ok;
pub mod retry;
pub mod tasks;

pub use first_ok::{NoneOk, first_ok};
pub use retry::{GaveUp, Reason, Retry};
pub use tasks::{Cause, Counts, TaskError, Tasks};
