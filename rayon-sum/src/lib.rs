//! Rayon: parallel iterators over what is in memory, on a pool of threads that steal work from each
//! other.
//!
//! [`exact_sum`] and [`reproducible_sum`] are modules: copy the file. All others below are recipes:
//! copy what stands above `fn main`, the rest demonstrates it. Search for what you want to do: each is
//! found by many words.
//!
//! Work that waits, for files, sockets or locks, blocks the threads of the pool, of which there are
//! as many as cores. For that, and for the other mechanisms, see the crates `threads_fork_join`,
//! `channels_pipeline`, `futures_async` and `atomics_counter`.

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

// Not a module that is re-exported: the search would not find its words.
#[cfg(all(doc, not(doctest)))]
include!("recipes.rs");

/// Compiles and runs the examples of the README, which the modules show too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
