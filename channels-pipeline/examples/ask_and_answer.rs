//! Ask a thread that owns some state, and get an answer.
//!
//! Use it when the state must stay on one thread, a connection say; to share a value, take a Mutex.
//! Ends: the thread, when nobody is left to ask. Asking a thread that has died is an error, at once.
//! Needs: `cargo add crossbeam-channel`.
//!
//! ```text
//! 10 + 5 = 15
//! nobody waited for 15 + 1, yet it was added: 16
//! the thread dies of this question: no answer
//! one behind it in the queue: no answer
//! one after its death: no answer
//! ```

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use std::thread;

/// A question, and where the answer goes.
struct Add {
    amount: u64,
    answer: Sender<u64>,
}

/// Fails if the thread has died.
fn ask(questions: &Sender<Add>, amount: u64) -> Option<Receiver<u64>> {
    // Moved into the question, so that there is no other: when that is dropped, unanswered, whoever
    // waits for the answer hears of it.
    let (answer, answered) = bounded(1);
    questions.send(Add { amount, answer }).ok()?;
    Some(answered)
}

fn show(answer: Option<Receiver<u64>>) -> String {
    let answer = answer.and_then(|answer| answer.recv().ok());
    answer.map_or("no answer".into(), |sum| sum.to_string())
}

fn main() {
    // Bounded by the number of those who ask and wait. Not by `bounded`: that keeps what is in it
    // when its receiver is gone, and the askers of that would wait for ever.
    let (questions, asked) = unbounded::<Add>();
    let thread = thread::spawn(move || {
        let mut sum = 10;
        for Add { amount, answer } in asked {
            assert!(amount < 100, "that is too much");
            sum += amount;
            // With room for one, this never blocks. It fails if the asker is gone, and that is no
            // reason to die.
            let _ = answer.send(sum);
        }
    });

    println!("10 + 5 = {}", show(ask(&questions, 5)));
    drop(ask(&questions, 1));
    let sum = show(ask(&questions, 0));
    println!("nobody waited for 15 + 1, yet it was added: {sum}");

    let (deadly, behind) = (ask(&questions, 255), ask(&questions, 0));
    println!("the thread dies of this question: {}", show(deadly));
    println!("one behind it in the queue: {}", show(behind));
    assert!(thread.join().is_err());
    println!("one after its death: {}", show(ask(&questions, 0)));
}
