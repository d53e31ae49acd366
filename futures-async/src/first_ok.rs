//! First success of several futures: race, `select_ok`, happy eyeballs.
//!
//! ```ignore
//! use first_ok::{NoneOk, first_ok_staggered};
//! use std::io;
//! use std::net::SocketAddr;
//! use std::time::Duration;
//! use tokio::net::TcpStream;
//! use tokio::time::sleep;
//!
//! /// Happy eyeballs: the next address after 250 ms, or as soon as one fails.
//! async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, NoneOk<io::Error>> {
//!     let connections = addresses.iter().map(TcpStream::connect);
//!     first_ok_staggered(connections, || sleep(Duration::from_millis(250))).await
//! }
//! ```
//!
//! # When to use it
//!
//! To ask several servers for the same thing: the addresses of a name, or replicas.
//!
//! # When not to use it
//!
//! - The first answer of any kind counts: use `futures::future::select_all`.
//! - One error is enough: `futures::future::select_ok` keeps the last. (Without futures it panics.)
//! - There are many: all that have started are polled at once, without a limit.
//!
//! # How it ends
//!
//! With the first success, once the other futures are dropped; or with all errors. A panic of a
//! future drops the others and reaches the caller. Dropping the call drops all futures.
//!
//! # To use it
//!
//! Declare it with `#[allow(dead_code, unreachable_pub)] mod first_ok;`. The tests start at
//! `#[cfg(test)]`; cut them off if you do not want them.
//!
//! Needs: `cargo add futures --no-default-features --features std`. It runs on any executor. The
//! example needs `--features net,time` of tokio.
//!
//! Its tests: `cargo add --dev futures --no-default-features --features executor`.

use futures::future::{Either, select};
use futures::stream::{FuturesUnordered, StreamExt};
use std::error::Error;
use std::fmt;
use std::future::{Future, ready};
use std::pin::pin;

/// Returns the first success and drops the other futures. All run at once.
///
/// ```ignore
/// use first_ok::first_ok;
/// use std::future::ready;
///
/// #[tokio::main]
/// async fn main() {
///     assert_eq!(first_ok([ready(Err("no")), ready(Ok(2))]).await, Ok(2));
///
///     // An error that says which one failed.
///     let fetches = ["db1", "db2"].map(async |replica| Err::<(), _>((replica, "no")));
///     let errors = first_ok(fetches).await.unwrap_err().errors;
///     assert_eq!(errors, [("db1", "no"), ("db2", "no")]);
/// }
/// ```
///
/// Different futures become one type by `.boxed()` of `futures::FutureExt`.
///
/// # Errors
///
/// All errors, if there is no success.
pub async fn first_ok<T, E, F: Future<Output = Result<T, E>>>(
    futures: impl IntoIterator<Item = F>,
) -> Result<T, NoneOk<E>> {
    first_ok_staggered(futures, || ready(())).await
}

/// Like [`first_ok`], but starts the next future only after a delay, or when one has failed.
///
/// So the first one is preferred, and the others cost nothing while it is fast. `delay` makes the
/// future to wait for, such as `tokio::time::sleep`, before each further start. RFC 8305 (happy
/// eyeballs) recommends 250 ms between connections.
///
/// # Errors
///
/// All errors, if there is no success.
pub async fn first_ok_staggered<T, E, F, D>(
    futures: impl IntoIterator<Item = F>,
    mut delay: impl FnMut() -> D,
) -> Result<T, NoneOk<E>>
where
    F: Future<Output = Result<T, E>>,
    D: Future<Output = ()>,
{
    let mut running = FuturesUnordered::new();
    let mut errors = Vec::new();
    for future in futures {
        running.push(future);
        match select(running.next(), pin!(delay())).await {
            Either::Left((Some(Ok(value)), _)) => return Ok(value),
            Either::Left((Some(Err(error)), _)) => errors.push(error),
            Either::Left((None, _)) | Either::Right(_) => {} // start the next one
        }
    }
    while let Some(result) = running.next().await {
        match result {
            Ok(value) => return Ok(value),
            Err(error) => errors.push(error),
        }
    }
    Err(NoneOk { errors })
}

/// No future has succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoneOk<E> {
    /// In the order in which they came. The last one is the `source`.
    pub errors: Vec<E>,
}

impl<E> fmt::Display for NoneOk<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "none of {} succeeded", self.errors.len())
    }
}

impl<E: Error + 'static> Error for NoneOk<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let last = self.errors.last()?;
        Some(last)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use futures::channel::oneshot;
    use futures::executor::block_on;
    use futures::future::{BoxFuture, FutureExt};
    use std::cell::Cell;
    use std::future::{Ready, pending};
    use std::io;
    use std::rc::Rc;

    #[test]
    fn the_first_success_wins_on_any_executor() {
        let (sender, receiver) = oneshot::channel();
        let waits = async { receiver.await.map_err(|_| "dropped") };
        let sends = async { sender.send(2).and(Err(0)).map_err(|_| "sent") };
        let both: [BoxFuture<'_, _>; 2] = [waits.boxed(), sends.boxed()];
        assert_eq!(block_on(first_ok(both)), Ok(2));
    }

    #[test]
    fn without_a_success_all_errors_come_in_the_order_they_came() {
        let (sender, receiver) = oneshot::channel();
        let waits = async { Err::<(), _>(receiver.await.unwrap_or("dropped")) };
        let sends = async { Err(sender.send("received").map_or("unsent", |()| "sent")) };
        let both: [BoxFuture<'_, _>; 2] = [waits.boxed(), sends.boxed()];
        let error = block_on(first_ok(both)).unwrap_err();
        assert_eq!(error.errors, ["sent", "received"]);
        let none: [Ready<Result<(), ()>>; 0] = [];
        assert_eq!(block_on(first_ok(none)), Err(NoneOk { errors: vec![] }));
    }

    #[test]
    fn the_next_one_starts_after_a_delay_or_when_one_fails() {
        let (mut results, futures): (Vec<_>, Vec<_>) = (0..4).map(|_| oneshot::channel()).unzip();
        let (mut ends, delays): (Vec<_>, Vec<_>) = (0..4).map(|_| oneshot::channel()).unzip();
        let (started, mut delays) = (Cell::new(0), delays.into_iter());
        let futures = futures.into_iter().map(|future| {
            started.set(started.get() + 1);
            future.map(Result::unwrap)
        });
        let delay = || delays.next().unwrap().map(Result::unwrap);
        let mut call = pin!(first_ok_staggered(futures, delay));
        assert_eq!(started.get(), 0, "nothing starts before it is polled");
        assert_eq!((call.as_mut().now_or_never(), started.get()), (None, 1));
        assert_eq!((call.as_mut().now_or_never(), started.get()), (None, 1));
        ends.remove(0).send(()).unwrap();
        assert_eq!((call.as_mut().now_or_never(), started.get()), (None, 2));
        results.remove(0).send(Err("no")).unwrap(); // not the one that has started last
        assert_eq!((call.as_mut().now_or_never(), started.get()), (None, 3));
        ends.remove(0); // the delay that this failure has cut short
        results.remove(0).send(Ok(1)).unwrap(); // the second one still counts
        assert_eq!((call.now_or_never(), started.get()), (Some(Ok(1)), 3));
    }

    #[test]
    fn a_result_comes_before_a_delay_that_is_over_and_no_delay_follows_the_end() {
        let started = Cell::new(0);
        let futures = [Err("no"), Ok(1), Ok(2)].map(ready);
        let futures = futures
            .into_iter()
            .inspect(|_| started.set(started.get() + 1));
        let first = block_on(first_ok_staggered(futures, || ready(())));
        assert_eq!((first, started.get()), (Ok(1), 2));

        let errors = [Err::<(), _>("a"), Err("b")].map(ready);
        let none = block_on(first_ok_staggered(errors, pending));
        assert_eq!(none.unwrap_err().errors, ["a", "b"]);
    }

    #[test]
    fn the_other_futures_are_dropped() {
        let inside = Rc::new(());
        let futures = (0..3).map(|n| {
            let inside = Rc::clone(&inside);
            async move {
                let _inside = inside;
                if n == 1 {
                    Ok::<_, ()>(n)
                } else {
                    pending().await
                }
            }
        });
        assert_eq!(block_on(first_ok(futures)), Ok(1));
        assert_eq!(Rc::strong_count(&inside), 1);
    }

    #[test]
    #[cfg(panic = "unwind")]
    fn all_futures_are_dropped_with_it_and_when_one_panics() {
        let inside = Rc::new(());
        let futures = |panics: usize| {
            let inside = Rc::clone(&inside);
            (0..3).map(move |n| {
                let inside = Rc::clone(&inside);
                async move {
                    let _inside = inside;
                    assert!(n != panics, "this one panics");
                    pending::<Result<(), ()>>().await
                }
            })
        };
        assert_eq!(first_ok(futures(3)).now_or_never(), None);
        assert_eq!(Rc::strong_count(&inside), 1);
        let panics = std::panic::AssertUnwindSafe(|| block_on(first_ok(futures(1))));
        assert!(std::panic::catch_unwind(panics).is_err());
        assert_eq!(Rc::strong_count(&inside), 1);
    }

    #[test]
    fn a_call_can_be_sent_to_another_thread() {
        fn is_send(_: impl Send) {}
        is_send(first_ok([ready(Ok::<_, ()>(1))]));
        is_send(first_ok_staggered([ready(Ok::<_, ()>(1))], pending));
    }

    #[test]
    fn the_error_is_short_and_its_source_is_the_last() {
        let errors = ["no", "never"].map(|text| ready(Err::<(), _>(io::Error::other(text))));
        let error = block_on(first_ok(errors)).unwrap_err();
        assert_eq!(error.to_string(), "none of 2 succeeded");
        assert_eq!(error.source().unwrap().to_string(), "never");
    }
}
