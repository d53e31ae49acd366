//! Sums of slices in parallel with [rayon], the pool of threads that steal work from each
//! other: integers exactly, floats with the same bits on every run.
//!
//! rayon is for computing on what is in memory already. Work that waits, for files, sockets or
//! locks, blocks its threads, of which there are as many as cores.
//!
//! | you want | piece | it promises |
//! |---|---|---|
//! | to add up integers | [`exact_sum()`] | the true sum, as `i128`, of values of at most 64 bits |
//! | to add up floats | [`reproducible_sum()`] | the same bits in any pool |
//! | the running sum behind it | [`CompensatedSum`], in the same file | what rounding takes away is added back |
//!
//! Pieces are files to copy; so are the idioms, whole programs of one screen in `examples/`:
//!
//! | you want to | idiom |
//! |---|---|
//! | map in parallel, with an error | `fallible_map.rs` |
//! | choose how many threads | `pool_size.rs` |
//! | stop early | `cancel.rs` |
//! | count into buckets | `histogram.rs` |
//! | use one buffer for many items | `scratch.rs` |
//! | change and sort a vector | `in_place.rs` |
//! | divide and conquer | `recursion.rs` |

pub mod exact_sum;
pub mod reproducible_sum;

pub use exact_sum::exact_sum;
pub use reproducible_sum::{CompensatedSum, reproducible_sum};
