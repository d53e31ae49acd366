//! Always the newest value: configuration, a price, a state.
//!
//! Use it when only the newest matters; if each one does, `mpsc` or `broadcast`.
//! Ends: when the sender is gone, after the last value has been seen; a sender that panics is gone,
//! too. A receiver that is gone disturbs nobody.
//! Needs: `cargo add tokio --features macros,rt,sync`.
//!
//! ```text
//! slow reader: 0, 3, then the sender is gone
//! by `changed` first: missed 0
//! waits for a value of at least 3: Ok(3)
//! for one of at least 7: the sender is gone
//! ```

use tokio::sync::watch;
use tokio::task::yield_now;

/// Sees the first value, too, and the last: at the end, `changed` fails only when both are seen.
async fn read_all(mut receiver: watch::Receiver<u32>) -> Vec<u32> {
    receiver.mark_changed(); // the value that is there already counts as seen
    let mut seen = Vec::new();
    while receiver.changed().await.is_ok() {
        // Copied, and the guard let go: while it lives, it blocks the sender.
        let value = *receiver.borrow_and_update();
        seen.push(value);
        yield_now().await; // slow enough to miss what is replaced meanwhile
    }
    seen
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (sender, receiver) = watch::channel(0);
    let reader = tokio::spawn(read_all(receiver.clone()));
    let mut late = receiver.clone();
    let mut patient = receiver;
    yield_now().await; // the reader sees 0
    for value in 1..=3 {
        sender.send_replace(value); // `send` fails, and changes nothing, without a receiver
    }
    let waited = patient
        .wait_for(|value| *value >= 3)
        .await
        .map(|value| *value);
    // The case that goes wrong: `changed` first, and 0 is never seen.
    assert!(late.changed().await.is_ok());
    assert_eq!(*late.borrow_and_update(), 3);

    drop(sender);
    let seen = reader.await.unwrap_or_default();
    assert_eq!(seen, [0, 3]);
    println!(
        "slow reader: {}, {}, then the sender is gone",
        seen[0], seen[1]
    );
    println!("by `changed` first: missed 0");
    println!("waits for a value of at least 3: {waited:?}");
    assert!(patient.wait_for(|value| *value >= 7).await.is_err());
    println!("for one of at least 7: the sender is gone");
}
