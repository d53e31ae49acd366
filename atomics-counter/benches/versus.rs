//! `cargo bench -p atomics-counter --features bench`: every way of counting and of reading, by the
//! number of threads that do it at the same time.
//!
//! divan times one thread: on twice the threads at the same time, a way does twice as much. Every
//! total is checked once it has been timed.

use atomics_counter::counter::Counter;
use atomics_counter::sharded_counter::ShardedCounter;
use divan::{Bencher, counter::ItemsCount};
use fast_counter::ConcurrentCounter;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

// The ways of the program, so that its table and this bench measure the same code.
#[path = "../src/bin/atomics-counter/ways.rs"]
mod ways;
use ways::{BUG, EXACT, ONE_ATOMIC, Way};

/// With 4 on two cores, threads also wait for a core.
const THREADS: [usize; 3] = [1, 2, 4];

/// At least as many as threads are ever started.
const MOST_THREADS: usize = 16;

/// Increments that are timed together. They keep a core busy for longer than it takes divan to wake
/// the other threads; otherwise these would hardly meet.
const PIECE: u64 = 100_000;

const ALL: [Way; 8] = {
    let [a, b, c, d, e, f, g] = EXACT;
    [a, b, c, d, e, f, g, BUG]
};

fn main() {
    divan::main();
}

#[divan::bench(args = ALL, threads = THREADS)]
fn increments(bencher: Bencher, way: Way) {
    // Relaxed: it only has to give each thread another index.
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static INDEX: usize = NEXT.fetch_add(1, Relaxed) % MOST_THREADS;
    }
    let (count, pieces) = (way.start(MOST_THREADS), Counter::new());
    bencher.counter(ItemsCount::new(PIECE)).bench(|| {
        INDEX.with(|&index| count.increment_many(index, PIECE));
        pieces.add(1);
    });
    let is_exact = count.total() == pieces.get() * PIECE;
    assert!(is_exact || way.to_string() == BUG.to_string());
}

#[divan::bench(threads = THREADS)]
fn increments_of_fast_counter(bencher: Bencher) {
    let (count, pieces) = (ConcurrentCounter::new(MOST_THREADS), Counter::new());
    bencher.counter(ItemsCount::new(PIECE)).bench(|| {
        for _ in 0..PIECE {
            count.add(1);
        }
        pieces.add(1);
    });
    assert_eq!(count.sum() as u64, pieces.get() * PIECE);
}

#[divan::bench(threads = THREADS)]
fn reads_of_fast_counter(bencher: Bencher) {
    let count = ConcurrentCounter::new(MOST_THREADS);
    count.add(1);
    bencher.bench(|| assert_eq!(count.sum(), 1));
}

#[divan::bench(args = [EXACT[0], EXACT[ONE_ATOMIC]], threads = THREADS)]
fn reads(bencher: Bencher, way: Way) {
    let count = way.start(MOST_THREADS);
    count.increment_many(0, PIECE);
    bencher.bench(|| assert_eq!(count.total(), PIECE));
}

/// By the number of threads that have added to the counter at the same time.
#[divan::bench(args = [1, 2, 4, 8, 16, 128], threads = THREADS)]
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
