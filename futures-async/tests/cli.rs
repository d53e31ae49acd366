//! Runs the program as a person would.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
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

/// Listens on a free port and accepts, as long as the tests run.
fn open_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().for_each(drop));
    port
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
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert!(
        stdout.contains("\n100 requests wait when the first answer comes\n"),
        "{stdout}"
    );
    let last = stdout.lines().last().unwrap();
    assert_eq!(shape(last), "# ms for waits of # ms in all, on one thread");
    assert!(last.contains("of 5000 ms"), "{last}");
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
    let (code, lines, stderr) = shapes(&["--limit=1", "--timeout", "2.5", "--", &open], b"");
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
    assert_eq!(
        shapes(&["-"], b""),
        (Some(0), vec![], "futures-async: 0 of 0 open\n".into())
    );
}

#[test]
fn malformed_lines_are_located_and_the_others_probed() {
    let open = open_endpoint();
    let long = "x".repeat(3000);
    let input = format!("db\n{open}\n\n::1:80\n{long}\n{open}\n\x1b[1m:80");
    let (code, lines, stderr) = shapes(&["-"], input.as_bytes());
    assert_eq!((code, lines.len()), (Some(1), 2));
    let start = "x".repeat(40);
    let place = "futures-async: standard input:";
    let expected = [
        format!("{place}1: \"db\" has no port"),
        format!("{place}4: \"::1:80\" needs brackets around the IPv6 address"),
        format!("{place}5: \"{start}\"... is too long for an endpoint"),
        format!("{place}7: \"\\u{{1b}}[1m:80\" has a host with a space or control character"),
        "futures-async: 2 of 2 open, 4 malformed".into(),
    ];
    assert_eq!(stderr.lines().collect::<Vec<_>>(), expected);
    let (_, lines, stderr) = shapes(&["-"], b"\xff:80\nhttp://db:80\n");
    assert!(lines.is_empty(), "{lines:?}");
    let expected = [
        format!("{place}1: \"\u{fffd}:80\" is not UTF-8"),
        format!("{place}2: \"http://db:80\" is a URL, not HOST:PORT"),
        "futures-async: 0 of 0 open, 2 malformed".into(),
    ];
    assert_eq!(stderr.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn the_last_line_needs_no_end_however_long_it_is() {
    let start = "x".repeat(40);
    for (length, problem) in [
        (1023, "has no port"),
        (1024, "is too long for an endpoint"),
        (1025, "is too long for an endpoint"),
    ] {
        let (code, _, stderr) = outcome(run(&["-"], "x".repeat(length).as_bytes()));
        let expected = format!(
            "futures-async: standard input:1: \"{start}\"... {problem}\n\
             futures-async: 0 of 0 open, 1 malformed\n"
        );
        assert_eq!((code, stderr), (Some(1), expected), "{length} bytes");
    }
}

#[test]
fn many_lines_are_probed_each_once() {
    let input = format!("{}\n", open_endpoint()).repeat(5000);
    let (code, lines, stderr) = shapes(&["-", "--limit", "50"], input.as_bytes());
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
fn waiting_ends_when_the_time_is_over() {
    for wait in ["0", "0.1"] {
        let (code, stdout, _) = outcome(run(&["--wait", wait, CLOSED], b""));
        assert_eq!(
            (code, stdout),
            (Some(1), format!("{CLOSED} refused\n")),
            "--wait {wait}"
        );
    }
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

#[test]
#[cfg(unix)]
fn a_signal_stops_gracefully() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let open = open_endpoint();
        // Standard input stays open, too.
        let (child, mut lines) = start(&["--wait", "60", CLOSED, &open, "-"]);
        assert!(lines.next().unwrap().starts_with(&format!("{open} open ")));
        signals(&child, &[signal]);
        assert_eq!(lines.next(), None);
        let mut child = child;
        let standard_input = child.stdin.take();
        let (status, _, stderr) = outcome(child.wait_with_output().unwrap());
        drop(standard_input);
        assert_eq!(status, Some(code), "{signal}");
        assert_eq!(stderr, "futures-async: 1 of 2 open, 1 cancelled\n");
    }
}

#[test]
#[cfg(unix)]
fn a_second_signal_ends_it_at_once() {
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

#[test]
#[cfg(unix)]
fn a_reader_that_takes_nothing_does_not_keep_a_signal_from_ending_it() {
    use std::os::{fd::OwnedFd, unix::net::UnixStream};
    let (mut full, _reader) = UnixStream::pair().unwrap();
    full.set_nonblocking(true).unwrap();
    for size in [1024, 1] {
        while full.write(&vec![0; size]).is_ok() {}
    }
    full.set_nonblocking(false).unwrap();
    let mut command = futures_async(&["--limit", "1", CLOSED, "-"]);
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.stdout(OwnedFd::from(full)).spawn().unwrap();
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
            .ends_with("\"db\" has no port")
    );
    signals(&child, &["INT"]);
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
#[cfg(target_os = "linux")] // elsewhere, a connection that was reset may not be accepted
fn a_connection_is_closed_with_a_reset() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    assert_eq!(run(&[&endpoint], b"").status.code(), Some(0));
    let (mut connection, _) = listener.accept().unwrap();
    let read = connection.read(&mut [0]);
    assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
#[cfg(unix)]
fn with_few_descriptors_every_endpoint_is_still_probed() {
    let program = env!("CARGO_BIN_EXE_futures-async");
    let port = open_port();
    for host in ["127.0.0.1", "localhost"] {
        let shell = format!(
            "ulimit -n 20; for i in $(seq 300); do echo {host}:{port}; done | {program:?} -"
        );
        let output = Command::new("sh").args(["-c", &shell]).output().unwrap();
        let (code, stdout, stderr) = outcome(output);
        assert!(
            stdout.lines().all(|line| line.contains(" open ")),
            "{stdout}"
        );
        assert_eq!((code, stdout.lines().count()), (Some(0), 300), "{stderr}");
        let (first, rest) = stderr.split_once('\n').unwrap();
        assert_eq!(
            first,
            "futures-async: too many open files; lowering the limit and trying again"
        );
        assert_eq!(
            shape(rest),
            "futures-async: # of # open; limit lowered to #\n"
        );
    }
}

#[test]
fn help_and_version_are_printed() {
    for args in [["--help"], ["-h"]] {
        let (code, stdout, stderr) = outcome(run(&args, b""));
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        assert!(
            stdout.contains("Usage: futures-async [--limit N]"),
            "{stdout}"
        );
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
            "--timeout: \"-1\" is not a number of seconds from 0 to 1000000000",
        ),
        (
            &["--wait=nan", "-"],
            "--wait: \"nan\" is not a number of seconds from 0 to 1000000000",
        ),
        (
            &["--wait", "1e10", "-"],
            "--wait: \"1e10\" is not a number of seconds from 0 to 1000000000",
        ),
        (&["-", "--limit"], "missing argument for option '--limit'"),
        (&["--sideways"], "invalid option '--sideways'"),
        (&["db"], "\"db\" has no port"),
        (&["db:"], "\"db:\" has no port"),
        (&["[::1]"], "\"[::1]\" has no port"),
        (&["db:0"], "\"db:0\" has no port from 1 to 65535"),
        (&["db:70000"], "\"db:70000\" has no port from 1 to 65535"),
        (&["db:+80"], "\"db:+80\" has no port from 1 to 65535"),
        (&["db:http"], "\"db:http\" has no port from 1 to 65535"),
        (&[":80"], "\":80\" has no host"),
        (
            &["my db:80"],
            "\"my db:80\" has a host with a space or control character",
        ),
        (
            &["::1:80"],
            "\"::1:80\" needs brackets around the IPv6 address",
        ),
        (
            &["[db]:80"],
            "\"[db]:80\" is not an IPv6 address and a port",
        ),
        (
            &["http://db:80"],
            "\"http://db:80\" is a URL, not HOST:PORT",
        ),
        // As after `--wait 30 $ENDPOINTS` with an empty list.
        (&["--wait", "30"], "no endpoint to probe"),
        (&["--"], "no endpoint to probe"),
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
    let message = "futures-async: \"\\xFF:80\" is not UTF-8\n";
    assert_eq!(code, Some(2));
    assert!(stderr.starts_with(message), "{stderr}");
}

#[test]
fn a_reader_that_leaves_is_no_error_and_stops_the_probing() {
    let (mut child, lines) = start(&["-"]);
    drop(lines);
    // Standard input stays open: what ends the program is a line that it cannot write. Not always the
    // first one, because a process that another test is starting has our descriptors for a moment.
    let mut standard_input = child.stdin.take().unwrap();
    while writeln!(standard_input, "{CLOSED}").is_ok() {}
    let ended = outcome(child.wait_with_output().unwrap());
    assert_eq!(ended, (Some(0), "".into(), "".into()));
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

/// Where it is compiled and run.
#[test]
#[cfg(unix)] // elsewhere, lines may end otherwise
fn the_example_of_the_readme_stands_in_the_docs_of_the_library() {
    let docs = include_str!("../src/lib.rs").replace("///\n", "\n");
    let docs = docs.replace("/// ", "");
    let readme = include_str!("../README.md");
    let example = readme.split("```rust\n").nth(1).unwrap();
    let example = example.split("```").next().unwrap();
    assert!(docs.contains(example), "{example}");
}

/// Runs each `$ command` of the README's `console` blocks, in order, in an empty folder, and
/// compares what it prints with the lines that follow, but for the figures, which vary.
#[test]
#[cfg(unix)]
fn the_readme_shows_what_its_commands_print() {
    // `cargo run ... -- ARGS` stands for the program that this test was built with.
    const CARGO: &str = r#"cargo() {
        while [ $# -gt 0 ] && [ "$1" != -- ]; do shift; done
        [ $# -eq 0 ] || shift
        "$PROGRAM" "$@"
    }"#;
    let folder = folder().join("readme");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).unwrap();
    // Somebody has to listen where the README says so.
    let readme = include_str!("../README.md").replace(":5432", &format!(":{}", open_port()));
    let mut commands = 0;
    for block in readme.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap();
        for example in block.split("$ ").skip(1) {
            let (command, expected) = example.split_once('\n').unwrap();
            let shell = Command::new("sh")
                .args(["-c", &format!("{CARGO}\n{command} 2>&1")])
                .env("PROGRAM", env!("CARGO_BIN_EXE_futures-async"))
                .current_dir(&folder)
                .output()
                .unwrap();
            assert_eq!(
                shape(&String::from_utf8(shell.stdout).unwrap()),
                shape(expected),
                "$ {command}"
            );
            commands += 1;
        }
    }
    assert!(commands > 0, "found no command in the README");
}
