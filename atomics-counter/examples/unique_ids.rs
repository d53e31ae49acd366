//! Ids that are never given twice, from any thread: a compare-exchange that stops at the limit.
//!
//! Use it when the ids may run out; 64 bits counted up one by one do not, and `Counter::add` or a
//! plain `fetch_add` is enough.
//! Ends: nobody waits. When all ids are given, every call returns `None`, for ever.
//! Needs: std alone.
//!
//! ```text
//! 4 threads got 200 ids, each of them once
//! no more: None None
//! fetch_add gives the first id again: 0 .. 255 0
//! fetch_add and a check give ids again after 256 calls
//! ```

use std::iter;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::thread;

const LIMIT: u8 = 200;

/// An id below the limit that nobody has.
fn next_id(next: &AtomicU8) -> Option<u8> {
    // Relaxed: the ids are different under any ordering, and publish nothing. `fetch_update` is the
    // loop of compare-exchange: it stores only if nobody has taken the id since it was seen, and
    // else looks again. It returns what was there before.
    let count = |id| (id < LIMIT).then_some(id + 1);
    next.fetch_update(Relaxed, Relaxed, count).ok()
}

fn main() {
    let next = AtomicU8::new(0);
    let mut ids = [(); 4].map(|()| Vec::new());
    thread::scope(|scope| {
        for ids in &mut ids {
            scope.spawn(|| ids.extend(iter::from_fn(|| next_id(&next))));
        }
    });
    let mut ids = ids.concat();
    ids.sort_unstable();
    assert_eq!(ids, Vec::from_iter(0..LIMIT));
    println!("4 threads got {} ids, each of them once", ids.len());
    // The case that goes wrong: there are no more.
    assert_eq!([next_id(&next), next_id(&next)], [None, None]);
    println!("no more: None None");

    // Without a limit, `fetch_add` wraps around, in silence.
    let next = AtomicU8::new(0);
    let ids: Vec<_> = (0..257).map(|_| next.fetch_add(1, Relaxed)).collect();
    assert_eq!((ids[0], ids[255], ids[256]), (0, 255, 0));
    println!("fetch_add gives the first id again: 0 .. 255 0");
    // A check afterwards only delays that: each call that is refused counts on.
    let next = AtomicU8::new(0);
    let checked = || Some(next.fetch_add(1, Relaxed)).filter(|&id| id < LIMIT);
    let ids: Vec<_> = (0..257).map(|_| checked()).collect();
    assert_eq!((ids[200], ids[255], ids[256]), (None, None, Some(0)));
    println!("fetch_add and a check give ids again after 256 calls");
}
