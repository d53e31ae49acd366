//! Channels between threads: items move from one thread to the next, and nothing is shared. For work
//! on items that arrive over time, in bounded memory.
//!
//! [`pipeline`] is a module: copy the file. All others below are recipes: copy what stands above
//! `fn main`, the rest demonstrates it. The search finds each by the words for what you want.
//!
//! The other mechanisms have pages of their own:
//! [threads](../threads_fork_join/index.html), [async tasks](../futures_async/index.html),
//! [atomics](../atomics_counter/index.html) and [rayon](../rayon_sum/index.html).

#[doc(alias(
    "parallel map",
    "parallel_map",
    "ordered",
    "order preserving",
    "backpressure",
    "bounded queue",
    "read ahead",
    "readahead",
    "prefetch",
    "pariter",
    "par_bridge",
    "worker threads",
    "stages",
    "producer consumer",
    "bounded memory",
    "reorder buffer",
    "head-of-line blocking",
    "a scoped thread panicked",
    "closure is expected to take 0 arguments",
    "expected to take 0 arguments",
    "takes 0 arguments",
    "E0593",
    "MutexGuard cannot be sent between threads safely",
    "StdinLock",
    "does not live long enough",
    "cannot move out of a captured variable in an FnMut closure"
))]
pub mod pipeline;

// Included, as rustdoc drops the search words of what is re-exported.
#[cfg(all(doc, not(doctest)))]
include!("recipes.rs");

/// Compiles and runs the README's examples, which also stand in the modules.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
