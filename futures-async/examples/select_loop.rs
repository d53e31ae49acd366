//! Wait for several things in a loop, and lose nothing of those that were not ready.
//!
//! Use it when one task has several sources; of one kind, merge them into a stream.
//! Ends: when the peer closes the connection after a whole message; after half of one, by an error.
//! Needs: `cargo add tokio --features io-util,macros,rt,test-util,time`; `test-util` goes when
//! `start_paused` does.
//!
//! ```text
//! tick
//! hello
//! tick
//! world
//! tick
//! the peer is gone
//! reading inside of the branch: the first whole message is "lowor"
//! ```

use std::io;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{interval, sleep};

/// The reader goes into the future and comes out of it, for the next one; `None` at the end.
async fn read_message<R: AsyncRead + Unpin>(mut reader: R) -> io::Result<Option<([u8; 5], R)>> {
    let mut message = [0; 5];
    let part = reader.read(&mut message).await?;
    if part == 0 {
        return Ok(None); // `read_exact` cannot tell that from half a message
    }
    reader.read_exact(&mut message[part..]).await?;
    Ok(Some((message, reader)))
}

/// Each message in two parts, with a pause that is longer than half a tick.
fn peer() -> DuplexStream {
    let (mut here, there) = duplex(100);
    tokio::spawn(async move {
        for part in ["hel", "lo", "wor", "ld"] {
            here.write_all(part.as_bytes()).await?;
            sleep(Duration::from_millis(60)).await;
        }
        io::Result::Ok(())
    });
    there
}

// `start_paused`: when every task waits, tokio's clock jumps to the next timer, so this ends at
// once and with exact times. A program of yours leaves it out.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> io::Result<()> {
    let mut ticks = interval(Duration::from_millis(100)); // outside, or each turn would restart it
    // Outside, too: made in the branch, it would be dropped at each tick, with what it has read.
    let mut message = pin!(read_message(peer()));
    loop {
        tokio::select! {
            _ = ticks.tick() => println!("tick"),
            result = &mut message => {
                let Some((bytes, reader)) = result? else { break };
                println!("{}", String::from_utf8_lossy(&bytes));
                message.set(read_message(reader)); // a future that has ended is not polled again
            }
        }
    }
    println!("the peer is gone");
    let half = read_message(&b"hel"[..]).await;
    assert!(half.is_err_and(|error| error.kind() == io::ErrorKind::UnexpectedEof));

    // The case that goes wrong: `read_exact` is not cancel-safe, as its documentation says.
    let (mut reader, mut message) = (peer(), [0; 5]);
    tokio::select! {
        _ = reader.read_exact(&mut message) => {}
        () = sleep(Duration::from_millis(50)) => {} // drops it, with "hel"
    }
    reader.read_exact(&mut message).await?;
    assert_eq!(&message, b"lowor");
    println!("reading inside of the branch: the first whole message is \"lowor\"");
    Ok(())
}
