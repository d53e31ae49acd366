//! `cargo bench -p futures-async --features bench`: what a task costs with a limit, against the same without one and
//! against threads.
//!
//! Each wait is as short as can be, to let one other run, so that the cost of waiting is all there
//! is to measure. Every answer is checked while it is timed.

use divan::{Bencher, black_box};
use futures::stream::{self, FuturesUnordered, Stream, StreamExt};
use futures_async::tasks::Tasks;
use std::convert::Infallible;
use std::future::Future;
use std::num::NonZero;
use std::thread;
use tokio::runtime::Builder;
use tokio::task::{JoinSet, yield_now};
use tokio_util::task::AbortOnDropHandle;

const COUNTS: [u64; 4] = [1, 100, 1_000, 10_000];

/// What `--limit` is by default.
const LIMIT: NonZero<usize> = NonZero::new(1000).unwrap();

fn main() {
    divan::main();
}

async fn wait(n: u64) -> Result<u64, Infallible> {
    yield_now().await;
    Ok(black_box(n))
}

fn value<E>(result: Result<u64, E>) -> u64 {
    result.unwrap_or(0)
}

async fn sum(values: impl Stream<Item = u64>) -> u64 {
    values
        .fold(0, |sum, value| async move { sum + value })
        .await
}

/// Times a future that adds up 1 to `count`, on one thread.
fn time<F: Future<Output = u64>>(bencher: Bencher, count: u64, future: impl Fn(u64) -> F) {
    let Ok(runtime) = Builder::new_current_thread().build() else {
        return; // and divan reports that nothing was measured
    };
    bencher.bench_local(|| {
        assert_eq!(runtime.block_on(future(count)), count * (count + 1) / 2);
    });
}

#[divan::bench(args = COUNTS)]
fn a_sequential(bencher: Bencher, count: u64) {
    time(bencher, count, |count| {
        sum(stream::iter(1..=count).then(wait).map(value))
    });
}

#[divan::bench(args = COUNTS)]
fn b_futures_unordered(bencher: Bencher, count: u64) {
    time(bencher, count, |count| {
        let futures: FuturesUnordered<_> = (1..=count).map(wait).collect();
        sum(futures.map(value))
    });
}

#[divan::bench(args = COUNTS)]
fn c_buffer_unordered(bencher: Bencher, count: u64) {
    time(bencher, count, |count| {
        let futures = stream::iter((1..=count).map(wait));
        sum(futures.buffer_unordered(LIMIT.get()).map(value))
    });
}

#[divan::bench(args = COUNTS)]
fn d_join_set(bencher: Bencher, count: u64) {
    time(bencher, count, |count| async move {
        let mut tasks: JoinSet<_> = (1..=count).map(wait).collect();
        let mut sum = 0;
        while let Some(result) = tasks.join_next().await {
            sum += result.map_or(0, value);
        }
        sum
    });
}

/// What is enough for a limit alone.
#[divan::bench(args = COUNTS)]
fn e_spawned_and_buffer_unordered(bencher: Bencher, count: u64) {
    time(bencher, count, |count| {
        let spawn = |n| AbortOnDropHandle::new(tokio::spawn(wait(n)));
        let tasks = stream::iter((1..=count).map(spawn)).buffer_unordered(LIMIT.get());
        sum(tasks.map(|result| result.map_or(0, value)))
    });
}

#[divan::bench(args = COUNTS)]
fn f_tasks(bencher: Bencher, count: u64) {
    time(bencher, count, |count| {
        let futures = stream::iter((1..=count).map(wait));
        sum(Tasks::new(LIMIT, futures).map(value))
    });
}

/// The same consumer on a runtime of two threads, run by `block_on`, and as a task.
#[divan::bench(args = COUNTS)]
fn h_tasks_two_threads_block_on(bencher: Bencher, count: u64) {
    let Ok(runtime) = Builder::new_multi_thread().worker_threads(2).build() else {
        return;
    };
    bencher.bench_local(|| {
        let futures = stream::iter((1..=count).map(wait));
        let all = sum(Tasks::new(LIMIT, futures).map(value));
        assert_eq!(runtime.block_on(all), count * (count + 1) / 2);
    });
}

#[divan::bench(args = COUNTS)]
fn i_tasks_two_threads_spawned(bencher: Bencher, count: u64) {
    let Ok(runtime) = Builder::new_multi_thread().worker_threads(2).build() else {
        return;
    };
    bencher.bench_local(|| {
        let futures = stream::iter((1..=count).map(wait));
        let all = runtime.spawn(sum(Tasks::new(LIMIT, futures).map(value)));
        assert_eq!(runtime.block_on(all).unwrap_or(0), count * (count + 1) / 2);
    });
}

/// Up to 1,000, for not every system allows 10,000.
#[divan::bench(args = &COUNTS[..3])]
fn j_threads(bencher: Bencher, count: u64) {
    bencher.bench_local(|| {
        let wait = |n| {
            thread::spawn(move || {
                thread::yield_now();
                black_box(n)
            })
        };
        let threads: Vec<_> = (1..=count).map(wait).collect();
        let sum: u64 = threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or(0))
            .sum();
        assert_eq!(sum, count * (count + 1) / 2);
    });
}
