//! Share a HashMap between threads (`Mutex`, guard lifetimes, poisoning).
//!
//! Use it when threads look up and change entries now and then. To count
//! everything, give each thread a map of its own and merge the maps.
//! Ends: a thread that panics with the lock poisons it; the others go on.
//! Needs: std alone. (Threads without a scope share an `Arc<Mutex<...>>`.)
//!
//! ```text
//! 50000 items, 50000 sold to 2 buyers
//! an `if let` keeps the map locked until its end
//! the map is still there after a panic with the lock
//! ```

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after a panic. That is right here, as every change of the map
/// is one step. If several values had to agree, a poisoned lock is an error.
pub fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes one of an item from a map of how many there are; `false` if there is
/// none left.
pub fn take<K: Eq + Hash>(stock: &Mutex<HashMap<K, u32>>, item: &K) -> bool {
    // One lock for both steps. Between two locks, another thread could take
    // the last one.
    let mut stock = lock(stock);
    match stock.get_mut(item) {
        Some(left) if *left > 0 => {
            *left -= 1;
            true
        }
        _ => false,
    }
}

fn main() {
    use std::panic::resume_unwind;
    use std::sync::TryLockError;
    use std::thread;

    const ITEMS: u32 = 50_000;
    let stock = Mutex::new(HashMap::new());
    for item in 0..ITEMS {
        lock(&stock).insert(item, 1);
    }
    let buy_all = || (0..ITEMS).filter(|item| take(&stock, item)).count();
    let sold = thread::scope(|scope| {
        let mut sold = 0;
        for buyer in [scope.spawn(buy_all), scope.spawn(buy_all)] {
            match buyer.join() {
                Ok(bought) => sold += bought,
                Err(payload) => resume_unwind(payload),
            }
        }
        sold
    });
    assert_eq!(sold, 50_000);
    println!("{ITEMS} items, {sold} sold to 2 buyers");

    // The case that goes wrong: in `match`, `while let` and `if let`, a guard
    // without a name lives to the end of the statement. (In edition 2024, an
    // `if let` drops it before its `else`.) To lock again there deadlocks.
    if let Some(0) = lock(&stock).get(&7) {
        assert!(matches!(stock.try_lock(), Err(TryLockError::WouldBlock)));
        println!("an `if let` keeps the map locked until its end");
    }
    let left = lock(&stock).get(&7).copied(); // with `let`, to the semicolon
    assert_eq!(left, Some(0));
    assert!(stock.try_lock().is_ok());

    let panicked = thread::scope(|scope| {
        let careless = scope.spawn(|| {
            let map = lock(&stock);
            assert!(map.contains_key(&ITEMS), "no such item");
        });
        careless.join().is_err() // joined here, or the scope would panic
    });
    assert!(panicked && stock.is_poisoned());
    assert_eq!(lock(&stock).len(), 50_000);
    println!("the map is still there after a panic with the lock");
}
