//! Ctrl-C: take no more, finish what was taken, exit. A second one ends the program at once.
//!
//! Use it when work must not be cut off in its middle; if it may, there is nothing to do.
//! Ends: also while the input says nothing; if an item never ends, with the second Ctrl-C.
//! An input that blocks, such as standard input, is read by a thread spawned outside of the scope,
//! which sends here: nothing wakes it, and the end of the process ends it.
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
use std::process::{self, Command};
use std::{env, iter, thread};

fn main() -> Result<(), Box<dyn Error>> {
    let stuck = env::args().nth(1).is_some();
    let (stop, stopped) = bounded::<()>(0);
    let mut stop = Some(stop);
    let mut press = on_ctrl_c(move || {
        // The first one drops the sender: whoever waits on `stopped` hears of that.
        if stop.take().is_none() {
            process::exit(130); // as shells show an end by this signal
        }
    })?;

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
        let square = |n: u64| {
            if stuck {
                loop {
                    thread::park();
                }
            }
            n * n
        };
        let results = source.parallel_map(scope, NonZero::<usize>::MIN, 3, || square)?;
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

    let stuck = Command::new(env::current_exe()?).arg("stuck").status()?;
    assert_eq!(stuck.code(), Some(130));
    println!("stuck: a second Ctrl-C, exit code 130");
    Ok(())
}

/// Sets the handler, and returns what presses Ctrl-C here, where nobody else does.
fn on_ctrl_c(handler: impl FnMut() + Send + 'static) -> Result<Box<dyn FnMut()>, ctrlc::Error> {
    if cfg!(not(unix)) {
        return Ok(Box::new(handler)); // a program cannot press it for itself alone there
    }
    ctrlc::set_handler(handler)?;
    Ok(Box::new(|| {
        let kill = Command::new("sh").args(["-c", "kill -INT $PPID"]).status();
        assert!(kill.is_ok_and(|status| status.success()));
    }))
}
