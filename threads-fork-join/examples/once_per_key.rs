//! Compute once per key: cache, memoize, single flight, no stampede.
//!
//! Use it when threads need the same expensive values, each found by a key. The
//! cache only grows; with a size limit or expiry, use the crate `moka`.
//! Ends: threads that ask for a key wait while one computes it. After an error
//! or a panic, the next of them computes in its turn. If errors are slow, cache
//! them too: make the value a `Result`.
//! Needs: std alone.
//!
//! ```text
//! 2 threads, 1 computation
//! different keys are computed at the same time
//! after an error and a panic: Ok(7)
//! ```

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// A cache shared by threads.
pub struct Cache<K, V> {
    /// Locked only to find an entry, so that other keys need not wait.
    entries: Mutex<HashMap<K, Entry<V>>>,
}

/// The value, and a lock that is held while it is computed.
type Entry<V> = Arc<(OnceLock<V>, Mutex<()>)>;

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    /// An empty cache.
    pub fn new() -> Self {
        let entries = Mutex::new(HashMap::new());
        Self { entries }
    }

    /// Returns the cached value, or computes it.
    ///
    /// Deadlocks if `compute` needs the value of its own key, or if the values
    /// of two keys need each other.
    pub fn get_or_compute<E>(
        &self,
        key: K,
        compute: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, E> {
        let entry = Arc::clone(lock(&self.entries).entry(key).or_default());
        let (value, computing) = &*entry;
        if let Some(value) = value.get() {
            return Ok(value.clone());
        }
        let _guard = lock(computing);
        // Another thread may have computed it while this one waited.
        if let Some(value) = value.get() {
            return Ok(value.clone());
        }
        let computed = compute()?; // an error or a panic leaves it empty
        Ok(value.get_or_init(|| computed).clone())
    }
}

impl<K: Eq + Hash, V: Clone> Default for Cache<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

/// Locks, also after a panic: the entry is then empty, and the map whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn main() {
    #![allow(clippy::panic)] // on purpose

    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    const BRIEFLY: Duration = Duration::from_millis(20);
    const HOUR: Duration = Duration::from_secs(3600);

    // While the first thread computes, the second one asks for the same key.
    let cache = Cache::new();
    let (computing, begun) = mpsc::channel();
    let (second_computes, computed_twice) = mpsc::channel();
    let values = thread::scope(|scope| {
        let cache = &cache;
        let first = scope.spawn(move || {
            cache.get_or_compute("a", || {
                let _ = computing.send(());
                assert!(computed_twice.recv_timeout(BRIEFLY).is_err());
                Ok::<_, ()>(1)
            })
        });
        let second = scope.spawn(move || {
            let _ = begun.recv();
            cache.get_or_compute("a", || {
                let _ = second_computes.send(());
                Err(())
            })
        });
        [first.join().ok(), second.join().ok()]
    });
    assert_eq!(values, [Some(Ok(1)), Some(Ok(1))]);
    println!("2 threads, 1 computation");

    // Inside of a computation, another thread computes another key.
    let inner = cache.get_or_compute("b", || {
        let (sender, value) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| sender.send(cache.get_or_compute("c", || Ok::<_, ()>(3))));
            value.recv_timeout(HOUR).unwrap_or(Err(()))
        })
    });
    assert_eq!(inner, Ok(3));
    println!("different keys are computed at the same time");

    // The case that goes wrong: the computation fails or panics.
    assert_eq!(cache.get_or_compute("d", || Err("no file")), Err("no file"));
    let panics = || cache.get_or_compute("d", || -> Result<_, &str> { panic!("no memory") });
    assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    let value = cache.get_or_compute("d", || Ok::<_, &str>(7));
    assert_eq!(value, Ok(7));
    println!("after an error and a panic: {value:?}");
}
