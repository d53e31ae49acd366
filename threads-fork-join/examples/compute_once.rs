//! Lazy static, `OnceLock`, `LazyLock`: compute once, on first use.
//!
//! Use it when threads share a value that never changes, and that not every run
//! needs. For a value per key, see `once_per_key.rs`.
//! Ends: after an error, the next call retries. A panic in a `LazyLock` is
//! final: each later use panics. An initialiser that uses its own value
//! deadlocks.
//! Needs: std alone.
//!
//! ```text
//! 4 threads, 1 computation
//! an error is not kept: [Err("not a number"), Ok(7), Ok(7)]
//! after a panic, a LazyLock panics again, a OnceLock retries
//! a value that needs itself never comes
//! ```

use std::sync::{LazyLock, OnceLock};

/// The first use computes it; other threads wait for that.
pub static SQUARES: LazyLock<Vec<u64>> = LazyLock::new(squares);

fn squares() -> Vec<u64> {
    (0..1000).map(|n| n * n).collect()
}

/// For a value that may fail: an error is not kept, the next call retries.
///
/// Threads that come at the same time may all compute; all of them get the
/// value that is stored first.
pub fn get_or_try_init<T, E>(
    cell: &OnceLock<T>,
    init: impl FnOnce() -> Result<T, E>,
) -> Result<&T, E> {
    match cell.get() {
        Some(value) => Ok(value),
        None => {
            let value = init()?;
            Ok(cell.get_or_init(|| value))
        }
    }
}

fn main() {
    use std::panic::catch_unwind;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

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

    let parse = |text: &str| text.parse::<u32>().map_err(|_| "not a number");
    let cell = OnceLock::new();
    let first = get_or_try_init(&cell, || parse("x"));
    let second = get_or_try_init(&cell, || parse("7"));
    let third = get_or_try_init(&cell, || unreachable!("it is there"));
    let results = [first, second, third];
    assert_eq!(results, [Err("not a number"), Ok(&7), Ok(&7)]);
    println!("an error is not kept: {results:?}");

    // The case that goes wrong: it panics, or needs itself.
    static LAZY: LazyLock<u32> = LazyLock::new(|| unreachable!("no value"));
    static ONCE: OnceLock<u32> = OnceLock::new();
    assert!(catch_unwind(|| *LAZY).is_err());
    assert!(catch_unwind(|| *ONCE.get_or_init(|| *LAZY)).is_err());
    assert!(catch_unwind(|| *LAZY).is_err());
    assert_eq!(ONCE.get_or_init(|| 1), &1);
    println!("after a panic, a LazyLock panics again, a OnceLock retries");

    static ITSELF: OnceLock<u32> = OnceLock::new();
    let (sender, value) = mpsc::channel();
    // Blocked until the process ends. (A later version of std may panic.)
    thread::spawn(move || sender.send(*ITSELF.get_or_init(|| 1 + ITSELF.get_or_init(|| 1))));
    assert!(value.recv_timeout(Duration::from_millis(20)).is_err());
    println!("a value that needs itself never comes");
}
