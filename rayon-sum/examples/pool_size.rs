//! Choose how many threads work: a pool of your own, and `install`.
//!
//! Use it when a program has a `--threads`, or when some jobs must not take all cores; a library
//! leaves the choice to its caller, and just calls `par_iter`.
//! Ends: `install` returns what its closure does, and raises its panics again; dropping the pool
//! ends its threads once their jobs are done. Threads that the system refuses are an error.
//! Needs: `cargo add rayon`.
//!
//! ```text
//! in a pool of 3 threads: 5050
//! back outside: no thread of that pool
//! build_global: the first one wins
//! then: The global thread pool has already been initialized.
//! ```

use rayon::ThreadPoolBuilder;
use rayon::prelude::*;

/// Knows nothing of pools: it runs in that of whoever calls it.
fn sum() -> u64 {
    (1..=100_u64).into_par_iter().sum()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Without `num_threads`: as many as RAYON_NUM_THREADS says, or one per core.
    let pool = ThreadPoolBuilder::new().num_threads(3).build()?;
    let (sum, threads) = pool.install(|| (sum(), rayon::current_num_threads()));
    assert_eq!((sum, threads), (5050, 3));
    println!("in a pool of {threads} threads: {sum}");

    // `install` is no setting: what stands behind it runs in the global pool again.
    assert_eq!(rayon::current_thread_index(), None);
    println!("back outside: no thread of that pool");

    // The global pool is made once in a process, by this or by the first `par_iter` that needs it.
    // So this fails in a library, or late in `main`, as soon as anybody else was earlier.
    ThreadPoolBuilder::new().num_threads(2).build_global()?;
    assert_eq!(rayon::current_num_threads(), 2);
    println!("build_global: the first one wins");
    // The case that goes wrong: a second one.
    let Err(error) = ThreadPoolBuilder::new().num_threads(4).build_global() else {
        return Err("a second global pool".into());
    };
    assert_eq!(rayon::current_num_threads(), 2);
    println!("then: {error}");
    Ok(())
}
