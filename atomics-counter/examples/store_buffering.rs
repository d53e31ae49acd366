//! When is `SeqCst` needed? When two threads each store and then load what the other one stores.
//!
//! Use it when one of them at least must see the other: "I am done" against "is anybody still at
//! work?". For one flag, or data behind a flag, `Release` and `Acquire` are enough (`publish.rs`).
//! Ends: after a fixed number of rounds.
//! Needs: std alone.
//!
//! ```text
//! Release and Acquire: both may miss the other's store
//! SeqCst: never in 20000 rounds
//! a fence(SeqCst) in between: never in 20000 rounds
//! ```

use std::sync::atomic::{AtomicU32, Ordering::*, fence};
use std::thread;

const ROUNDS: u32 = 20_000;

/// Two threads add 1 at the same time, by `add`, which returns the sum as it sees it. Returns in how
/// many rounds both saw 1, and so neither the total.
fn both_miss(add: impl Fn(&[AtomicU32; 2], usize) -> u32 + Sync) -> usize {
    let rounds: Vec<[AtomicU32; 2]> = (0..ROUNDS).map(|_| Default::default()).collect();
    let arrived = AtomicU32::new(0);
    let run = |me| -> Vec<u32> {
        let chunk = |(chunk, rounds): (u32, &[[AtomicU32; 2]])| {
            arrived.fetch_add(1, Relaxed); // only to meet: nothing is published
            while arrived.load(Relaxed) < 2 * chunk {
                thread::yield_now(); // there may be one core
            }
            rounds
                .iter()
                .map(|cells| add(cells, me))
                .collect::<Vec<_>>()
        };
        (1..).zip(rounds.chunks(500)).flat_map(chunk).collect()
    };
    let mut theirs = Vec::new();
    let mine = thread::scope(|scope| {
        scope.spawn(|| theirs = run(1));
        run(0)
    });
    let sums = mine.into_iter().zip(theirs);
    sums.filter(|&sums| sums == (1, 1)).count()
}

fn main() {
    // Each has a cell of its own, and reads the sum of both, as in a `ShardedCounter`. A store may
    // still wait in the CPU, or be moved by the compiler, while the load of another cell is done.
    let missed = both_miss(|cells, me| {
        cells[me].store(1, Release);
        1 + cells[1 - me].load(Acquire)
    });
    eprintln!("in {missed} of {ROUNDS} rounds neither saw the total"); // on one core, in none
    println!("Release and Acquire: both may miss the other's store");

    // All `SeqCst` operations have one order, the same for all threads: one of the two stores is
    // the first in it, and the other thread's load comes later.
    let missed = both_miss(|cells, me| {
        cells[me].store(1, SeqCst);
        1 + cells[1 - me].load(SeqCst)
    });
    assert_eq!(missed, 0);
    println!("SeqCst: never in {ROUNDS} rounds");

    // Where the operations are not one's own to change.
    let missed = both_miss(|cells, me| {
        cells[me].store(1, Relaxed);
        fence(SeqCst);
        1 + cells[1 - me].load(Relaxed)
    });
    assert_eq!(missed, 0);
    println!("a fence(SeqCst) in between: never in {ROUNDS} rounds");
}
