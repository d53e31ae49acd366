//! TCP server: accept loop, a task per connection, slow clients, stop.
//!
//! Use it when clients send lines and get an answer to each. For HTTP, use a
//! library such as axum.
//! Ends: `serve` when its connections have ended, at the latest `GRACE` after
//! the stop. If it is dropped, so are they. An error or a panic ends its own
//! connection, and is reported with the address. For SIGTERM, take the signals
//! from `graceful_shutdown.rs`.
//! Needs: `cargo add futures --no-default-features --features std`,
//! `cargo add tokio --features io-util,macros,net,rt,signal,sync,time`,
//! `cargo add tokio-util --features rt`.
//!
//! ```text
//! answered: HELLO, while other clients neither send nor read
//! a panic: reported with the address
//! a line without end: reported, disconnected
//! half a line: reported
//! no descriptors left: pauses, then serves again
//! a stop: idle clients are let go, the request under way is answered
//! a request that is stuck: given up
//! a second Ctrl-C: exit code 130
//! ```

use futures::FutureExt;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// After the stop, connections get this time to end.
const GRACE: Duration = Duration::from_millis(500);
/// Between two attempts to accept if one fails.
const PAUSE: Duration = Duration::from_millis(50);
/// A client must take an answer within this time.
const PATIENCE: Duration = Duration::from_secs(30);
/// A longer line would be kept in memory.
const MAX_LINE: u64 = 8 * 1024;

/// Cancels `stop` at the first Ctrl-C; the second one ends the process.
pub async fn stop_on_ctrl_c(stop: CancellationToken) -> io::Result<()> {
    tokio::signal::ctrl_c().await?;
    stop.cancel();
    tokio::signal::ctrl_c().await?;
    std::process::exit(130); // as shells say: 128 and the signal's number
}

/// Serves until `stop` is cancelled. `connection` is what a client gets; do the
/// work in its future: a panic or a wait of `connection` itself holds up all.
pub async fn serve<F>(
    listener: TcpListener,
    stop: CancellationToken,
    connection: impl Fn(TcpStream) -> F,
    log: impl Fn(String) + Clone + Send + 'static,
) where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let (connections, give_up) = (TaskTracker::new(), CancellationToken::new());
    let _on_drop = give_up.clone().drop_guard();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, address)) => {
                let connection = report(address, connection(stream), log.clone());
                let give_up = give_up.clone();
                connections.spawn(async move { give_up.run_until_cancelled(connection).await });
            }
            Err(error) => {
                log(format!("accept: {error}"));
                // Out of descriptors, `accept` fails at once, again and again.
                stop.run_until_cancelled(sleep(PAUSE)).await;
            }
        }
    }
    drop(listener); // new clients are refused
    connections.close();
    let _ = timeout(GRACE, connections.wait()).await;
    give_up.cancel(); // what is left is dropped where it awaits
    connections.wait().await;
}

/// Logs how a connection ends, unless it ends well.
async fn report(
    address: SocketAddr,
    connection: impl Future<Output = io::Result<()>>,
    log: impl Fn(String),
) {
    match AssertUnwindSafe(connection).catch_unwind().await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => log(format!("{address}: {error}")),
        Err(_) => log(format!("{address}: panicked")), // the hook has printed why
    }
}

/// Answers each line, until the client closes or `stop` is cancelled. An idle
/// client is kept; to let it go after a while, put the read into a `timeout`.
pub async fn answer_lines<F: Future<Output = String>>(
    mut stream: TcpStream,
    stop: CancellationToken,
    answer: impl Fn(String) -> F,
) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut reader = BufReader::new(reader);
    loop {
        let mut line = String::new();
        let mut bounded = (&mut reader).take(MAX_LINE);
        // A client that is idle at the stop is let go; an answer is finished.
        let read = stop.run_until_cancelled(bounded.read_line(&mut line)).await;
        match read.transpose()? {
            None | Some(0) => return Ok(()),
            Some(_) if line.ends_with('\n') => {}
            Some(length) if length as u64 == MAX_LINE => {
                return Err(io::Error::other("the line is too long"));
            }
            Some(_) => return Err(ErrorKind::UnexpectedEof.into()),
        }
        let answer = answer(line).await;
        // A client that takes nothing blocks its own task alone, and not forever.
        timeout(PATIENCE, writer.write_all(answer.as_bytes())).await??;
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    use tokio::sync::mpsc;
    use tokio::time::Instant;

    // This program is its own child.
    match std::env::args().nth(1).as_deref() {
        Some("few descriptors") => return few_descriptors().await,
        Some("Ctrl-C") => return ctrl_c_twice().await,
        _ => {}
    }

    let (stop, (log, mut logged)) = (CancellationToken::new(), mpsc::unbounded_channel());
    let (address, server) = start(&stop, move |message| _ = log.send(message)).await?;
    let mut silent = TcpStream::connect(address).await?;
    let mut reads_nothing = TcpStream::connect(address).await?;
    reads_nothing.write_all(b"much\n").await?;
    let answer = ask(address, "hello\n").await?;
    println!("answered: {answer}, while other clients neither send nor read");

    // The case that goes wrong: a request, the system, or the end.
    let endless = "x".repeat(9000);
    for (request, problem, line) in [
        ("panic\n", "panicked", "a panic: reported with the address"),
        (
            &endless,
            "the line is too long",
            "a line without end: reported, disconnected",
        ),
        ("half", "unexpected end of file", "half a line: reported"),
    ] {
        let mut client = TcpStream::connect(address).await?;
        client.write_all(request.as_bytes()).await?;
        client.shutdown().await?;
        let expected = format!("{}: {problem}", client.local_addr()?);
        assert_eq!(logged.recv().await, Some(expected));
        println!("{line}");
    }
    assert_eq!(ask(address, "hello\n").await?, "HELLO");

    let code = if cfg!(unix) {
        child("few descriptors")?.wait()?.code()
    } else {
        Some(0)
    };
    assert_eq!(code, Some(0));
    println!("no descriptors left: pauses, then serves again");

    let mut stuck = TcpStream::connect(address).await?;
    stuck.write_all(b"stuck\n").await?;
    let (answer, stopped) = tokio::join!(ask(address, "until the stop\n"), async {
        // Until both requests are under way; `stuck` says so, too.
        for _ in 0..2 {
            assert_eq!(logged.recv().await.as_deref(), Some("begun"));
        }
        let stopped = Instant::now();
        stop.cancel();
        stopped
    });
    assert_eq!(answer?, "UNTIL THE STOP");
    assert_eq!(silent.read(&mut [0]).await?, 0);
    assert!(TcpStream::connect(address).await.is_err());
    println!("a stop: idle clients are let go, the request under way is answered");
    server.await?;
    assert!(stopped.elapsed() >= GRACE); // one is stuck
    assert!(matches!(stuck.read(&mut [0]).await, Ok(0) | Err(_)));
    println!("a request that is stuck: given up");

    if cfg!(unix) {
        press_ctrl_c_twice().await?;
    }
    println!("a second Ctrl-C: exit code 130");
    Ok(())
}

type Server = (SocketAddr, tokio::task::JoinHandle<()>);

async fn start(
    stop: &CancellationToken,
    log: impl Fn(String) + Clone + Send + Sync + 'static,
) -> io::Result<Server> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (for_connections, for_answers) = (stop.clone(), log.clone());
    let connection = move |stream| {
        let (stop, log) = (for_connections.clone(), for_answers.clone());
        async move {
            let answer = |line| answer(line, stop.clone(), log.clone());
            answer_lines(stream, stop.clone(), answer).await
        }
    };
    let server = tokio::spawn(serve(listener, stop.clone(), connection, log));
    Ok((address, server))
}

async fn answer(line: String, stop: CancellationToken, log: impl Fn(String)) -> String {
    match line.trim_end() {
        "much" => return "x".repeat(20_000_000), // more than the system buffers
        "panic" => unreachable!("on purpose"),
        "until the stop" => {
            log("begun".into());
            stop.cancelled().await;
        }
        "stuck" => {
            log("begun".into());
            std::future::pending().await
        }
        _ => {}
    }
    line.to_uppercase()
}

async fn ask(address: SocketAddr, request: &str) -> io::Result<String> {
    let mut client = TcpStream::connect(address).await?;
    client.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    BufReader::new(client).read_line(&mut answer).await?;
    Ok(answer.trim_end().into())
}

fn child(mode: &str) -> io::Result<std::process::Child> {
    let this = std::env::current_exe()?;
    let mut shell = std::process::Command::new("sh");
    shell
        .args(["-c", "ulimit -n 30; exec \"$0\" \"$1\""])
        .arg(this)
        .arg(mode);
    shell.stdout(std::process::Stdio::piped()).spawn()
}

async fn few_descriptors() -> io::Result<()> {
    use tokio::time::Instant;

    let (log, mut logged) = tokio::sync::mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let (address, _server) = start(&stop, move |message| _ = log.send(message)).await?;
    let mut files = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        files.push(file);
    }
    files.pop(); // the client gets the last one, and the server none
    let begun = Instant::now();
    let mut client = TcpStream::connect(address).await?;
    for _ in 0..3 {
        let message = logged.recv().await;
        assert!(message.is_some_and(|message| message.starts_with("accept: ")));
    }
    assert!(begun.elapsed() >= 2 * PAUSE);
    drop(files);
    client.write_all(b"hello\n").await?;
    let mut answer = [0; 6];
    client.read_exact(&mut answer).await?;
    assert_eq!(&answer, b"HELLO\n");
    Ok(())
}

async fn ctrl_c_twice() -> io::Result<()> {
    let stop = CancellationToken::new();
    let stopped = async {
        println!("listening");
        stop.cancelled().await;
        println!("stopping");
    };
    let (result, ()) = tokio::join!(biased; stop_on_ctrl_c(stop.clone()), stopped);
    result
}

async fn press_ctrl_c_twice() -> io::Result<()> {
    use std::io::BufRead;

    let mut child = child("Ctrl-C")?;
    let command = format!("kill -INT {}", child.id());
    let press = || {
        std::process::Command::new("sh")
            .args(["-c", &command])
            .status()
    };
    let Some(output) = child.stdout.take() else {
        return Err(ErrorKind::BrokenPipe.into());
    };
    let mut lines = io::BufReader::new(output).lines();
    assert_eq!(lines.next().transpose()?.as_deref(), Some("listening"));
    press()?;
    assert_eq!(lines.next().transpose()?.as_deref(), Some("stopping"));
    // Again, should one come before it listens for the second.
    while child.try_wait()?.is_none() {
        press()?;
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(child.wait()?.code(), Some(130));
    Ok(())
}
