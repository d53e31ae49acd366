//! Semaphore for threads, concurrency limit: at most n at a time.
//!
//! Use it when threads that exist anyway share something limited. To run many
//! small jobs on few threads, use a thread pool.
//! Ends: `acquire` returns when another thread drops its permit. A panic drops
//! it too. It is not fair: the thread that drops a permit may take it again
//! before a waiter wakes.
//! Needs: std alone.
//!
//! ```text
//! 5 jobs, 2 at a time
//! a third one waits for a permit
//! a panic returns its permit
//! ```

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Keep it in a `static`, or lend it to scoped threads. (If a spawned thread
/// shares it by an `Arc`, it must acquire its permit itself.)
pub struct Semaphore {
    free: Mutex<usize>,
    released: Condvar,
}

/// The right to go on. Dropping it releases it.
#[must_use = "a permit that is not kept is released at once"]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
}

impl Semaphore {
    /// A semaphore with free permits. With 0, `acquire` never returns.
    pub const fn new(permits: usize) -> Self {
        let (free, released) = (Mutex::new(permits), Condvar::new());
        Self { free, released }
    }

    /// Blocks until a permit is free. Acquire it before spawning a thread for a
    /// job, so that no thread is spawned only to wait.
    pub fn acquire(&self) -> Permit<'_> {
        let free = self.released.wait_while(self.lock(), |free| *free == 0);
        *free.unwrap_or_else(PoisonError::into_inner) -= 1;
        Permit { semaphore: self }
    }

    /// `None` if no permit is free now.
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        let mut free = self.lock();
        *free = free.checked_sub(1)?;
        Some(Permit { semaphore: self })
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        // Valid after a panic, too: the number changes in one step.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.semaphore.lock() += 1;
        self.semaphore.released.notify_one(); // one permit, so one waiter
    }
}

fn main() {
    #![allow(clippy::panic)] // on purpose

    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::sync::{Barrier, mpsc};
    use std::thread;
    use std::time::Duration;

    let semaphore = Semaphore::new(2);
    let (running, peak) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let both = Barrier::new(2); // passed only if two jobs run at once
    thread::scope(|scope| {
        for job in 0..5 {
            let permit = semaphore.acquire();
            let (running, peak, both) = (&running, &peak, &both);
            scope.spawn(move || {
                peak.fetch_max(running.fetch_add(1, Relaxed) + 1, Relaxed);
                if job < 2 {
                    both.wait();
                }
                running.fetch_sub(1, Relaxed);
                drop(permit);
            });
        }
    });
    assert_eq!(peak.load(Relaxed), 2);
    println!("5 jobs, 2 at a time");

    let first = semaphore.acquire();
    let second = semaphore.acquire();
    assert!(semaphore.try_acquire().is_none());
    thread::scope(|scope| {
        let (acquired, third) = mpsc::channel();
        let semaphore = &semaphore;
        scope.spawn(move || {
            let _permit = semaphore.acquire();
            let _ = acquired.send(());
        });
        assert!(third.recv_timeout(Duration::from_millis(20)).is_err());
        drop(first);
        assert_eq!(third.recv(), Ok(()));
    });
    drop(second);
    println!("a third one waits for a permit");

    // The case that goes wrong: a job panics while it holds a permit.
    let panicked = thread::scope(|scope| {
        let permit = semaphore.acquire();
        let job = scope.spawn(move || {
            let _permit = permit;
            panic!("the job failed");
        });
        job.join().is_err()
    });
    assert!(panicked);
    let both = [semaphore.try_acquire(), semaphore.try_acquire()];
    assert!(both.iter().all(Option::is_some));
    println!("a panic returns its permit");
}
