//! The program does not exit: `spawn_blocking`, stdin, `shutdown_timeout`.
//!
//! Use it when `main` is over and the process stays: at its end a runtime waits
//! for `spawn_blocking`, and a read of tokio's stdin is one.
//! Ends: `run` at most `limit` after its future. What blocks goes on in its
//! thread until the process ends.
//! Needs: `cargo add tokio --features io-std,io-util,rt-multi-thread,sync,time`.
//!
//! ```text
//! a read of tokio's stdin: stays
//! a thread that reads stdin: exits
//! with `run`: exits
//! with `run`, a blocking call gets its time: exits
//! with `run`, after a panic: exits
//! ```

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;
use std::{io, thread};
use tokio::runtime::Builder;
use tokio::sync::mpsc;

/// In place of `#[tokio::main]`: waits at most `limit` for blocking calls.
pub fn run<F: Future>(limit: Duration, main: F) -> io::Result<F::Output> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let output = catch_unwind(AssertUnwindSafe(|| runtime.block_on(main)));
    // Also after a panic: dropping it would wait without a limit.
    runtime.shutdown_timeout(limit);
    output.map_or_else(|payload| resume_unwind(payload), Ok)
}

/// The lines of stdin, read on a thread of its own: no runtime waits for it.
pub fn stdin_lines() -> io::Result<mpsc::Receiver<io::Result<String>>> {
    let (sender, lines) = mpsc::channel(16);
    thread::Builder::new().name("stdin".into()).spawn(move || {
        for line in io::stdin().lines() {
            // Other errors, as of a folder, would come again and again.
            let may_go_on = match &line {
                Ok(_) => true,
                Err(error) => error.kind() == io::ErrorKind::InvalidData, // not UTF-8
            };
            if sender.blocking_send(line).is_err() || !may_go_on {
                break; // the receiver is gone, or nothing more will come
            }
        }
    })?;
    Ok(lines)
}

fn main() -> io::Result<()> {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    use tokio::io::{AsyncReadExt, stdin};
    use tokio::task::spawn_blocking;
    use tokio::time::timeout;

    const HOUR: Duration = Duration::from_secs(3600);
    const MOMENT: Duration = Duration::from_millis(20);

    // Waits for input, and stops waiting, as at a signal.
    let read_with_tokio = async {
        let read = timeout(MOMENT, stdin().read_u8()).await;
        assert!(read.is_err());
    };
    let read_with_thread = async {
        let mut lines = stdin_lines()?;
        assert!(timeout(MOMENT, lines.recv()).await.is_err());
        io::Result::Ok(())
    };
    let panics = async {
        assert!(timeout(MOMENT, stdin().read_u8()).await.is_ok(), "no input");
    };
    let write_file = async {
        spawn_blocking(|| {
            thread::sleep(MOMENT);
            println!("written");
        });
    };
    // This program is its own child.
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let mode = std::env::args().nth(1);
    match mode.as_deref() {
        Some("tokio") => runtime.block_on(read_with_tokio),
        Some("thread") => runtime.block_on(read_with_thread)?,
        Some("run") => run(Duration::ZERO, read_with_tokio)?,
        Some("blocking") => run(HOUR, write_file)?,
        Some("panic") => run(Duration::ZERO, panics)?,
        _ => {}
    }
    if mode.is_some() {
        println!("main is over");
        return Ok(()); // and drops its runtime
    }

    // The case that goes wrong: stdin is open, and nothing comes.
    for (mode, line) in [
        ("tokio", "a read of tokio's stdin: stays"),
        ("thread", "a thread that reads stdin: exits"),
        ("run", "with `run`: exits"),
        (
            "blocking",
            "with `run`, a blocking call gets its time: exits",
        ),
    ] {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg(mode)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let stdin = child.stdin.take();
        let mut output = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            for line in BufReader::new(stdout).lines() {
                output.push(line?);
                if mode == "tokio" {
                    thread::sleep(5 * MOMENT); // time to exit, if it did
                    assert!(child.try_wait()?.is_none());
                    break;
                }
            }
        }
        if mode == "blocking" {
            assert_eq!(output.remove(0), "written");
        }
        assert_eq!(output, ["main is over"]);
        if mode == "tokio" {
            drop(stdin); // now it exits
        }
        assert!(child.wait()?.success());
        println!("{line}");
    }
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("panic")
        .stdin(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn()?;
    let stdin = child.stdin.take(); // stays open
    assert_eq!(child.wait()?.code(), Some(101));
    drop(stdin);
    println!("with `run`, after a panic: exits");
    Ok(())
}
