//! `cargo bench -p atomics-counter`: every way of counting and of reading, by the number of threads
//! that do it at the same time.
//!
//! divan's times are those of one thread: at the same time on twice the threads, a way does twice
//! as much. Every total is checked once it has been timed.

use atomics_counter::{Counter, ShardedCounter};
use divan::{Bencher, counter::ItemsCount};
use std::num::NonZero;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

// The ways of the program, so that its table and this bench measure the same code.
#[path = "../src/bin/atomics-counter/ways.rs"]
mod ways;
use ways::Way;

/// With 4 on two cores, threads also wait for a core.
const THREADS: [usize; 3] = [1, 2, 4];

/// At least as many as threads are ever started.
const MOST_THREADS: NonZero<usize> = NonZero::<usize>::MIN.saturating_add(15);

/// Increments that are timed together: enough to keep a core busy for longer than it takes divan to
/// wake the other threads, or they would hardly meet.
const PIECE: u64 = 100_000;

const ALL: [Way; 8] = {
    let [a, b, c, d, e, f, g] = Way::EXACT;
    [a, b, c, d, e, f, g, Way::LoadThenStore]
};

fn main() {
    divan::main();
}

#[divan::bench(args = ALL, threads = THREADS)]
fn increments(bencher: Bencher, way: Way) {
    // Relaxed: it only has to give each thread another index.
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static INDEX: usize = NEXT.fetch_add(1, Relaxed);
    }
    let (count, pieces) = (way.start(MOST_THREADS), Counter::new());
    bencher.counter(ItemsCount::new(PIECE)).bench(|| {
        INDEX.with(|&index| count.increment(index, PIECE));
        pieces.add(1);
    });
    assert!(way == Way::LoadThenStore || count.total() == pieces.get() * PIECE);
}

#[divan::bench(args = [Way::Mutex, Way::OneAtomic], threads = THREADS)]
fn reads(bencher: Bencher, way: Way) {
    let count = way.start(MOST_THREADS);
    count.increment(0, PIECE);
    bencher.bench(|| assert_eq!(count.total(), PIECE));
}

/// By the number of threads that have added to the counter at the same time.
#[divan::bench(args = [1, 2, 16, 128], threads = THREADS)]
fn reads_sharded(bencher: Bencher, adders: usize) {
    let (count, all_have_added) = (ShardedCounter::new(), Barrier::new(adders));
    thread::scope(|scope| {
        for _ in 0..adders {
            scope.spawn(|| {
                count.add(PIECE);
                all_have_added.wait(); // so that no two have the same cell
            });
        }
    });
    let total = adders as u64 * PIECE;
    bencher.bench(|| assert_eq!(count.get(), total));
}
