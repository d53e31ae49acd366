//! Wait until something is ready: `Condvar`, wait/notify.
//!
//! Use it when several threads wait for one value. To hand over a value to one
//! thread, use a channel. `OnceLock::wait` (Rust 1.86) is shorter, but never
//! returns if the value is never set.
//! Ends: with the value, or with `None` if the thread that prepares it has
//! given up or panicked.
//! Needs: std alone.
//!
//! ```text
//! before and after the event: [Some(42), Some(42), Some(42)]
//! the preparing thread panicked: [None, None, None]
//! ```

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A value that one thread sets and others wait for.
pub struct Event<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

enum State<T> {
    Pending,
    Ready(T),
    GivenUp,
}

impl<T: Clone> Event<T> {
    /// An event that has not happened yet.
    pub fn pending() -> Self {
        let (state, changed) = (Mutex::new(State::Pending), Condvar::new());
        Self { state, changed }
    }

    /// Blocks until the value is set. `None` if it never will be.
    pub fn wait(&self) -> Option<T> {
        // `wait_while` checks before it sleeps, as it may be set already, and
        // after it wakes, as a `Condvar` may wake for no reason.
        let is_pending = |state: &mut State<T>| matches!(state, State::Pending);
        let state = self.changed.wait_while(self.lock(), is_pending);
        match &*state.unwrap_or_else(PoisonError::into_inner) {
            State::Ready(value) => Some(value.clone()),
            State::Pending | State::GivenUp => None,
        }
    }
}

impl<T> Event<T> {
    /// To be held by the thread that prepares the value.
    pub fn preparation(&self) -> Preparation<'_, T> {
        Preparation { event: self }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // A change is one assignment, so the state is valid after a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Dropping it without a value, as a panic does, ends the waiting too.
pub struct Preparation<'a, T> {
    event: &'a Event<T>,
}

impl<T> Preparation<'_, T> {
    /// Sets the value and wakes all that wait.
    pub fn ready(self, value: T) {
        *self.event.lock() = State::Ready(value);
    } // the drop notifies
}

impl<T> Drop for Preparation<'_, T> {
    fn drop(&mut self) {
        // Under the lock: no waiter can be between its check and its sleep.
        let mut state = self.event.lock();
        if matches!(*state, State::Pending) {
            *state = State::GivenUp;
        }
        self.event.changed.notify_all(); // `notify_one` would wake one waiter
    }
}

fn main() {
    use std::thread;

    for (case, fails) in [
        ("before and after the event", false),
        ("the preparing thread panicked", true), // the case that goes wrong
    ] {
        let event = Event::pending();
        let values = thread::scope(|scope| {
            // Made before the threads, so that none of them can wait in vain.
            let preparation = event.preparation();
            let early = [0, 1].map(|_| scope.spawn(|| event.wait()));
            let preparing = scope.spawn(move || {
                assert!(!fails, "cannot prepare");
                preparation.ready(42);
            });
            assert_eq!(preparing.join().is_err(), fails);
            let [first, second] = early.map(|waiter| waiter.join().ok().flatten());
            [first, second, event.wait()]
        });
        assert_eq!(values, [(!fails).then_some(42); 3]);
        println!("{case}: {values:?}");
    }
}
