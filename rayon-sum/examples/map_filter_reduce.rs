//! Parallel sum, map, filter, reduce with `par_iter`: the first program.
//!
//! Use it when the items are in memory and each of them takes some computing.
//! For ten numbers, as here, a plain `iter` is faster. Copy it whole.
//! Ends: when all items are done. A panic of a closure is re-raised.
//! Needs: `cargo add rayon`.
//!
//! ```text
//! Sum is 55
//! Squares are [1, 4, 9, 16, 25, 36, 49, 64, 81, 100]
//! Even ones are [2, 4, 6, 8, 10]
//! Product is 3628800
//! A division by zero has panicked
//! ```

use rayon::prelude::*;
use std::panic;

fn main() {
    let numbers: Vec<u64> = (1..=10).collect();

    let sum: u64 = numbers.par_iter().sum();
    println!("Sum is {sum}");

    // The results are in the order of the items, whichever thread made them.
    let squares: Vec<u64> = numbers.par_iter().map(|n| n * n).collect();
    println!("Squares are {squares:?}");

    let even: Vec<u64> = numbers.par_iter().copied().filter(|n| n % 2 == 0).collect();
    println!("Even ones are {even:?}");

    // Each chunk of the numbers starts with this 1, so it must be the identity.
    let product = numbers.par_iter().copied().reduce(|| 1, |a, b| a * b);
    println!("Product is {product}");

    // The case that goes wrong: a closure panics. The caller gets the panic.
    let divided = panic::catch_unwind(|| {
        let shares = numbers.par_iter().map(|n| 100 / (10 - n));
        shares.sum::<u64>()
    });
    match divided {
        Ok(sum) => println!("The shares add up to {sum}"),
        Err(_) => println!("A division by zero has panicked"),
    }
}
