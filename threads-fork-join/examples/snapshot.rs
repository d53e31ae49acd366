//! Hot-reload configuration: `RwLock<Arc<T>>`, many readers.
//!
//! Use it when many threads read a value that is replaced now and then. If
//! every nanosecond of reading counts, use the crate `arc-swap`.
//! Ends: if the new value cannot be made, by an error or a panic, the old one
//! stays. Readers never wait for a reload, only for the swap of a pointer.
//! Needs: std alone.
//!
//! ```text
//! reloaded while a reader worked: it saw 1, others get 2
//! a failed reload changes nothing
//! a panic with the lock held does no harm
//! ```

use std::mem;
use std::sync::{Arc, PoisonError, RwLock};

/// A value that is replaced as a whole.
pub struct Shared<T>(RwLock<Arc<T>>);

impl<T> Shared<T> {
    /// Shares the first value.
    pub fn new(value: T) -> Self {
        Self(RwLock::new(Arc::new(value)))
    }

    /// A snapshot. It stays the same, whatever is loaded meanwhile.
    pub fn get(&self) -> Arc<T> {
        // A poisoned lock is fine: the pointer is replaced in one step.
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the value by a new one. Call it from one thread: of two reloads
    /// at the same time, the one that ends later wins.
    pub fn reload<E>(&self, load: impl FnOnce() -> Result<T, E>) -> Result<(), E> {
        let new = Arc::new(load()?); // takes time or fails, so before the lock
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let old = mem::replace(&mut *current, new);
        drop(current);
        drop(old); // may take time, so after the lock
        Ok(())
    }
}

fn main() {
    #![allow(clippy::panic)] // on purpose

    use std::num::ParseIntError;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    use std::thread;

    /// A large configuration in reality.
    struct Config {
        number: u32,
    }
    static DROPPED_UNLOCKED: AtomicU32 = AtomicU32::new(0);
    static SHARED: OnceLock<Shared<Config>> = OnceLock::new();
    impl Drop for Config {
        fn drop(&mut self) {
            if SHARED
                .get()
                .is_some_and(|shared| shared.0.try_write().is_ok())
            {
                DROPPED_UNLOCKED.fetch_add(1, Relaxed);
            }
        }
    }
    let shared = SHARED.get_or_init(|| Shared::new(Config { number: 1 }));
    let parse = |text: &str| -> Result<Config, ParseIntError> {
        assert!(shared.0.try_write().is_ok(), "loads without the lock");
        let number = text.parse()?;
        Ok(Config { number })
    };

    let snapshot = shared.get();
    assert_eq!(shared.reload(|| parse("2")), Ok(())); // does not wait for the reader
    assert_eq!((snapshot.number, shared.get().number), (1, 2));
    println!("reloaded while a reader worked: it saw 1, others get 2");
    drop(snapshot);
    assert_eq!(DROPPED_UNLOCKED.load(Relaxed), 1);
    assert_eq!(shared.reload(|| parse("3")), Ok(()));
    assert_eq!(DROPPED_UNLOCKED.load(Relaxed), 2); // dropped by the reload

    // The case that goes wrong: the new value cannot be made.
    assert!(shared.reload(|| parse("x")).is_err());
    let panics = || shared.reload(|| -> Result<_, ()> { panic!("no file") });
    assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    assert_eq!(shared.get().number, 3);
    println!("a failed reload changes nothing");

    let poisoned = thread::spawn(|| {
        let _guard = shared.0.write();
        panic!("with the lock");
    });
    assert!(poisoned.join().is_err());
    assert!(shared.0.is_poisoned());
    assert_eq!(shared.get().number, 3);
    assert_eq!(shared.reload(|| Ok::<_, ()>(Config { number: 4 })), Ok(()));
    assert_eq!(shared.get().number, 4);
    println!("a panic with the lock held does no harm");
}
