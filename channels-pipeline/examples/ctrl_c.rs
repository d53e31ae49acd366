//! Ctrl-C: take no more, finish what was taken, exit. A second one ends the program at once.
//!
//! Use it when work must not be cut off in its middle; if it may, there is nothing to do.
//! Ends: also while the input says nothing; if an item never ends, with the second Ctrl-C.
//! Needs: `src/pipeline.rs` as a module, `cargo add crossbeam-channel`, `cargo add ctrlc`.
//!
//! ```text
//! taken: 3, finished: [1, 4, 9]
//! stuck: a second Ctrl-C, exit code 130
//! ```

use channels_pipeline::PipelineExt;
use crossbeam_channel::{bounded, select_biased};
use std::error::Error;
use std::num::NonZero;
use std::{env, iter, process, thread};

fn main() -> Result<(), Box<dyn Error>> {
    let stuck = env::args().nth(1).is_some();
    let (stop, stopped) = bounded::<()>(0);
    let mut stop = Some(stop);
    let press = on_ctrl_c(move || {
        // The first one drops the sender: whoever waits on `stopped` hears of that.
        if stop.take().is_none() {
            process::exit(130); // as shells show an end by this signal
        }
    });
    let mut press = press?;

    // A `send` without room returns when the item has been taken.
    let (sender, input) = bounded(0);
    let finished = thread::scope(|scope| {
        let source = iter::from_fn(|| {
            // A plain `recv` would not hear of the stop. That comes first, whatever the input has.
            select_biased! {
                recv(stopped) -> _ => None,
                recv(input) -> item => item.ok(),
            }
        });
        let square = || move |n: u64| if stuck { wait_for_ever() } else { n * n };
        let results = source.parallel_map(scope, NonZero::<usize>::MIN, 3, square)?;
        (1..=3).try_for_each(|n| sender.send(n))?;
        press(); // and the input stays open and silent: only the stop ends it
        if stuck {
            let _ = stopped.recv(); // so that the two are not taken for one
            press();
        }
        Ok::<Vec<u64>, Box<dyn Error>>(results.collect())
    })?;
    println!("taken: 3, finished: {finished:?}");
    assert_eq!(finished, [1, 4, 9]);

    let child = process::Command::new(env::current_exe()?)
        .arg("stuck")
        .status()?;
    println!(
        "stuck: a second Ctrl-C, exit code {}",
        child.code().unwrap_or(-1)
    );
    assert_eq!(child.code(), Some(130));
    Ok(())
}

fn wait_for_ever() -> ! {
    loop {
        thread::park();
    }
}

/// Sets the handler, and returns what presses Ctrl-C here, where nobody else does.
#[cfg(unix)]
fn on_ctrl_c(handler: impl FnMut() + Send + 'static) -> Result<impl FnMut(), ctrlc::Error> {
    ctrlc::set_handler(handler)?;
    let kill = || {
        process::Command::new("kill")
            .args(["-INT", &process::id().to_string()])
            .status()
    };
    Ok(move || assert!(kill().is_ok_and(|status| status.success())))
}

/// Elsewhere, a program cannot press it for itself alone.
#[cfg(not(unix))]
fn on_ctrl_c(handler: impl FnMut() + Send + 'static) -> Result<impl FnMut(), ctrlc::Error> {
    Ok(handler) // and not `ctrlc::set_handler(handler)`, which works there as well
}
