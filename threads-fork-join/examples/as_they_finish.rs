//! Results as threads finish: a channel that each sends its number and its result to.
//!
//! Use it when whatever is ready first should go on first; for results in order, join in order.
//! Ends: when all threads have, for then the channel closes. One that panicked has sent nothing:
//! joining it tells.
//! Needs: std alone.
//!
//! ```text
//! job 2 gives 20
//! job 0 gives 0
//! job 1 panicked: cannot do 1
//! job 3 panicked: cannot do the last
//! ```

use std::any::Any;
use std::sync::mpsc;
use std::thread;

/// What `panic!` was called with: a `String` if there was something to format, else a `&str`.
fn text(payload: &dyn Any) -> Option<&str> {
    let formatted = payload.downcast_ref::<String>().map(String::as_str);
    formatted.or(payload.downcast_ref::<&str>().copied())
}

fn main() {
    thread::scope(|scope| {
        // A gate for each job, which this thread opens, so that they finish in the same order on
        // every run. In the scope: if this thread panics, they close before it waits for the jobs.
        let (open, gates): (Vec<_>, Vec<_>) = (0..4).map(|_| mpsc::channel::<()>()).unzip();
        let mut order = [1, 3, 2, 0].into_iter().map(|job| open[job].send(()));

        let (sender, results) = mpsc::channel();
        let fork = |(job, gate): (usize, mpsc::Receiver<()>)| {
            let sender = sender.clone();
            scope.spawn(move || {
                let opened = gate.recv();
                assert!(opened.is_ok() && job != 1, "cannot do {job}");
                assert!(job != 3, "cannot do the last");
                let _ = sender.send((job, job * 10)); // nobody may listen any more
            })
        };
        let threads: Vec<_> = gates.into_iter().enumerate().map(fork).collect();
        // This thread's own sender: as long as it lives, the loop below waits for more.
        drop(sender);

        assert!(order.by_ref().take(3).all(|opened| opened.is_ok()));
        let mut expected = [(2, 20), (0, 0)].into_iter();
        for (job, result) in results {
            assert_eq!(expected.next(), Some((job, result)));
            println!("job {job} gives {result}"); // while others are still at work
            assert!(order.next().is_none_or(|opened| opened.is_ok()));
        }
        assert_eq!(expected.next(), None);

        // The case that goes wrong: two have panicked. The loop has ended all the same.
        let panics = threads.into_iter().map(|thread| thread.join().err());
        for (job, panic) in panics.enumerate() {
            assert_eq!(panic.is_some(), job == 1 || job == 3);
            if let Some(payload) = panic {
                let text = text(&*payload).unwrap_or("with another payload");
                println!("job {job} panicked: {text}");
            }
        }
    });
}
