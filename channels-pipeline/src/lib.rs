//! Channels between threads: items move from one to the next, and nothing is shared.
//!
//! For work on items that arrive over time, in bounded memory, which ends whatever fails.
//!
//! | you want | take |
//! |---|---|
//! | to map items on several threads, in order or not | [`PipelineExt`] of [`pipeline`] |
//! | to read ahead while items are used | the same |
//! | a pool that jobs are submitted to | `examples/worker_pool.rs` |
//! | to stop on Ctrl-C, and finish what was begun | `examples/ctrl_c.rs` |
//! | to wait for several channels, with a deadline | `examples/select_deadline.rs` |
//! | to ask a thread and get an answer | `examples/ask_and_answer.rs` |
//! | batches, by number or by time | `examples/batch.rs` |
//! | many producers, one consumer | `examples/fan_in.rs` |
//! | a full queue that does not block | `examples/drop_when_full.rs` |
//! | at most so many per second | `examples/rate_limit.rs` |
//! | every subscriber to get every message | `examples/broadcast.rs` |
//! | a parallel job with its output in order | `examples/numbered_grep.rs` |

pub mod pipeline;

pub use pipeline::PipelineExt;
