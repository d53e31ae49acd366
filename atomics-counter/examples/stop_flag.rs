//! Tell a thread to stop: a flag that it looks at in each round, and a join.
//!
//! Use it when the thread loops; not when it blocks, in a read, a `recv` or a `sleep`, for there it
//! does not look: let it wait on a channel, and drop the sender.
//! Ends: after the round in which the flag is set. A thread that panicked is found by the join.
//! Needs: std alone.
//!
//! ```text
//! it stopped, and gave back what it had done
//! blocked, it did not look; it ended when its channel closed
//! it had panicked: round 3 failed
//! ```

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

/// Runs rounds until told to stop, and returns how many.
fn run(stop: &AtomicBool, round: impl Fn(u32)) -> u32 {
    let mut rounds = 0;
    // Relaxed: the flag tells only itself, and is seen soon under any ordering. What the thread did
    // is handed over by the join.
    while !stop.load(Ordering::Relaxed) {
        rounds += 1;
        round(rounds);
    }
    rounds
}

fn main() {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let (sender, rounds) = mpsc::channel();
        let stop = &stop;
        let worker = scope.spawn(move || run(stop, |round| sender.send(round).unwrap_or(())));
        let third = rounds.iter().nth(2); // it is at work
        stop.store(true, Ordering::Relaxed);
        let done = worker.join().unwrap_or(0); // 0 if it had panicked
        assert!(third == Some(3) && done >= 3);
        println!("it stopped, and gave back what it had done");
    });

    // The case that goes wrong: the thread is blocked, and the flag alone would never end it.
    stop.store(false, Ordering::Relaxed);
    thread::scope(|scope| {
        let (job, jobs) = mpsc::channel::<()>();
        let (waiting, is_waiting) = mpsc::channel();
        let stop = &stop;
        let worker = scope.spawn(move || {
            run(stop, |round| {
                let _ = waiting.send(round);
                let _ = jobs.recv();
            })
        });
        assert_eq!(is_waiting.recv(), Ok(1));
        stop.store(true, Ordering::Relaxed);
        assert!(!worker.is_finished());
        drop(job); // its `recv` fails, and it looks
        assert!(matches!(worker.join(), Ok(1)));
        println!("blocked, it did not look; it ended when its channel closed");
    });

    // It has panicked before: the flag finds nobody, and the join does not hang.
    stop.store(false, Ordering::Relaxed);
    thread::scope(|scope| {
        let worker = scope.spawn(|| run(&stop, |round| assert!(round < 3, "round {round} failed")));
        let Err(panic) = worker.join() else {
            unreachable!("nobody stopped it")
        };
        let reason = panic.downcast::<String>().unwrap_or_default();
        println!("it had panicked: {reason}");
    });
}
