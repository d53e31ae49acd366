//! Wait for several things in a loop, and lose nothing of those that were not ready.
//!
//! Use it when one task has several sources; of one kind, merge them into a stream.
//! Ends: when the peer closes the connection; half a message at its end is an error.
//! Needs: `cargo add tokio --features io-util,macros,rt,test-util,time`.
//!
//! ```text
//! tick
//! hello
//! tick
//! world
//! tick
//! the peer is gone
//! reading inside of the branch: the end, and not one message
//! ```

use std::io;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{interval, sleep};

/// The reader goes into the future and comes out of it, so that it can be put into the next one.
async fn read_message<R: AsyncRead + Unpin>(mut reader: R) -> (R, io::Result<[u8; 5]>) {
    let mut message = [0; 5];
    let result = reader.read_exact(&mut message).await;
    (reader, result.map(|_| message))
}

/// Each message in two parts, with a pause that is longer than a tick.
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

// `start_paused`: time passes at once when all wait, so that this ends soon. Leave it out.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    let mut ticks = interval(Duration::from_millis(100)); // outside, or each turn would restart it
    // Outside, too: made in the branch, it would be dropped at each tick, with what it has read.
    let mut message = pin!(read_message(peer()));
    loop {
        tokio::select! {
            _ = ticks.tick() => println!("tick"),
            (reader, result) = &mut message => match result {
                Ok(bytes) => {
                    println!("{}", String::from_utf8_lossy(&bytes));
                    message.set(read_message(reader)); // a future that has ended is not polled again
                }
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                Err(error) => return println!("{error}"),
            },
        }
    }
    println!("the peer is gone");

    // The other way: `read_exact` is not cancel-safe, as its documentation says.
    let (mut reader, mut message) = (peer(), [0; 5]);
    let mut ticks = interval(Duration::from_millis(50));
    let first = loop {
        tokio::select! {
            _ = ticks.tick() => {}
            result = reader.read_exact(&mut message) => break result,
        }
    };
    assert!(first.is_err()); // each tick has taken a part
    println!("reading inside of the branch: the end, and not one message");
}
