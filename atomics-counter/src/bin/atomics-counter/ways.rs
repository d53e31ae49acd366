//! The ways of counting that are compared.

use atomics_counter::{Counter, ShardedCounter};
use std::fmt;
use std::hint::black_box;
use std::num::NonZero;
// Relaxed throughout, as in the counters: a count publishes only itself.
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
    PaddedAtomics,
    Sharded,
    Local,
    LoadThenStore,
}

impl Way {
    /// Those that lose no update, in the order of the table, which is that of the declaration.
    pub const EXACT: [Way; 7] = [
        Way::Mutex,
        Way::OneAtomic,
        Way::CompareExchange,
        Way::Adjacent,
        Way::PaddedAtomics,
        Way::Sharded,
        Way::Local,
    ];

    /// A number of this kind, at 0, for so many threads.
    pub fn start(self, threads: NonZero<usize>) -> Box<dyn Count> {
        match self {
            Way::Mutex => Box::new(Mutex::new(0)),
            Way::OneAtomic => Box::new(Counter::new()),
            Way::CompareExchange => Box::new(CompareExchange(AtomicU64::new(0))),
            Way::Adjacent => Box::new(PerThread::<Adjacent>::new(threads)),
            Way::PaddedAtomics => Box::new(PerThread::<Padded>::new(threads)),
            Way::Sharded => Box::new(ShardedCounter::new()),
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
            Way::Adjacent => "adjacent fetch_add",
            Way::PaddedAtomics => "padded fetch_add",
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

struct CompareExchange(AtomicU64);

impl Count for CompareExchange {
    fn increment(&self, _thread: usize, increments: u64) {
        for _ in 0..increments {
            let mut seen = self.0.load(Relaxed);
            while let Err(now) = self
                .0
                .compare_exchange_weak(seen, seen + 1, Relaxed, Relaxed)
            {
                seen = now;
            }
        }
    }

    fn total(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// An atomic for each thread.
struct PerThread<A>(Box<[A]>);

/// Side by side, eight of them share a cache line: false sharing.
#[derive(Default)]
struct Adjacent(AtomicU64);

/// Alone on its cache lines, as a cell of a `ShardedCounter`: only the addition differs.
#[derive(Default)]
#[repr(align(128))]
struct Padded(AtomicU64);

impl AsRef<AtomicU64> for Adjacent {
    fn as_ref(&self) -> &AtomicU64 {
        &self.0
    }
}

impl AsRef<AtomicU64> for Padded {
    fn as_ref(&self) -> &AtomicU64 {
        &self.0
    }
}

impl<A: Default> PerThread<A> {
    fn new(threads: NonZero<usize>) -> Self {
        PerThread((0..threads.get()).map(|_| A::default()).collect())
    }
}

impl<A: AsRef<AtomicU64> + Sync> Count for PerThread<A> {
    fn increment(&self, thread: usize, increments: u64) {
        let own = self.0[thread].as_ref();
        for _ in 0..increments {
            own.fetch_add(1, Relaxed);
        }
    }

    fn total(&self) -> u64 {
        self.0.iter().map(|own| own.as_ref().load(Relaxed)).sum()
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
