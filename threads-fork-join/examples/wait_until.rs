//! Wait until something is ready: `Condvar`, wait/notify, latch, event.
//!
//! Use it when several threads wait for one value. To hand a value over to one
//! thread, use a channel. `OnceLock::wait` (Rust 1.86) is shorter, but never
//! returns if the value is never set.
//! Ends: with the value, or with `None` if the thread that prepares it has
//! given up or panicked. For a deadline, use `Condvar::wait_timeout_while`.
//! Needs: std alone.
//!
//! ```text
//! before and after the event: [Some(42), Some(42), Some(42)]
//! the preparing thread panicked: [None, None, None]
//! ```

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A value that is set once. The [`Setter`] belongs to the thread that prepares
/// it, and clones of the [`Event`] to those that wait.
pub fn event<T>() -> (Setter<T>, Event<T>) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State::Pending),
        changed: Condvar::new(),
    });
    (Setter(Arc::clone(&shared)), Event(shared))
}

/// Sets the value. Dropping it unset, as a panic does, ends the waiting too.
pub struct Setter<T>(Arc<Shared<T>>);

/// Waits for the value.
pub struct Event<T>(Arc<Shared<T>>);

struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

enum State<T> {
    Pending,
    Ready(T),
    GivenUp,
}

impl<T> Setter<T> {
    /// Sets the value and wakes all that wait.
    pub fn set(self, value: T) {
        self.0.end(State::Ready(value));
    }
}

impl<T> Drop for Setter<T> {
    fn drop(&mut self) {
        self.0.end(State::GivenUp); // no effect if the value is set
    }
}

impl<T: Clone> Event<T> {
    /// Blocks until the value is set. `None` if it never will be.
    pub fn wait(&self) -> Option<T> {
        let is_pending = |state: &mut State<T>| matches!(state, State::Pending);
        // `wait_while` checks before sleeping, because the value may be set
        // already, and after waking, because a `Condvar` wakes spuriously.
        let state = self.0.changed.wait_while(self.0.lock(), is_pending);
        match &*state.unwrap_or_else(PoisonError::into_inner) {
            State::Ready(value) => Some(value.clone()),
            State::Pending | State::GivenUp => None,
        }
    }
}

impl<T> Clone for Event<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Shared<T> {
    fn end(&self, state: State<T>) {
        // Under the lock, no waiter is between its check and its sleep.
        let mut current = self.lock();
        if matches!(*current, State::Pending) {
            *current = state;
            self.changed.notify_all(); // `notify_one` would wake one waiter
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Valid after a panic, too: the state changes in one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn main() {
    use std::thread;

    for (case, fails) in [
        ("before and after the event", false),
        ("the preparing thread panicked", true), // the case that goes wrong
    ] {
        let (setter, event) = event();
        let early = [event.clone(), event.clone()];
        let early = early.map(|event| thread::spawn(move || event.wait()));
        let preparing = thread::spawn(move || {
            assert!(!fails, "cannot prepare");
            setter.set(42);
        });
        assert_eq!(preparing.join().is_err(), fails);
        let [first, second] = early.map(|waiter| waiter.join().ok().flatten());
        let values = [first, second, event.wait()];
        assert_eq!(values, [(!fails).then_some(42); 3]);
        println!("{case}: {values:?}");
    }
}
