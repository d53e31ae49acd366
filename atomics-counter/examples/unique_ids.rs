//! Unique id generator.
//!
//! Use it when ids may run out. 64-bit ids that are counted up one by one never
//! do: `fetch_add(1, Relaxed)` is enough for those.
//! Ends: `next_id` returns `None` when all ids are given out, and from then on.
//! It never blocks.
//! Needs: std alone.
//!
//! ```text
//! 4 threads got 2000000 ids, each id once
//! no more ids: Some(4294967294) None None
//! fetch_add, then a check: Some(4294967294) None Some(0)
//! ```

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Gives out each id once. It may be a `static`.
pub struct Ids {
    next: AtomicU32,
    end: u32,
}

impl Ids {
    /// `1..u32::MAX`, for example.
    pub const fn new(ids: Range<u32>) -> Self {
        Self {
            next: AtomicU32::new(ids.start),
            end: ids.end,
        }
    }

    /// An id that no thread has, or `None` if there are no more.
    pub fn next_id(&self) -> Option<u32> {
        // Relaxed: the ids differ under any ordering, and publish no data.
        let mut id = self.next.load(Relaxed);
        while id < self.end {
            // Stores only if no thread has taken this id since the load.
            // (`weak` may also fail for no reason, and is faster in a loop.)
            let next = id + 1;
            match self.next.compare_exchange_weak(id, next, Relaxed, Relaxed) {
                Ok(_) => return Some(id),
                Err(newer) => id = newer,
            }
        }
        None
    }
}

fn main() {
    use std::panic::resume_unwind;
    use std::thread;

    const END: u32 = 2_000_000;
    static IDS: Ids = Ids::new(0..END);

    let take_all = || {
        let mut ids = Vec::new();
        while let Some(id) = IDS.next_id() {
            ids.push(id);
        }
        assert_eq!(IDS.next.load(Relaxed), END, "there were more");
        ids
    };
    let mut given = vec![false; END as usize];
    thread::scope(|scope| {
        for handle in [(); 4].map(|()| scope.spawn(take_all)) {
            let ids = handle
                .join()
                .unwrap_or_else(|payload| resume_unwind(payload));
            for id in ids {
                assert!(!given[id as usize], "{id} was given twice");
                given[id as usize] = true;
            }
        }
    });
    assert!(given.iter().all(|&given| given));
    println!("4 threads got {END} ids, each id once");

    // The case that goes wrong: there are no more. `fetch_add` wraps around.
    const LAST: u32 = u32::MAX - 1;
    let ids = Ids::new(LAST..u32::MAX);
    let [first, second, third] = [(); 3].map(|()| ids.next_id());
    assert_eq!([first, second, third], [Some(LAST), None, None]);
    println!("no more ids: {first:?} {second:?} {third:?}");

    let next = AtomicU32::new(LAST);
    let check = |id: u32| (id < u32::MAX).then_some(id);
    let [first, second, third] = [(); 3].map(|()| check(next.fetch_add(1, Relaxed)));
    assert_eq!([first, second, third], [Some(LAST), None, Some(0)]);
    println!("fetch_add, then a check: {first:?} {second:?} {third:?}");
}
