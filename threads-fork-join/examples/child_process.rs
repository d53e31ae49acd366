//! Run a child process (subprocess) with a timeout: read stdout and stderr.
//!
//! Use it when a command may write much or may hang. `Command::output` is
//! enough for one that certainly ends.
//! Ends: when the child has exited and its output has ended, at `limit` at the
//! latest; then the child is killed. A process that the child has started is
//! not killed: while it holds the output open, the call waits for the limit.
//! Needs: std alone.
//!
//! ```text
//! exit status 3, 1000000 bytes of stdout, 1000000 of stderr
//! a child that hangs: timed out after its first lines, killed
//! a grandchild that holds the output open: timed out, exit status 0
//! no such command: NotFound
//! ```

use std::io::{self, ErrorKind, Read};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// How a command has ended.
pub struct Ended {
    /// Its output up to then. After a timeout, the exit status tells whether it
    /// was killed or had exited.
    pub output: Output,
    /// Whether the limit was reached.
    pub timed_out: bool,
}

/// Runs a command for at most `limit` and collects its output, without a bound.
/// Unlike with `Command::output`, it inherits stdin: set `Stdio::null()`, or it
/// takes what is typed into your terminal. A piped stdin is empty.
///
/// Returns the OS error if it cannot be started, waited for or read from.
pub fn run_with_timeout(command: &mut Command, limit: Duration) -> io::Result<Ended> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let start = Instant::now();
    let mut child = command.spawn()?;
    let result = collect_output(&mut child, || limit.saturating_sub(start.elapsed()));
    let _ = child.kill(); // does nothing if it has been waited for
    let status = child.wait()?; // otherwise it would stay a zombie
    let (stdout, stderr, timed_out) = result?;
    let output = Output {
        status,
        stdout,
        stderr,
    };
    Ok(Ended { output, timed_out })
}

fn collect_output(
    child: &mut Child,
    time_left: impl Fn() -> Duration,
) -> io::Result<(Vec<u8>, Vec<u8>, bool)> {
    drop(child.stdin.take()); // nothing is written to it
    // Both at the same time: a child that writes to a full pipe blocks.
    let (sender, chunks) = mpsc::channel();
    read_on_thread(Pipe::Stdout, child.stdout.take(), sender.clone())?;
    read_on_thread(Pipe::Stderr, child.stderr.take(), sender)?;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let output_ended = loop {
        let left = time_left();
        match chunks.recv_timeout(left) {
            Ok(_) if left.is_zero() => break false, // the output may never end
            Ok((Pipe::Stdout, chunk)) => stdout.extend(chunk?),
            Ok((Pipe::Stderr, chunk)) => stderr.extend(chunk?),
            Err(RecvTimeoutError::Timeout) => break false,
            Err(RecvTimeoutError::Disconnected) => break true,
        }
    };
    // Now it has exited, or has closed its output and goes on.
    let mut pause = Duration::from_micros(100); // std has no wait with a timeout
    let has_exited = loop {
        let status = child.try_wait()?;
        if status.is_some() || time_left().is_zero() {
            break status.is_some();
        }
        thread::sleep(pause);
        pause = (2 * pause).min(Duration::from_millis(5));
    };
    Ok((stdout, stderr, !(output_ended && has_exited)))
}

#[derive(Clone, Copy)]
enum Pipe {
    Stdout,
    Stderr,
}

/// Sends the chunks of a pipe. The thread ends when the pipe does, or at the
/// next chunk after the receiver was dropped.
fn read_on_thread(
    which: Pipe,
    pipe: Option<impl Read + Send + 'static>,
    chunks: Sender<(Pipe, io::Result<Vec<u8>>)>,
) -> io::Result<()> {
    let builder = thread::Builder::new().name("read pipe".into());
    builder.spawn(move || {
        let Some(mut pipe) = pipe else { return };
        let mut buffer = vec![0; 64 * 1024]; // as much as a pipe holds on Linux
        loop {
            let chunk = match pipe.read(&mut buffer) {
                Ok(0) => return,
                Ok(length) => Ok(buffer[..length].to_vec()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            let has_failed = chunk.is_err();
            if chunks.send((which, chunk)).is_err() || has_failed {
                return;
            }
        }
    })?;
    Ok(())
}

fn main() -> io::Result<()> {
    use std::io::Write;
    use std::{env, fs, process};

    const HOUR: Duration = Duration::from_secs(3600);
    const WHILE: Duration = Duration::from_millis(400);

    // This program is its own child and grandchild.
    let this = env::current_exe()?;
    let child = |argument: &str| {
        let mut command = Command::new(&this);
        command.arg(argument).stdin(Stdio::null());
        command
    };
    match env::args().nth(1).as_deref() {
        Some("write much") => {
            let much = [b'x'; 1_000_000];
            io::stderr().write_all(&much)?;
            io::stdout().write_all(&much)?;
            process::exit(3);
        }
        Some("hang") => {
            eprintln!("one error");
            println!("one line");
            loop {
                thread::park();
            }
        }
        Some("start another") => {
            // Not `child`: it inherits the output of this one.
            Command::new(&this).arg("write on").spawn()?;
            return Ok(());
        }
        Some("write on") => {
            let begun = Instant::now();
            while begun.elapsed() < HOUR && io::stdout().write_all(b"\n").is_ok() {
                thread::sleep(WHILE / 20);
            }
            return Ok(());
        }
        _ => {}
    }

    let ended = run_with_timeout(&mut child("write much"), HOUR)?;
    assert!(!ended.timed_out);
    assert_eq!(ended.output.status.code(), Some(3));
    assert_eq!(ended.output.stdout.len(), 1_000_000);
    assert_eq!(ended.output.stderr.len(), 1_000_000);
    println!("exit status 3, 1000000 bytes of stdout, 1000000 of stderr");

    // The case that goes wrong: it hangs, or something holds its output open.
    let ended = run_with_timeout(&mut child("hang"), WHILE)?;
    assert!(ended.timed_out && !ended.output.status.success());
    assert_eq!(ended.output.stdout.trim_ascii_end(), b"one line");
    assert_eq!(ended.output.stderr.trim_ascii_end(), b"one error");
    // Where the system tells: this thread has no child left, not even a zombie.
    let children = fs::read_to_string("/proc/thread-self/children");
    assert_eq!(children.unwrap_or_default(), "");
    println!("a child that hangs: timed out after its first lines, killed");

    if cfg!(unix) {
        let mut silent = Command::new("sh"); // closes its output and goes on
        silent.args(["-c", "exec >&- 2>&-; exec sleep 1000"]);
        let ended = run_with_timeout(&mut silent, WHILE / 4)?;
        assert!(ended.timed_out && !ended.output.status.success());
    }

    // The grandchild ends when it can no longer write.
    let ended = run_with_timeout(&mut child("start another"), WHILE)?;
    assert!(ended.timed_out && ended.output.status.success());
    println!("a grandchild that holds the output open: timed out, exit status 0");

    let missing = run_with_timeout(&mut Command::new("no-such-command"), HOUR);
    let error = missing.err().map(|error| error.kind());
    assert_eq!(error, Some(ErrorKind::NotFound));
    println!("no such command: NotFound");
    Ok(())
}
