//! Threads of the standard library: they may borrow, block and have a deep stack, and each costs
//! some 50 µs to start and join.
//!
//! | you want | piece | it promises |
//! |---|---|---|
//! | each piece of some work on a thread of its own | [`fork_join()`] | results in order, all threads joined, the first panic unchanged |
//!
//! Pieces are files to copy; so are the idioms, whole programs of one screen in `examples/`:
//!
//! | you want to | idiom |
//! |---|---|
//! | stop a thread when its owner is dropped | `background_worker.rs` |
//! | share a map between threads | `shared_map.rs` |
//! | change a slice in place, each thread a part of it | `slice_in_place.rs` |
//! | do something periodically, and stop at once | `every_second.rs` |
//! | have results as threads finish | `as_they_finish.rs` |
//! | give up on a blocking call after a while | `give_up.rs` |
//! | wait until something is ready | `wait_until.rs` |
//! | compute something once, on first use | `compute_once.rs` |
//! | replace a configuration that many read | `snapshot.rs` |
//! | recurse deeper than the stack | `big_stack.rs` |
//!
//! Where threads are the wrong choice, the documentation of the pieces says what to use.

pub mod fork_join;

pub use fork_join::fork_join;
