//! The first success of a few futures; the others are cancelled.
//!
//! # When to use it
//!
//! To ask several for the same, such as the addresses of a name, or replicas.
//!
//! # When not to use it
//!
//! - To take the first answer of any kind: `futures::future::select_all`.
//! - When one error will do: `futures::future::select_ok` keeps the last. (It panics without
//!   futures.)
//! - When each is costly to those who answer: ask one after the other, or the next one after a while.
//! - For many: they are all polled at once, without a limit.
//!
//! # How it ends
//!
//! With the first success, after dropping the other futures, or with all errors. Dropping its future
//! drops all of them; a panic of one does too, and goes on to the caller. It needs no runtime: its
//! futures make progress only while this one is polled.
//!
//! Needs: `cargo add futures --no-default-features --features std`.
//! To run it: `executor` of futures has a `block_on`; `#[tokio::main]` needs tokio with `--features
//! macros,rt-multi-thread`.
//! Its tests: `cargo add --dev futures --no-default-features --features executor`.

use futures::stream::{FuturesUnordered, StreamExt};
use std::error::Error;
use std::fmt;
use std::future::Future;

/// Returns the first success and drops the other futures.
///
/// Two different futures become one type by `.boxed()` of `futures::FutureExt`.
///
/// # Errors
///
/// All errors, if there is no success.
///
/// # Examples
///
/// ```
/// # futures::executor::block_on(async {
/// # async fn fetch(_: &str) -> Result<(), &'static str> { Err("no") }
/// use futures_async::first_ok;
/// use std::future::ready;
///
/// assert_eq!(first_ok([ready(Err("no")), ready(Ok(2))]).await, Ok(2));
///
/// let fetches = ["db1", "db2"].map(|replica| async move {
///     fetch(replica).await.map_err(|error| (replica, error)) // so that it says who failed
/// });
/// let errors = first_ok(fetches).await.unwrap_err().errors;
/// assert_eq!(errors, [("db1", "no"), ("db2", "no")]);
/// # });
/// ```
pub async fn first_ok<T, E, F: Future<Output = Result<T, E>>>(
    futures: impl IntoIterator<Item = F>,
) -> Result<T, NoneOk<E>> {
    let mut running: FuturesUnordered<F> = futures.into_iter().collect();
    let mut errors = Vec::new();
    while let Some(result) = running.next().await {
        match result {
            Ok(value) => return Ok(value),
            Err(error) => errors.push(error),
        }
    }
    Err(NoneOk { errors })
}

/// No future of [`first_ok`] succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoneOk<E> {
    /// In the order in which they came. The last of them is the `source`.
    pub errors: Vec<E>,
}

impl<E> fmt::Display for NoneOk<E> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
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
    use std::future::{Ready, pending, ready};
    use std::io;
    use std::rc::Rc;

    #[test]
    fn the_first_success_wins_on_any_executor() {
        let (sender, receiver) = oneshot::channel();
        let waits = async { receiver.await.map_err(|_| "dropped") };
        let sends = async { sender.send(2).and(Err(0)).map_err(|_| "sent") };
        let both: [BoxFuture<_>; 2] = [waits.boxed(), sends.boxed()];
        assert_eq!(block_on(first_ok(both)), Ok(2));
    }

    #[test]
    fn without_a_success_all_errors_come_in_the_order_they_came() {
        let (sender, receiver) = oneshot::channel();
        let waits = async { Err::<(), _>(receiver.await.unwrap_or("dropped")) };
        let sends = async { Err(sender.send("received").map_or("unsent", |()| "sent")) };
        let both: [BoxFuture<_>; 2] = [waits.boxed(), sends.boxed()];
        let error = block_on(first_ok(both)).unwrap_err();
        assert_eq!(error.errors, ["sent", "received"]);
        let none: [Ready<Result<(), ()>>; 0] = [];
        assert_eq!(block_on(first_ok(none)), Err(NoneOk { errors: vec![] }));
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
    fn the_error_is_short_and_its_source_is_the_last() {
        let errors = ["no", "never"].map(|text| ready(Err::<(), _>(io::Error::other(text))));
        let error = block_on(first_ok(errors)).unwrap_err();
        assert_eq!(error.to_string(), "none of 2 succeeded");
        assert_eq!(error.source().unwrap().to_string(), "never");
    }
}
