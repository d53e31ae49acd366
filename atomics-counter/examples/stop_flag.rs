//! Stop a thread: `AtomicBool` flag and join.
//!
//! Use it when a thread works in rounds: it looks at the flag before each one.
//! A thread that blocks does not look, and would block its owner's drop. In
//! `accept`: set the flag, then connect to the listener (see `Server`, below
//! `main`). In `recv`: drop the sender instead. If it sleeps between rounds,
//! the stop waits for the sleep: use `every_second.rs`. While a thread reads
//! stdin, nothing stops it: do not join it, it ends with the process.
//! Ends: after the current round; `stop` returns the result or the panic. A
//! drop stops it too, also by `?` or a panic of its owner, and ignores its
//! panic.
//! Needs: std alone.
//!
//! ```text
//! stopped after the round in which it was told
//! its owner failed, and the thread ended first
//! it was blocked in `accept`, and its owner's drop woke it
//! it had panicked: round 3
//! dropped by its own work
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::{io, mem};

/// Owns a thread. Dropping it sets the flag and waits for the thread to end:
/// hold no lock that the thread needs.
#[must_use = "dropping it stops the thread"]
pub struct Worker<R> {
    stop: Arc<AtomicBool>,
    /// `None` once the thread has been joined.
    handle: Option<JoinHandle<R>>,
}

impl<R> Worker<R> {
    /// Runs `work` on a new thread. It must look at the flag in each round:
    /// `while !stop.load(Relaxed) { ... }`.
    pub fn start(work: impl FnOnce(&AtomicBool) -> R + Send + 'static) -> io::Result<Self>
    where
        R: Send + 'static,
    {
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        let builder = thread::Builder::new().name("worker".into());
        let handle = Some(builder.spawn(move || work(&flag))?);
        Ok(Self { stop, handle })
    }

    /// Sets the flag and does not wait. Wake the thread after that if it blocks.
    pub fn set_flag(&self) {
        // Relaxed: the flag carries no data, and no ordering makes it faster.
        // What the thread has done is handed over by the join.
        self.stop.store(true, Relaxed);
    }

    /// Sets the flag and waits for the thread to end.
    pub fn stop(mut self) -> thread::Result<R> {
        match self.join() {
            Some(result) => result,
            None => unreachable!("joined only here and in `drop`"),
        }
    }

    fn join(&mut self) -> Option<thread::Result<R>> {
        self.set_flag();
        let handle = self.handle.take()?;
        if handle.thread().id() == thread::current().id() {
            // Its own work was the last owner. It ends after this round.
            return Some(Err(Box::new("a thread cannot join itself")));
        }
        Some(handle.join())
    }
}

impl<R> Drop for Worker<R> {
    fn drop(&mut self) {
        // Re-raising a panic would abort if the owner is unwinding, and so
        // would a payload whose destructor panics.
        if let Some(Err(payload)) = self.join() {
            mem::forget(payload);
        }
    }
}

fn main() -> io::Result<()> {
    use std::panic::resume_unwind;
    use std::sync::mpsc;
    use std::time::Duration;

    // Each round reports its begin and waits for permission to end.
    let (begin, begun) = mpsc::channel();
    let (end, may_end) = mpsc::channel();
    let worker = Worker::start(move |stop| {
        let mut rounds = 0;
        while !stop.load(Relaxed) {
            rounds += 1;
            let _ = begin.send(rounds);
            let _ = may_end.recv();
        }
        rounds
    })?;
    assert_eq!(begun.recv(), Ok(1));
    assert!(end.send(()).is_ok());
    assert_eq!(begun.recv(), Ok(2));
    worker.set_flag(); // in the second round
    assert!(end.send(()).is_ok());
    assert_eq!(worker.stop().ok(), Some(2));
    println!("stopped after the round in which it was told");

    // The case that goes wrong: the owner fails, the thread blocks or panics.
    let (ended, end) = mpsc::channel();
    let owner = || -> io::Result<()> {
        let _worker = Worker::start(move |stop| {
            while !stop.load(Relaxed) {
                thread::yield_now(); // some work
            }
            thread::sleep(Duration::from_millis(20)); // the end takes a while
            let _ = ended.send(());
        })?;
        Err(io::ErrorKind::StorageFull.into())
    };
    assert!(owner().is_err());
    assert_eq!(end.try_recv(), Ok(()));
    println!("its owner failed, and the thread ended first");

    let (ended, end) = mpsc::channel();
    let owner = || -> io::Result<()> {
        let server = Server::start(ended)?;
        let greeting = io::read_to_string(TcpStream::connect(server.address)?)?;
        assert_eq!(greeting, "hello");
        Err(io::ErrorKind::StorageFull.into())
    };
    assert!(owner().is_err());
    assert_eq!(end.try_recv(), Ok(1)); // it has served one client
    println!("it was blocked in `accept`, and its owner's drop woke it");

    let (ended, end) = mpsc::channel::<()>();
    let panics = move |_: &AtomicBool| {
        let _ended = &ended; // dropped when the thread ends
        for round in 1.. {
            assert!(round < 3, "round {round}");
        }
    };
    let worker = Worker::start(panics.clone())?;
    let payload = worker.stop().err();
    let text = payload.and_then(|payload| payload.downcast::<String>().ok());
    assert_eq!(text.as_deref().map(String::as_str), Some("round 3"));
    println!("it had panicked: round 3");

    // A drop raises nothing.
    drop(Worker::start(panics)?);
    assert!(end.recv().is_err());
    drop(Worker::start(|_| {
        resume_unwind(Box::new(PanicsWhenDropped))
    })?);

    let (owner, owned) = mpsc::channel::<Worker<()>>();
    let (dropped, flag) = mpsc::channel();
    let worker = Worker::start(move |stop| {
        if let Ok(worker) = owned.recv() {
            drop(worker);
            let _ = dropped.send(stop.load(Relaxed));
        }
    })?;
    assert!(owner.send(worker).is_ok());
    assert_eq!(flag.recv(), Ok(true));
    println!("dropped by its own work");
    Ok(())
}

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::Sender;

/// Its thread is blocked in `accept` most of the time.
struct Server {
    address: SocketAddr,
    worker: Worker<io::Result<()>>,
}

impl Server {
    /// Sends how many clients it has served when it ends.
    fn start(ended: Sender<u32>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let worker = Worker::start(move |stop| {
            let mut served = 0;
            loop {
                let (mut client, _) = listener.accept()?;
                if stop.load(Relaxed) {
                    let _ = ended.send(served); // this was no client
                    return Ok(());
                }
                client.write_all(b"hello")?;
                served += 1;
            }
        })?;
        Ok(Self { address, worker })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.worker.set_flag(); // before it is woken
        let _ = TcpStream::connect(self.address);
        // Then `worker` is dropped, which joins the thread.
    }
}

struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        unreachable!("dropped");
    }
}
