//! One task owns the state; the others send it messages through a handle.
//!
//! Use it when the state is a connection, or work on it awaits; for a plain value a mutex is less.
//! Ends: when the last handle is dropped, and after the messages sent before. If the actor panics,
//! the call under way and each later one is an error. A caller that stops waiting takes nothing
//! back: `timeout(t, account.deposit(5))` may be an error, and the money deposited all the same.
//! Needs: `cargo add tokio --features macros,rt,sync,time`.
//!
//! ```text
//! deposits: 10, 15, and 7 whose caller has left
//! the last handle is dropped: the actor ends with 22
//! after a panic: Err(Gone), Err(Gone)
//! an actor that holds its own handle: never ends
//! ```

use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// The amount, and where the balance goes.
struct Deposit(u32, oneshot::Sender<u32>);

#[derive(Clone)]
struct Account(mpsc::Sender<Deposit>);

#[derive(Debug, PartialEq)]
struct Gone;

impl Account {
    /// The task returns its state when it ends.
    fn open() -> (Self, JoinHandle<u32>) {
        // Full, the mailbox holds its senders back. An actor must not send to itself: it would wait
        // for room that only it can make.
        let (sender, mut mailbox) = mpsc::channel::<Deposit>(100);
        let actor = async move {
            let mut balance: u32 = 0;
            while let Some(Deposit(amount, reply)) = mailbox.recv().await {
                assert!(amount <= 1000, "nobody has that much");
                balance += amount;
                let _ = reply.send(balance); // whoever asked may have left
            }
            balance
        };
        (Self(sender), tokio::spawn(actor))
    }

    async fn deposit(&self, amount: u32) -> Result<u32, Gone> {
        let (reply, answer) = oneshot::channel();
        let message = Deposit(amount, reply);
        self.0.send(message).await.map_err(|_| Gone)?;
        answer.await.map_err(|_| Gone)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Gone> {
    let (account, actor) = Account::open();
    assert_eq!(account.deposit(10).await?, 10);
    assert_eq!(account.clone().deposit(5).await?, 15);
    // Polled once, which sends it, and dropped, as by a timeout.
    let left = tokio::select! { biased; _ = account.deposit(7) => false, () = async {} => true };
    println!("deposits: 10, 15, and 7 whose caller has left");
    drop(account);
    let end = actor.await.map_err(|_| Gone)?;
    assert_eq!((left, end), (true, 22));
    println!("the last handle is dropped: the actor ends with {end}");

    // The case that goes wrong: the actor panics, or never ends.
    let (account, _) = Account::open();
    let (under_way, later) = (account.deposit(1001).await, account.deposit(1).await);
    println!("after a panic: {under_way:?}, {later:?}");
    assert_eq!((under_way, later), (Err(Gone), Err(Gone)));

    // As if it were in the actor's own state, where a `WeakSender` is right.
    let (_own_handle, actor) = Account::open();
    assert!(timeout(Duration::from_millis(1), actor).await.is_err());
    println!("an actor that holds its own handle: never ends");
    Ok(())
}
