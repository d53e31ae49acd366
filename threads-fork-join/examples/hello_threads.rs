//! Spawn threads and join them: the first program.
//!
//! Use it when a few calls should run at the same time. Copy it whole.
//! Ends: when every thread has been joined. A panic ends only its own thread;
//! `join` returns it.
//! Needs: std alone.
//!
//! ```text
//! Hello from thread 0
//! Hello from thread 1
//! Hello from thread 2
//! Hello from thread 3
//! Hello from thread 4
//! All 5 threads have joined
//! A thread has panicked
//! ```

use std::thread;

fn main() {
    let mut handles = Vec::new();
    for i in 0..5 {
        handles.push(thread::spawn(move || println!("Hello from thread {i}")));
    }
    for handle in handles {
        assert!(handle.join().is_ok());
    }
    println!("All 5 threads have joined");

    // `join` returns the closure's result, or an error if it panicked.
    let numbers: Vec<u32> = Vec::new();
    let handle = thread::spawn(move || numbers[0]);
    match handle.join() {
        Ok(number) => println!("The first number is {number}"),
        Err(_) => println!("A thread has panicked"),
    }
}
