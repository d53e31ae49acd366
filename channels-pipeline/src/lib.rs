//! Channels between threads: items move from one to the next, and nothing is shared.
//!
//! For work on items that arrive over time, in bounded memory, which ends whatever fails.
//!
//! | you want | piece | it promises |
//! |---|---|---|
//! | to read ahead, to map items on several threads | [`PipelineExt`] of [`pipeline`] | input order, if asked for; a bound; the first error or panic in order |
//!
//! Pieces are files to copy; so are the idioms, whole programs of one screen in `examples/`:
//!
//! | you want to | idiom |
//! |---|---|
//! | have a pool with `submit` | `worker_pool.rs` |
//! | stop on Ctrl-C, and finish what was begun | `ctrl_c.rs` |
//! | wait for several channels, until a deadline | `select_deadline.rs` |
//! | ask a thread, and get an answer | `ask_and_answer.rs` |
//! | make batches, by number or by time | `batch.rs` |
//! | have many producers and one consumer | `fan_in.rs` |
//! | drop what does not fit, and count it | `drop_when_full.rs` |
//! | do at most so many per second | `rate_limit.rs` |
//! | send every message to all subscribers | `broadcast.rs` |
//! | do a parallel job with its output in order | `numbered_grep.rs` |

pub mod pipeline;

pub use pipeline::PipelineExt;
