//! Sums of slices in parallel with [rayon], the pool of threads that steal work from each
//! other: integers exactly, floats with the same bits on every run.
//!
//! rayon is for computing on what is in memory already. Work that waits, for files, sockets or
//! locks, blocks its threads, of which there are as many as cores.
//!
//! | you want | the piece | what it promises |
//! |---|---|---|
//! | to add up integers | [`exact_sum`](exact_sum()) | the true sum, as `i128`, of values of at most 64 bits |
//! | to add up floats | [`reproducible_sum`](reproducible_sum()) | the same bits in any pool |
//! | the running sum behind it | [`CompensatedSum`] | what rounding takes away is added back |
//!
//! Each piece is one file that can be copied alone. What is too small for a library (the first
//! error, cancelling, a histogram, scratch buffers, ...) is in `examples/`.

pub mod exact_sum;
pub mod reproducible_sum;

pub use exact_sum::exact_sum;
pub use reproducible_sum::{CompensatedSum, reproducible_sum};
