//! `tokio::select!` in a loop: cancellation safety.
//!
//! Use it when one task waits for several things, again and again.
//! Ends: when the peer closes the connection after a whole message, or when the
//! receiver is gone; half a message is an error.
//! No arm awaits: while an arm runs, the other futures are not polled, and one
//! of them may hold the lock or permit that the arm waits for (futurelock).
//! Needs: `cargo add tokio --features io-util,macros,rt,sync,time`. To run this
//! file, also `cargo add tokio --features test-util`.
//!
//! ```text
//! 5 messages, none lost; ticks at [0, 100, 200, 300] ms
//! half a message: unexpected end of file
//! a read that is dropped loses what it has read: "lowor"
//! a send that is dropped loses its message
//! ```

use std::io;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;
use tokio::time::interval;

/// Of a fixed length here.
pub type Message = [u8; 5];

/// Forwards messages to a bounded channel, and calls `on_tick` on every tick,
/// even while the channel is full. Panics if `period` is zero.
pub async fn forward(
    reader: impl AsyncRead + Unpin,
    messages: mpsc::Sender<Message>,
    period: Duration,
    mut on_tick: impl FnMut(),
) -> io::Result<()> {
    let mut ticks = interval(period); // outside: each turn would restart it
    // Outside too: an arm that is not taken drops its future, and this one would
    // lose what it has read.
    let mut next_message = pin!(read_message(reader));
    let mut unsent = None;
    loop {
        tokio::select! {
            _ = ticks.tick() => on_tick(),
            () = messages.closed() => return Ok(()), // the receiver is gone
            // `send` would be dropped with its message; a permit holds none.
            permit = messages.reserve(), if unsent.is_some() => {
                let (Ok(permit), Some(message)) = (permit, unsent.take()) else {
                    return Ok(());
                };
                permit.send(message);
            }
            read = &mut next_message, if unsent.is_none() => {
                let Some((message, reader)) = read? else {
                    return Ok(());
                };
                unsent = Some(message);
                next_message.set(read_message(reader)); // this one has ended
            }
        }
    }
}

/// Takes the reader, and returns it for the next message; `None` at the end.
async fn read_message<R: AsyncRead + Unpin>(mut reader: R) -> io::Result<Option<(Message, R)>> {
    let mut message = Message::default();
    let length = reader.read(&mut message).await?;
    if length == 0 {
        return Ok(None); // `read_exact` cannot tell this from half a message
    }
    reader.read_exact(&mut message[length..]).await?;
    Ok(Some((message, reader)))
}

// `start_paused`: when every task waits, tokio's clock jumps to the next timer,
// so times are exact. A program of yours leaves it out.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> io::Result<()> {
    use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::{Instant, sleep, timeout};

    const TICK: Duration = Duration::from_millis(100);
    const PARTS: [&[u8]; 4] = [b"hel", b"lowor", b"ld", b"threefour!fives"];
    /// Sends the parts, with a pause of 70 ms after each.
    fn peer() -> DuplexStream {
        let (mut here, there) = duplex(100);
        tokio::spawn(async move {
            for part in PARTS {
                here.write_all(part).await?;
                sleep(Duration::from_millis(70)).await;
            }
            io::Result::Ok(())
        });
        there
    }

    let (sender, mut receiver) = mpsc::channel(1);
    let slow = tokio::spawn(async move {
        sleep(Duration::from_millis(350)).await; // three ticks with a full channel
        let mut text = Vec::new();
        while let Some(message) = receiver.recv().await {
            text.extend(message);
        }
        text
    });
    let (start, mut ticks) = (Instant::now(), Vec::new());
    let on_tick = || ticks.push(start.elapsed().as_millis());
    forward(peer(), sender, TICK, on_tick).await?;
    let text = slow.await?;
    assert_eq!(text, PARTS.concat());
    println!(
        "{} messages, none lost; ticks at {ticks:?} ms",
        text.len() / 5
    );
    assert_eq!(ticks, [0, 100, 200, 300]);

    // The case that goes wrong: half a message, or a future that is dropped.
    let (sender, receiver) = mpsc::channel(1);
    drop(receiver);
    let silent = duplex(1); // and it stays open
    timeout(TICK, forward(silent.0, sender, TICK, || ())).await??;
    let (sender, _receiver) = mpsc::channel(1);
    let half = forward(&b"hel"[..], sender, TICK, || ()).await;
    if let Err(error) = half {
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        println!("half a message: unexpected end of file");
    }

    let (mut reader, mut message) = (peer(), Message::default());
    tokio::select! {
        _ = reader.read_exact(&mut message) => {}
        () = sleep(Duration::from_millis(50)) => {} // drops it, with "hel"
    }
    reader.read_exact(&mut message).await?;
    assert_eq!(&message, b"lowor");
    println!("a read that is dropped loses what it has read: \"lowor\"");

    let (sender, mut receiver) = mpsc::channel(1);
    assert!(sender.send("first").await.is_ok());
    assert!(timeout(TICK, sender.send("second")).await.is_err());
    drop(sender);
    assert_eq!(
        (receiver.recv().await, receiver.recv().await),
        (Some("first"), None)
    );
    println!("a send that is dropped loses its message");
    Ok(())
}
