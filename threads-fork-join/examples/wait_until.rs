//! Wait until something is ready: a `Condvar`, and a state that also knows that nothing will come.
//!
//! Use it when several threads wait for one event. To hand values over, take a channel.
//! Ends: with the value, or with `None` when whoever prepares it has left, by a panic too.
//! Needs: std alone.
//!
//! ```text
//! 2 waiters: [Some(42), Some(42)]
//! the preparing thread panicked: [None, None]
//! ```

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

#[derive(Default)]
struct State {
    value: Option<u32>,
    is_over: bool, // nothing will change any more
}

#[derive(Default)]
struct Event(Mutex<State>, Condvar);

impl Event {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is one step, so the state is whole even if a panic poisoned the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self) -> Option<u32> {
        // Looks before it sleeps, as the event may have come first, and after it wakes, as a plain
        // `wait` may wake without a notification.
        let state = self.1.wait_while(self.lock(), |state| !state.is_over);
        state.unwrap_or_else(PoisonError::into_inner).value
    }
}

/// Held by the thread that prepares: without it, all others would wait for ever if that panicked.
struct Preparing<'a>(&'a Event);

impl Preparing<'_> {
    fn ready(self, value: u32) {
        self.0.lock().value = Some(value);
    } // dropped, which notifies
}

impl Drop for Preparing<'_> {
    fn drop(&mut self) {
        // Changed under the lock: a waiter has either not looked yet, or sleeps and will hear it.
        self.0.lock().is_over = true;
        self.0.1.notify_all(); // not `notify_one`: several may wait
    }
}

fn main() {
    for (case, fails) in [
        ("2 waiters", false),
        ("the preparing thread panicked", true), // the case that goes wrong
    ] {
        let event = Event::default();
        let values = thread::scope(|scope| {
            // Before the threads: if the system refuses one, this says that nothing will come.
            let preparing = Preparing(&event);
            let waiters = [0, 1].map(|_| scope.spawn(|| event.wait()));
            let preparing = scope.spawn(move || {
                assert!(!fails, "cannot prepare");
                preparing.ready(42); // takes it whole: of a field alone, the rest would stay behind
            });
            assert_eq!(preparing.join().is_err(), fails);
            waiters.map(|waiter| waiter.join().ok().flatten())
        });
        assert_eq!(values, [(!fails).then_some(42); 2]);
        println!("{case}: {values:?}");
    }
}
