//! `cargo bench -p channels-pipeline`: the pipeline against its sequential twin, and crossbeam's
//! channel against that of the standard library.
//!
//! Every answer is checked while it is timed. Each run passes 10,000 items: 1 ms is 100 ns per
//! item.

use channels_pipeline::{Pipeline, Report};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use std::convert::Infallible;
use std::num::NonZero;
use std::ops::ControlFlow;
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

    fn work(item: u64, rounds: u64) -> u64 {
        let mut state = item + 1;
        for _ in 0..rounds {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
        }
        state
    }

    /// Times a run that adds up what its items give.
    fn time(bencher: Bencher, rounds: u64, run: impl Fn(&mut u64)) {
        let expected = (0..ITEMS).fold(0_u64, |sum, item| sum.wrapping_add(work(item, rounds)));
        bencher.counter(ItemsCount::new(ITEMS)).bench_local(|| {
            let mut sum = 0;
            run(&mut sum);
            assert_eq!(sum, expected);
        });
    }

    /// Two workers, with room for 64 items besides.
    fn time_pipeline<F>(bencher: Bencher, rounds: u64, run: F)
    where
        F: Fn(&Pipeline, &(dyn Fn(u64) -> Item + Sync), &mut dyn FnMut(u64) -> Flow) -> Outcome,
    {
        let pipeline = Pipeline::new(NonZero::new(2).unwrap_or(NonZero::<usize>::MIN), 64);
        time(bencher, rounds, |sum| {
            let stage = |item| Ok(work(black_box(item), rounds));
            let mut sink = |result| {
                *sum = sum.wrapping_add(result);
                Flow::Continue(())
            };
            assert!(run(&pipeline, &stage, &mut sink).is_ok());
        });
    }

    type Item = Result<u64, Infallible>;
    type Flow = ControlFlow<()>;
    type Outcome = Result<Report, Infallible>;

    #[divan::bench(args = ROUNDS)]
    fn plain_loop(bencher: Bencher, rounds: u64) {
        time(bencher, rounds, |sum| {
            for item in 0..ITEMS {
                *sum = sum.wrapping_add(work(black_box(item), rounds));
            }
        });
    }

    #[divan::bench(args = ROUNDS)]
    fn run_sequential(bencher: Bencher, rounds: u64) {
        time_pipeline(bencher, rounds, |pipeline, stage, sink| {
            pipeline.run_sequential((0..ITEMS).map(Ok), stage, sink)
        });
    }

    #[divan::bench(args = ROUNDS)]
    fn run_ordered(bencher: Bencher, rounds: u64) {
        time_pipeline(bencher, rounds, |pipeline, stage, sink| {
            pipeline.run((0..ITEMS).map(Ok), stage, sink)
        });
    }

    #[divan::bench(args = ROUNDS)]
    fn run_unordered(bencher: Bencher, rounds: u64) {
        time_pipeline(bencher, rounds, |pipeline, stage, sink| {
            pipeline
                .clone()
                .unordered()
                .run((0..ITEMS).map(Ok), stage, sink)
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
