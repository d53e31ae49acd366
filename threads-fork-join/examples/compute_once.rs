//! Lazy static, `OnceLock`, `LazyLock`: compute once, on first use.
//!
//! Use it when threads share a value that never changes, and that not every run
//! needs. For a value per key, see `once_per_key.rs`.
//! Ends: after an error, the next call retries. A panic in a `LazyLock` is
//! final: each later use panics. An initialiser that uses its own value
//! deadlocks (today; std leaves that open).
//! Needs: std alone.
//!
//! ```text
//! 4 threads, 1 computation
//! an error is not kept, then 2 threads, 1 computation
//! after a panic, a LazyLock panics again, a OnceLock retries
//! a value that needs itself never comes
//! ```

use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};

/// The first use computes it; other threads wait for that.
pub static SQUARES: LazyLock<Vec<u64>> = LazyLock::new(squares);

fn squares() -> Vec<u64> {
    (0..1000).map(|n| n * n).collect()
}

/// For a value that may fail: computed once, but an error is not kept.
pub struct TryOnce<T> {
    value: OnceLock<T>,
    computing: Mutex<()>,
}

impl<T> TryOnce<T> {
    /// Without a value. Fit for a `static`.
    pub const fn new() -> Self {
        Self {
            value: OnceLock::new(),
            computing: Mutex::new(()),
        }
    }

    /// Returns the value, or computes it. After an error or a panic, the next
    /// call retries.
    pub fn get_or_try_init<E>(&self, init: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        if let Some(value) = self.value.get() {
            return Ok(value);
        }
        // Poisoned by a panic of `init`, which has changed nothing.
        let _guard = self
            .computing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Another thread may have computed it while this one waited.
        if let Some(value) = self.value.get() {
            return Ok(value);
        }
        let value = init()?;
        Ok(self.value.get_or_init(|| value))
    }
}

impl<T> Default for TryOnce<T> {
    fn default() -> Self {
        Self::new()
    }
}

fn main() {
    use std::panic::catch_unwind;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    const BRIEFLY: Duration = Duration::from_millis(20);

    static COMPUTED: AtomicU32 = AtomicU32::new(0);
    static SUM: LazyLock<u64> = LazyLock::new(|| {
        COMPUTED.fetch_add(1, Relaxed); // read after the threads were joined
        SQUARES.iter().sum()
    });
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(*SUM, 332_833_500));
        }
    });
    assert_eq!(COMPUTED.load(Relaxed), 1);
    println!("4 threads, 1 computation");

    let cell = TryOnce::new();
    assert_eq!(cell.get_or_try_init(|| Err("no file")), Err("no file"));
    // While one thread computes, another one asks.
    let (computing, begun) = mpsc::channel();
    let (second_computes, computed_twice) = mpsc::channel();
    let values = thread::scope(|scope| {
        let cell = &cell;
        let first = scope.spawn(move || {
            cell.get_or_try_init(|| {
                let _ = computing.send(());
                assert!(computed_twice.recv_timeout(BRIEFLY).is_err());
                Ok::<_, &str>(7)
            })
        });
        let second = scope.spawn(move || {
            let _ = begun.recv();
            cell.get_or_try_init(|| {
                let _ = second_computes.send(());
                COMPUTED.fetch_add(1, Relaxed);
                Ok(8)
            })
        });
        [first.join().ok(), second.join().ok()]
    });
    assert_eq!(values, [Some(Ok(&7)), Some(Ok(&7))]);
    assert_eq!(COMPUTED.load(Relaxed), 1); // by `SUM`, not by the second thread
    println!("an error is not kept, then 2 threads, 1 computation");

    // The case that goes wrong: it panics, or needs itself.
    static LAZY: LazyLock<u32> = LazyLock::new(|| unreachable!("no value"));
    static ONCE: OnceLock<u32> = OnceLock::new();
    assert!(catch_unwind(|| *LAZY).is_err());
    assert!(catch_unwind(|| *ONCE.get_or_init(|| *LAZY)).is_err());
    assert!(catch_unwind(|| *LAZY).is_err());
    assert_eq!(ONCE.get_or_init(|| 1), &1);
    static TRY_ONCE: TryOnce<u32> = TryOnce::new();
    assert!(catch_unwind(|| TRY_ONCE.get_or_try_init(|| Ok::<_, ()>(*LAZY))).is_err());
    assert_eq!(TRY_ONCE.get_or_try_init(|| Ok::<_, ()>(1)), Ok(&1));
    println!("after a panic, a LazyLock panics again, a OnceLock retries");

    static ITSELF: OnceLock<u32> = OnceLock::new();
    let (sender, value) = mpsc::channel();
    // Blocked until the process ends. (A later version of std may panic.)
    thread::spawn(move || sender.send(*ITSELF.get_or_init(|| 1 + ITSELF.get_or_init(|| 1))));
    assert!(value.recv_timeout(BRIEFLY).is_err());
    println!("a value that needs itself never comes");
}
