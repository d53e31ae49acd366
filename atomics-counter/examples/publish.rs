//! Fill it on one thread, read it on others: a flag, stored after the data and read before it.
//!
//! Use it when numbers are filled in once; a `OnceLock` does it for any type, and a
//! `RwLock<Arc<T>>` if they change.
//! Ends: nobody waits. A writer that fails halfway has published nothing.
//! Needs: std alone.
//!
//! ```text
//! a reader saw both numbers or none
//! 800 by 600
//! half a size is none
//! ```

use std::num::ParseIntError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

/// Two numbers that are filled in once.
#[derive(Default)]
pub struct Size {
    width: AtomicU64,
    height: AtomicU64,
    ready: AtomicBool,
}

impl Size {
    /// To be called once: a reader might mix the numbers of two calls.
    pub fn publish(&self, width: &str, height: &str) -> Result<(), ParseIntError> {
        // Relaxed: the flag puts these two in order.
        self.width.store(width.parse()?, Ordering::Relaxed);
        self.height.store(height.parse()?, Ordering::Relaxed);
        // Release: who sees this store sees all that was stored before it. With `Relaxed` here or
        // below, a reader may see the flag and still 0 by 0; CPUs other than x86 really do that.
        self.ready.store(true, Ordering::Release);
        Ok(())
    }

    /// Both numbers, or `None` before they are published.
    pub fn get(&self) -> Option<(u64, u64)> {
        // Acquire: the other half. What is loaded after it is as new as the flag.
        let ready = self.ready.load(Ordering::Acquire);
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        ready.then(|| (load(&self.width), load(&self.height)))
    }
}

fn main() {
    let size = Size::default();
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(size.publish("800", "600"), Ok(())));
        scope.spawn(|| assert!(matches!(size.get(), None | Some((800, 600)))));
    });
    println!("a reader saw both numbers or none");
    assert_eq!(size.get(), Some((800, 600))); // the end of the scope happens after the writer's
    println!("800 by 600");

    // The case that goes wrong: the second number cannot be read. The first one is stored already.
    let half = Size::default();
    let result = half.publish("800", "6oo");
    assert!(result.is_err() && half.get().is_none());
    println!("half a size is none");
}
