//! At most so many per second, with a small burst at the start and after a pause.
//!
//! Use it when someone else sets the limit, such as a server; to limit how many run at once, a
//! pool of threads does.
//! Ends: the thread that gives permits, soon after the last receiver of them is gone.
//! Needs: `cargo add crossbeam-channel`.
//!
//! ```text
//! 10 permits, of which 3 at once: not before 70 ms were over
//! after a pause, at once: 3
//! the thread has ended
//! ```

use crossbeam_channel::{Receiver, TrySendError, bounded, tick};
use std::io;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Receive a permit before each call; any number of threads may.
///
/// The bucket holds no more than `burst`, however long nobody called: what was not used is lost.
/// One without a bound would let all that through at once after a pause.
fn permits(every: Duration, burst: usize) -> io::Result<(Receiver<()>, JoinHandle<()>)> {
    let (bucket, permits) = bounded(burst);
    (0..burst).for_each(|_| _ = bucket.try_send(())); // full at the start
    let fill = move || {
        for _ in tick(every) {
            if let Err(TrySendError::Disconnected(())) = bucket.try_send(()) {
                break;
            }
        }
    };
    Ok((permits, thread::Builder::new().spawn(fill)?))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    const PERIOD: Duration = Duration::from_millis(10);
    const BURST: usize = 3;

    let start = Instant::now();
    let (bucket, thread) = permits(PERIOD, BURST)?;
    for _ in 0..10 {
        bucket.recv()?; // and now the call
    }
    // Seven came one by one, the first of them a period after the start: a tick that is late by more
    // than a period puts off the next ones, and none catches up.
    assert!(start.elapsed() >= 7 * PERIOD);
    println!("10 permits, of which {BURST} at once: not before 70 ms were over");
    drop(bucket);
    thread.join().map_err(|_| "the thread panicked")?;

    // A pause, after which the bucket has been full many times over.
    let (bucket, thread) = permits(PERIOD, BURST)?;
    thread::sleep(10 * PERIOD);
    println!("after a pause, at once: {}", bucket.len());
    assert_eq!(bucket.len(), BURST);
    drop(bucket);
    thread.join().map_err(|_| "the thread panicked")?;
    println!("the thread has ended");
    Ok(())
}
