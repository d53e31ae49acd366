//! `SeqCst`: when it is needed.
//!
//! Use it when two threads each store one atomic and then load the other's, and
//! at least one must see the other's store: "I go to sleep" against "there is
//! work". For data behind a flag, Release and Acquire are enough: `publish.rs`.
//! If one atomic can hold both, its `swap` or `fetch_add` needs no `SeqCst`.
//! Ends: it never blocks.
//! Needs: std alone.
//!
//! ```text
//! Release and Acquire: both threads may miss the other's store
//! SeqCst: one of them sees it
//! fence(SeqCst): one of them sees it
//! ```

use std::sync::atomic::{AtomicU32, Ordering::*, fence};

/// Stores, then loads what another thread stores. If both threads do that, at
/// least one sees the other's store.
pub fn store_then_load(mine: &AtomicU32, value: u32, theirs: &AtomicU32) -> u32 {
    // There is one order of all `SeqCst` operations. In it, one of the two
    // stores comes first, and the other thread's load comes after both.
    mine.store(value, SeqCst);
    theirs.load(SeqCst)
}

/// The same with a fence, for operations of another ordering, such as a
/// counter's or a queue's. Both threads need one.
pub fn store_fence_load(mine: &AtomicU32, value: u32, theirs: &AtomicU32) -> u32 {
    mine.store(value, Relaxed);
    fence(SeqCst);
    theirs.load(Relaxed)
}

fn main() {
    use std::io::{self, Write};
    use std::time::{Duration, Instant};

    // With Release and Acquire, a store may still be on its way (in the store
    // buffer of the CPU) while the load is done. Whether that happens is up to
    // the machine: two cores must be free. So try until it has, at most 5 s.
    let (mut tries, mut both_missed) = (0, [0; 3]);
    let deadline = Instant::now() + Duration::from_secs(5);
    while both_missed[0] < 20 && Instant::now() < deadline {
        for round in meet_and_try() {
            tries += 1;
            for way in 0..3 {
                both_missed[way] += u32::from(round[way]);
            }
        }
    }
    let [weak, ..] = both_missed;
    let _ = writeln!(io::stderr(), "in {weak} of {tries} tries, both missed it");
    println!("Release and Acquire: both threads may miss the other's store");
    assert_eq!(both_missed[1], 0);
    println!("SeqCst: one of them sees it");
    assert_eq!(both_missed[2], 0);
    println!("fence(SeqCst): one of them sees it");
}

/// The case that goes wrong.
fn store_release_load_acquire(mine: &AtomicU32, value: u32, theirs: &AtomicU32) -> u32 {
    mine.store(value, Release);
    theirs.load(Acquire)
}

/// Two threads meet and then store and load, in each of the three ways, again
/// and again. Returns for each round and way whether both missed the other's
/// store.
fn meet_and_try() -> Vec<[bool; 3]> {
    use std::thread;
    use std::time::{Duration, Instant};

    /// Alone on its cache line: a store to it takes longer.
    #[derive(Default)]
    #[repr(align(128))]
    struct Padded(AtomicU32);

    let ways = [
        store_release_load_acquire,
        store_then_load,
        store_fence_load,
    ];
    let cells: [[Padded; 2]; 3] = Default::default();
    let arrived = Padded::default();
    // If both are on one core, they hardly meet. New threads may get two.
    let end = Instant::now() + Duration::from_millis(10);
    let side = |me: usize| {
        let (mut rounds, mut meetings) = (Vec::new(), 0);
        for round in 1..=1000 {
            let mut missed = [false; 3];
            for way in 0..3 {
                meetings += 1;
                arrived.0.fetch_add(1, Relaxed);
                while arrived.0.load(Relaxed) < 2 * meetings {
                    if Instant::now() > end {
                        return rounds; // the other one is not running
                    }
                }
                let [Padded(mine), Padded(theirs)] = [&cells[way][me], &cells[way][1 - me]];
                missed[way] = ways[way](mine, round, theirs) < round;
            }
            rounds.push(missed);
        }
        rounds
    };
    let mut theirs = Vec::new();
    let mine = thread::scope(|scope| {
        scope.spawn(|| theirs = side(1));
        side(0)
    });
    let mut both = mine;
    both.truncate(theirs.len());
    for (mine, theirs) in both.iter_mut().zip(theirs) {
        for way in 0..3 {
            mine[way] &= theirs[way];
        }
    }
    both
}
