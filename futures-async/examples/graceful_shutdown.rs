//! Stop a server: take no more, let what runs end, give up on the rest after a while.
//!
//! Use it when tasks come and go; for the futures of one stream, `Tasks` has it built in.
//! Ends: at the latest one grace period after the stop, whatever the tasks do, unless one computes
//! and never awaits. A panic ends its own task, which the tracker takes for ended.
//! Needs: `cargo add tokio --features macros,rt,sync,test-util,time`,
//! `cargo add tokio-util --features rt`.
//!
//! ```text
//! quick: done
//! polite: said goodbye at the stop
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
        "polite" => {
            stop.cancelled().await;
            return println!("polite: said goodbye at the stop");
        }
        _ => pending().await,
    }
    println!("{request}: done");
}

// `start_paused`: time passes at once when all wait, so that this ends soon. Leave it out.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    let (stop, give_up) = (CancellationToken::new(), CancellationToken::new());
    let (requests, mut accept) = mpsc::channel(10);
    for request in ["quick", "polite", "stuck"] {
        assert!(requests.try_send(request).is_ok());
    }
    let signal = stop.clone();
    tokio::spawn(async move {
        sleep(Duration::from_secs(1)).await; // a server waits for `tokio::signal` here, twice
        let _ = requests.try_send("late");
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
    tasks.close(); // `wait` waits for that, too
    if timeout(GRACE, tasks.wait()).await.is_err() {
        give_up.cancel();
        tasks.wait().await; // each is dropped where it awaits
    }
    assert_eq!(stopped.elapsed(), GRACE);
    // It is dropped with the queue; answer it with an error if somebody waits.
    println!("{} request was not taken", accept.len());
}
