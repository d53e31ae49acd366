//! `cargo bench -p threads-fork-join`: fork-join against its sequential twin, counting words as the
//! program does, and the bare cost of forking and joining.
//!
//! Every answer is checked while it is timed.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use std::num::NonZero;
use threads_fork_join::ForkJoin;

#[allow(dead_code)] // its tests do not run here
#[path = "../src/count.rs"]
mod count;

use count::Piece;

fn main() {
    divan::main();
}

/// 1 KiB to 64 MiB.
const LENGTHS: [usize; 9] = [
    1 << 10,
    1 << 12,
    1 << 14,
    1 << 16,
    1 << 18,
    1 << 20,
    1 << 22,
    1 << 24,
    1 << 26,
];

/// Times the count of a text of `length` bytes, a line of eight bytes and two words over and over.
fn time(bencher: Bencher, length: usize, count: impl Fn(&ForkJoin, &[u8]) -> Vec<Piece>) {
    let text = b"two one\n".repeat(length / 8);
    let threads = std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
    let fork_join = ForkJoin::new(threads);
    bencher.counter(BytesCount::new(length)).bench_local(|| {
        let pieces = count(&fork_join, black_box(&text));
        let whole = pieces.into_iter().fold(Piece::default(), Piece::merge);
        assert_eq!(whole.count.words, length as u64 / 4);
    });
}

#[divan::bench(args = LENGTHS)]
fn run_sequential(bencher: Bencher, length: usize) {
    time(bencher, length, |fork_join, text| {
        fork_join.run_sequential(text, Piece::of)
    });
}

#[divan::bench(args = LENGTHS)]
fn run(bencher: Bencher, length: usize) {
    time(bencher, length, |fork_join, text| {
        fork_join.run(text, Piece::of)
    });
}

/// The bare cost: threads that do nothing.
#[divan::bench(args = [1, 2, 4, 8, 16, 64, 256])]
fn fork_and_join(bencher: Bencher, threads: usize) {
    let items: Vec<usize> = (0..threads).collect();
    let fork_join = ForkJoin::new(NonZero::<usize>::MAX);
    bencher.bench_local(|| assert_eq!(fork_join.run(&items, |piece| piece[0]), items));
}
