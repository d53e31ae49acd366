//! Looks names up, on threads of its own: the system's resolver blocks.

use futures::channel::oneshot;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use tokio::sync::OwnedSemaphorePermit;

type Found = io::Result<Vec<SocketAddr>>;

struct LookUp {
    host: String,
    port: u16,
    found: oneshot::Sender<Found>,
    permit: OwnedSemaphorePermit,
}

/// Threads that are kept for the next name; another one is started when all are busy. How many there
/// may be is for the permits to say.
#[derive(Clone, Default)]
pub struct Resolver(Arc<Mutex<Vec<mpsc::Sender<LookUp>>>>);

impl Resolver {
    /// Keeps the permit until the look-up has ended, even if nobody waits for it any more: until then
    /// it takes descriptors. An error if the system refuses a thread.
    pub fn look_up(
        &self,
        host: &str,
        port: u16,
        permit: OwnedSemaphorePermit,
    ) -> io::Result<oneshot::Receiver<Found>> {
        let (found, receiver) = oneshot::channel();
        let host = host.to_owned();
        let idle = self.idle().pop(); // and the lock is free again
        let thread = match idle {
            Some(thread) => thread,
            None => self.start()?,
        };
        // It is there: it ends with the program.
        let _ = thread.send(LookUp {
            host,
            port,
            found,
            permit,
        });
        Ok(receiver)
    }

    fn start(&self) -> io::Result<mpsc::Sender<LookUp>> {
        let (sender, look_ups) = mpsc::channel::<LookUp>();
        let (resolver, this) = (self.clone(), sender.clone());
        let work = move || {
            for LookUp {
                host,
                port,
                found,
                permit,
            } in look_ups
            {
                let addresses = (host.as_str(), port).to_socket_addrs();
                let _ = found.send(addresses.map(Iterator::collect)); // fails if nobody waits
                resolver.idle().push(this.clone());
                drop(permit); // now, so that whoever gets it finds this thread
            }
        };
        thread::Builder::new().name("resolver".into()).spawn(work)?;
        Ok(sender)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<mpsc::Sender<LookUp>>> {
        // A vector is whole after each push and pop, whoever may have panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
