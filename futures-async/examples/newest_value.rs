//! `watch` channel: latest value, reload a configuration (SIGHUP).
//!
//! Use it when only the newest value matters. If each one does, use `mpsc`, or
//! `broadcast`: see `lagging_subscriber.rs`.
//! Ends: `follow` when the sender is gone, after the last value. A reload that
//! fails keeps the old value. A receiver may leave at any time.
//! Needs: `cargo add tokio --features macros,rt,signal,sync`.
//!
//! ```text
//! a slow reader: 0, 3, then the sender is gone
//! with `changed` first: 0 is missed
//! waits for at least 3: 3
//! SIGHUP: reloaded
//! SIGHUP, and the file is wrong: reported, the old value stays
//! ```

use std::future::Future;
use std::io;
use tokio::sync::watch;

/// Calls `use_value` with the first value, then with the newest after each
/// change.
pub async fn follow<T: Clone, F: Future>(
    mut values: watch::Receiver<T>,
    mut use_value: impl FnMut(T) -> F,
) {
    values.mark_changed(); // the value that is there already counts as seen
    while values.changed().await.is_ok() {
        // A clone: the guard of `borrow` would block the sender.
        let value = values.borrow_and_update().clone();
        use_value(value).await;
    }
}

/// Replaces the value on every SIGHUP. If loading fails, reports the error and
/// keeps the value.
///
/// Listens from the call on, not from the first poll: before it, SIGHUP would
/// end the process.
#[cfg(unix)]
pub fn reload_on_sighup<T, E>(
    config: watch::Sender<T>,
    load: impl AsyncFn() -> Result<T, E>,
    report: impl Fn(E),
) -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut hangups = signal(SignalKind::hangup())?;
    Ok(async move {
        while hangups.recv().await.is_some() {
            match load().await {
                // `send` would do nothing while there is no receiver.
                Ok(value) => _ = config.send_replace(value),
                Err(error) => report(error),
            }
        }
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    use tokio::sync::mpsc;
    use tokio::task::yield_now;

    let (sender, receiver) = watch::channel(0);
    let (seen, mut all_seen) = mpsc::unbounded_channel();
    let slow = tokio::spawn(follow(receiver.clone(), move |value| {
        let _ = seen.send(value);
        yield_now() // meanwhile, values are replaced
    }));
    yield_now().await; // it has seen 0
    let (mut late, mut patient) = (receiver.clone(), receiver);
    for value in 1..=3 {
        assert!(sender.send(value).is_ok());
    }
    let waited = patient
        .wait_for(|value| *value >= 3)
        .await
        .map(|value| *value);
    assert!(late.changed().await.is_ok());
    let first = *late.borrow_and_update();
    drop(sender);
    slow.await?;
    let (a, b) = (all_seen.recv().await, all_seen.recv().await);
    assert_eq!((a, b, all_seen.recv().await), (Some(0), Some(3), None));
    println!("a slow reader: 0, 3, then the sender is gone");
    // The case that goes wrong: a reader that waits for a change first.
    assert_eq!(first, 3);
    println!("with `changed` first: 0 is missed");
    println!("waits for at least 3: {}", waited.unwrap_or_default());
    assert!(patient.wait_for(|value| *value >= 7).await.is_err());

    #[cfg(unix)]
    {
        let file = std::env::current_exe()?.with_extension(format!("{}", std::process::id()));
        let load = async || {
            let text = std::fs::read_to_string(&file)?; // short, so it may block
            text.parse::<u32>().map_err(io::Error::other)
        };
        std::fs::write(&file, "1")?;
        let (config, _) = watch::channel(load().await?); // no receiver yet
        let (problems, mut reported) = mpsc::unbounded_channel();
        let report = |error: io::Error| _ = problems.send(error.to_string());
        let reload = reload_on_sighup(config.clone(), load, report)?;
        let user = async {
            std::fs::write(&file, "2")?;
            hang_up()?;
            while *config.borrow() != 2 {
                yield_now().await;
            }
            println!("SIGHUP: reloaded");
            // The case that goes wrong: the new file cannot be read.
            std::fs::write(&file, "x")?;
            hang_up()?;
            let problem = reported.recv().await;
            assert_eq!(problem.as_deref(), Some("invalid digit found in string"));
            assert_eq!(*config.borrow(), 2);
            println!("SIGHUP, and the file is wrong: reported, the old value stays");
            std::fs::remove_file(&file)
        };
        tokio::select! {
            () = reload => unreachable!("it goes on"),
            result = user => result?,
        }
    }
    Ok(())
}

#[cfg(unix)]
fn hang_up() -> io::Result<()> {
    let command = format!("kill -HUP {}", std::process::id());
    let status = std::process::Command::new("sh")
        .args(["-c", &command])
        .status()?;
    assert!(status.success());
    Ok(())
}
