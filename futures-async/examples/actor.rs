//! Actor: one task owns the state.
//!
//! Use it when the state is a connection, or when work on it awaits. For a
//! plain value a mutex is simpler: see `shared_state.rs`.
//! Ends: the actor when the last handle is dropped, after the messages sent
//! before. If it panics, calls return `Gone`. A caller that stops waiting takes
//! nothing back: after a timeout, the money may have been deposited.
//! Needs: `cargo add tokio --features macros,rt,sync,time`.
//!
//! ```text
//! deposits: 10, 5, 7 whose caller has left, and 1
//! the last handle is dropped: the actor ends with 23
//! just before the end: Ok(10), with it: Err(Gone), later: Err(Gone)
//! a message that arrives just after the end: Err(Gone)
//! an actor that holds its own handle: never ends
//! ```

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// A handle; clones share the actor.
#[derive(Clone)]
pub struct Account {
    mailbox: mpsc::Sender<Deposit>,
}

struct Deposit {
    amount: u32,
    reply: oneshot::Sender<u64>,
}

/// The actor has ended.
#[derive(Debug, PartialEq)]
pub struct Gone;

impl Account {
    /// Starts the actor. Its task returns the state when it ends.
    pub fn open() -> (Self, JoinHandle<u64>) {
        // A full mailbox blocks senders (backpressure). An actor must not send
        // to itself: it would wait for room that only it can make. Nor may it call
        // `deposits.close()`: callers would get `Gone` before their answer.
        let (mailbox, mut deposits) = mpsc::channel::<Deposit>(100);
        let actor = async move {
            let mut balance = 0;
            while let Some(Deposit { amount, reply }) = deposits.recv().await {
                balance += u64::from(amount);
                let _ = reply.send(balance); // the caller may have left
            }
            balance
        };
        (Self { mailbox }, tokio::spawn(actor))
    }

    /// Returns the balance.
    pub async fn deposit(&self, amount: u32) -> Result<u64, Gone> {
        let (reply, answer) = oneshot::channel();
        let message = Deposit { amount, reply };
        self.mailbox.send(message).await.map_err(|_| Gone)?;
        self.receive(answer).await
    }

    /// For each kind of message: waits for the answer, or for the actor's end.
    async fn receive<T>(&self, mut answer: oneshot::Receiver<T>) -> Result<T, Gone> {
        tokio::select! {
            answer = &mut answer => answer.map_err(|_| Gone),
            // A message that is sent just as the actor ends stays in the
            // mailbox while a sender lives, and we have one: its `reply` would
            // never be dropped, and we would wait forever. An answer that is
            // there counts, though.
            () = self.mailbox.closed() => answer.try_recv().map_err(|_| Gone),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Gone> {
    use std::pin::pin;
    use std::time::Duration;
    use tokio::task::yield_now;
    use tokio::time::timeout;

    let (account, actor) = Account::open();
    assert_eq!(account.deposit(10).await?, 10);
    assert_eq!(account.clone().deposit(5).await?, 15);
    // Polled once, which sends it, and dropped, as by a timeout.
    tokio::select! { biased; _ = account.deposit(7) => {}, () = async {} => {} }
    assert_eq!(account.deposit(1).await?, 23);
    println!("deposits: 10, 5, 7 whose caller has left, and 1");
    drop(account);
    let end = actor.await.map_err(|_| Gone)?;
    println!("the last handle is dropped: the actor ends with {end}");

    // The case that goes wrong: the actor is aborted or panics, or never ends.
    for round in 0..100 {
        let (account, actor) = Account::open();
        let mut before = pin!(account.deposit(10));
        tokio::select! { biased; _ = &mut before => {}, () = async {} => {} } // sends it
        yield_now().await; // the actor answers
        let mut with = pin!(account.deposit(5));
        tokio::select! { biased; _ = &mut with => {}, () = async {} => {} }
        actor.abort();
        assert!(actor.await.is_err());
        let (before, with) = (before.await, with.await);
        let later = account.deposit(1).await;
        if round == 0 {
            println!("just before the end: {before:?}, with it: {with:?}, later: {later:?}");
        }
        assert_eq!((before, with, later), (Ok(10), Err(Gone), Err(Gone)));
    }

    // `send` takes a permit and then sends; on another thread, the actor may end
    // in between.
    let (account, actor) = Account::open();
    let permit = account.mailbox.reserve().await.map_err(|_| Gone)?;
    actor.abort();
    assert!(actor.await.is_err());
    let (reply, answer) = oneshot::channel();
    permit.send(Deposit { amount: 1, reply });
    let answer = timeout(Duration::from_secs(5), account.receive(answer)).await;
    assert_eq!(answer, Ok(Err(Gone)), "the caller would wait forever");
    println!("a message that arrives just after the end: Err(Gone)");

    // In the actor's own state, a `WeakSender` is right.
    let (_own_handle, actor) = Account::open();
    assert!(timeout(Duration::from_millis(1), actor).await.is_err());
    println!("an actor that holds its own handle: never ends");
    Ok(())
}
