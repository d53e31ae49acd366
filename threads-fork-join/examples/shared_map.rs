//! Share a map between threads: a `Mutex` around it, borrowed by scoped threads.
//!
//! Use it when threads look things up and change them now and then. To count everything, give each
//! thread a map of its own and merge them.
//! Ends: a thread that panics with the lock poisons it; the others go on if the map is whole.
//! Needs: std alone. (Threads that outlive the map's owner share an `Arc<Mutex<...>>`.)
//!
//! ```text
//! {"a": 1, "b": 0}
//! an `if let` keeps the map locked until its end
//! still {"a": 1, "b": 0} after a panic with the lock
//! ```

use std::collections::BTreeMap; // or a `HashMap`, which prints in any order
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;

type Map = BTreeMap<&'static str, u32>;

/// Whoever locks changes one entry and in one step, so the map is whole even if its last owner
/// panicked. If several values had to agree, the panic would have to go on here: `.expect(...)`.
fn lock(map: &Mutex<Map>) -> MutexGuard<'_, Map> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks and changes under one lock: between two of them, others could take the last one.
fn take(stock: &Mutex<Map>, item: &str) -> bool {
    let mut stock = lock(stock);
    let left = stock.get_mut(item).filter(|left| **left > 0);
    left.map(|left| *left -= 1).is_some()
}

fn main() {
    let stock = Mutex::new(Map::from([("a", 3), ("b", 1)]));
    let got = thread::scope(|scope| {
        let buy = || ["a", "b"].map(|item| take(&stock, item));
        let buyers = [(); 2].map(|()| scope.spawn(buy)); // it borrows the map, so it can be copied
        buyers.map(|buyer| buyer.join().unwrap_or_default())
    });
    assert!(got == [[true, true], [true, false]] || got == [[true, false], [true, true]]);
    assert_eq!(*lock(&stock), Map::from([("a", 1), ("b", 0)]));
    println!("{:?}", lock(&stock));

    // The case that goes wrong: the guard is a temporary here, which lives to the closing brace. A
    // second `lock` in between would wait for ever. So in `while let` and `match`, and before
    // edition 2024 in the `else`; not after a `let` of its own.
    if let Some(1) = lock(&stock).get("a") {
        assert!(matches!(stock.try_lock(), Err(TryLockError::WouldBlock)));
        println!("an `if let` keeps the map locked until its end");
    }
    let count = lock(&stock).get("a").copied();
    assert!(count == Some(1) && stock.try_lock().is_ok());

    let panicked = thread::scope(|scope| {
        let careless = scope.spawn(|| {
            let map = lock(&stock);
            assert!(map.contains_key("d"), "no d"); // panics with the lock
        });
        careless.join().is_err() // joined here, or the scope would panic
    });
    assert!(panicked && stock.is_poisoned());
    println!("still {:?} after a panic with the lock", lock(&stock));
}
