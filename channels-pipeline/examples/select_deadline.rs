//! Wait for several channels at once, until a deadline.
//!
//! Use it when messages of several kinds come; for one channel, `recv_deadline` is enough.
//! Ends: at the deadline, or when all senders are gone.
//! Needs: `cargo add crossbeam-channel`.
//!
//! ```text
//! one end came, one channel is silent: [1, 2] until the deadline
//! messages without end: until the deadline
//! both ends came: [1, 2, 3] until the end
//! `after` in the loop: no deadline
//! ```

use crossbeam_channel::{Receiver, after, never, select, tick, unbounded};
use std::time::{Duration, Instant};

/// All that comes on both channels, why that was all, and how many times it waited.
fn gather<T>(
    mut a: Receiver<T>,
    mut b: Receiver<T>,
    time: Duration,
) -> (Vec<T>, &'static str, usize) {
    // Here, and not in the loop: there, each message would put it off, as shown at the end.
    let deadline = after(time);
    let (mut messages, mut open, mut rounds) = (Vec::new(), 2, 0);
    while open > 0 {
        rounds += 1;
        // A channel whose senders are gone is always ready, so in place of it comes one that never
        // is: or else the loop would spin until the deadline.
        select! {
            recv(a) -> message => match message {
                Ok(message) => messages.push(message),
                Err(_) => (a, open) = (never(), open - 1),
            },
            recv(b) -> message => match message {
                Ok(message) => messages.push(message),
                Err(_) => (b, open) = (never(), open - 1),
            },
            recv(deadline) -> _ => {
                messages.extend(a.try_iter().chain(b.try_iter())); // `select!` takes any that is ready
                return (messages, "until the deadline", rounds);
            }
        }
    }
    (messages, "until the end", rounds)
}

fn main() {
    const MOMENT: Duration = Duration::from_millis(300);
    const LONG: Duration = Duration::from_secs(60);

    let (sender, ended) = unbounded();
    let _ = [1, 2].map(|n| sender.send(n));
    drop(sender);
    let (_sender, silent) = unbounded();
    let (messages, why, rounds) = gather(ended.clone(), silent, MOMENT);
    println!("one end came, one channel is silent: {messages:?} {why}");
    assert!(rounds <= 4); // two messages, an end, the deadline

    let (messages, why, _) = gather(tick(Duration::from_millis(1)), never(), MOMENT);
    println!("messages without end: {why}");
    assert!(!messages.is_empty());

    let (sender, other) = unbounded();
    let _ = [1, 2, 3].map(|n| sender.send(n));
    drop(sender);
    let (messages, why, rounds) = gather(ended, other, LONG);
    println!("both ends came: {messages:?} {why}");
    assert_eq!(rounds, 5);

    let (ticks, start, mut due) = (tick(Duration::from_micros(1)), Instant::now(), false);
    while !due && start.elapsed() <= MOMENT {
        select! { // each time with another deadline
            recv(ticks) -> _ => {}
            recv(after(MOMENT)) -> _ => due = true,
        }
    }
    println!("`after` in the loop: no deadline");
    assert!(!due);
}
