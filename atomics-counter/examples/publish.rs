//! Acquire/Release: publish data through a flag.
//!
//! Use it when a few numbers are written once and then read often. For any
//! other type, `OnceLock` does the same; `RwLock<Arc<T>>` if it changes.
//! Ends: it never blocks. `get` returns all of the data or `None`. A second
//! writer is told that it comes too late.
//! Needs: std alone.
//! On x86, no run shows a wrong ordering. loom does: `tests/loom.rs`.
//!
//! ```text
//! a reader saw both numbers or none
//! 800 by 600
//! a second writer comes too late: false, still 800 by 600
//! ```

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Two numbers that are written once.
#[derive(Default)]
pub struct Size {
    width: AtomicU64,
    height: AtomicU64,
    claimed: AtomicBool,
    ready: AtomicBool,
}

impl Size {
    /// Returns whether this was the first call. Only that one has an effect: of
    /// two writers, a reader might see the width of one and the other's height.
    pub fn publish(&self, width: u64, height: u64) -> bool {
        // Relaxed: `swap` lets one thread pass, and nothing else depends on it.
        if self.claimed.swap(true, Ordering::Relaxed) {
            return false;
        }
        // Relaxed: the flag puts these two in order.
        self.width.store(width, Ordering::Relaxed);
        self.height.store(height, Ordering::Relaxed);
        // Release: a thread that sees this store sees the two before it. With
        // Relaxed, it might see the flag and still 0 by 0.
        self.ready.store(true, Ordering::Release);
        true
    }

    /// Both numbers, or `None` until they are published.
    pub fn get(&self) -> Option<(u64, u64)> {
        // Acquire: the other half. With Relaxed, what is loaded after the flag
        // might be older than the flag.
        if !self.ready.load(Ordering::Acquire) {
            return None;
        }
        let width = self.width.load(Ordering::Relaxed);
        let height = self.height.load(Ordering::Relaxed);
        Some((width, height))
    }
}

fn main() {
    use std::thread;

    let size = Size::default();
    assert_eq!(size.get(), None);
    thread::scope(|scope| {
        scope.spawn(|| assert!(size.publish(800, 600)));
        scope.spawn(|| assert!(matches!(size.get(), None | Some((800, 600)))));
    });
    println!("a reader saw both numbers or none");
    assert_eq!(size.get(), Some((800, 600))); // the scope has joined the writer
    println!("800 by 600");

    // The case that goes wrong: two threads publish.
    let second = size.publish(1024, 768);
    assert!(!second);
    assert_eq!(size.get(), Some((800, 600)));
    println!("a second writer comes too late: {second}, still 800 by 600");
}
