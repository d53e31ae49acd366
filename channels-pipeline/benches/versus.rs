//! `cargo bench -p channels-pipeline`: the pipeline against a plain loop, pariter and rayon, and
//! crossbeam's channel against that of the standard library.
//!
//! Every answer is checked while it is timed. Each run passes 10,000 items: 1 ms is 100 ns per
//! item.

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

/// Rounds of a random number generator per item; each takes some 1.5 ns.
mod rounds_per_item {
    use super::*;

    const ROUNDS: [u64; 6] = [1, 100, 300, 1_000, 3_000, 10_000];

    /// As many for all of them.
    const WORKERS: NonZero<usize> = NonZero::<usize>::MIN.saturating_add(1);

    fn work(item: u64, rounds: u64) -> u64 {
        let mut state = black_box(item) + 1;
        for _ in 0..rounds {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
        }
        state
    }

    /// Times a run that adds up what its items give.
    fn time(bencher: Bencher, rounds: u64, run: impl Fn() -> u64) {
        let expected = (0..ITEMS).fold(0_u64, |sum, item| sum.wrapping_add(work(item, rounds)));
        let bencher = bencher.counter(ItemsCount::new(ITEMS));
        bencher.bench_local(|| assert_eq!(run(), expected));
    }

    fn sum(results: impl Iterator<Item = u64>) -> u64 {
        results.fold(0, u64::wrapping_add)
    }

    #[divan::bench(args = ROUNDS)]
    fn plain_loop(bencher: Bencher, rounds: u64) {
        time(bencher, rounds, || {
            sum((0..ITEMS).map(|item| work(item, rounds)))
        });
    }

    #[divan::bench(args = ROUNDS)]
    fn parallel_map(bencher: Bencher, rounds: u64) {
        time(bencher, rounds, || {
            thread::scope(|scope| {
                let mapping = || |item| work(item, rounds);
                let results = (0..ITEMS).parallel_map(scope, WORKERS, 64, mapping);
                results.map_or(0, sum)
            })
        });
    }

    #[divan::bench(args = ROUNDS)]
    fn parallel_map_unordered(bencher: Bencher, rounds: u64) {
        time(bencher, rounds, || {
            thread::scope(|scope| {
                let mapping = || |item| work(item, rounds);
                let results = (0..ITEMS).parallel_map_unordered(scope, WORKERS, 64, mapping);
                results.map_or(0, sum)
            })
        });
    }

    #[divan::bench(args = ROUNDS)]
    fn pariter(bencher: Bencher, rounds: u64) {
        time(bencher, rounds, || {
            let results = pariter::ParallelMapBuilder::new(0..ITEMS).threads(WORKERS.get());
            sum(results.buffer_size(64).with(move |item| work(item, rounds)))
        });
    }

    #[divan::bench(args = ROUNDS)]
    fn rayon_par_bridge(bencher: Bencher, rounds: u64) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(WORKERS.get());
        let Ok(pool) = pool.build() else { return };
        time(bencher, rounds, || {
            pool.install(|| {
                let results = (0..ITEMS).par_bridge().map(|item| work(item, rounds));
                results.reduce(|| 0, u64::wrapping_add)
            })
        });
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
