//! Count into buckets: `fold` and `reduce` into a HashMap.
//!
//! Use it when many items fall into few buckets. If they are numbered from 0,
//! use an array in the same way. With a `Mutex` around one map, each item waits
//! for the lock.
//! Ends: when all items are counted. A panic is re-raised, and there is no map.
//! Needs: `cargo add rayon`.
//!
//! ```text
//! a: 2000, is: 2000, rose: 3000
//! by length: 1: 2000, 2: 2000, 4: 3000
//! the same with a Mutex, locked 7000 times
//! a first map that is not empty: counted more than once
//! ```

use rayon::prelude::*;
use std::collections::HashMap;
use std::hash::Hash;

/// Counts the items of each bucket.
pub fn histogram<'a, T: Sync, K: Eq + Hash + Send>(
    items: &'a [T],
    bucket: impl Fn(&'a T) -> K + Sync,
) -> HashMap<K, usize> {
    items
        .par_iter()
        // Rayon cuts the items into chunks, and makes a map for each.
        .fold(HashMap::new, |mut counts, item| {
            *counts.entry(bucket(item)).or_default() += 1;
            counts
        })
        .reduce(HashMap::new, merge)
}

/// Adds the smaller map to the larger one.
fn merge<K: Eq + Hash>(a: HashMap<K, usize>, b: HashMap<K, usize>) -> HashMap<K, usize> {
    let (mut counts, fewer) = if a.len() < b.len() { (b, a) } else { (a, b) };
    for (bucket, count) in fewer {
        *counts.entry(bucket).or_default() += count;
    }
    counts
}

fn main() {
    use std::panic::catch_unwind;
    use std::sync::{Mutex, PoisonError};

    let text = "a rose is a rose is rose ".repeat(1000);
    let words: Vec<&str> = text.split_whitespace().collect();
    let counts = histogram(&words, |&word| word);
    let expected = HashMap::from([("a", 2000), ("is", 2000), ("rose", 3000)]);
    assert_eq!(counts, expected);
    println!("a: 2000, is: 2000, rose: 3000");

    let lengths = histogram(&words, |word| word.len());
    assert_eq!(lengths, HashMap::from([(1, 2000), (2, 2000), (4, 3000)]));
    println!("by length: 1: 2000, 2: 2000, 4: 3000");

    let shared = Mutex::new(HashMap::new());
    words.par_iter().for_each(|&word| {
        let mut counts = shared.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(word).or_default() += 1;
    });
    let shared = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(shared, counts);
    println!("the same with a Mutex, locked {} times", words.len());

    // The case that goes wrong: a first map that is not empty. Each chunk starts
    // with it, and each `reduce` adds it once more.
    let one_rose = || HashMap::from([("rose", 1)]);
    let count = |mut counts: HashMap<&'static str, usize>, _: &&str| {
        *counts.entry("rose").or_default() += 1;
        counts
    };
    let wrong = words
        .par_iter()
        .fold(one_rose, count)
        .reduce(one_rose, merge);
    assert!(wrong["rose"] > 1 + words.len());
    println!("a first map that is not empty: counted more than once");

    assert!(catch_unwind(|| histogram(&[""], |word| word.as_bytes()[0])).is_err());
}
