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
//! ```

use std::sync::mpsc;
use std::thread;

fn main() {
    thread::scope(|scope| {
        // A gate for each job, which this thread opens, so that they finish in the same order on
        // every run. In the scope: if this thread panics, they close before it waits for the jobs.
        let (open, gates): (Vec<_>, Vec<_>) = (0..3).map(|_| mpsc::channel::<()>()).unzip();
        let mut order = [2, 0, 1].into_iter().map(|job| open[job].send(()).is_ok());

        let (sender, results) = mpsc::channel();
        let fork = |(job, gate): (usize, mpsc::Receiver<()>)| {
            let sender = sender.clone();
            scope.spawn(move || {
                let opened = gate.recv();
                assert!(opened.is_ok() && job != 1, "cannot do {job}");
                let _ = sender.send((job, job * 10)); // nobody may listen any more
            })
        };
        let threads: Vec<_> = gates.into_iter().enumerate().map(fork).collect();
        // This thread's own sender: as long as it lives, the loop below waits for more.
        drop(sender);

        assert_eq!(order.next(), Some(true));
        for (job, result) in results {
            println!("job {job} gives {result}"); // while others are still at work
            assert_eq!(order.next(), Some(true));
        }
        for (job, thread) in threads.into_iter().enumerate() {
            let panic = thread.join().err();
            if let Some(text) = panic.and_then(|payload| payload.downcast::<String>().ok()) {
                println!("job {job} panicked: {text}");
            }
        }
    });
}
