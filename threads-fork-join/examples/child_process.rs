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
//! a child that hangs: timed out after its first line, killed
//! a grandchild that holds the output open: timed out, exit status 0
//! no such command: NotFound
//! ```

use std::io::{self, ErrorKind, Read};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
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

/// Runs a command for at most `limit` and collects its output. Its stdin is
/// inherited unless you set it, to `Stdio::null()` or a file. To one that is
/// piped, nothing is written, and a child that reads it waits for the limit.
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
    // Both at the same time: a child that writes to a full pipe blocks.
    let stdout = read_on_thread(child.stdout.take())?;
    let stderr = read_on_thread(child.stderr.take())?;
    let (stdout, stdout_ended) = receive(&stdout, &time_left)?;
    let (stderr, stderr_ended) = receive(&stderr, &time_left)?;
    // Now it has exited, or has closed its output and goes on.
    let has_exited = loop {
        let status = child.try_wait()?;
        if status.is_some() || time_left().is_zero() {
            break status.is_some();
        }
        thread::sleep(Duration::from_millis(5)); // std has no wait with a timeout
    };
    let timed_out = !(stdout_ended && stderr_ended && has_exited);
    Ok((stdout, stderr, timed_out))
}

/// The chunks of a pipe. The thread ends when the pipe does, or at the next
/// chunk after the receiver was dropped, so that it cannot fill the memory.
fn read_on_thread(
    pipe: Option<impl Read + Send + 'static>,
) -> io::Result<Receiver<io::Result<Vec<u8>>>> {
    let (sender, chunks) = mpsc::channel();
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
            if sender.send(chunk).is_err() || has_failed {
                return;
            }
        }
    })?;
    Ok(chunks)
}

/// The bytes of a pipe, and whether it ended in time.
fn receive(
    chunks: &Receiver<io::Result<Vec<u8>>>,
    time_left: impl Fn() -> Duration,
) -> io::Result<(Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    loop {
        let left = time_left();
        match chunks.recv_timeout(left) {
            Ok(chunk) if !left.is_zero() => bytes.extend(chunk?),
            Err(RecvTimeoutError::Disconnected) => return Ok((bytes, true)),
            Ok(_) | Err(RecvTimeoutError::Timeout) => return Ok((bytes, false)),
        }
    }
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
            println!("one line");
            loop {
                thread::park();
            }
        }
        Some("start another") => {
            // Not `child`: it inherits the output and the input of this one.
            Command::new(&this).arg("wait for end of input").spawn()?;
            return Ok(());
        }
        Some("wait for end of input") => {
            io::stdin().read_to_end(&mut Vec::new())?;
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
    // Where the system tells: this thread has no child left, not even a zombie.
    let children = fs::read_to_string("/proc/thread-self/children");
    assert_eq!(children.unwrap_or_default(), "");
    println!("a child that hangs: timed out after its first line, killed");

    // The grandchild ends when `run_with_timeout` drops the pipe of its input.
    let mut parent = child("start another");
    let ended = run_with_timeout(parent.stdin(Stdio::piped()), WHILE)?;
    assert!(ended.timed_out && ended.output.status.success());
    println!("a grandchild that holds the output open: timed out, exit status 0");

    let missing = run_with_timeout(&mut Command::new("no-such-command"), HOUR);
    let error = missing.err().map(|error| error.kind());
    assert_eq!(error, Some(ErrorKind::NotFound));
    println!("no such command: NotFound");
    Ok(())
}
