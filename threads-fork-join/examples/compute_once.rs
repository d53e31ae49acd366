//! Compute it once, on first use: `LazyLock` in a `static`, `OnceLock` where it can fail.
//!
//! Use it when threads share a value that never changes again, and that is not needed on every run.
//! Ends: a panic in a `LazyLock` is final, each later use panics; a `OnceLock` stays empty, and the
//! next one tries. An initialiser that needs its own value waits for itself for ever.
//! Needs: std alone.
//!
//! ```text
//! 4 threads, 1 computation
//! a failure is not kept: [Err("no number"), Ok(7), Ok(7)]
//! after a panic, a LazyLock panics again, a OnceLock tries again
//! a value that needs itself never comes
//! ```

use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{LazyLock, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

static COMPUTED: AtomicU32 = AtomicU32::new(0);
static SQUARES: LazyLock<Vec<u32>> = LazyLock::new(|| {
    COMPUTED.fetch_add(1, Relaxed); // read after the threads were joined
    (0..10).map(|n| n * n).collect()
});

/// Keeps a success alone. Threads that come at the same time may all parse; the first one's value
/// is what all get. (std's own `get_or_try_init` is not stable.)
fn parsed<'a>(cell: &'a OnceLock<u32>, text: &str) -> Result<&'a u32, &'static str> {
    if let Some(number) = cell.get() {
        return Ok(number);
    }
    let number = text.parse().map_err(|_| "no number")?;
    Ok(cell.get_or_init(|| number))
}

fn main() {
    thread::scope(|scope| {
        for n in 0..4 {
            scope.spawn(move || assert_eq!(SQUARES[n], (n * n) as u32));
        }
    });
    assert_eq!(COMPUTED.load(Relaxed), 1);
    println!("4 threads, 1 computation");

    let cell = OnceLock::new();
    let results = ["x", "7", "8"].map(|text| parsed(&cell, text));
    assert_eq!(results, [Err("no number"), Ok(&7), Ok(&7)]);
    println!("a failure is not kept: {results:?}");

    // The case that goes wrong: it panics, or needs itself.
    static LAZY: LazyLock<u32> = LazyLock::new(|| unreachable!("no value"));
    static ONCE: OnceLock<u32> = OnceLock::new();
    assert!(catch_unwind(|| *LAZY).is_err());
    assert!(catch_unwind(|| *ONCE.get_or_init(|| *LAZY)).is_err());
    let lazy = catch_unwind(|| *LAZY).is_ok();
    let once = catch_unwind(|| *ONCE.get_or_init(|| 1)).is_ok();
    assert!(!lazy && once);
    println!("after a panic, a LazyLock panics again, a OnceLock tries again");

    static ITSELF: OnceLock<u32> = OnceLock::new();
    let (sender, value) = mpsc::channel();
    // Left behind, waiting, until the process ends. (std may also panic here, one day.)
    thread::spawn(move || sender.send(*ITSELF.get_or_init(|| 1 + ITSELF.get_or_init(|| 1))));
    assert!(value.recv_timeout(Duration::from_millis(20)).is_err());
    println!("a value that needs itself never comes");
}
