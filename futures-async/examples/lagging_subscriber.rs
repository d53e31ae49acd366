//! tokio `broadcast`: slow subscriber, `Lagged`, missed messages.
//!
//! Use it when every subscriber should get every message, and one that is too
//! slow may miss some. If none may be missed, use an `mpsc` for each.
//! Ends: `next` returns `None` when all senders are gone and all messages have
//! been received.
//! Needs: `cargo add tokio --features macros,rt,sync`.
//!
//! ```text
//! in time: 1 2 3 4
//! too slow: missed 6, then 7 8 9 10
//! subscribed late: 11
//! `while let Ok`: ends at the first lag
//! without subscribers: send is an error
//! ```

use tokio::sync::broadcast::{self, error::RecvError};

/// What a subscriber gets.
#[derive(Debug, PartialEq)]
pub enum Event<T> {
    /// The next message.
    Message(T),
    /// This many messages were lost, as the channel was full. Load the state
    /// again, or go on with the next message.
    Missed(u64),
}

/// The next event; `None` at the end.
pub async fn next<T: Clone>(messages: &mut broadcast::Receiver<T>) -> Option<Event<T>> {
    match messages.recv().await {
        Ok(message) => Some(Event::Message(message)),
        // Not the end: the next call returns the oldest message that is left.
        Err(RecvError::Lagged(missed)) => Some(Event::Missed(missed)),
        Err(RecvError::Closed) => None,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    /// All that is there, and what comes until the end.
    async fn read_all(mut messages: broadcast::Receiver<u32>) -> String {
        let mut text = String::new();
        while let Some(event) = next(&mut messages).await {
            text += &match event {
                Event::Message(number) => format!(" {number}"),
                Event::Missed(missed) => format!(" missed {missed}, then"),
            };
        }
        text
    }

    // The sender never waits. The capacity is rounded up to a power of two.
    let (sender, in_time) = broadcast::channel(4);
    for number in 1..=4 {
        assert!(sender.send(number).is_ok());
    }
    drop(sender);
    println!("in time:{}", read_all(in_time).await);

    // The case that goes wrong: a subscriber is slow, or not there.
    let (sender, slow) = broadcast::channel(4);
    let naive = sender.subscribe();
    for number in 1..=10 {
        assert!(sender.send(number).is_ok());
    }
    let late = sender.subscribe();
    let mut slow_events = tokio::spawn(read_all(slow));
    tokio::task::yield_now().await; // it has read all that is there
    assert!(sender.send(11).is_ok());
    drop(sender);
    let slow = (&mut slow_events).await.unwrap_or_default();
    assert_eq!(slow, " missed 6, then 7 8 9 10 11");
    println!("too slow:{}", slow.trim_end_matches(" 11"));
    println!("subscribed late:{}", read_all(late).await);

    let mut naive = naive;
    let mut received = 0;
    while let Ok(_message) = naive.recv().await {
        received += 1;
    }
    assert_eq!(received, 0);
    println!("`while let Ok`: ends at the first lag");

    let (sender, receiver) = broadcast::channel(4);
    drop(receiver);
    assert!(sender.send(1).is_err());
    println!("without subscribers: send is an error");
}
