//! Timer thread: run something periodically, stop at once.
//!
//! Use it when a thread may wait; in async code, use tokio's `interval`. To
//! stop it on Ctrl-C, wait for that with `ctrl_c.rs`, then drop the `Timer`.
//! Ends: when its owner is dropped, at once while it waits, else after the
//! current call. `stop` returns a panic of the work; a drop discards it.
//! Needs: std alone.
//!
//! ```text
//! the first call comes at once
//! 3 calls, none too early; missed ones are skipped
//! stopped with most of an hour to go
//! the work panicked: call 2
//! ```

use std::convert::Infallible;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{io, mem};

/// Longer than any wait, and an `Instant` can still be increased by it.
const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Calls `work` after `delay`, then every `period`, until the sender of `stop`
/// is dropped. `work` is told when it was due.
///
/// If a call takes longer than a period, the missed calls are skipped. A period
/// of zero calls without a pause.
pub fn every(
    delay: Duration,
    period: Duration,
    stop: &Receiver<Infallible>,
    mut work: impl FnMut(Instant),
) {
    let period = period.clamp(Duration::from_nanos(1), CENTURY);
    let mut due = Instant::now() + delay.min(CENTURY);
    loop {
        // `sleep` could not be interrupted.
        match stop.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Err(RecvTimeoutError::Timeout) => work(due),
            Err(RecvTimeoutError::Disconnected) => return,
            Ok(never) => match never {},
        }
        // A whole number of periods after the last time, so nothing drifts.
        let now = Instant::now();
        let late = (now - due).as_nanos() % period.as_nanos();
        due = now + period - Duration::from_nanos(late as u64);
    }
}

/// Owns a timer thread.
///
/// Dropping it waits for the current call: hold no lock that the work needs.
#[must_use = "dropping it stops the timer"]
pub struct Timer {
    /// `None` once the thread is being joined.
    running: Option<(Sender<Infallible>, JoinHandle<()>)>,
}

impl Timer {
    /// Runs `every` on a new thread. Returns the OS error if spawning fails.
    pub fn start(
        delay: Duration,
        period: Duration,
        work: impl FnMut(Instant) + Send + 'static,
    ) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let builder = thread::Builder::new().name("timer".into());
        let handle = builder.spawn(move || every(delay, period, &stopped, work))?;
        let running = Some((stop, handle));
        Ok(Self { running })
    }

    /// Stops it. Returns the panic if the work has panicked.
    pub fn stop(mut self) -> thread::Result<()> {
        self.join()
    }

    fn join(&mut self) -> thread::Result<()> {
        let Some((stop, handle)) = self.running.take() else {
            return Ok(());
        };
        drop(stop); // nothing is ever sent: the end of the sender is the message
        if handle.thread().id() == thread::current().id() {
            return Ok(()); // stopped by its own work, which a thread cannot join
        }
        handle.join()
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // Re-raising a panic would abort if the owner is unwinding, and so
        // would a payload whose destructor panics.
        if let Err(payload) = self.join() {
            mem::forget(payload);
        }
    }
}

fn main() -> io::Result<()> {
    const HOUR: Duration = Duration::from_secs(3600);
    let period = Duration::from_millis(2);

    let (called, calls) = mpsc::channel();
    let timer = Timer::start(Duration::ZERO, Duration::MAX, move |_| _ = called.send(()))?;
    assert_eq!(calls.recv(), Ok(()));
    assert!(timer.stop().is_ok());
    println!("the first call comes at once");

    let (called, calls) = mpsc::channel();
    let timer = Timer::start(period, period, move |due| {
        let begin = Instant::now();
        thread::sleep(period * 5 / 2); // longer than a period
        let _ = called.send((due, begin, Instant::now()));
    })?;
    let calls: Vec<_> = calls.iter().take(3).collect();
    assert!(timer.stop().is_ok());
    for (due, begin, _) in &calls {
        assert!(due <= begin);
    }
    for pair in calls.windows(2) {
        let [(last_due, _, last_end), (due, ..)] = pair else {
            unreachable!("windows of 2");
        };
        assert!(due > last_end, "no call for a time that has passed");
        assert_eq!((*due - *last_due).as_nanos() % period.as_nanos(), 0);
    }
    println!("3 calls, none too early; missed ones are skipped");

    for period in [HOUR, Duration::MAX] {
        let timer = Timer::start(period, period, |_| unreachable!())?;
        assert!(timer.stop().is_ok());
    }
    println!("stopped with most of an hour to go");

    // Stopped by the work: there is no further call.
    let (stop, stopped) = mpsc::channel();
    let (mut stop, mut number) = (Some(stop), 0);
    every(period, period, &stopped, |_| {
        thread::sleep(period * 2);
        number += 1;
        if number == 3 {
            stop = None;
        }
    });
    assert_eq!(number, 3);
    let (owner, owned) = mpsc::channel::<Timer>();
    let (stopped, stop) = mpsc::channel();
    let timer = Timer::start(period, period, move |_| {
        if let Ok(timer) = owned.recv() {
            let _ = stopped.send(timer.stop().is_ok());
        }
    })?;
    assert!(owner.send(timer).is_ok());
    assert_eq!(stop.recv(), Ok(true));

    // The case that goes wrong: the work panics.
    let (ended, end) = mpsc::channel::<Infallible>();
    let mut number = 0;
    let timer = Timer::start(period, period, move |_| {
        let _ended = &ended; // dropped when the thread ends
        number += 1;
        assert!(number < 2, "call {number}");
    })?;
    assert!(end.recv().is_err());
    let payload = timer.stop().err();
    let text = payload.and_then(|payload| payload.downcast::<String>().ok());
    assert_eq!(text.as_deref().map(String::as_str), Some("call 2"));
    println!("the work panicked: call 2");
    Ok(())
}
