//! Run a child process: read stdout and stderr, give up after a while.
//!
//! Use it when a command may write much or may hang. `Command::output` is
//! enough for one that certainly ends.
//! Ends: with the output; or, after `limit`, with an error of the kind
//! `TimedOut`, and the child is killed. A process that the child has started
//! itself is not killed; while it keeps the output open, the call waits.
//! Needs: std alone.
//!
//! ```text
//! exit status 3, 1000000 bytes of stdout, 1000000 of stderr
//! a child that hangs: TimedOut, killed
//! a grandchild that keeps the output open: TimedOut
//! no such command: NotFound
//! ```

use std::io::{self, ErrorKind, Read};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// Runs the command without input, like `Command::output`, for at most `limit`.
pub fn output_within(command: &mut Command, limit: Duration) -> io::Result<Output> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let result = collect_output(&mut child, limit);
    if result.is_err() {
        let _ = child.kill(); // it may have exited already
        child.wait()?; // otherwise it would stay a zombie
    }
    result
}

fn collect_output(child: &mut Child, limit: Duration) -> io::Result<Output> {
    let start = Instant::now();
    // Both at the same time: a child that writes to a full pipe blocks.
    let stdout = read_on_thread(child.stdout.take())?;
    let stderr = read_on_thread(child.stderr.take())?;
    let receive = |output: Receiver<io::Result<Vec<u8>>>| {
        let left = limit.saturating_sub(start.elapsed());
        output
            .recv_timeout(left)
            .unwrap_or(Err(ErrorKind::TimedOut.into()))
    };
    let (stdout, stderr) = (receive(stdout)?, receive(stderr)?);
    // Now it has exited, or closed its output and goes on.
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Output {
                status,
                stdout,
                stderr,
            });
        }
        if start.elapsed() >= limit {
            return Err(ErrorKind::TimedOut.into());
        }
        thread::sleep(Duration::from_millis(5)); // std has no wait with a timeout
    }
}

/// Reads a pipe to its end. The thread ends when the pipe is closed.
fn read_on_thread(
    pipe: Option<impl Read + Send + 'static>,
) -> io::Result<Receiver<io::Result<Vec<u8>>>> {
    let (sender, output) = mpsc::channel();
    thread::Builder::new().spawn(move || {
        let mut bytes = Vec::new();
        let read = pipe.map_or(Ok(0), |mut pipe| pipe.read_to_end(&mut bytes));
        let _ = sender.send(read.map(|_| bytes)); // the receiver may have given up
    })?;
    Ok(output)
}

fn main() -> io::Result<()> {
    use std::io::Write;
    use std::{env, fs, process};

    const HOUR: Duration = Duration::from_secs(3600);
    const MOMENT: Duration = Duration::from_millis(50);

    // This program is its own child and grandchild.
    let this = env::current_exe()?;
    match env::args().nth(1).as_deref() {
        Some("write much") => {
            let much = [b'x'; 1_000_000];
            io::stderr().write_all(&much)?;
            io::stdout().write_all(&much)?;
            process::exit(3);
        }
        Some("hang") => loop {
            thread::park();
        },
        Some("start another") => {
            Command::new(&this).arg("take a second").spawn()?;
            return Ok(());
        }
        Some("take a second") => {
            thread::sleep(Duration::from_secs(1));
            return Ok(());
        }
        _ => {}
    }

    let output = output_within(Command::new(&this).arg("write much"), HOUR)?;
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(
        (output.stdout.len(), output.stderr.len()),
        (1_000_000, 1_000_000)
    );
    println!("exit status 3, 1000000 bytes of stdout, 1000000 of stderr");

    // The case that goes wrong: it hangs, or something keeps its output open.
    let kind_of = |result: io::Result<Output>| result.map_err(|error| error.kind()).err();
    let hung = output_within(Command::new(&this).arg("hang"), MOMENT);
    assert_eq!(kind_of(hung), Some(ErrorKind::TimedOut));
    // Where the system tells: this thread has no child left, not even a zombie.
    let children = fs::read_to_string("/proc/thread-self/children");
    assert_eq!(children.unwrap_or_default(), "");
    println!("a child that hangs: TimedOut, killed");

    let kept_open = output_within(Command::new(&this).arg("start another"), MOMENT);
    assert_eq!(kind_of(kept_open), Some(ErrorKind::TimedOut));
    println!("a grandchild that keeps the output open: TimedOut");

    let missing = output_within(&mut Command::new("no-such-command"), HOUR);
    assert_eq!(kind_of(missing), Some(ErrorKind::NotFound));
    println!("no such command: NotFound");
    Ok(())
}
