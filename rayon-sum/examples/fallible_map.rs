//! Map in parallel where an item can fail: all the values, or the first error.
//!
//! Use it when one error makes the rest useless; to keep all errors, `collect` a `Vec<Result<_, _>>`.
//! For the first error, items before it are mapped again: the map must have no side effects.
//! Ends: soon after an error. Each thread looks between two items, and may start one more; items
//! that run are finished. Which of several errors `collect` gives is a matter of luck. A panic is
//! raised again in the caller.
//! Needs: `cargo add rayon`.
//!
//! ```text
//! all good: [1, 2, 3, 4]
//! two bad: invalid digit in "x1"
//! the first of 1000 fails: 1 call on one thread
//! ```

use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

fn parse(text: &str) -> Result<i64, String> {
    text.parse()
        .map_err(|_| format!("invalid digit in {text:?}"))
}

/// The first error in order. Only where there is one does this look a second time: `find_map_first`
/// gives up on what lies behind an error that it has found.
fn parse_all(texts: &[&str]) -> Result<Vec<i64>, String> {
    let numbers: Result<_, _> = texts.par_iter().map(|text| parse(text)).collect();
    numbers.map_err(|any| {
        let first = texts.par_iter().find_map_first(|text| parse(text).err());
        first.unwrap_or(any)
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let numbers = parse_all(&["1", "2", "3", "4"])?;
    assert_eq!(numbers, [1, 2, 3, 4]);
    println!("all good: {numbers:?}");

    // The case that goes wrong: an item fails.
    let texts = ["1", "x1", "3", "x2"];
    let any: Result<Vec<i64>, _> = texts.par_iter().map(|text| parse(text)).collect();
    let errors = ["x1", "x2"].map(|text| parse(text).map(|number| vec![number]));
    assert!(errors.contains(&any)); // either, from run to run
    let first = parse_all(&texts);
    assert_eq!(first, errors[0]); // always
    if let Err(error) = first {
        println!("two bad: {error}");
    }

    // One thread, so that the count is the same on every run.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let calls = AtomicUsize::new(0);
    let stopped = pool.install(|| {
        (0..1000).into_par_iter().try_for_each(|n| {
            calls.fetch_add(1, Ordering::Relaxed); // read after all have ended
            if n == 0 { Err("the first") } else { Ok(()) }
        })
    });
    assert_eq!(stopped, Err("the first"));
    let calls = calls.into_inner();
    assert_eq!(calls, 1);
    println!("the first of 1000 fails: {calls} call on one thread");
    Ok(())
}
