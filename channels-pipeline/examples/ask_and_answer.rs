//! Request/reply channel: ask a thread, get an answer (oneshot).
//!
//! Use it when one thread owns something, such as a connection, and others
//! use it. A plain value is easier to share in a `Mutex`.
//! Ends: the thread, when the last `Asker` is dropped. If the thread panics, all
//! who wait for an answer get an error at once.
//! Needs: `cargo add crossbeam-channel`.
//!
//! ```text
//! 10 + 5 = 15
//! asked before, received after the next one: 16, 18
//! the thread panics at this question: no answer
//! the question behind it: no answer
//! a question after that: no answer
//! the state cannot be made: Some(NotFound)
//! ```

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use std::io;
use std::thread::{Builder, JoinHandle};

/// Asks the thread; clone it for each thread that asks.
pub struct Asker<Q, A>(Sender<(Q, Sender<A>)>);

impl<Q, A> Clone for Asker<Q, A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<Q, A> Asker<Q, A> {
    /// The receiver gets the answer, or an error if the thread panics first.
    pub fn ask(&self, question: Q) -> Receiver<A> {
        // The only sender moves into the question. A question that is dropped
        // unanswered drops it, so the receiver never waits in vain. With room
        // for the answer, the thread never waits for the one who asked.
        let (sender, answer) = bounded(1);
        let _ = self.0.send((question, sender)); // dropped if the thread is gone
        answer
    }
}

/// Starts a thread that makes its state and answers questions with it, one after
/// the other. Returns the error of `make_state`, or the OS error if the thread
/// cannot be spawned.
pub fn spawn_owner<Q, A, S>(
    make_state: impl FnOnce() -> io::Result<S> + Send + 'static,
    mut answer: impl FnMut(&mut S, Q) -> A + Send + 'static,
) -> io::Result<(Asker<Q, A>, JoinHandle<()>)>
where
    Q: Send + 'static,
    A: Send + 'static,
{
    // If the thread panics, this channel drops what is in it. `bounded` keeps
    // that while a sender is alive, and those who asked would wait.
    let (sender, questions) = unbounded::<(Q, Sender<A>)>();
    let (failed, made) = bounded(1);
    let handle = Builder::new().spawn(move || {
        // Here, so it need not be `Send`.
        let mut state = match make_state() {
            Ok(state) => state,
            Err(error) => {
                let _ = failed.send(error);
                return;
            }
        };
        drop(failed); // the state is made
        for (question, sender) in questions {
            let answer = answer(&mut state, question);
            let _ = sender.send(answer); // its receiver may be gone
        }
    })?;
    match made.recv() {
        Ok(error) => Err(error),
        Err(_) => Ok((Asker(sender), handle)),
    }
}

fn main() -> io::Result<()> {
    use std::cell::Cell;
    use std::rc::Rc;

    fn shown(answer: Receiver<u64>) -> String {
        answer
            .recv()
            .map_or("no answer".into(), |sum| sum.to_string())
    }

    let make_sum = || Ok(Rc::new(Cell::new(10))); // not `Send`
    let (gate, opened) = bounded::<()>(0);
    let add = move |sum: &mut Rc<Cell<u64>>, amount: u64| {
        if amount >= 50 {
            let _ = opened.recv(); // until the gate is opened or dropped
            assert!(amount < 100, "{amount} is too much");
        }
        sum.set(sum.get() + amount);
        sum.get()
    };
    let (asker, handle) = spawn_owner(make_sum, add)?;
    println!("10 + 5 = {}", shown(asker.ask(5)));

    let first = asker.ask(1);
    let second = shown(asker.clone().ask(2));
    let first = shown(first);
    println!("asked before, received after the next one: {first}, {second}");

    let slow = asker.ask(50);
    drop(asker.ask(0)); // nothing waits for this answer when it comes
    assert!(gate.send(()).is_ok());
    assert_eq!((slow.recv(), asker.ask(0).recv()), (Ok(68), Ok(68)));

    // The case that goes wrong: the thread panics with questions in its queue.
    let (deadly, behind) = (asker.ask(100), asker.ask(0));
    drop(gate);
    println!("the thread panics at this question: {}", shown(deadly));
    println!("the question behind it: {}", shown(behind));
    assert!(handle.join().is_err());
    println!("a question after that: {}", shown(asker.ask(0)));

    let (asker, handle) = spawn_owner(|| Ok(()), |(), question: u32| question)?;
    drop(asker);
    assert!(handle.join().is_ok());

    let connect = || std::fs::File::open("no-such-file");
    let refused = spawn_owner(connect, |_, question: u32| question).err();
    let error = refused.map(|error| error.kind());
    println!("the state cannot be made: {error:?}");
    Ok(())
}
