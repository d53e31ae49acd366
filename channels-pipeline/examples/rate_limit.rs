//! Rate limiter, throttle, token bucket.
//!
//! Use it when something else sets the limit, such as a server. To limit how
//! many run at the same time, use `semaphore.rs`.
//! Ends: `wait` returns `false` at once when the sender of `stop` is dropped. It
//! needs no thread. Waiting threads are let through in any order.
//! Needs: `cargo add crossbeam-channel`.
//!
//! ```text
//! a burst of 3 at once, the fourth waits
//! 10 calls took 7 periods or more
//! after a pause: again 7 periods or more
//! stopped with most of an hour to go
//! ```

use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::convert::Infallible;
use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Longer than any wait, and an `Instant` can still be increased by it.
const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Lets a call through every `period`. After a pause it lets through up to
/// `burst` calls at once.
pub struct RateLimit {
    period: Duration,
    burst: NonZero<u32>,
    /// When `burst` calls may come at once again, if none came until then.
    rested: Mutex<Instant>,
}

impl RateLimit {
    /// The first `burst` calls may come at once.
    pub fn new(period: Duration, burst: NonZero<u32>) -> Self {
        Self {
            period: period.min(CENTURY),
            burst,
            rested: Mutex::new(Instant::now()),
        }
    }

    /// Waits until the next call may be made. Any number of threads may wait.
    /// `false` means stop: the sender was dropped. Without a stop, pass
    /// `&crossbeam_channel::never()`.
    pub fn wait(&self, stop: &Receiver<Infallible>) -> bool {
        loop {
            let left = self.try_take();
            // `sleep` could not be interrupted.
            if stop.recv_timeout(left) == Err(RecvTimeoutError::Disconnected) {
                return false;
            }
            if left.is_zero() {
                return true;
            }
            // Asks again: a place reserved in advance would come with all others
            // at once if this process is suspended for a while.
        }
    }

    /// Zero if the call may be made now, or how long to wait before asking again.
    fn try_take(&self) -> Duration {
        // Nothing can panic while the lock is held.
        let mut rested = self.rested.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        // Zero after a pause, however long: what was not used is lost.
        let until_rested = rested.saturating_duration_since(now);
        let left = until_rested.saturating_sub(self.period * (self.burst.get() - 1));
        if left.is_zero() {
            *rested = now + until_rested + self.period;
        }
        left
    }
}

fn main() {
    use crossbeam_channel::{bounded, never};
    use std::thread;

    const HOUR: Duration = Duration::from_secs(3600);
    const PERIOD: Duration = Duration::from_millis(5);
    let three = NonZero::<u32>::MIN.saturating_add(2);

    let (running, stop) = bounded(0);
    let hourly = RateLimit::new(HOUR, three);
    for _ in 0..3 {
        assert!(hourly.wait(&stop));
    }
    for _ in 0..2 {
        let left = hourly.try_take(); // takes nothing, so it does not grow
        assert!(HOUR / 2 < left && left <= HOUR);
    }
    println!("a burst of 3 at once, the fourth waits");

    let limit = RateLimit::new(PERIOD, three);
    let ten_calls = || {
        let start = Instant::now();
        for _ in 0..10 {
            assert!(limit.wait(&never()));
        }
        start.elapsed()
    };
    assert!(ten_calls() >= 7 * PERIOD);
    println!("10 calls took 7 periods or more");
    thread::sleep(20 * PERIOD);
    assert!(ten_calls() >= 7 * PERIOD);
    println!("after a pause: again 7 periods or more");

    // The case that goes wrong: a stop while threads wait.
    thread::scope(|scope| {
        let waiting = [(); 2].map(|()| scope.spawn(|| hourly.wait(&stop)));
        drop(running);
        for handle in waiting {
            assert!(handle.join().is_ok_and(|may_go_on| !may_go_on));
        }
    });
    for period in [HOUR, Duration::MAX] {
        let limit = RateLimit::new(period, NonZero::<u32>::MAX);
        assert!(!limit.wait(&stop)); // even if there is nothing to wait for
        assert!(limit.wait(&never()));
    }
    println!("stopped with most of an hour to go");
}
