//! The ways of counting that are compared.

use atomics_counter::counter::Counter;
use atomics_counter::sharded_counter::ShardedCounter;
use std::fmt;
use std::hint::black_box;
// Relaxed everywhere, as in the counters: a count publishes only itself.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// A number that threads increment together.
pub trait Count: Sync {
    /// Adds 1, on the thread with this index.
    fn increment(&self, index: usize);

    fn total(&self) -> u64;

    /// Adds 1 this many times.
    fn increment_many(&self, index: usize, times: u64) {
        for _ in 0..times {
            self.increment(index);
        }
    }
}

/// A way of counting.
#[derive(Clone, Copy)]
pub struct Way {
    name: &'static str,
    start: fn(usize) -> Box<dyn Count>,
}

impl Way {
    /// A count at 0, for this many threads.
    pub fn start(self, threads: usize) -> Box<dyn Count> {
        (self.start)(threads)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

/// The ways that lose no increment.
pub const EXACT: [Way; 7] = [
    Way {
        name: "Mutex",
        start: |_| Box::new(Mutex::new(0)),
    },
    Way {
        name: "one atomic fetch_add",
        start: |_| Box::new(Counter::new()),
    },
    Way {
        name: "compare-exchange loop",
        start: |_| Box::new(CompareExchange(AtomicU64::new(0))),
    },
    Way {
        name: "adjacent fetch_add",
        start: |threads| Box::new(PerThread::new(threads, 1)),
    },
    Way {
        name: "padded fetch_add",
        start: |threads| Box::new(PerThread::new(threads, PADDED)),
    },
    Way {
        name: "sharded counter",
        start: |_| Box::new(ShardedCounter::new()),
    },
    Way {
        name: "local then one add",
        start: |_| Box::new(Local(Counter::new())),
    },
];

/// The index of the way with which the others are compared.
pub const ONE_ATOMIC: usize = 1;

/// Loses increments.
pub const BUG: Way = Way {
    name: "load then store (bug)",
    start: |_| Box::new(LoadThenStore(AtomicU64::new(0))),
};

impl Count for Mutex<u64> {
    fn increment(&self, _: usize) {
        // An addition cannot panic half-way, so poison is no problem.
        *self.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    fn total(&self) -> u64 {
        *self.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Count for Counter {
    fn increment(&self, _: usize) {
        self.add(1);
    }

    fn total(&self) -> u64 {
        self.get()
    }
}

struct CompareExchange(AtomicU64);

impl Count for CompareExchange {
    fn increment(&self, _: usize) {
        let Self(count) = self;
        let mut seen = count.load(Relaxed);
        while let Err(newer) = count.compare_exchange_weak(seen, seen + 1, Relaxed, Relaxed) {
            seen = newer;
        }
    }

    fn total(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// An atomic for each thread, the first of every `distance` in a row.
struct PerThread {
    atomics: Vec<AtomicU64>,
    distance: usize,
}

/// 128 bytes, as far as the cells of a `ShardedCounter` are apart: no two share a cache line.
const PADDED: usize = 128 / size_of::<AtomicU64>();

impl PerThread {
    fn new(threads: usize, distance: usize) -> Self {
        let atomics = (0..threads * distance).map(|_| AtomicU64::new(0)).collect();
        Self { atomics, distance }
    }
}

impl Count for PerThread {
    fn increment(&self, index: usize) {
        self.atomics[index * self.distance].fetch_add(1, Relaxed);
    }

    fn total(&self) -> u64 {
        self.atomics.iter().map(|own| own.load(Relaxed)).sum()
    }
}

impl Count for ShardedCounter {
    fn increment(&self, _: usize) {
        self.add(1);
    }

    fn total(&self) -> u64 {
        self.get()
    }
}

struct Local(Counter);

impl Count for Local {
    fn increment(&self, _: usize) {
        self.0.add(1);
    }

    fn total(&self) -> u64 {
        self.0.get()
    }

    fn increment_many(&self, _: usize, times: u64) {
        let mut count = 0;
        for _ in 0..times {
            count += black_box(1); // otherwise the compiler adds `times` in one step
        }
        self.0.add(count);
    }
}

struct LoadThenStore(AtomicU64);

impl Count for LoadThenStore {
    fn increment(&self, _: usize) {
        let seen = self.0.load(Relaxed);
        // `black_box`: otherwise it may be one instruction, which one CPU does not interrupt.
        self.0.store(black_box(seen) + 1, Relaxed);
    }

    fn total(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
