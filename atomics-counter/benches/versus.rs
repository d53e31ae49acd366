//! `cargo bench -p atomics-counter`: every way of counting and of reading, by the number of threads
//! that do it at the same time.
//!
//! divan's times are those of one thread: at the same time on twice the threads, a way does twice
//! as much. Every total is checked once it has been timed.

use atomics_counter::{Counter, ShardedCounter};
use divan::{Bencher, counter::ItemsCount};
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

// The ways of the program, so that its table and this bench measure the same code.
#[path = "../src/ways.rs"]
mod ways;
use ways::Way;

/// With 4 on two cores, threads also wait for a core.
const THREADS: [usize; 3] = [1, 2, 4];

/// At least as many as threads are ever started.
const SHARDS: NonZero<usize> = NonZero::<usize>::MIN.saturating_add(15);

/// Increments that are timed together: enough to keep a core busy for longer than it takes divan to
/// wake the other threads, or they would hardly meet.
const PIECE: u64 = 100_000;

fn main() {
    divan::main();
}

#[divan::bench(args = Way::ALL, threads = THREADS)]
fn increments(bencher: Bencher, way: Way) {
    // Relaxed: it only has to give each thread another index.
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static INDEX: usize = NEXT.fetch_add(1, Relaxed);
    }
    let (count, pieces) = (way.start(SHARDS), Counter::new());
    bencher.counter(ItemsCount::new(PIECE)).bench(|| {
        INDEX.with(|&index| count.increment(index, PIECE));
        pieces.add(1);
    });
    assert!(!way.is_exact() || count.total() == pieces.get() * PIECE);
}

#[divan::bench(args = [Way::Mutex, Way::OneAtomic], threads = THREADS)]
fn reads(bencher: Bencher, way: Way) {
    let count = way.start(SHARDS);
    count.increment(0, PIECE);
    bencher.bench(|| assert_eq!(count.total(), PIECE));
}

#[divan::bench(args = [1, 2, 16, 128], threads = THREADS)]
fn reads_sharded(bencher: Bencher, shards: usize) {
    let count = ShardedCounter::new(NonZero::new(shards).unwrap_or(SHARDS));
    count.add(PIECE);
    bencher.bench(|| assert_eq!(count.get(), PIECE));
}
