//! The ways of counting that are compared.

use atomics_counter::{Counter, ShardedCounter};
use std::fmt;
use std::hint::black_box;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// One number that several threads increment.
pub trait Count: Sync {
    /// Counts to `increments` one by one, on the thread of this index.
    fn increment(&self, thread: usize, increments: u64);

    /// The number so far.
    fn total(&self) -> u64;
}

/// A way of counting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    Mutex,
    OneAtomic,
    CompareExchange,
    Adjacent,
    Sharded,
    Local,
    LoadThenStore,
}

impl Way {
    /// In the order of the table, which is that of the declaration.
    pub const ALL: [Way; 7] = [
        Way::Mutex,
        Way::OneAtomic,
        Way::CompareExchange,
        Way::Adjacent,
        Way::Sharded,
        Way::Local,
        Way::LoadThenStore,
    ];

    /// Whether it never loses an update.
    pub fn is_exact(self) -> bool {
        self != Way::LoadThenStore
    }

    /// A number of this kind, at 0, for so many threads.
    pub fn start(self, threads: NonZero<usize>) -> Box<dyn Count> {
        match self {
            Way::Mutex => Box::new(Mutex::new(0)),
            Way::OneAtomic => Box::new(Counter::new()),
            Way::CompareExchange => Box::new(CompareExchange(Counter::new())),
            Way::Adjacent => Box::new(Adjacent((0..threads.get()).map(|_| 0.into()).collect())),
            Way::Sharded => Box::new(ShardedCounter::new(threads)),
            Way::Local => Box::new(Local(Counter::new())),
            Way::LoadThenStore => Box::new(LoadThenStore(AtomicU64::new(0))),
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        // Without commas or quotes, which would have to be escaped in CSV; `pad` aligns.
        f.pad(match self {
            Way::Mutex => "Mutex",
            Way::OneAtomic => "one atomic fetch_add",
            Way::CompareExchange => "compare-exchange loop",
            Way::Adjacent => "adjacent atomics",
            Way::Sharded => "sharded counter",
            Way::Local => "local then one add",
            Way::LoadThenStore => "load then store (bug)",
        })
    }
}

impl Count for Mutex<u64> {
    fn increment(&self, _thread: usize, increments: u64) {
        for _ in 0..increments {
            // Poison would mean a panic between two states; an addition has nothing in between.
            *self.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        }
    }

    fn total(&self) -> u64 {
        *self.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Count for Counter {
    fn increment(&self, _thread: usize, increments: u64) {
        for _ in 0..increments {
            self.add(1);
        }
    }

    fn total(&self) -> u64 {
        self.get()
    }
}

struct CompareExchange(Counter);

impl Count for CompareExchange {
    fn increment(&self, _thread: usize, increments: u64) {
        for _ in 0..increments {
            self.0.saturating_add(1);
        }
    }

    fn total(&self) -> u64 {
        self.0.get()
    }
}

/// A counter per thread, but eight of them on one cache line: false sharing.
struct Adjacent(Vec<AtomicU64>);

impl Count for Adjacent {
    fn increment(&self, thread: usize, increments: u64) {
        let own = &self.0[thread];
        for _ in 0..increments {
            own.fetch_add(1, Relaxed); // a plain count
        }
    }

    fn total(&self) -> u64 {
        self.0.iter().map(|own| own.load(Relaxed)).sum() // as above
    }
}

impl Count for ShardedCounter {
    fn increment(&self, _thread: usize, increments: u64) {
        for _ in 0..increments {
            self.add(1);
        }
    }

    fn total(&self) -> u64 {
        self.get()
    }
}

struct Local(Counter);

impl Count for Local {
    fn increment(&self, _thread: usize, increments: u64) {
        let mut count = 0;
        for _ in 0..increments {
            // Without `black_box` the compiler makes the loop one addition of `increments`.
            count += black_box(1);
        }
        self.0.add(count);
    }

    fn total(&self) -> u64 {
        self.0.get()
    }
}

struct LoadThenStore(AtomicU64);

impl Count for LoadThenStore {
    fn increment(&self, _thread: usize, increments: u64) {
        for _ in 0..increments {
            // No ordering would help: what others store in between is overwritten.
            self.0.store(self.0.load(Relaxed) + 1, Relaxed);
        }
    }

    fn total(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
