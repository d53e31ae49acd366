//! Share a map between threads: a `Mutex` around it, borrowed by scoped threads.
//!
//! Use it when threads look things up, and change them now and then; for what each thread only adds
//! to, merge a map from each at the end.
//! Ends: a thread that panics with the lock poisons it; the others go on if the map is whole.
//! Needs: std alone. (Threads that outlive the map's owner share an `Arc<Mutex<...>>`.)
//!
//! ```text
//! {"a": 2, "b": 2, "c": 1}
//! an `if let` keeps the map locked until its end
//! still {"a": 2, "b": 2, "c": 1} after a panic with the lock
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

fn main() {
    let map = Mutex::new(Map::new());
    thread::scope(|scope| {
        for words in [&["a", "b"][..], &["b", "c", "a"]] {
            let map = &map; // what `move` moves is the reference
            scope.spawn(move || {
                for word in words {
                    *lock(map).entry(word).or_default() += 1; // locked for this line
                }
            });
        }
    });
    println!("{:?}", lock(&map));

    // Here the guard is a temporary that lives to the closing brace: a second `lock` in between
    // would wait for ever. So in `while let` and `match`, and before edition 2024 in the `else`; not
    // after a `let` of its own.
    if let Some(2) = lock(&map).get("a") {
        assert!(matches!(map.try_lock(), Err(TryLockError::WouldBlock)));
        println!("an `if let` keeps the map locked until its end");
    }
    let count = lock(&map).get("a").copied();
    assert!(count == Some(2) && map.try_lock().is_ok());

    let panicked = thread::scope(|scope| {
        let careless = scope.spawn(|| {
            let map = lock(&map);
            assert!(map.contains_key("d"), "no d"); // panics with the lock
        });
        careless.join().is_err() // joined here, or the scope would panic
    });
    assert!(panicked && map.is_poisoned());
    println!("still {:?} after a panic with the lock", lock(&map));
}
