//! Threads of the standard library and its locks: a thread may borrow, may block and has a stack
//! of its own. Starting and joining one costs some 50 µs.
//!
//! [`fork_join`] is a module: copy the file. All others below are recipes: copy what stands above
//! `fn main`, the rest demonstrates it. The search finds each by the words for what you want.
//!
//! The other mechanisms have pages of their own:
//! [channels](../channels_pipeline/index.html), [async tasks](../futures_async/index.html),
//! [atomics](../atomics_counter/index.html) and [rayon](../rayon_sum/index.html).

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

// Included, as rustdoc drops the search words of what is re-exported.
#[cfg(all(doc, not(doctest)))]
include!("recipes.rs");

/// Compiles and runs the examples of the README, which the modules show too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
