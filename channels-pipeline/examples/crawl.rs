//! Jobs that create more jobs: know when all is done (crawler, directory walk).
//!
//! Use it when a job finds others. For a list of jobs that is known at the
//! start, see `pipeline.rs`. To visit nothing twice, remember what was seen.
//! Ends: when no job is queued and none is running. A panic ends its job; the
//! other jobs are done, and then it is re-raised. The queue has no bound: if it
//! had, workers that add to a full queue would all wait for each other.
//! Needs: `cargo add crossbeam-channel`.
//!
//! ```text
//! visited each page once: / /a /a/1 /b /b/1
//! 1111 jobs, and the queue was never full
//! all workers stay while a job may create others
//! /a panicked, visited without it: / /b /b/1
//! more panics than workers: the other jobs are done
//! ```

use crossbeam_channel::{Sender, unbounded};
use std::collections::HashSet;
use std::hash::Hash;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, Builder};
use std::{io, mem};

/// A job in the queue, or in work, holds a sender of that queue. So the queue
/// ends when no job is left, and with it the workers. A count of jobs would
/// never reach zero after a panic, and an empty queue may be filled again.
struct Job<T>(T, Sender<Job<T>>);

/// Calls `visit` with each of `tasks` and with everything that it returns, on
/// `workers` threads. If one cannot be spawned, returns the OS error and visits
/// nothing.
pub fn crawl<T: Send, I: IntoIterator<Item = T>>(
    workers: NonZero<usize>,
    tasks: impl IntoIterator<Item = T>,
    visit: impl Fn(T) -> I + Sync,
) -> io::Result<()> {
    let visit = &visit;
    let outcomes: Vec<thread::Result<()>> = thread::scope(|scope| {
        let (queue, jobs) = unbounded::<Job<T>>();
        let mut handles = Vec::new();
        for _ in 0..workers.get() {
            let jobs = jobs.clone();
            let work = move || {
                let mut first_panic = Ok(());
                for Job(task, queue) in jobs {
                    let outcome = catch_unwind(AssertUnwindSafe(|| {
                        for task in visit(task) {
                            // Cannot fail: this thread is a receiver.
                            let _ = queue.send(Job(task, queue.clone()));
                        }
                    }));
                    match outcome {
                        Err(payload) if first_panic.is_err() => mem::forget(payload), // may panic
                        Err(payload) => first_panic = Err(payload),
                        Ok(()) => {}
                    }
                }
                first_panic
            };
            handles.push(Builder::new().spawn_scoped(scope, work)?);
        }
        for task in tasks {
            let _ = queue.send(Job(task, queue.clone()));
        }
        drop(queue); // from now on, only jobs hold senders
        let outcomes = handles
            .into_iter()
            .map(|handle| handle.join().and_then(|first_panic| first_panic));
        Ok::<_, io::Error>(outcomes.collect())
    })?;
    for outcome in outcomes {
        if let Err(payload) = outcome {
            resume_unwind(payload);
        }
    }
    Ok(())
}

/// `true` once for each task, so that nothing is visited twice.
pub fn is_new<T: Eq + Hash>(seen: &Mutex<HashSet<T>>, task: T) -> bool {
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    seen.insert(task)
}

fn main() -> io::Result<()> {
    use std::iter;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::time::Duration;

    const PAGES: [(&str, &[&str]); 5] = [
        ("/", &["/a", "/b"]),
        ("/a", &["/", "/a/1"]),
        ("/a/1", &["/b"]),
        ("/b", &["/b/1", "/b/1"]),
        ("/b/1", &[]),
    ];
    let two = NonZero::<usize>::MIN.saturating_add(1);
    // What was visited, in alphabetical order. `load` is called on each page.
    let visited = |load: &(dyn Fn(&str) + Sync)| {
        let (seen, visited) = (Mutex::new(HashSet::from(["/"])), Mutex::new(Vec::new()));
        let visit = |page| {
            load(page);
            let mut visited = visited.lock().unwrap_or_else(PoisonError::into_inner);
            visited.push(page);
            let page = PAGES.iter().find(|(name, _)| *name == page);
            let links = page.map_or(&[][..], |(_, links)| links).iter().copied();
            links.filter(|link| is_new(&seen, *link))
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| crawl(two, ["/"], visit)));
        let mut visited = visited.into_inner().unwrap_or_else(PoisonError::into_inner);
        visited.sort_unstable();
        (outcome, visited.join(" "))
    };
    let (outcome, pages) = visited(&|_| ());
    assert!(outcome.is_ok_and(|result| result.is_ok()));
    assert_eq!(pages, "/ /a /a/1 /b /b/1");
    println!("visited each page once: {pages}");

    let done = AtomicUsize::new(0);
    crawl(two, [3], |depth: usize| {
        done.fetch_add(1, Relaxed); // read after the crawl
        let found = if depth > 0 { 10 } else { 0 };
        iter::repeat_n(depth.saturating_sub(1), found)
    })?;
    assert_eq!(done.into_inner(), 1 + 10 + 100 + 1000);
    println!("1111 jobs, and the queue was never full");

    // Two jobs that need each other, created by one that takes its time.
    let meeting = Barrier::new(2);
    crawl(two, [0], |depth| {
        if depth == 0 {
            thread::sleep(Duration::from_millis(20));
            return vec![1, 1];
        }
        meeting.wait(); // never returns if one worker has left
        Vec::new()
    })?;
    println!("all workers stay while a job may create others");

    // The case that goes wrong: a job panics.
    let (outcome, pages) = visited(&|page| assert!(page != "/a", "{page} panicked"));
    let payload = outcome
        .err()
        .and_then(|payload| payload.downcast::<String>().ok());
    let text = payload.map_or(String::new(), |payload| *payload);
    assert_eq!((&*text, &*pages), ("/a panicked", "/ /b /b/1"));
    println!("{text}, visited without it: {pages}");
    let done = AtomicUsize::new(0);
    let visit = |number| {
        assert!(number > 3, "cannot visit {number}");
        done.fetch_add(1, Relaxed);
        []
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| crawl(two, 0..9, visit)));
    assert!(outcome.is_err_and(|payload| payload.is::<String>()));
    assert_eq!(done.into_inner(), 5);
    println!("more panics than workers: the other jobs are done");
    Ok(())
}
