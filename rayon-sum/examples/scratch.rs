//! A buffer used for many items, instead of one for each: `map_init` makes one per part.
//!
//! Use it when each item needs memory, a random generator or a connection that is costly to make;
//! not for results: those are what the closure returns.
//! Ends: when all items are done; the buffers are dropped with the parts that they were made for. A
//! panic is raised again in the caller.
//! Needs: `cargo add rayon`.
//!
//! ```text
//! [false, true, true, false]
//! without clear: [false, false, false, false]
//! one thread made several buffers for 1000 items
//! ```

use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Whether the letters of a text are the same from behind.
fn is_palindrome(letters: &mut Vec<char>, text: &str) -> bool {
    letters.extend(text.chars().filter(|c| c.is_alphabetic()));
    letters.iter().eq(letters.iter().rev())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let texts = ["no", "noon", "a man, a plan, a canal, panama", "yes"];
    let check = |letters: &mut Vec<char>, text: &&str| {
        letters.clear(); // it holds what the item before has left
        is_palindrome(letters, text)
    };
    let found: Vec<bool> = texts.par_iter().map_init(Vec::new, check).collect();
    assert_eq!(found, [false, true, true, false]);
    println!("{found:?}");

    // The case that goes wrong: without `clear`, the result depends on which items share a buffer,
    // and with that on the number of threads and on luck. On one thread, in one part, all of them do.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let dirty = |letters: &mut Vec<char>, text: &&str| is_palindrome(letters, text);
    let texts = texts.par_iter().with_min_len(texts.len());
    let wrong: Vec<bool> = pool.install(|| texts.map_init(Vec::new, dirty).collect());
    assert_ne!(wrong, found);
    println!("without clear: {wrong:?}");

    // There is a buffer for each part that rayon makes, and it makes more of them than threads:
    // no place for a count of threads, or for what there is only one of.
    let made = AtomicUsize::new(0);
    let make = || made.fetch_add(1, Ordering::Relaxed); // read after all have ended
    let items = (0..1000).into_par_iter().map_init(make, |_, n| n);
    assert_eq!(pool.install(|| items.sum::<i32>()), 499_500);
    assert!((2..1000).contains(&made.into_inner()));
    println!("one thread made several buffers for 1000 items");
    Ok(())
}
