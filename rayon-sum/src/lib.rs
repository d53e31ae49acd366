//! Rayon: parallel iterators over what is in memory, on a pool of threads that steal work from each
//! other.
//!
//! [`exact_sum`] and [`reproducible_sum`] are modules: copy the file. All others below are recipes:
//! copy what stands above `fn main`, the rest demonstrates it. The search finds each by the words for
//! what you want.
//!
//! Work that waits, for files, sockets or locks, blocks the threads of the pool, of which there are
//! as many as cores. For that, take threads or async tasks.
//!
//! The other mechanisms have pages of their own:
//! [threads](../threads_fork_join/index.html), [channels](../channels_pipeline/index.html),
//! [async tasks](../futures_async/index.html) and [atomics](../atomics_counter/index.html).

#[doc(alias(
    "sum",
    "parallel sum",
    "integer overflow",
    "attempt to add with overflow",
    "i128",
    "checked_add",
    "widening sum"
))]
pub mod exact_sum;
#[doc(alias(
    "float sum",
    "deterministic",
    "non-deterministic float sum",
    "reproducible",
    "Kahan",
    "Kahan summation",
    "Neumaier",
    "compensated summation",
    "floating point",
    "dot product",
    "par_chunks",
    "fold_chunks"
))]
pub mod reproducible_sum;

// Included, as rustdoc drops the search words of what is re-exported.
#[cfg(all(doc, not(doctest)))]
include!("recipes.rs");

/// Compiles and runs the examples of the README, which the modules show too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
