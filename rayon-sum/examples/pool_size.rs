//! Number of rayon threads: `ThreadPoolBuilder`, `install`, nested pools.
//!
//! Use it when a program has `--threads`, or when some jobs must not take all
//! cores. A library calls `par_iter`, and leaves the choice to its caller.
//! Ends: `install` returns what its closure returns, or re-raises its panic. A
//! scope waits for the jobs that it spawns; dropping a pool does not. Returns
//! an error if a thread cannot be spawned.
//! Needs: `cargo add rayon`.
//!
//! ```text
//! in a pool of 3: 5050, on pool-0, pool-1, pool-2
//! behind `install`: not in that pool
//! a scope waits for its jobs, dropping the pool does not
//! one thread works while its results are used: [1, 4, 9]
//! nested `par_iter`: still 3 threads
//! nested pools: a thread that waits for one runs other jobs of its own
//! a panic reaches the caller, and the pool works on
//! a second global pool is an error
//! ```

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use std::num::NonZero;
use std::sync::mpsc;

/// A pool of that many threads. Without a number: `RAYON_NUM_THREADS`, or one
/// per core.
pub fn pool(threads: Option<NonZero<usize>>) -> Result<ThreadPool, ThreadPoolBuildError> {
    ThreadPoolBuilder::new()
        .num_threads(threads.map_or(0, NonZero::get))
        .thread_name(|index| format!("pool-{index}"))
        .build()
}

/// Works in the pool, and uses the results as they come, on the calling thread.
///
/// That thread may block: on a channel, a file, a socket. A thread of the pool
/// must not, as nothing runs once all of them block. Results wait in memory
/// until they are used. A panic of either closure is re-raised once the jobs
/// that are left have run.
///
/// Panics if it is called on a thread of that pool.
pub fn as_they_come<T: Send, R: Send>(
    pool: &ThreadPool,
    items: Vec<T>,
    work: impl Fn(T) -> R + Sync,
    mut use_result: impl FnMut(R),
) {
    let is_outside = pool.current_thread_index().is_none();
    assert!(is_outside, "a thread of the pool would wait for itself");
    let (sender, results) = mpsc::channel();
    let work = &work;
    // `scope` would run its closure in the pool, `in_place_scope` runs it here.
    // Both wait for the jobs that it spawns.
    pool.in_place_scope(|scope| {
        for item in items {
            let sender = sender.clone();
            scope.spawn(move |_| {
                // An error means that `use_result` has panicked.
                let _ = sender.send(work(item));
            });
        }
        drop(sender); // otherwise `results` would never end
        for result in results {
            use_result(result);
        }
    });
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    use rayon::prelude::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::thread;
    use std::time::Duration;

    const ONE: Option<NonZero<usize>> = NonZero::new(1);
    const THREE: Option<NonZero<usize>> = NonZero::new(3);
    const HOUR: Duration = Duration::from_secs(3600);

    let pool_of_3 = pool(THREE)?;
    let sum = || (1..=100_u32).into_par_iter().sum::<u32>(); // knows of no pool
    assert_eq!(pool_of_3.install(sum), 5050);
    let name = || thread::current().name().map_or(String::new(), String::from);
    let names = pool_of_3.broadcast(|_| name()).join(", ");
    println!("in a pool of 3: 5050, on {names}");

    // `install` is no setting: it holds for its closure alone.
    assert_eq!(pool_of_3.install(rayon::current_num_threads), 3);
    assert_eq!(rayon::current_thread_index(), None);
    println!("behind `install`: not in that pool");

    let (sender, done) = mpsc::channel();
    let pool_of_1 = pool(ONE)?;
    pool_of_1.scope(|scope| scope.spawn(|_| _ = sender.send("in the scope")));
    assert_eq!(done.try_recv(), Ok("in the scope"));
    let (release, released) = mpsc::channel::<()>();
    pool_of_1.spawn(move || {
        let _ = released.recv();
        let _ = sender.send("after the pool was dropped");
    });
    drop(pool_of_1);
    assert_eq!(done.try_recv(), Err(mpsc::TryRecvError::Empty));
    drop(release);
    assert_eq!(done.recv(), Ok("after the pool was dropped"));
    println!("a scope waits for its jobs, dropping the pool does not");

    // The second job waits until the result of the first one has been used.
    let pool_of_1 = pool(ONE)?;
    let (begun, first_is_used) = (AtomicUsize::new(0), Barrier::new(2));
    let square = |n: u32| {
        if begun.fetch_add(1, Relaxed) == 1 {
            first_is_used.wait();
        }
        n * n
    };
    let mut squares = Vec::new();
    as_they_come(&pool_of_1, vec![1, 2, 3], square, |square| {
        squares.push(square);
        if squares.len() == 1 {
            first_is_used.wait();
        }
    });
    squares.sort_unstable();
    assert_eq!(squares, [1, 4, 9]);
    println!("one thread works while its results are used: {squares:?}");
    let inside = || as_they_come(&pool_of_1, vec![1], square, drop);
    assert!(catch_unwind(AssertUnwindSafe(|| pool_of_1.install(inside))).is_err());

    let inner = |_| {
        (0..4)
            .into_par_iter()
            .map(|_| rayon::current_num_threads())
            .max()
    };
    let threads: Vec<_> = pool_of_3.install(|| (0..4).into_par_iter().map(inner).collect());
    assert_eq!(threads, [Some(3); 4]);
    println!("nested `par_iter`: still 3 threads");

    // So it must hold no lock that those jobs want: see `recursion.rs`.
    let inner_pool = pool(ONE)?;
    let ran_meanwhile = pool_of_1.scope(|scope| {
        let (sender, other_job) = mpsc::channel();
        scope.spawn(move |_| _ = sender.send(()));
        inner_pool.install(move || other_job.recv_timeout(HOUR).is_ok())
    });
    assert!(ran_meanwhile);
    println!("nested pools: a thread that waits for one runs other jobs of its own");

    // The case that goes wrong: a panic, or a second global pool.
    let work_panics = || as_they_come(&pool_of_1, vec![0], |n| 1 / n, |_: u32| ());
    assert!(catch_unwind(AssertUnwindSafe(work_panics)).is_err());
    let use_panics = || as_they_come(&pool_of_1, vec![1, 2], |n| n, |n| assert_eq!(n, 0));
    assert!(catch_unwind(AssertUnwindSafe(use_panics)).is_err());
    assert_eq!(pool_of_1.install(sum), 5050);
    println!("a panic reaches the caller, and the pool works on");

    // The first `par_iter` outside of a pool makes one as well. The error is
    // "The global thread pool has already been initialized."
    let global = |threads| ThreadPoolBuilder::new().num_threads(threads).build_global();
    global(2)?;
    assert!(global(4).is_err());
    assert_eq!(rayon::current_num_threads(), 2);
    println!("a second global pool is an error");
    Ok(())
}
