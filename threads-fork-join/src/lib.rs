//! Threads of the standard library and its locks: a thread may borrow, may block and has a stack
//! of its own. Starting and joining one costs some 50 µs.
//!
//! [`fork_join`] is a module: copy the file. All others below are recipes: copy what stands above
//! `fn main`, the rest demonstrates it. Search for what you want to do: each is found by many words.
//!
//! The other mechanisms are in the crates `channels_pipeline`, `futures_async`, `atomics_counter`
//! and `rayon_sum`.

#[doc(alias(
    "scoped threads",
    "thread::scope",
    "scoped thread",
    "a scoped thread panicked",
    "parallel for",
    "parallel map",
    "closure may outlive the current function",
    "borrowed value does not live long enough"
))]
pub mod fork_join;
#[cfg(all(doc, not(doctest)))]
mod recipes;

#[cfg(all(doc, not(doctest)))]
#[doc(inline)]
pub use recipes::*;

/// Compiles and runs the examples of the README, which the modules show too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
