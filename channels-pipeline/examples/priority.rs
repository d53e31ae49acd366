//! Priority between channels: urgent first.
//!
//! Use it when a few messages must overtake many, such as commands and data.
//! For a random choice, `select!` is enough.
//! Ends: when the senders of both channels are gone and both are empty.
//! Needs: `cargo add crossbeam-channel`.
//!
//! ```text
//! urgent first: [1, 2, 10, 11]
//! many urgent ones: [1, 2, 3, 12, 4, 5, 6, 13, 7]
//! both have ended: [8, 14]
//! ```

use crossbeam_channel::{Receiver, select_biased};
use std::num::NonZero;

/// Receives from both channels, urgent messages first.
pub struct Priority<T> {
    urgent: Receiver<T>,
    normal: Receiver<T>,
    most_in_a_row: NonZero<usize>,
    in_a_row: usize,
}

impl<T> Priority<T> {
    /// After `most_in_a_row` urgent messages, a normal one comes first, if there
    /// is one. Without that, a busy urgent channel would starve the other.
    pub fn new(urgent: Receiver<T>, normal: Receiver<T>, most_in_a_row: NonZero<usize>) -> Self {
        Self {
            urgent,
            normal,
            most_in_a_row,
            in_a_row: 0,
        }
    }
}

impl<T> Iterator for Priority<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if self.in_a_row >= self.most_in_a_row.get() {
            self.in_a_row = 0;
            if let Ok(message) = self.normal.try_recv() {
                return Some(message);
            }
        }
        // Takes the first that is ready; `select!` would choose at random. An
        // error means that all senders of that channel are gone.
        select_biased! {
            recv(self.urgent) -> message => match message {
                Ok(message) => {
                    self.in_a_row += 1;
                    Some(message)
                }
                Err(_) => self.normal.recv().ok(),
            },
            recv(self.normal) -> message => match message {
                Ok(message) => {
                    self.in_a_row = 0;
                    Some(message)
                }
                Err(_) => self.urgent.recv().ok(),
            },
        }
    }
}

fn main() {
    use crossbeam_channel::unbounded;
    use std::thread;
    use std::time::Duration;

    let (urgent, urgent_messages) = unbounded();
    let (normal, normal_messages) = unbounded();
    let three = NonZero::<usize>::MIN.saturating_add(2);
    let mut messages = Priority::new(urgent_messages, normal_messages, three);
    for message in [10, 11] {
        assert!(normal.send(message).is_ok());
    }
    for message in [1, 2] {
        assert!(urgent.send(message).is_ok());
    }
    let first: Vec<u32> = messages.by_ref().take(4).collect();
    assert_eq!(first, [1, 2, 10, 11]);
    println!("urgent first: {first:?}");

    // The case that goes wrong: urgent messages come faster than they are used.
    for message in [12, 13] {
        assert!(normal.send(message).is_ok());
    }
    for message in 1..=8 {
        assert!(urgent.send(message).is_ok());
    }
    let mixed: Vec<u32> = messages.by_ref().take(9).collect();
    assert_eq!(mixed, [1, 2, 3, 12, 4, 5, 6, 13, 7]);
    println!("many urgent ones: {mixed:?}");

    drop(urgent);
    assert!(normal.send(14).is_ok());
    drop(normal);
    let rest: Vec<u32> = messages.collect();
    assert_eq!(rest, [8, 14]);
    println!("both have ended: {rest:?}");

    // No turn is kept for a normal one that is not there.
    let (urgent, urgent_messages) = unbounded();
    let (normal, normal_messages) = unbounded();
    let mut messages = Priority::new(urgent_messages, normal_messages, NonZero::<usize>::MIN);
    for message in 1..=3 {
        assert!(urgent.send(message).is_ok());
        assert_eq!(messages.next(), Some(message));
    }
    drop(normal); // and the other goes on
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(10));
            urgent.send(4)
        });
        assert_eq!(messages.next(), Some(4));
    });
}
