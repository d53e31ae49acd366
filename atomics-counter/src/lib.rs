//! Atomics: one number or flag that threads share without a lock.
//!
//! [`counter`] and [`sharded_counter`] are modules: copy the file. All others below are recipes: copy
//! what stands above `fn main`, the rest demonstrates it. The search finds each by the words for
//! what you want.
//!
//! # Which ordering? Patterns of atomic operations
//!
//! Each pattern has a name to link to, such as `#stop-flag`, and the weakest ordering that is right.
//!
//! | pattern | operations | why this ordering | file, or what std has |
//! |---|---|---|---|
//! | <a id="counter" href="#counter">Counter</a>, statistics | `fetch_add(1, Relaxed)`, `load(Relaxed)` | nothing else depends on the number; after a join it is exact | [`counter.rs`], [`sharded_counter.rs`] |
//! | <a id="progress" href="#progress">Progress</a> | `fetch_add(1, Relaxed)` after each item | it is only shown; the end is known by a join or a channel | [`progress.rs`] |
//! | <a id="unique-id" href="#unique-id">Unique id</a>, sequence number | `fetch_add(1, Relaxed)` | no two threads get the same number, until it wraps around | [`counter.rs`]; [`unique_ids.rs`] ends before that |
//! | <a id="update" href="#update">Update by a function</a>, CAS loop, `fetch_update` | `load(Relaxed)`; `compare_exchange_weak(seen, new, Relaxed, Relaxed)`, again if it fails | it stores only if the value is still the one seen | [`unique_ids.rs`] |
//! | <a id="maximum" href="#maximum">Maximum</a>, peak | `fetch_max(n, Relaxed)` | as for a counter | [`high_water_mark.rs`] |
//! | <a id="take" href="#take">Take</a>, swap | `swap(0, Relaxed)`; `Acquire` if the value leads to data, which was stored with `Release` | only one thread gets what was there | [`counter.rs`] |
//! | <a id="claim" href="#claim">Claim</a>, test-and-set | `swap(true, Relaxed)` | only the first thread gets `false` | [`publish.rs`] |
//! | <a id="stop-flag" href="#stop-flag">Stop flag</a> | `store(true, Relaxed)`; `load(Relaxed)` in each round | it carries no data; the join hands over results | [`stop_flag.rs`] |
//! | <a id="publish" href="#publish">Publish</a>, ready flag, message passing | write the data, `store(true, Release)`; `load(Acquire)`, read the data | a thread that sees the flag must see the data | [`publish.rs`]; [`OnceLock`], a channel |
//! | <a id="lazy-number" href="#lazy-number">Once</a>: a lazy number | `load(Relaxed)`; if it is 0, `compare_exchange(0, mine, Relaxed, Relaxed)`, and the loser takes what it finds | the number is all there is | [`LazyLock`], [`OnceLock`] |
//! | <a id="lazy-data" href="#lazy-data">Once</a>: lazy data, by pointer or index | the same with `load(Acquire)` and `compare_exchange(0, mine, Release, Acquire)` | a thread that sees the index must see the data | [`LazyLock`], [`OnceLock`] |
//! | <a id="reference-count" href="#reference-count">Reference count</a>, countdown, last one out | `fetch_add(1, Relaxed)`; `fetch_sub(1, Release)`, and after the last one `fence(Acquire)` (or `AcqRel` for each) | the last owner frees or reads the data, after all others have used it | [`Arc`] |
//! | <a id="seqlock" href="#seqlock">Sequence lock</a> (seqlock) | one writer: `store(odd, Relaxed)`, `fence(Release)`, data, `store(even, Release)`; readers: `load(Acquire)`, data, `fence(Acquire)`, `load(Relaxed)`, again if odd or changed | a reader must not mix two writes; the data are atomics too, all `Relaxed` | [`RwLock`] |
//! | <a id="spin-lock" href="#spin-lock">Spin lock</a> | `compare_exchange(false, true, Acquire, Relaxed)`; `store(false, Release)` | do not use one: a spinning thread takes the core from the thread it waits for | [`Mutex`], which spins a little before it sleeps |
//! | <a id="wait" href="#wait">Wait for a change</a> | none | std's atomics cannot block, and a loop of loads takes a core | [`Condvar`], a channel, [`thread::park`] |
//! | <a id="replace" href="#replace">Replace data that others read</a>, RCU, lock-free list | none | an atomic pointer cannot say when the old data may be freed | `RwLock<Arc<T>>`; the crates `arc-swap`, `crossbeam-epoch` |
//! | <a id="store-then-load" href="#store-then-load">Store, then load another</a> (store buffering, Dekker) | `SeqCst` for all four, or `fence(SeqCst)` between the two of each thread | at least one of two threads must see the other | [`store_buffering.rs`] |
//!
//! | ordering | when |
//! |---|---|
//! | `Relaxed` | enough if only the value itself matters, or if a join, a lock or a channel orders the other data |
//! | `Release` to store, `Acquire` to load, `AcqRel` for both at once | enough if what was written before the store is read after the load |
//! | `SeqCst` | needed if threads must agree on the order of operations on several atomics |
//!
//! No ordering makes a store visible sooner. And none helps if a thread loads, adds 1 and stores
//! (`count.store(count.load(SeqCst) + 1, SeqCst)`): two threads may both load 0 and both store 1. Only
//! where one thread alone writes, as to a cell of a sharded counter, this is right, and faster.
//!
//! The orderings are checked: loom (`tests/loom.rs`) explores the interleavings of each pattern that
//! needs more than `Relaxed`, and finds the error if one is weaker. (Of the last pattern, it checks
//! the fences, not the `SeqCst` loads and stores.) On x86, most of these errors never show.
//!
//! # Contention and false sharing
//!
//! Lock-free is not free of waiting: each addition takes the cache line from the core that added last
//! (contention). An addition to another atomic on the same cache line does that, too (false sharing);
//! `#[repr(align(128))]` keeps atomics apart. From fastest to slowest: a local variable and one
//! addition per batch; a [`sharded_counter`]; an atomic per thread, on its own cache line; one atomic.
//! The program of this crate measures them on your machine.
//!
//! The other mechanisms have pages of their own:
//! [threads](../threads_fork_join/index.html), [channels](../channels_pipeline/index.html),
//! [async tasks](../futures_async/index.html) and [rayon](../rayon_sum/index.html).
//!
//! [`counter.rs`]: counter
//! [`sharded_counter.rs`]: sharded_counter
//! [`progress.rs`]: progress
//! [`unique_ids.rs`]: unique_ids
//! [`high_water_mark.rs`]: high_water_mark
//! [`stop_flag.rs`]: stop_flag
//! [`publish.rs`]: publish
//! [`store_buffering.rs`]: store_buffering
//! [`OnceLock`]: std::sync::OnceLock
//! [`LazyLock`]: std::sync::LazyLock
//! [`Arc`]: std::sync::Arc
//! [`RwLock`]: std::sync::RwLock
//! [`Mutex`]: std::sync::Mutex
//! [`Condvar`]: std::sync::Condvar
//! [`thread::park`]: std::thread::park

#[doc(alias(
    "atomic counter",
    "shared counter",
    "global counter",
    "counter across threads",
    "AtomicU64",
    "AtomicUsize",
    "fetch_add",
    "swap",
    "Relaxed",
    "metrics",
    "statistics",
    "static mut",
    "mutable global variable",
    "use of mutable static is unsafe",
    "mutable static",
    "creating a shared reference to mutable static"
))]
pub mod counter;
#[doc(alias(
    "false sharing",
    "contention",
    "cache line",
    "CachePadded",
    "padding",
    "LongAdder",
    "striped counter",
    "per-thread counter",
    "scalable counter"
))]
pub mod sharded_counter;

/// Which ordering? Patterns of atomic operations: the table on the [front page](crate).
#[cfg(all(doc, not(doctest)))]
#[doc(alias(
    "which ordering",
    "atomic ordering",
    "memory ordering",
    "memory order",
    "memory model",
    "atomic patterns",
    "lock-free",
    "loom",
    "seqlock",
    "spin lock",
    "spinlock",
    "reference count",
    "countdown",
    "last one out",
    "RCU",
    "ABA",
    "arc-swap"
))]
pub mod which_ordering {}

// Included, as rustdoc drops the search words of what is re-exported.
#[cfg(all(doc, not(doctest)))]
include!("recipes.rs");

/// Compiles and runs the examples of the README, which the modules show too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
