//! `cargo bench -p channels-pipeline --features bench`: the pipeline against a plain loop, pariter
//! and rayon, and crossbeam's channel against the standard library's.
//!
//! Every answer is checked while it is timed. Each run passes 10,000 items: 1 ms is 100 ns per item.

use channels_pipeline::pipeline::PipelineExt;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use rayon::iter::{ParallelBridge, ParallelIterator};
use std::num::NonZero;
use std::thread;
use std::time::Duration;

const ITEMS: u64 = 10_000;

fn main() {
    // Long enough for a median, short enough for all of them.
    let divan = divan::Divan::default().max_time(Duration::from_secs(1));
    divan.config_with_args().main();
}

/// Some work: rounds of a random number generator, each of some 1.5 ns.
fn work(item: u64, rounds: u64) -> u64 {
    let mut state = black_box(item) + 1;
    for _ in 0..rounds {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    state
}

fn sum(results: impl Iterator<Item = u64>) -> u64 {
    results.fold(0, u64::wrapping_add)
}

/// Times a run that adds up what its items give.
fn time(bencher: Bencher, rounds: u64, run: impl Fn() -> u64) {
    let expected = sum((0..ITEMS).map(|item| work(item, rounds)));
    let bencher = bencher.counter(ItemsCount::new(ITEMS));
    bencher.bench_local(|| assert_eq!(run(), expected));
}

fn ordered(workers: usize, capacity: usize, rounds: u64) -> u64 {
    thread::scope(|scope| {
        let workers = NonZero::new(workers).unwrap_or(NonZero::<usize>::MIN);
        let mapping = || |item| work(item, rounds);
        let results = (0..ITEMS).parallel_map(scope, workers, capacity, mapping);
        results.map_or(0, sum)
    })
}

fn unordered(workers: usize, capacity: usize, rounds: u64) -> u64 {
    thread::scope(|scope| {
        let workers = NonZero::new(workers).unwrap_or(NonZero::<usize>::MIN);
        let mapping = || |item| work(item, rounds);
        let results = (0..ITEMS).parallel_map_unordered(scope, workers, capacity, mapping);
        results.map_or(0, sum)
    })
}

fn pariter(workers: usize, capacity: usize, rounds: u64) -> u64 {
    let results = pariter::ParallelMapBuilder::new(0..ITEMS).threads(workers);
    sum(results
        .buffer_size(capacity)
        .with(move |item| work(item, rounds)))
}

fn time_rayon(bencher: Bencher, workers: usize, rounds: u64) {
    let Ok(pool) = rayon::ThreadPoolBuilder::new().num_threads(workers).build() else {
        return;
    };
    time(bencher, rounds, || {
        pool.install(|| {
            let results = (0..ITEMS).par_bridge().map(|item| work(item, rounds));
            results.reduce(|| 0, u64::wrapping_add)
        })
    });
}

/// What an item costs that takes no work itself, by workers and capacity.
mod workers_and_capacity {
    use super::*;

    const SHAPES: [(usize, usize); 3] = [(1, 64), (2, 64), (4, 256)];

    #[divan::bench(args = SHAPES)]
    fn parallel_map(bencher: Bencher, (workers, capacity): (usize, usize)) {
        time(bencher, 1, || ordered(workers, capacity, 1));
    }

    #[divan::bench(args = SHAPES)]
    fn parallel_map_unordered(bencher: Bencher, (workers, capacity): (usize, usize)) {
        time(bencher, 1, || unordered(workers, capacity, 1));
    }

    #[divan::bench(args = SHAPES)]
    fn pariter(bencher: Bencher, (workers, capacity): (usize, usize)) {
        time(bencher, 1, || super::pariter(workers, capacity, 1));
    }

    #[divan::bench(args = SHAPES)]
    fn rayon_par_bridge(bencher: Bencher, (workers, _): (usize, usize)) {
        time_rayon(bencher, workers, 1);
    }
}

/// Two workers, capacity 64, by the work that an item takes.
mod rounds_per_item {
    use super::*;

    const ROUNDS: [u64; 6] = [1, 100, 300, 1_000, 3_000, 10_000];

    #[divan::bench(args = ROUNDS)]
    fn plain_loop(bencher: Bencher, rounds: u64) {
        time(bencher, rounds, || {
            sum((0..ITEMS).map(|item| work(item, rounds)))
        });
    }

    #[divan::bench(args = ROUNDS)]
    fn parallel_map(bencher: Bencher, rounds: u64) {
        time(bencher, rounds, || ordered(2, 64, rounds));
    }

    #[divan::bench(args = ROUNDS)]
    fn parallel_map_unordered(bencher: Bencher, rounds: u64) {
        time(bencher, rounds, || unordered(2, 64, rounds));
    }

    #[divan::bench(args = ROUNDS)]
    fn pariter(bencher: Bencher, rounds: u64) {
        time(bencher, rounds, || super::pariter(2, 64, rounds));
    }

    #[divan::bench(args = ROUNDS)]
    fn rayon_par_bridge(bencher: Bencher, rounds: u64) {
        time_rayon(bencher, 2, rounds);
    }
}

/// From one thread to another, by capacity.
mod capacity {
    use super::*;

    const CAPACITIES: [usize; 4] = [0, 1, 64, 1024];

    fn time(bencher: Bencher, pass: impl Fn() -> u64) {
        bencher
            .counter(ItemsCount::new(ITEMS))
            .bench_local(|| assert_eq!(pass(), (0..ITEMS).sum()));
    }

    #[divan::bench(args = CAPACITIES)]
    fn crossbeam_channel(bencher: Bencher, capacity: usize) {
        time(bencher, || {
            let (sender, receiver) = crossbeam_channel::bounded(capacity);
            thread::scope(|scope| {
                scope.spawn(move || (0..ITEMS).try_for_each(|item| sender.send(item)));
                receiver.into_iter().sum()
            })
        });
    }

    #[divan::bench(args = CAPACITIES)]
    fn std_sync_mpsc(bencher: Bencher, capacity: usize) {
        time(bencher, || {
            let (sender, receiver) = std::sync::mpsc::sync_channel(capacity);
            thread::scope(|scope| {
                scope.spawn(move || (0..ITEMS).try_for_each(|item| sender.send(item)));
                receiver.into_iter().sum()
            })
        });
    }
}
