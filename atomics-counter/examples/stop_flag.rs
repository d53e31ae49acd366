//! Tell a thread to stop: a flag that it looks at in each round, and a join.
//!
//! Use it when the thread loops; not when it blocks, for there it does not look. A `recv`: drop the
//! sender. A `sleep`: wait with `recv_timeout` instead (`every_second.rs`). A socket: give it a
//! `set_read_timeout`; for `accept`, connect to it yourself.
//! Ends: after the round in which the flag is set. An owner that fails sets it too, by a guard:
//! without it, the scope would wait for ever. A thread that panicked is found by the join.
//! Needs: std alone.
//!
//! ```text
//! it stopped, and gave back what it had done
//! its owner failed, and it stopped
//! blocked, it did not look; it ended when its channel closed
//! it had panicked, as the join tells
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

/// Held by the owner: sets the flag when that is done, also by `?` or a panic.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The owner waits for the third round, then stops the thread, or fails before it does.
fn stopped_by(owner: Result<(), &'static str>) -> Result<u32, &'static str> {
    let stop = &AtomicBool::new(false);
    thread::scope(|scope| {
        let guard = StopOnDrop(stop);
        let (sender, rounds) = mpsc::channel();
        let worker = scope.spawn(move || run(stop, |round| _ = sender.send(round)));
        assert_eq!(rounds.iter().nth(2), Some(3)); // it is at work
        owner?; // the scope waits for the thread: the guard ends that
        drop(guard);
        worker.join().map_err(|_| "it had panicked")
    })
}

fn main() {
    assert!(matches!(stopped_by(Ok(())), Ok(3..)));
    println!("it stopped, and gave back what it had done");

    // The case that goes wrong: the owner fails, the thread is blocked, or it has panicked.
    assert_eq!(stopped_by(Err("no more disk")), Err("no more disk"));
    println!("its owner failed, and it stopped");

    let stop = &AtomicBool::new(false);
    thread::scope(|scope| {
        let guard = StopOnDrop(stop);
        let (job, jobs) = mpsc::channel::<()>();
        let (waiting, is_waiting) = mpsc::channel();
        let round = move |round| _ = (waiting.send(round), jobs.recv());
        let worker = scope.spawn(move || run(stop, round));
        assert_eq!(is_waiting.recv(), Ok(1));
        drop(guard);
        assert!(!worker.is_finished());
        drop(job); // its `recv` fails, and it looks
        assert!(matches!(worker.join(), Ok(1)));
        println!("blocked, it did not look; it ended when its channel closed");
    });

    let dead = thread::spawn(|| run(&AtomicBool::new(false), |round| assert!(round < 3)));
    assert!(dead.join().is_err());
    println!("it had panicked, as the join tells");
}
