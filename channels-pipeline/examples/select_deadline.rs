//! `select!` on several channels, with a deadline.
//!
//! Use it when messages of several types come. For one channel,
//! `recv_deadline` is enough.
//! Ends: at the deadline, also if messages keep coming, or when all senders are
//! gone. What is queued at the deadline stays in the channels.
//! Needs: `cargo add crossbeam-channel`.
//!
//! ```text
//! one channel has ended, the other is silent: Deadline
//! one channel is never empty: Deadline, and the other got its turn
//! both channels have ended: Disconnected
//! ```

use crossbeam_channel::{Receiver, after, never, select};
use std::time::Duration;

/// Why there are no more messages.
#[derive(Debug, PartialEq)]
pub enum End {
    /// There may be more messages.
    Deadline,
    /// All senders of both channels are gone.
    Disconnected,
}

/// Receives from both channels until `limit` is over or both have ended.
pub fn gather<A, B>(
    first: &Receiver<A>,
    second: &Receiver<B>,
    limit: Duration,
) -> (Vec<A>, Vec<B>, End) {
    let (mut first, mut second) = (first.clone(), second.clone());
    let (mut all_first, mut all_second) = (Vec::new(), Vec::new());
    let deadline = after(limit); // made in the loop, it would start anew each time
    let mut open = 2;
    while open > 0 {
        // Chooses at random among the channels that are ready: none starves.
        select! {
            recv(first) -> message => match message {
                Ok(message) => all_first.push(message),
                Err(_) => {
                    first = never(); // an ended channel is always ready: this would spin
                    open -= 1;
                }
            },
            recv(second) -> message => match message {
                Ok(message) => all_second.push(message),
                Err(_) => {
                    second = never();
                    open -= 1;
                }
            },
            recv(deadline) -> _ => return (all_first, all_second, End::Deadline),
        }
    }
    (all_first, all_second, End::Disconnected)
}

fn main() {
    use crossbeam_channel::{tick, unbounded};

    const MOMENT: Duration = Duration::from_millis(100);
    const HOUR: Duration = Duration::from_secs(3600);

    let ended = || {
        let (sender, numbers) = unbounded();
        for number in [1, 2] {
            assert!(sender.send(number).is_ok());
        }
        numbers
    };
    let (_sender, silent) = unbounded::<String>();
    let (numbers, texts, end) = gather(&ended(), &silent, MOMENT);
    assert_eq!((numbers, texts.len()), (vec![1, 2], 0));
    assert_eq!(end, End::Deadline);
    let (_, numbers, end) = gather(&silent, &ended(), MOMENT);
    assert_eq!((numbers, &end), (vec![1, 2], &End::Deadline));
    println!("one channel has ended, the other is silent: {end:?}");

    // The case that goes wrong: messages that come faster than they are used.
    let always_ready = tick(Duration::ZERO);
    let (sender, texts) = unbounded();
    assert!(sender.send("text").is_ok());
    let (ticks, texts, end) = gather(&always_ready, &texts, MOMENT * 3);
    assert!(!ticks.is_empty());
    assert_eq!((texts, &end), (vec!["text"], &End::Deadline));
    println!("one channel is never empty: {end:?}, and the other got its turn");

    let (numbers, others, end) = gather(&ended(), &ended(), HOUR);
    assert_eq!((numbers, others), (vec![1, 2], vec![1, 2]));
    assert_eq!(end, End::Disconnected);
    println!("both channels have ended: {end:?}");
}
