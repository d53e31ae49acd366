//! Reuse a buffer per job: `map_init`.
//!
//! Use it when each item needs memory, a random generator or a connection that
//! is costly to make. Results do not belong there: the closure returns them.
//! Ends: when all items are done; each buffer is dropped with its last item. A
//! panic is re-raised.
//! Needs: `cargo add rayon`.
//!
//! ```text
//! [false, true, true, false]
//! 1000 items on one thread: a few buffers
//! without clear, 2 of 3 are wrong
//! ```

use rayon::prelude::*;

/// Maps items with a buffer that `new_buffer` makes once for many of them.
///
/// Rayon cuts the items into chunks, and makes a buffer for each: more of them
/// than threads. If these are too many, `with_min_len` makes longer chunks.
pub fn map_with_buffer<'a, T: Sync, B, R: Send>(
    items: &'a [T],
    new_buffer: impl Fn() -> B + Sync + Send,
    map: impl Fn(&mut B, &'a T) -> R + Sync + Send,
) -> Vec<R> {
    items.par_iter().map_init(new_buffer, map).collect()
}

/// Whether the letters of a text are the same in reverse.
pub fn is_palindrome(letters: &mut Vec<char>, text: &str) -> bool {
    letters.clear(); // it holds what the item before has left
    letters.extend(text.chars().filter(|c| c.is_alphabetic()));
    letters.iter().eq(letters.iter().rev())
}

fn main() -> Result<(), rayon::ThreadPoolBuildError> {
    use std::panic::catch_unwind;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    let texts = ["no", "noon", "a man, a plan, a canal, panama", "yes"];
    let found = map_with_buffer(&texts, Vec::new, |letters, text| {
        is_palindrome(letters, text)
    });
    assert_eq!(found, [false, true, true, false]);
    println!("{found:?}");

    let buffers = AtomicUsize::new(0); // read after all have ended
    let new_buffer = || _ = buffers.fetch_add(1, Relaxed);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let items: Vec<u32> = (0..1000).collect();
    let doubled = pool.install(|| map_with_buffer(&items, new_buffer, |_, item| 2 * item));
    assert_eq!(doubled.iter().sum::<u32>(), 999_000);
    assert!((2..10).contains(&buffers.into_inner()));
    println!("1000 items on one thread: a few buffers");

    // The case that goes wrong: what an item leaves in the buffer. Which items
    // share one depends on the number of threads and on luck.
    let mut letters = Vec::new();
    let clean: Vec<bool> = texts
        .iter()
        .map(|text| is_palindrome(&mut letters, text))
        .collect();
    assert_eq!(clean, found);
    let dirty = |letters: &mut Vec<char>, text: &str| {
        letters.extend(text.chars());
        letters.iter().eq(letters.iter().rev())
    };
    let mut letters = Vec::new();
    let wrong = ["noon", "level", "eve"].map(|text| dirty(&mut letters, text));
    assert_eq!(wrong, [true, false, false]);
    println!("without clear, 2 of 3 are wrong");

    let panics = || map_with_buffer(&[0], || (), |_, item| 1 / item);
    assert!(catch_unwind(panics).is_err());
    Ok(())
}
