//! One task owns the state; the others send it messages through a handle.
//!
//! Use it when the state is a connection, or work on it awaits; for a plain value a mutex is less.
//! Ends: when the last handle is dropped, and after the messages sent before. If the actor panics,
//! the call under way and each later one is an error.
//! Needs: `cargo add tokio --features macros,rt,sync,time`.
//!
//! ```text
//! deposits: 10, 15
//! the last handle is dropped: the actor ends with 15
//! after a panic: Err(Gone), Err(Gone)
//! an actor that holds its own handle: never ends
//! ```

use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

struct Deposit {
    amount: u32,
    reply: oneshot::Sender<u32>,
}

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
            while let Some(Deposit { amount, reply }) = mailbox.recv().await {
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
        let message = Deposit { amount, reply };
        self.0.send(message).await.map_err(|_| Gone)?;
        answer.await.map_err(|_| Gone)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Gone> {
    let (account, actor) = Account::open();
    let first = account.deposit(10).await?;
    println!("deposits: {first}, {}", account.clone().deposit(5).await?);
    drop(account);
    let end = actor.await.map_err(|_| Gone)?;
    println!("the last handle is dropped: the actor ends with {end}");

    let (account, _) = Account::open();
    let (under_way, later) = (account.deposit(1001).await, account.deposit(1).await);
    println!("after a panic: {under_way:?}, {later:?}");
    assert_eq!((under_way, later), (Err(Gone), Err(Gone)));

    // As if it were in the actor's own state, where a `WeakSender` is right.
    let (own_handle, actor) = Account::open();
    let ended = timeout(Duration::from_millis(1), actor).await;
    assert!(ended.is_err());
    println!("an actor that holds its own handle: never ends");
    drop(own_handle);
    Ok(())
}
