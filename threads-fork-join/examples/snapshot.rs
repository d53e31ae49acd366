//! Configuration that many read and one replaces: `RwLock<Arc<T>>`, cloned and let go.
//!
//! Use it when readers work with it for long, or must see one state throughout. Where every
//! nanosecond of reading counts, the crate `arc-swap` does it without a lock.
//! Ends: a new state that cannot be made, by an error or a panic, leaves the old one in place.
//! Needs: std alone.
//!
//! ```text
//! replaced while a reader worked: it saw 1, others get 2
//! a bad one changes nothing, by an error or a panic
//! whoever works with the lock held keeps the writer out
//! ```

use std::num::ParseIntError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Barrier, PoisonError, RwLock, TryLockError};
use std::thread;

struct Current(RwLock<Arc<u32>>); // the number stands for a large configuration

impl Current {
    /// Locked for the clone of a pointer; the caller works without the lock. To keep the guard and
    /// read once more is a deadlock, if a writer has come in between.
    fn get(&self) -> Arc<u32> {
        // The pointer is replaced in one step, so it is good even if a panic poisoned the lock.
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, text: &str) -> Result<(), ParseIntError> {
        assert!(!text.is_empty(), "no configuration");
        let new = Arc::new(text.parse()?); // what takes time or fails comes before the lock
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *current, new);
        drop(current);
        drop(old); // after the lock, as it takes time if nobody else has it
        Ok(())
    }
}

fn main() -> Result<(), ParseIntError> {
    let current = Current(RwLock::new(Arc::new(1)));
    let replaced = Barrier::new(2);
    let seen = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let config = current.get();
            replaced.wait(); // it has its snapshot
            replaced.wait(); // there is another
            *config
        });
        replaced.wait();
        let result = current.replace("2"); // does not wait for the reader
        replaced.wait();
        result.map(|()| reader.join().ok())
    })?;
    assert_eq!((seen, *current.get()), (Some(1), 2));
    println!("replaced while a reader worked: it saw 1, others get 2");

    // The case that goes wrong: the new one cannot be made, or a reader holds the lock.
    assert!(current.replace("x").is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| current.replace(""))).is_err());
    assert_eq!(*current.get(), 2);
    println!("a bad one changes nothing, by an error or a panic");

    let _guard = current.0.read();
    assert!(matches!(
        current.0.try_write(),
        Err(TryLockError::WouldBlock)
    ));
    println!("whoever works with the lock held keeps the writer out");
    Ok(())
}
