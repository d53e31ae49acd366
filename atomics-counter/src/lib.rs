//! Counters shared by threads, and how atomics are used right.
//!
//! | counter | one addition | reading | memory |
//! |---|---|---|---|
//! | [`Counter`], in [`counter`] | one atomic addition, on a cache line that all threads want | one load | 8 bytes |
//! | [`ShardedCounter`], in [`sharded_counter`] | a load and a store, on a cache line of the thread's own | a load per cell | 640 bytes, and up to 256 (two cells) for each thread that was alive at the same time and had counted, on any such counter, idle or not |
//!
//! Count locally first: a plain `let mut count` per thread, or per batch, and one [`Counter::add`]
//! at the end beat everything here.
//!
//! # Which of std's tools is for what
//!
//! | you have | use |
//! |---|---|
//! | one number or flag that threads change, and nothing hangs on it | an atomic, `Relaxed` |
//! | data that must change together, or a decision that must still hold a moment later | `Mutex` |
//! | the same, read often and for long, changed seldom | `RwLock` |
//! | a thread that waits until something is so | `Condvar` with a `Mutex`, or a channel |
//! | a value made on first use, or set once at the start | `LazyLock`, `OnceLock` |
//! | data written before a flag and read after it | `Release` store, `Acquire` load |
//! | two threads that each store and then load, of which one must see the other | `SeqCst`, or a `Mutex` |
//!
//! There is no spin lock here: a thread that spins takes its core from the one that it waits for,
//! which may not even be running; and std's `Mutex` spins a little too before it sleeps.
//!
//! # Why not load, then store
//!
//! `count.store(count.load(SeqCst) + 1, SeqCst)` is two operations under any ordering: two threads
//! may both load 0, then both store 1, and one update is lost. `fetch_add` is one indivisible
//! operation; `compare_exchange` stores only if the value is still the one that was loaded. Where one
//! thread alone writes, as to a cell of a [`ShardedCounter`], load and store are right, and faster.
//!
//! Pieces are files to copy; so are the idioms, whole programs of one screen in `examples/`:
//!
//! | you want to | idiom |
//! |---|---|
//! | show the progress of workers | `progress.rs` |
//! | tell a thread to stop | `stop_flag.rs` |
//! | give out ids, none of them twice | `unique_ids.rs` |
//! | keep the maximum ever seen | `high_water_mark.rs` |
//! | fill it in here, read it there | `publish.rs` |
//! | know when `SeqCst` is needed | `store_buffering.rs` |
//! | let threads race to initialise a number, without a lock | `once.rs` |

pub mod counter;
pub mod sharded_counter;

pub use counter::Counter;
pub use sharded_counter::ShardedCounter;
