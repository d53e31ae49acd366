//! Ctrl-C: take no more, finish what was taken, exit. A second one ends the program at once.
//!
//! Use it when work must not be cut off in its middle; if it may, there is nothing to do.
//! Ends: when what was taken is finished, or with the first error, even if the input stays silent; if
//! an item never ends, with the second Ctrl-C. SIGTERM counts as one.
//! Needs: `src/pipeline.rs` beside it (`#[allow(dead_code)] mod pipeline;`),
//! `cargo add crossbeam-channel`, `cargo add ctrlc --features termination`.
//!
//! ```text
//! an item fails while the input is silent: no good: 0
//! taken: 3, finished: [1, 4, 9]
//! stuck: a second Ctrl-C, exit code 130
//! ```

use channels_pipeline::PipelineExt; // beside it: use pipeline::PipelineExt
use crossbeam_channel::{Receiver, Sender, bounded, select_biased, unbounded};
use std::error::Error;
use std::num::NonZero;
use std::process::{self, Command, Stdio};
use std::sync::Mutex;
use std::{env, iter, thread};

/// Dropping it is the stop: whoever waits on the other end hears of that.
static STOP: Mutex<Option<Sender<()>>> = Mutex::new(None);

fn on_ctrl_c() {
    let stop = STOP.lock().ok().and_then(|mut stop| stop.take());
    if stop.is_none() {
        process::exit(130); // the second one; as shells show an end by this signal
    }
}

/// Works on what comes until the input's end, the stop, or an error.
fn work(
    input: &Receiver<u64>,
    stopped: &Receiver<()>,
    job: impl Fn(u64) -> Result<u64, String> + Copy + Send,
) -> Result<Vec<u64>, Box<dyn Error>> {
    thread::scope(|scope| {
        // Dropped when this thread leaves, by an error, too: for then the scope waits for the source.
        let (_here, left) = bounded::<()>(0);
        let source = iter::from_fn(move || {
            // A plain `recv` would hear of neither. They come first, whatever the input has.
            select_biased! {
                recv(stopped) -> _ => None,
                recv(left) -> _ => None,
                recv(input) -> item => item.ok(),
            }
        });
        let results = source.parallel_map(scope, NonZero::<usize>::MIN, 3, || job)?;
        Ok(results.collect::<Result<_, _>>()?)
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let stuck = env::args().nth(1).is_some(); // for the demonstration below
    let (stop, stopped) = bounded(0);
    *STOP.lock().map_err(|_| "poisoned")? = Some(stop);
    ctrlc::set_handler(on_ctrl_c)?;

    // A real one comes from a thread that nobody joins, because nothing wakes it:
    // `thread::spawn(move || io::stdin().lines().try_for_each(|line| sender.send(line)));`
    let (sender, input) = unbounded(); // the sender stays: this input has no end
    sender.send(0)?;
    let failed = work(&input, &stopped, |n| Err(format!("no good: {n}")));
    let error = failed.err().ok_or("an item failed")?;
    println!("an item fails while the input is silent: {error}");

    (1..=3).try_for_each(|n| sender.send(n))?;
    let finished = work(&input, &stopped, |n| {
        if n == 3 {
            press();
            if stuck {
                let _ = stopped.recv(); // so that the two are not taken for one
                press();
                loop {
                    thread::park();
                }
            }
        }
        Ok(n * n)
    })?;
    println!("taken: 3, finished: {finished:?}");
    assert_eq!(finished, [1, 4, 9]);

    let mut again = Command::new(env::current_exe()?);
    let stuck = again.arg("stuck").stdout(Stdio::null()).status()?;
    assert_eq!(stuck.code(), Some(130));
    println!("stuck: a second Ctrl-C, exit code 130");
    Ok(())
}

/// For the demonstration only: presses Ctrl-C.
fn press() {
    if cfg!(not(unix)) {
        return on_ctrl_c(); // a program cannot press it for itself alone there
    }
    let kill = Command::new("sh").args(["-c", "kill -INT $PPID"]).status();
    assert!(kill.is_ok_and(|status| status.success()));
}
