//! Show the progress of threads: a count that they add to, and a wait that also ends if they die.
//!
//! Use it when others watch; if nobody does, a join is enough.
//! Ends: when every worker has ended, well or not. A loop `while done < TOTAL` would never end
//! after a panic.
//! Needs: std alone.
//!
//! ```text
//! 100 of 100 done
//! 70 of 100 done: item 20 failed
//! ```

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

const WORKERS: u32 = 2;
const EACH: u32 = 50;

/// Works off all items, the last worker's only up to `end`, and returns how many were done.
fn run(end: u32, mut show: impl FnMut(u32)) -> (u32, thread::Result<()>) {
    let done = AtomicU32::new(0);
    let so_far = || done.load(Ordering::Relaxed); // Relaxed: the count tells only itself
    let watcher = thread::current();
    let work = &|worker| {
        for item in 0..EACH {
            assert!(worker + 1 < WORKERS || item < end, "item {item} failed");
            done.fetch_add(1, Ordering::Relaxed);
            watcher.unpark(); // there is something new to show
        }
    };
    let result = thread::scope(|scope| {
        let spawn = |worker| scope.spawn(move || work(worker));
        let workers: Vec<_> = (0..WORKERS).map(spawn).collect();
        while !workers.iter().all(|worker| worker.is_finished()) {
            show(so_far());
            // With a timeout: a worker is finished only after its last `unpark`.
            thread::park_timeout(Duration::from_millis(50));
        }
        // All of them: what is not joined here, the scope would panic about.
        let results: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        results.into_iter().collect()
    });
    (so_far(), result)
}

fn main() {
    let mut last = 0;
    let (done, result) = run(EACH, |done| {
        eprint!("\r{done} of 100 ");
        assert!(done >= last); // to one thread, the count never goes down
        last = done;
    });
    assert!(result.is_ok() && done == WORKERS * EACH);
    println!("{done} of 100 done");

    // The case that goes wrong: a worker dies, and 100 is never reached.
    let (done, result) = run(20, |_| ());
    let Err(panic) = result else {
        unreachable!("item 20 fails")
    };
    let reason = panic.downcast::<String>().unwrap_or_default();
    assert_eq!(done, EACH + 20);
    println!("{done} of 100 done: {reason}");
}
