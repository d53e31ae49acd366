//! `cargo bench -p threads-fork-join --features bench`: fork-join against its sequential form,
//! counting words as the program does, and the bare cost of forking and joining.
//!
//! Every answer is checked while it is timed.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use std::{slice, thread};
use threads_fork_join::fork_join::fork_join;

#[allow(dead_code)] // its tests do not run here
#[path = "../src/bin/threads-fork-join/count.rs"]
mod count;

use count::Chunk;

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

/// Times the count of a text of `length` bytes, a line of eight bytes and two words over and over. It
/// is cut into a chunk per core.
fn time(bencher: Bencher, length: usize, count: impl Fn(slice::Chunks<u8>) -> Vec<Chunk>) {
    let text = b"two one\n".repeat(length / 8);
    // Asked once: on Linux, the answer is read from files, which takes some 25 µs.
    let threads = thread::available_parallelism().map_or(1, |cores| cores.get());
    let chunk = length.div_ceil(threads);
    bencher.counter(BytesCount::new(length)).bench_local(|| {
        let chunks = count(black_box(&text).chunks(chunk));
        let whole = chunks.into_iter().fold(Chunk::default(), Chunk::merge);
        assert_eq!(whole.count.words, length as u64 / 4);
    });
}

#[divan::bench(args = LENGTHS)]
fn sequential(bencher: Bencher, length: usize) {
    time(bencher, length, |chunks| chunks.map(Chunk::of).collect());
}

#[divan::bench(args = LENGTHS)]
fn forked_and_joined(bencher: Bencher, length: usize) {
    time(bencher, length, |chunks| {
        fork_join(chunks, Chunk::of).unwrap_or_default() // an error gives a wrong sum
    });
}

/// The bare cost: threads that do nothing.
#[divan::bench(args = [1, 2, 4, 8, 16, 64, 256])]
fn fork_and_join(bencher: Bencher, threads: usize) {
    bencher.bench_local(|| {
        let results = fork_join(0..threads, |chunk| chunk);
        assert_eq!(results.map_or(0, |results| results.len()), threads);
    });
}
