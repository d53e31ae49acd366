//! Runs the program as a person would.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
#[cfg(unix)]
use std::os::{fd::OwnedFd, unix::net::UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread;
#[cfg(unix)]
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::runtime::Builder;

/// Where the program runs. Of this crate alone: a workspace shares the folder around it.
fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_PKG_NAME"));
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn futures_async(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_futures-async"));
    command.args(args).current_dir(folder());
    command
}

/// Runs with `input` on standard input.
fn run(args: &[&str], input: &[u8]) -> Output {
    let mut command = futures_async(args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    thread::scope(|scope| {
        // Beside the reading, as either pipe may be full; the program may end before it has read all.
        scope.spawn(move || _ = stdin.write_all(input));
        child.wait_with_output().unwrap()
    })
}

/// Exit code, standard output, standard error.
fn outcome(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn assert_prints(args: &[&str], input: &[u8], stdout: &str) {
    assert_eq!(
        outcome(run(args, input)),
        (Some(0), stdout.into(), "".into()),
        "{args:?}"
    );
}

fn assert_fails(args: &[&str], input: &[u8], code: i32, stderr: &str) {
    assert_eq!(
        outcome(run(args, input)),
        (Some(code), "".into(), stderr.into()),
        "{args:?}"
    );
}

/// Nobody listens on port 1, which only the system's administrator could.
const CLOSED: &str = "127.0.0.1:1";

/// Listens on a free port and accepts, as long as the tests run; one for all of them, because there
/// may be few descriptors.
fn open_port() -> u16 {
    static PORT: OnceLock<u16> = OnceLock::new();
    *PORT.get_or_init(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || listener.incoming().for_each(drop));
        port
    })
}

fn open_endpoint() -> String {
    format!("127.0.0.1:{}", open_port())
}

/// Replaces every number, which differ from run to run, and the spaces that line it up, by ` #`.
fn shape(text: &str) -> String {
    let mut shape = String::new();
    for c in text.chars() {
        match c {
            ' ' if shape.ends_with(' ') => {}
            '0'..='9' | '.' if shape.ends_with('#') => {}
            '0'..='9' => shape.push('#'),
            c => shape.push(c),
        }
    }
    shape
}

/// Runs; returns exit code, lines sorted and in shape, standard error.
fn shapes(args: &[&str], input: &[u8]) -> (Option<i32>, Vec<String>, String) {
    let (code, stdout, stderr) = outcome(run(args, input));
    let mut lines: Vec<_> = stdout.lines().map(shape).collect();
    lines.sort();
    (code, lines, stderr)
}

#[test]
fn without_arguments_the_demonstration_runs() {
    let (code, stdout, stderr) = outcome(run(&[], b""));
    let expected = "100 requests, each answered after 20 to 60 ms: 4012 ms in all\n\
                    100 answers, in order of the requests\n";
    assert_eq!((code, stdout.as_str()), (Some(0), expected));
    assert_eq!(stderr.lines().count(), 8, "{stderr}");
    for line in stderr.lines() {
        assert!(line.chars().count() <= 79, "{line}");
    }
    assert!(stderr.starts_with("client  0 |"), "{stderr}");
    let last = shape(stderr.lines().last().unwrap());
    assert_eq!(
        last,
        "futures-async: # waited at once, on one thread: # ms in all"
    );
}

/// Runs a shell script, in which `$PROGRAM` is the program and `$OPEN` and `$CLOSED` are endpoints.
#[cfg(unix)]
fn shell(script: &str) -> Output {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", script])
        .env("PROGRAM", env!("CARGO_BIN_EXE_futures-async"));
    shell.env("OPEN", open_endpoint()).env("CLOSED", CLOSED);
    shell.current_dir(folder()).output().unwrap()
}

#[test]
#[cfg(unix)]
fn with_few_descriptors_the_demonstration_makes_do_with_less() {
    let (code, stdout, stderr) = outcome(shell("ulimit -n 25; \"$PROGRAM\""));
    assert_eq!((code, stdout.lines().count()), (Some(0), 2), "{stderr}");
    assert!(!stderr.contains("100 waited at once"), "{stderr}");
}

#[test]
fn open_and_closed_endpoints_are_told_apart() {
    let open = open_endpoint();
    let (code, lines, stderr) = shapes(&[&open, CLOSED], b"");
    assert_eq!(lines, ["#:# open # ms", "#:# refused"]);
    assert_eq!(
        (code, stderr),
        (Some(1), "futures-async: 1 of 2 open\n".into())
    );
    let (code, lines, stderr) = shapes(&["--limit=1", "--timeout", "2.5", &open], b"");
    assert_eq!(lines, ["#:# open # ms"]);
    assert_eq!(
        (code, stderr),
        (Some(0), "futures-async: 1 of 1 open\n".into())
    );
}

#[test]
fn with_limit_1_lines_are_in_order() {
    let args = ["--limit", "1", CLOSED, "localhost:1", "-", CLOSED];
    let (code, stdout, _) = outcome(run(&args, b"127.0.0.1:2\n"));
    let hosts = ["127.0.0.1:1", "localhost:1", "127.0.0.1:2", "127.0.0.1:1"];
    let expected = hosts.map(|host| format!("{host} refused\n")).concat();
    assert_eq!((code, stdout), (Some(1), expected));
}

#[test]
fn names_and_ipv6_addresses_are_probed() {
    // `localhost` has two addresses on most systems; nobody listens on that of IPv6.
    let (code, lines, _) = shapes(&[&format!("localhost:{}", open_port())], b"");
    assert_eq!(
        (code, lines),
        (Some(0), vec!["localhost:# open # ms".into()])
    );
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        return; // no IPv6 here
    };
    let endpoint = listener.local_addr().unwrap().to_string();
    let (code, stdout, _) = outcome(run(&[&endpoint], b""));
    assert!(stdout.starts_with(&format!("{endpoint} open ")), "{stdout}");
    assert_eq!(code, Some(0));
}

#[test]
fn an_unresolved_name_is_a_result() {
    // Too long for a label, so that no resolver asks the network.
    let endpoint = format!("{}.invalid:80", "x".repeat(64));
    let (code, stdout, _) = outcome(run(&[&endpoint], b""));
    let expected = format!("{endpoint} unresolved name\n");
    assert_eq!((code, stdout), (Some(1), expected));
}

#[test]
fn standard_input_is_read_line_by_line() {
    let open = open_endpoint();
    let lines = format!("\n{open}\r\n \t\n  {open}  \n{open}");
    let (code, lines, stderr) = shapes(&["-"], lines.as_bytes());
    assert_eq!((code, lines.len()), (Some(0), 3));
    assert_eq!(stderr, "futures-async: 3 of 3 open\n");
}

#[test]
fn comments_and_a_byte_order_mark_are_no_endpoints() {
    let long = "x".repeat(3000);
    let open = open_endpoint();
    let lines = format!("\u{feff}{open}\n# a:1\n  #{long}\n{open} # {long}\n{open}#\n");
    let (code, lines, stderr) = shapes(&["-"], lines.as_bytes());
    assert_eq!((code, lines.len()), (Some(0), 3), "{stderr}");
    assert_eq!(stderr, "futures-async: 3 of 3 open\n");
    let only_first = "\u{feff}\n\u{feff}\n".as_bytes();
    assert_eq!(shapes(&["-"], only_first).0, Some(1));
}

/// What follows `&&` must not start by mistake.
#[test]
fn an_empty_list_opens_no_gate() {
    for args in [&["-"][..], &["--wait", "60", "-"], &["-q", "-", "--", "sh"]] {
        for list in ["", "\n", "# none\n"] {
            let problem = "futures-async: standard input: no endpoint\n\
                           futures-async: 0 of 0 open\n";
            assert_fails(args, list.as_bytes(), 1, problem);
        }
    }
    // Not beside other endpoints either.
    let (code, lines, stderr) = shapes(&[&open_endpoint(), "-", "-"], b"# none\n");
    let expected = "futures-async: standard input: no endpoint\n\
                    futures-async: 1 of 1 open\n";
    assert_eq!((code, lines.len(), &stderr[..]), (Some(1), 1, expected));
    let again = shapes(&["-", "-"], format!("{}\n", open_endpoint()).as_bytes());
    assert_eq!(again.0, Some(0), "{}", again.2);
}

/// When the time is over, its last lines are read, but not probed.
#[test]
#[cfg(unix)]
fn a_reader_that_is_slow_opens_no_gate() {
    let script = "(yes $OPEN | head -4300; echo $CLOSED) | \
                  (\"$PROGRAM\" --wait 0.5 -; echo $? >&2) | (sleep 1.1; cat)";
    let (_, _, stderr) = outcome(shell(script));
    assert!(stderr.ends_with(" open\n1\n"), "{stderr}");
}

#[test]
#[cfg(unix)]
fn a_list_that_cannot_be_read_opens_no_gate() {
    for (script, message) in [
        ("\"$PROGRAM\" - <&-", "standard input: no endpoint"),
        ("\"$PROGRAM\" $OPEN - 0>written", "standard input:1: "),
        ("\"$PROGRAM\" $OPEN - < .", "standard input:1: "),
    ] {
        let (code, _, stderr) = outcome(shell(script));
        assert_eq!(code, Some(1), "{script}");
        assert!(stderr.contains(message), "{script}: {stderr}");
    }
}

/// Runs with longer and longer waits, until one was long enough for this machine to begin.
fn with_enough_time(run: impl FnMut(&str) -> bool) {
    assert!(["0.1", "1", "10"].into_iter().any(run));
}

#[test]
fn a_list_without_an_end_ends_with_the_time() {
    with_enough_time(|wait| {
        let (mut child, lines) = start(&["--wait", wait, &open_endpoint(), "-"]);
        let standard_input = child.stdin.take();
        let lines: Vec<_> = lines.collect();
        assert_eq!(lines.len(), 1);
        let open = lines.iter().filter(|line| line.contains(" open ")).count();
        let (code, _, stderr) = outcome(child.wait_with_output().unwrap());
        drop(standard_input);
        let expected = format!(
            "futures-async: the time was over before all endpoints were probed\n\
             futures-async: {open} of 1 open\n"
        );
        assert_eq!((code, stderr), (Some(1), expected));
        open == 1
    });
}

#[test]
fn quiet_prints_what_is_not_open() {
    let open = open_endpoint();
    assert_prints(&["--quiet", &open], b"", "");
    let (code, stdout, stderr) = outcome(run(&["-q", &open, CLOSED], b""));
    assert_eq!((code, stdout), (Some(1), format!("{CLOSED} refused\n")));
    assert_eq!(stderr, "futures-async: 1 of 2 open\n");
}

#[test]
#[cfg(unix)]
fn a_command_is_executed_once_all_are_open() {
    // As the same process, with the limits and the signals that this program was started with; and
    // with standard output to itself.
    let script = r#"ulimit -Sn 50; sh -c 'echo $$; exec "$PROGRAM" --wait 9 $OPEN -- \
        sh -c "echo \$\$; ulimit -Sn; exit 7"'"#;
    let (code, stdout, stderr) = outcome(shell(script));
    let lines: Vec<_> = stdout.lines().collect();
    assert_eq!((code, lines.len()), (Some(7), 3), "{stdout}{stderr}");
    assert_eq!(lines[0], lines[1], "another process");
    assert_eq!(lines[2], "50");
    assert_eq!(
        shape(&stderr),
        "#:# open # ms\nfutures-async: # of # open\n"
    );
    // An endpoint of it is not ours.
    let (code, stdout, _) = outcome(shell("\"$PROGRAM\" -q $OPEN -- echo $CLOSED -- -q"));
    assert_eq!((code, stdout), (Some(0), format!("{CLOSED} -- -q\n")));
}

#[test]
fn a_command_is_not_executed_if_one_is_not_open() {
    let (code, stdout, stderr) = outcome(run(&[&open_endpoint(), CLOSED, "--", "sh"], b"echo no"));
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains(&format!("{CLOSED} refused\n")), "{stderr}");
}

#[test]
fn a_command_that_cannot_be_executed_is_an_error() {
    let open = open_endpoint();
    // With a slash, or a folder in `PATH` that may not be read would make it 126.
    let (code, _, stderr) = outcome(run(&["-q", &open, "--", "./no such command"], b""));
    assert_eq!(code, Some(127));
    assert!(
        stderr.starts_with("futures-async: ./no such command: "),
        "{stderr}"
    );
    #[cfg(unix)]
    assert_eq!(run(&["-q", &open, "--", "/"], b"").status.code(), Some(126));
}

#[test]
fn malformed_lines_are_located_and_the_others_probed() {
    let open = open_endpoint();
    let long = "x".repeat(3000);
    let input = format!("db\n{open}\n\n::1:80\n{long}\n{open}\n\x1b[1m:80");
    let (code, lines, stderr) = shapes(&["-"], input.as_bytes());
    assert_eq!((code, lines.len()), (Some(1), 2));
    let start = "x".repeat(30);
    let place = "futures-async: standard input:";
    let expected = [
        format!("{place}1: db has no port: write HOST:PORT"),
        format!("{place}4: ::1:80 is an IPv6 address: write [::1]:80"),
        format!("{place}5: {start}... is too long for an endpoint"),
        format!("{place}7: \"\\u{{1b}}[1m:80\" has a '\\u{{1b}}' in its host"),
        "futures-async: 2 of 2 open, 4 malformed".into(),
    ];
    assert_eq!(stderr.lines().collect::<Vec<_>>(), expected);
    let (_, lines, stderr) = shapes(&["-"], b"\xff:80\nhttp://db:80\n");
    assert!(lines.is_empty(), "{lines:?}");
    let expected = [
        format!("{place}1: \"\\u{{fffd}}:80\" is not UTF-8"),
        format!("{place}2: http://db:80 is a URL: write db:80"),
        "futures-async: 0 of 0 open, 2 malformed".into(),
    ];
    assert_eq!(stderr.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn the_last_line_needs_no_end_however_long_it_is() {
    let start = "x".repeat(30);
    for (length, problem) in [
        (1023, "has no port: write HOST:PORT"),
        (1024, "is too long for an endpoint"),
        (1025, "is too long for an endpoint"),
    ] {
        let (code, _, stderr) = outcome(run(&["-"], "x".repeat(length).as_bytes()));
        let expected = format!(
            "futures-async: standard input:1: {start}... {problem}\n\
             futures-async: 0 of 0 open, 1 malformed\n"
        );
        assert_eq!((code, stderr), (Some(1), expected), "{length} bytes");
    }
}

#[test]
fn many_lines_are_probed_each_once() {
    let input = format!("{}\n", open_endpoint()).repeat(5000);
    let (code, lines, stderr) = shapes(&["-", "--limit", "20"], input.as_bytes());
    assert_eq!((code, lines.len()), (Some(0), 5000));
    assert_eq!(stderr, "futures-async: 5000 of 5000 open\n");
}

/// Starts, and returns the lines of standard output as they come.
fn start(args: &[&str]) -> (Child, impl Iterator<Item = String> + use<>) {
    let mut command = futures_async(args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines.map(|line| line.unwrap()))
}

#[test]
fn waiting_ends_when_all_are_open() {
    // Bound but not listening: connections are refused, and nobody else can have the port.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let late = socket.local_addr().unwrap();
    // With a limit of 1, the second endpoint is open only after the first was refused, and while
    // that waits for its next attempt.
    let open = open_endpoint();
    let (child, mut lines) = start(&["--limit", "1", "--wait", "60", &late.to_string(), &open]);
    assert!(lines.next().unwrap().starts_with(&format!("{open} open ")));
    let runtime = Builder::new_current_thread().enable_io().build().unwrap();
    let _listener = runtime.block_on(async { socket.listen(16).unwrap() });
    assert!(lines.next().unwrap().starts_with(&format!("{late} open ")));
    assert_eq!(lines.next(), None);
    let (code, _, stderr) = outcome(child.wait_with_output().unwrap());
    assert_eq!(
        (code, stderr),
        (Some(0), "futures-async: 2 of 2 open\n".into())
    );
}

#[test]
#[cfg(unix)] // Windows takes two seconds to refuse a connection
fn waiting_lasts_for_the_time_and_ends_with_it() {
    let printed = |wait: &str| {
        let (code, stdout, _) = outcome(run(&["--wait", wait, CLOSED], b""));
        assert_eq!(code, Some(1));
        stdout
    };
    let refused = format!("{CLOSED} refused\n");
    assert_eq!(printed("0"), refused);
    with_enough_time(|wait| {
        let start = std::time::Instant::now();
        let printed = printed(wait);
        assert!(start.elapsed().as_secs_f64() >= wait.parse().unwrap());
        printed == refused
    });
}

#[test]
#[cfg(target_os = "linux")] // elsewhere, a connection that was reset may not be accepted
fn once_the_time_is_over_nothing_is_begun() {
    with_enough_time(|wait| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = listener.local_addr().unwrap();
        let accepted = thread::spawn(move || {
            // Probes send nothing; the last connection is ours.
            let is_probe = |connection: &std::net::TcpStream| {
                !matches!(std::io::Read::read(&mut &*connection, &mut [0]), Ok(1))
            };
            listener.incoming().flatten().take_while(is_probe).count()
        });
        // Too many for the time, and none is ever tried again.
        let list = format!("{endpoint}\n").repeat(30_000);
        let args = ["--wait", wait, "--limit", "1", "-"];
        let (code, stdout, stderr) = outcome(run(&args, list.as_bytes()));
        std::net::TcpStream::connect(endpoint)
            .unwrap()
            .write_all(b"!")
            .unwrap();
        let accepted = accepted.join().unwrap();
        assert_eq!(code, Some(1));
        let count = |what| stdout.lines().filter(|line| line.contains(what)).count();
        let (open, not_tried) = (count(" open "), count(" not tried"));
        // One may be under way when the time ends.
        let others = stdout.lines().count() - open - not_tried;
        assert!(
            not_tried > 0 && others <= 1,
            "{open}, {not_tried}: {stderr}"
        );
        assert!(
            (open..=open + 1).contains(&accepted),
            "{open} open, {accepted} accepted"
        );
        open > 0
    });
}

/// Sends signals, one after the other.
#[cfg(unix)]
fn signals(child: &Child, signals: &[&str]) {
    let id = child.id();
    let kill = signals.iter().map(|signal| format!("kill -{signal} {id};"));
    let shell = Command::new("sh")
        .args(["-ec", &kill.collect::<String>()])
        .status();
    assert!(shell.unwrap().success());
}

/// Whether whoever runs the tests has Ctrl-C ignored, as a shell does in the background: then so does
/// the program.
#[cfg(unix)]
fn is_interrupt_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.is_some_and(|bits| u64::from_str_radix(bits.trim(), 16).unwrap() & 2 != 0)
}

#[test]
#[cfg(unix)]
fn a_signal_stops_gracefully() {
    let mut stopped = Vec::new();
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        if signal == "INT" && is_interrupt_ignored() {
            continue;
        }
        let open = open_endpoint();
        let (child, mut lines) = start(&["--wait", "60", CLOSED, &open, "-"]);
        assert!(lines.next().unwrap().starts_with(&format!("{open} open ")));
        signals(&child, &[signal]);
        stopped.push((child, lines, code));
    }
    for (mut child, mut lines, expected) in stopped {
        assert_eq!(lines.next(), None);
        let standard_input = child.stdin.take(); // stays open, too
        let (code, _, stderr) = outcome(child.wait_with_output().unwrap());
        drop(standard_input);
        assert_eq!(code, Some(expected));
        assert_eq!(stderr, "futures-async: 1 of 2 open, 1 cancelled\n");
    }
}

#[test]
#[cfg(unix)]
fn a_second_signal_ends_it_at_once() {
    if is_interrupt_ignored() {
        return; // there is no second one
    }
    let open = open_endpoint();
    let (mut child, mut lines) = start(&["--wait", "60", CLOSED, &open, "-"]);
    assert!(lines.next().unwrap().starts_with(&format!("{open} open ")));
    let _standard_input = child.stdin.take(); // stays open
    // Stopped, it finds both at once, in whichever order. Were it not stopped in time, the second
    // would still come within the grace period.
    signals(&child, &["STOP", "INT", "TERM", "CONT"]);
    let (code, _, stderr) = outcome(child.wait_with_output().unwrap());
    assert!(matches!(code, Some(130 | 143)), "{code:?}");
    assert_eq!(stderr, "", "no summary, as the probe was not waited for");
}

/// A socket into which nothing fits, and its other end.
#[cfg(unix)]
fn full_socket() -> (OwnedFd, UnixStream) {
    let (mut full, reader) = UnixStream::pair().unwrap();
    full.set_nonblocking(true).unwrap();
    for size in [1024, 1] {
        while full.write(&vec![0; size]).is_ok() {}
    }
    full.set_nonblocking(false).unwrap();
    (full.into(), reader)
}

/// Waits for the exit code; 20 s are enough.
#[cfg(unix)]
fn code_in_time(mut child: Child) -> Option<i32> {
    for _ in 0..2000 {
        match child.try_wait().unwrap() {
            Some(status) => return status.code(),
            None => thread::sleep(Duration::from_millis(10)),
        }
    }
    child.kill().unwrap();
    panic!("did not end within 20 s");
}

#[test]
#[cfg(unix)]
fn a_reader_of_messages_that_takes_nothing_does_not_keep_a_signal_from_ending_it() {
    let (full, _reader) = full_socket();
    let mut command = futures_async(&["--limit", "1", CLOSED, "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(full).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // It has printed, so it listens for signals; and is stuck in this message, or in its last one.
    assert!(lines.next().unwrap().unwrap().ends_with("refused"));
    let mut standard_input = child.stdin.take().unwrap();
    writeln!(standard_input, "db").unwrap();
    signals(&child, &["TERM"]);
    assert_eq!(code_in_time(child), Some(143));
}

#[test]
#[cfg(unix)]
fn a_reader_that_takes_nothing_does_not_keep_a_signal_from_ending_it() {
    let (full, _reader) = full_socket();
    let mut command = futures_async(&["--limit", "1", CLOSED, "-"]);
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.stdout(full).spawn().unwrap();
    let mut standard_input = child.stdin.take().unwrap();
    writeln!(standard_input, "db").unwrap();
    let mut messages = BufReader::new(child.stderr.take().unwrap()).lines();
    // It has read, so it listens for signals. Most likely it is stuck in a write by now; if not, it
    // is no less bound to end.
    assert!(
        messages
            .next()
            .unwrap()
            .unwrap()
            .ends_with("db has no port: write HOST:PORT")
    );
    signals(&child, &["TERM"]);
    assert_eq!(code_in_time(child), Some(143));
}

#[test]
#[cfg(target_os = "linux")] // elsewhere, a connection that was reset may not be accepted
fn a_connection_is_closed_with_a_reset() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    assert_eq!(run(&[&endpoint], b"").status.code(), Some(0));
    let (mut connection, _) = listener.accept().unwrap();
    let read = std::io::Read::read(&mut connection, &mut [0]);
    assert_eq!(
        read.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionReset
    );
}

#[test]
#[cfg(unix)]
fn with_few_descriptors_every_endpoint_is_still_probed() {
    for host in ["127.0.0.1", "localhost"] {
        for limit in [20, 24, 40, 64] {
            let list = format!("for i in $(seq 100); do echo {host}:${{OPEN#*:}}; done");
            let script = format!("ulimit -n {limit}; {list} | \"$PROGRAM\" --limit 500 -");
            let (code, stdout, stderr) = outcome(shell(&script));
            let open = stdout.lines().filter(|line| line.contains(" open "));
            assert_eq!(
                (code, open.count()),
                (Some(0), 100),
                "{limit}: {stdout}{stderr}"
            );
            let (first, rest) = stderr.split_once('\n').unwrap();
            assert_eq!(shape(first), "futures-async: --limit: the system allows #");
            assert_eq!(rest, "futures-async: 100 of 100 open\n");
        }
    }
}

#[test]
#[cfg(unix)]
fn the_limit_of_descriptors_is_raised() {
    let (code, _, stderr) = outcome(shell("ulimit -Sn 20; \"$PROGRAM\" --limit 10 $OPEN"));
    assert_eq!(
        (code, stderr.as_str()),
        (Some(0), "futures-async: 1 of 1 open\n")
    );
}

#[test]
#[cfg(target_os = "linux")] // elsewhere no file tells
fn a_signal_that_the_parent_ignores_stays_ignored() {
    let script = "\"$PROGRAM\" --wait 60 $CLOSED $OPEN & first=$!; \
                  trap '' INT; \"$PROGRAM\" --wait 0.5 $CLOSED & second=$!; \
                  sleep 0.2; kill -TERM $first; kill -INT $second; \
                  wait $first; echo $? >&2; wait $second; echo $? >&2";
    let (_, _, stderr) = outcome(shell(script));
    let codes: Vec<u8> = stderr.lines().flat_map(str::parse).collect();
    assert_eq!(codes, [143, 1], "{stderr}");
}

#[test]
fn help_and_version_are_printed() {
    for args in [["--help"], ["-h"]] {
        let (code, stdout, stderr) = outcome(run(&args, b""));
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        assert!(
            stdout.contains("Usage: futures-async [OPTION]..."),
            "{stdout}"
        );
        for line in stdout.lines() {
            assert!(line.chars().count() <= 79, "{line}");
        }
    }
    let version = concat!("futures-async ", env!("CARGO_PKG_VERSION"), "\n");
    assert_prints(&["--version"], b"", version);
    assert_prints(&["-V"], b"", version);
}

#[test]
fn wrong_usage_is_explained() {
    let hint = "Try 'futures-async --help'.\n";
    for (args, problem) in [
        (
            &["--limit", "0", "-"][..],
            "--limit: \"0\" is not a whole number from 1 to 1000000",
        ),
        (
            &["--limit", "1.5", "-"],
            "--limit: \"1.5\" is not a whole number from 1 to 1000000",
        ),
        (
            &["--timeout", "-1", "-"],
            "--timeout: -1 is not a number of seconds from 0 to 1000000000",
        ),
        (
            &["--wait=nan", "-"],
            "--wait: nan is not a number of seconds from 0 to 1000000000",
        ),
        (
            &["--wait", "1e10", "-"],
            "--wait: 1e10 is not a number of seconds from 0 to 1000000000",
        ),
        (&["-", "--limit"], "missing argument for option '--limit'"),
        (&["--sideways"], "invalid option '--sideways'"),
        (
            &["--wait", "30s"],
            "--wait: 30s is not a number of seconds from 0 to 1000000000; write 30",
        ),
        (
            &["--wait", "2m"],
            "--wait: 2m is not a number of seconds from 0 to 1000000000; write 120",
        ),
        (&["db"], "db has no port: write HOST:PORT"),
        (
            &["tcp:db:80"],
            "tcp:db:80 starts with a protocol: write db:80",
        ),
        // As after `--wait 30 $ENDPOINTS` with an empty list.
        (&["--wait", "30"], "no endpoint to probe"),
        (&["--"], "no endpoint to probe"),
        (&["--", "db:80"], "no endpoint to probe"),
        (&["db:80", "--"], "no command after --"),
    ] {
        assert_fails(args, b"", 2, &format!("futures-async: {problem}\n{hint}"));
    }
}

#[test]
#[cfg(unix)]
fn an_argument_that_is_not_utf_8_is_refused() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let mut command = futures_async(&[]);
    command.arg(OsStr::from_bytes(b"\xff:80"));
    let (code, _, stderr) = outcome(command.output().unwrap());
    let message = "futures-async: \"\\xff:80\" is not UTF-8\n";
    assert_eq!(code, Some(2));
    assert!(stderr.starts_with(message), "{stderr}");
}

#[test]
fn a_reader_that_leaves_stops_the_probing_quietly_and_opens_no_gate() {
    let (mut child, lines) = start(&["-"]);
    drop(lines);
    // Standard input stays open: what ends the program is a line that it cannot write. Not always the
    // first one, because a process that another test is starting has our descriptors for a moment.
    let mut standard_input = child.stdin.take().unwrap();
    let open = open_endpoint();
    while writeln!(standard_input, "{open}").is_ok() {}
    let ended = outcome(child.wait_with_output().unwrap());
    assert_eq!(ended, (Some(1), "".into(), "".into()));
}

#[test]
#[cfg(unix)]
fn a_standard_output_that_cannot_be_written_is_an_error() {
    for arguments in ["$OPEN", "--version"] {
        let (code, _, stderr) = outcome(shell(&format!("\"$PROGRAM\" {arguments} 1<.")));
        assert_eq!(code, Some(1), "{arguments}");
        assert!(
            stderr.starts_with("futures-async: standard output: "),
            "{arguments}: {stderr}"
        );
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error() {
    for argument in [CLOSED, "--version"] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = futures_async(&[argument]).stdout(full).output().unwrap();
        let (code, _, stderr) = outcome(output);
        assert_eq!(code, Some(1), "{argument}");
        assert!(
            stderr.starts_with("futures-async: standard output: No space left"),
            "{argument}: {stderr}"
        );
    }
}

#[test]
#[cfg(target_os = "linux")]
fn an_error_that_cannot_be_written_still_gives_its_exit_code() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let status = futures_async(&["--sideways"]).stderr(full).status();
    assert_eq!(status.unwrap().code(), Some(2));
}
