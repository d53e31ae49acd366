//! Stop a server: take no more, let what runs end, give up on the rest after a while.
//!
//! Use it when tasks come and go; for the futures of one stream, `Tasks` has it built in.
//! Ends: at the latest one grace period after the stop, whatever the tasks do, unless one computes
//! and never awaits. Who sends from the stop on gets an error. A panic ends its own task, which the
//! tracker takes for ended.
//! Needs: `cargo add tokio --features macros,rt,sync,test-util,time`,
//! `cargo add tokio-util --features rt`; `test-util` goes when `start_paused` does.
//!
//! ```text
//! quick: done
//! polite: done
//! stuck: given up after 5 s
//! 1 request was not taken
//! ```

use std::future::pending;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

const GRACE: Duration = Duration::from_secs(5);

async fn answer(request: &str, stop: &CancellationToken) {
    match request {
        "quick" => sleep(Duration::from_millis(10)).await,
        // What may last has to look at the token: the stop cannot reach it otherwise.
        "polite" => stop.cancelled().await,
        _ => pending().await,
    }
    println!("{request}: done");
}

// `start_paused`: when every task waits, tokio's clock jumps to the next timer, so this ends at
// once and with exact times. A program of yours leaves it out.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    let (stop, give_up) = (CancellationToken::new(), CancellationToken::new());
    let (requests, mut accept) = mpsc::channel(10);
    for request in ["quick", "polite", "stuck"] {
        assert!(requests.try_send(request).is_ok());
    }
    let (signal, client) = (stop.clone(), requests.clone());
    tokio::spawn(async move {
        // In a server, `tokio::signal::ctrl_c` (feature `signal`): the first one cancels `stop`, a
        // second one `give_up`. SIGTERM is in `signal::unix`.
        sleep(Duration::from_secs(1)).await;
        let _ = client.try_send("late");
        signal.cancel();
    });

    let tasks = TaskTracker::new();
    loop {
        let request = tokio::select! {
            biased; // or, by chance, it would go on taking requests
            () = stop.cancelled() => break,
            request = accept.recv() => request,
        };
        let Some(request) = request else { break };
        let (stop, give_up) = (stop.clone(), give_up.clone());
        tasks.spawn(async move {
            let answer = answer(request, &stop);
            if give_up.run_until_cancelled(answer).await.is_none() {
                println!("{request}: given up after {} s", GRACE.as_secs());
            }
        });
    }

    let stopped = Instant::now();
    accept.close(); // or sends would go on succeeding, into a queue that is thrown away
    assert!(requests.try_send("later").is_err());
    // The case that goes wrong: a request is stuck.
    tasks.close(); // `wait` waits for that, too
    if timeout(GRACE, tasks.wait()).await.is_err() {
        give_up.cancel();
        tasks.wait().await; // each is dropped where it awaits
    }
    assert!(stopped.elapsed() >= GRACE && tasks.is_empty());
    // It is dropped with the queue; answer it with an error if somebody waits.
    println!("{} request was not taken", accept.len());
}
