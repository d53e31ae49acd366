//! A number that is chosen once, on first use, without a lock: the first compare-exchange wins.
//!
//! Use it when the number is cheap to make and 0 can mean "not yet", as with a random seed or a
//! process-wide setting; else a `OnceLock` or `LazyLock`, which take any type, run the initialiser
//! once, and let the others wait for it.
//! Ends: nobody waits. Threads that race make a number each; all use the first one's.
//! Needs: std alone.
//!
//! ```text
//! two threads made two numbers and use one
//! later calls make none
//! with a store, each uses its own, and one of them is forgotten
//! ```

use std::num::NonZero;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

/// The number, made on first use. `NonZero`, because 0 stands for none.
fn get_or_choose(once: &AtomicU64, choose: impl FnOnce() -> NonZero<u64>) -> u64 {
    // Relaxed: the number is all there is. If it led to other data, as an index does, that data
    // would need a `Release` and an `Acquire` here: better a `OnceLock` then.
    let chosen = once.load(Relaxed);
    if chosen != 0 {
        return chosen;
    }
    let mine = choose().get();
    match once.compare_exchange(0, mine, Relaxed, Relaxed) {
        Ok(_) => mine,
        Err(theirs) => theirs, // they were faster: mine is forgotten
    }
}

fn main() {
    let (once, both_chose) = (AtomicU64::new(0), Barrier::new(2));
    let choose = |number: NonZero<u64>| {
        both_chose.wait(); // both are here before either writes: that is the race
        number
    };
    let race = |get: &(dyn Fn(NonZero<u64>) -> u64 + Sync)| {
        let mut used = [0; 2];
        thread::scope(|scope| {
            for (used, mine) in used
                .iter_mut()
                .zip([NonZero::<u64>::MIN, NonZero::<u64>::MAX])
            {
                scope.spawn(move || *used = get(mine));
            }
        });
        used
    };
    let used = race(&|number| get_or_choose(&once, || choose(number)));
    assert!(used == [1; 2] || used == [u64::MAX; 2]);
    println!("two threads made two numbers and use one");
    assert_eq!(get_or_choose(&once, || unreachable!()), used[0]);
    println!("later calls make none");

    // The case that goes wrong: whoever finds 0 stores.
    once.store(0, Relaxed);
    let used = race(&|number| {
        assert_eq!(once.load(Relaxed), 0);
        let mine = choose(number).get();
        once.store(mine, Relaxed);
        mine
    });
    assert_eq!(used, [1, u64::MAX]);
    println!("with a store, each uses its own, and one of them is forgotten");
}
