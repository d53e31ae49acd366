//! Runs the program as a person would.

#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
#[cfg(unix)]
use std::os::{fd::OwnedFd, unix::net::UnixStream};
use std::process::Child;
use std::sync::OnceLock;
use std::thread;
#[cfg(unix)]
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::runtime::Builder;

/// Port 1 is free: only the system's administrator could listen on it.
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

/// Its exit code, its lines sorted and in shape, and its messages.
fn shapes(args: &[&str], input: &[u8]) -> (Option<i32>, Vec<String>, String) {
    let outcome = run(args, input);
    let mut lines: Vec<_> = outcome.stdout.lines().map(shape).collect();
    lines.sort();
    (outcome.code, lines, outcome.stderr)
}

/// Runs a shell script, in which `$PROGRAM` is the program and `$OPEN` and `$CLOSED` are endpoints.
#[cfg(unix)]
fn shell(script: &str) -> Outcome {
    let mut shell = command("sh", &["-c", script]);
    shell.env("PROGRAM", PROGRAM).env("OPEN", open_endpoint());
    outcome(shell.env("CLOSED", CLOSED), b"")
}

/// Starts it, and returns the lines of standard output as they come.
fn start(args: &[&str]) -> (Child, impl Iterator<Item = String> + use<>) {
    let mut child = program(args).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines.map(|line| line.unwrap()))
}

/// Waits for the exit code and the messages.
fn end(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), stderr)
}

/// Runs with longer and longer waits, until one was long enough for this machine to begin.
fn with_enough_time(run: impl FnMut(&str) -> bool) {
    assert!(["0.1", "1", "10"].into_iter().any(run));
}

#[test]
fn without_arguments_the_demonstration_runs() {
    let demo = run(&[], b"");
    let expected = "100 requests, answered after 20 to 60 ms; one after the other: 4012 ms\n\
         100 answers, in order of the requests\n";
    assert_eq!((demo.code, demo.stdout.as_str()), (Some(0), expected));
    let picture: Vec<&str> = demo.stderr.lines().collect();
    assert_eq!(picture.len(), 8, "{demo:?}");
    assert!(picture[0].starts_with("client  0 |"), "{demo:?}");
    let last = shape(picture[7]);
    assert_eq!(last, "futures-async: up to # at once, on one thread: # ms");
    assert_fits(&demo.stderr);
}

#[test]
#[cfg(unix)]
fn with_few_descriptors_the_demonstration_makes_do_with_less_or_fails() {
    let demo = shell("ulimit -n 25; \"$PROGRAM\"");
    assert_eq!(
        (demo.code, demo.stdout.lines().count()),
        (Some(0), 2),
        "{demo:?}"
    );
    assert!(!demo.stderr.contains("up to 100 at once"), "{demo:?}");
    for limit in [6, 12, 15] {
        for args in ["", "$CLOSED"] {
            let ended = shell(&format!("ulimit -n {limit}; \"$PROGRAM\" {args}"));
            assert_eq!(ended.code, Some(1), "{limit}: {ended:?}");
            assert!(!ended.stderr.contains("panicked"), "{limit}: {ended:?}");
        }
    }
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
fn with_limit_1_lines_are_in_order_those_of_the_list_last() {
    let args = ["--limit", "1", CLOSED, "-", "localhost:1", CLOSED];
    let ended = run(&args, b"127.0.0.1:2\n127.0.0.1:3\n");
    let hosts = [
        "127.0.0.1:1",
        "localhost:1",
        "127.0.0.1:1",
        "127.0.0.1:2",
        "127.0.0.1:3",
    ];
    let expected = hosts.map(|host| format!("{host} refused\n")).concat();
    assert_eq!((ended.code, ended.stdout), (Some(1), expected));
}

#[test]
fn names_and_ipv6_addresses_are_probed() {
    // `localhost` has two addresses on most systems; the one of IPv6 is closed.
    let (code, lines, _) = shapes(&[&format!("localhost:{}", open_port())], b"");
    assert_eq!(
        (code, lines),
        (Some(0), vec!["localhost:# open # ms".into()])
    );
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        return; // no IPv6 here
    };
    let endpoint = listener.local_addr().unwrap().to_string();
    let ended = run(&[&endpoint], b"");
    let line = format!("{endpoint} open ");
    assert!(ended.stdout.starts_with(&line), "{ended:?}");
    assert_eq!(ended.code, Some(0));
}

#[test]
fn an_unresolved_name_is_a_result() {
    // Too long for a label, so that no resolver asks the network.
    let endpoint = format!("{}.invalid:80", "x".repeat(64));
    let ended = run(&[&endpoint], b"");
    let expected = format!("{endpoint} unresolved name\n");
    assert_eq!((ended.code, ended.stdout), (Some(1), expected));
}

#[test]
fn standard_input_is_read_line_by_line() {
    let (open, long) = (open_endpoint(), "x".repeat(3000));
    for (lines, count) in [
        (format!("\n{open}\r\n \t\n  {open}  \n{open}"), 3),
        (
            format!("{open}\n# a:1\n  #{long}\n{open} # {long}\n{open}#\n"),
            3,
        ),
        (format!("{open}\n").repeat(1500), 1500), // more than are read ahead
    ] {
        let (code, lines, stderr) = shapes(&["-", "--limit", "20"], lines.as_bytes());
        assert_eq!((code, lines.len()), (Some(0), count), "{stderr}");
        assert_eq!(stderr, format!("futures-async: {count} of {count} open\n"));
    }
}

/// What follows `&&` must not start by mistake.
#[test]
fn an_empty_list_opens_no_gate() {
    for args in [
        &["-"][..],
        &["--wait", "60", "-", "-"],
        &["-q", "-", "--", "sh"],
    ] {
        for list in ["", "\n", "# none\n"] {
            let expected = Outcome {
                code: Some(1),
                stdout: String::new(),
                stderr: "futures-async: standard input: no endpoint\n\
                         futures-async: 0 of 0 open\n"
                    .into(),
            };
            assert_eq!(run(args, list.as_bytes()), expected, "{args:?} {list:?}");
        }
    }
    // Not beside other endpoints either.
    let (code, lines, stderr) = shapes(&[&open_endpoint(), "-"], b"# none\n");
    let expected = "futures-async: standard input: no endpoint\n\
                    futures-async: 1 of 1 open\n";
    assert_eq!((code, lines.len(), &stderr[..]), (Some(1), 1, expected));
    let twice = shapes(&["-", "-"], format!("{}\n", open_endpoint()).as_bytes());
    assert_eq!(twice.0, Some(0), "{}", twice.2);
}

/// When the time is over, its last lines are read, but not probed.
#[test]
#[cfg(unix)]
fn a_reader_that_is_slow_opens_no_gate() {
    let script = "(yes $OPEN | head -4300; echo $CLOSED) | \
                  (\"$PROGRAM\" --wait 0.3 -; echo $? >&2) | (sleep 0.7; cat)";
    let stderr = shell(script).stderr;
    assert!(stderr.ends_with(" open\n1\n"), "{stderr}");
}

#[test]
#[cfg(unix)]
fn a_list_that_cannot_be_read_opens_no_gate() {
    for (script, message) in [
        ("\"$PROGRAM\" - <&-", "standard input: no endpoint"),
        (
            "\"$PROGRAM\" $OPEN - 0>written",
            "standard input: no endpoint",
        ),
        ("\"$PROGRAM\" $OPEN - < .", "standard input:1: "),
        (
            "head -c 100000 /dev/zero | \"$PROGRAM\" $OPEN -",
            "standard input:1: the line is too long",
        ),
    ] {
        let ended = shell(script);
        assert_eq!(ended.code, Some(1), "{script}");
        assert!(ended.stderr.contains(message), "{script}: {ended:?}");
    }
}

#[test]
fn a_list_without_an_end_ends_with_the_time() {
    with_enough_time(|wait| {
        let (mut child, lines) = start(&["--wait", wait, &open_endpoint(), "-"]);
        let _standard_input = child.stdin.take(); // stays open
        let lines: Vec<_> = lines.collect();
        assert_eq!(lines.len(), 1);
        let open = lines.iter().filter(|line| line.contains(" open ")).count();
        let expected = format!(
            "futures-async: not all endpoints were probed\nfutures-async: {open} of 1 open\n"
        );
        assert_eq!(end(child), (Some(1), expected));
        open == 1
    });
}

#[test]
fn quiet_prints_what_is_not_open() {
    let open = open_endpoint();
    assert_prints(&["--quiet", &open], b"", "");
    let ended = run(&["-q", &open, CLOSED], b"");
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.stdout, format!("{CLOSED} refused\n"));
    assert_eq!(ended.stderr, "futures-async: 1 of 2 open\n");
}

#[test]
#[cfg(unix)]
fn a_command_is_executed_once_all_are_open() {
    // As the same process, with the limits that this program was started with; and with standard
    // output to itself.
    let script = r#"ulimit -Sn 50; sh -c 'echo $$; exec "$PROGRAM" --wait 9 $OPEN -- \
        sh -c "echo \$\$; ulimit -Sn; exit 7"'"#;
    let ended = shell(script);
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!((ended.code, lines.len()), (Some(7), 3), "{ended:?}");
    assert_eq!(lines[0], lines[1], "another process");
    assert_eq!(lines[2], "50");
    assert_eq!(
        shape(&ended.stderr),
        "#:# open # ms\nfutures-async: # of # open\n"
    );
    // An endpoint of it is not ours.
    let ended = shell("\"$PROGRAM\" -q $OPEN -- echo $CLOSED -- -q");
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.stdout, format!("{CLOSED} -- -q\n"));
}

#[test]
fn a_command_is_not_executed_if_one_is_not_open() {
    let ended = run(&[&open_endpoint(), CLOSED, "--", "sh"], b"echo no");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    let line = format!("{CLOSED} refused\n");
    assert!(ended.stderr.contains(&line), "{ended:?}");
}

#[test]
#[cfg(unix)]
fn a_command_is_not_executed_if_the_results_cannot_be_written() {
    let ended = shell("\"$PROGRAM\" $OPEN -- echo no 2<.");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
}

#[test]
fn a_command_that_cannot_be_executed_is_an_error() {
    let open = open_endpoint();
    // With a slash, or a folder in `PATH` that may not be read would make it 126.
    let ended = run(&["-q", &open, "--", "./no-such-command"], b"");
    ended.assert_failed(127, "./no-such-command: ");
    #[cfg(unix)]
    run(&["-q", &open, "--", "/"], b"").assert_failed(126, "/: ");
}

#[test]
fn malformed_lines_are_located_and_the_others_probed() {
    let long = "x".repeat(3000);
    let input = format!("db\n{CLOSED}\n\n::1:80\n{long}\n\x1b[1m:80\n");
    let input = [input.as_bytes(), b"\xff:80\nhttp://db:80"].concat();
    let start = "x".repeat(30);
    let (place, no_port) = (
        "standard input:",
        "has no port from 1 to 65535: write HOST:PORT",
    );
    let no_host = "has no name or address of a host: write HOST:PORT or [IPV6]:PORT";
    let expected = [
        format!("{place}1: db {no_port}\n"),
        format!("{CLOSED} refused\n"),
        format!("{place}4: ::1:80 is an IPv6 address: write [::1]:80\n"),
        format!("{place}5: {start} {no_port}\n"),
        format!("{place}6: \"\\u{{1b}}[1m:80\" {no_host}\n"),
        format!("{place}7: \"\u{fffd}:80\" {no_host}\n"),
        format!("{place}8: http://db:80 {no_host}\n"),
    ];
    let ended = run(&["--limit", "1", "--quiet", "-"], &input);
    assert_eq!((ended.code, ended.stdout), (Some(1), expected.concat()));
    assert_eq!(ended.stderr, "futures-async: 0 of 7 open\n");
}

#[test]
fn waiting_tries_again_until_all_are_open() {
    // Bound but not listening: connections are refused, and no other process can have the port.
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
    assert_eq!(end(child), (Some(0), "futures-async: 2 of 2 open\n".into()));
}

#[test]
#[cfg(unix)] // Windows takes two seconds to refuse a connection
fn waiting_lasts_until_the_last_tenth_of_the_time() {
    let printed = |wait: &str| {
        let ended = run(&["--wait", wait, CLOSED], b"");
        assert_eq!(ended.code, Some(1));
        ended.stdout
    };
    let refused = format!("{CLOSED} refused\n");
    assert_eq!(printed("0"), refused);
    let start = std::time::Instant::now();
    assert_eq!(printed("0.5"), refused);
    assert!(start.elapsed() >= Duration::from_millis(450));
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
        let ended = run(&args, list.as_bytes());
        let mut last = std::net::TcpStream::connect(endpoint).unwrap();
        last.write_all(b"!").unwrap();
        let accepted = accepted.join().unwrap();
        assert_eq!(ended.code, Some(1));
        let lines = ended.stdout.lines();
        let count = |what| lines.clone().filter(|line| line.contains(what)).count();
        let (open, not_tried) = (count(" open "), count(" not tried"));
        // One may be under way when the time ends.
        let others = lines.clone().count() - open - not_tried;
        assert!(not_tried > 0 && others <= 1, "{open}, {not_tried}");
        let open_or_cut = open..=open + 1;
        assert!(open_or_cut.contains(&accepted), "{open} open, {accepted}");
        open > 0
    });
}

/// Sends signals, one after the other.
#[cfg(unix)]
fn signals(child: &Child, signals: &[&str]) {
    let id = child.id();
    let kill: String = signals
        .iter()
        .map(|signal| format!("kill -{signal} {id};"))
        .collect();
    let shell = std::process::Command::new("sh")
        .args(["-ec", &kill])
        .status();
    assert!(shell.unwrap().success());
}

#[test]
#[cfg(unix)]
fn a_signal_stops_gracefully_and_each_endpoint_has_its_last_reason() {
    for (args, expected) in [
        (&["INT"][..], 130),
        (&["TERM"], 143),
        // Two in one instant are one. It finds both at once, as it is stopped until then.
        (&["STOP", "TERM", "TERM", "CONT"], 143),
    ] {
        let open = open_endpoint();
        let (mut child, mut lines) = start(&["--wait", "60", CLOSED, &open, "-"]);
        assert!(lines.next().unwrap().starts_with(&format!("{open} open ")));
        signals(&child, args);
        let _standard_input = child.stdin.take(); // stays open
        assert_eq!(lines.next(), Some(format!("{CLOSED} refused")));
        assert_eq!(lines.next(), None);
        let messages = "futures-async: not all endpoints were probed\n\
                        futures-async: 1 of 2 open\n";
        assert_eq!(end(child), (Some(expected), messages.into()), "{args:?}");
    }
}

#[test]
#[cfg(target_os = "linux")] // elsewhere, a connection that was reset may not be accepted
fn after_a_signal_nothing_is_begun() {
    let open = open_endpoint();
    let (mut child, mut lines) = start(&["--limit", "1", "-"]);
    let mut list = child.stdin.take().unwrap();
    thread::spawn(move || while writeln!(list, "{open}").is_ok() {});
    assert!(lines.next().is_some());
    signals(&child, &["STOP", "TERM"]);
    // It may have printed more by now, but then it is stopped: what is begun afterwards is late.
    thread::sleep(Duration::from_millis(100));
    signals(&child, &["CONT"]);
    let not_open: Vec<_> = lines.filter(|line| !line.contains(" open ")).collect();
    // With a limit of 1, one has no turn; the others stay in the list.
    assert!(not_open.len() <= 1, "{not_open:?}");
    assert_eq!(end(child).0, Some(143));
}

#[test]
#[cfg(unix)]
fn a_second_signal_ends_it_at_once() {
    let (full, _reader) = full_socket();
    let (mut child, _standard_input) = start_probing(|command| _ = command.stdout(full));
    signals(&child, &["TERM"]);
    thread::sleep(Duration::from_millis(150)); // or it would count as the same one
    signals(&child, &["INT"]);
    let start = std::time::Instant::now();
    let mut messages = child.stderr.take().unwrap();
    assert_eq!(code_in_time(child), Some(130));
    // The reader that takes nothing would have had two seconds after the first.
    assert!(start.elapsed() < Duration::from_millis(1500));
    let message = std::io::read_to_string(&mut messages).unwrap();
    assert_eq!(message, "", "no summary, as nothing was waited for");
}

/// Starts it with a list that stays open. Returns once it has begun to probe, so it listens for
/// signals.
#[cfg(unix)]
fn start_probing(redirect: impl FnOnce(&mut std::process::Command)) -> (Child, impl Sized) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    let mut command = program(&[&endpoint, "-"]);
    redirect(&mut command);
    let mut child = command.spawn().unwrap();
    let standard_input = child.stdin.take();
    listener.set_nonblocking(true).unwrap();
    in_time(|| listener.accept().ok()).unwrap();
    (child, standard_input)
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

/// Waits for the exit code.
#[cfg(unix)]
fn code_in_time(mut child: Child) -> Option<i32> {
    let status = in_time(|| child.try_wait().unwrap());
    child.kill().unwrap(); // does nothing if it has ended
    status.and_then(|status| status.code())
}

/// Waits until there is a value; 20 s are enough.
#[cfg(unix)]
fn in_time<T>(mut value: impl FnMut() -> Option<T>) -> Option<T> {
    for _ in 0..2000 {
        match value() {
            None => thread::sleep(Duration::from_millis(10)),
            value => return value,
        }
    }
    None
}

#[test]
#[cfg(unix)]
fn a_reader_that_takes_nothing_does_not_keep_a_signal_from_ending_it() {
    let ((full_output, _reader), (full_errors, _other)) = (full_socket(), full_socket());
    // Of the results, and of the messages.
    let (results, _list) = start_probing(|command| _ = command.stdout(full_output));
    let (messages, _list) = start_probing(|command| _ = command.stderr(full_errors));
    for child in [&results, &messages] {
        signals(child, &["TERM"]);
    }
    for child in [results, messages] {
        assert_eq!(code_in_time(child), Some(143));
    }
}

#[test]
#[cfg(target_os = "linux")] // elsewhere, a connection that was reset may not be accepted
fn a_connection_is_closed_with_a_reset() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    assert_eq!(run(&[&endpoint], b"").code, Some(0));
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
        for limit in [20, 40] {
            let list = format!("for i in $(seq 100); do echo {host}:${{OPEN#*:}}; done");
            let script = format!("ulimit -n {limit}; {list} | \"$PROGRAM\" --limit 500 -");
            let ended = shell(&script);
            let open = ended.stdout.lines().filter(|line| line.contains(" open "));
            assert_eq!(
                (ended.code, open.count()),
                (Some(0), 100),
                "{limit}: {ended:?}"
            );
            assert_eq!(ended.stderr, "futures-async: 100 of 100 open\n");
        }
    }
}

#[test]
#[cfg(unix)]
fn the_limit_of_descriptors_is_raised() {
    let ended = shell("ulimit -Sn 20; \"$PROGRAM\" --limit 10 $OPEN");
    let expected = (Some(0), "futures-async: 1 of 1 open\n");
    assert_eq!((ended.code, ended.stderr.as_str()), expected);
}

#[test]
fn wrong_options_and_endpoints_are_explained() {
    let seconds = "is not a number of seconds from 0 to 1000000000";
    let number = "is not a whole number from 1 to 1000000";
    for (args, problem) in [
        (
            &["--limit", "0", "-"][..],
            format!("--limit: \"0\" {number}"),
        ),
        (
            &["--limit", "1.5", "-"],
            format!("--limit: \"1.5\" {number}"),
        ),
        (
            &["--timeout", "-1", "-"],
            format!("--timeout: \"-1\" {seconds}"),
        ),
        (&["--wait=nan", "-"], format!("--wait: \"nan\" {seconds}")),
        (
            &["--wait", "1e10", "-"],
            format!("--wait: \"1e10\" {seconds}"),
        ),
        (&["--wait", "30s"], format!("--wait: \"30s\" {seconds}")),
        (
            &["-", "--limit"],
            "missing argument for option '--limit'".into(),
        ),
        (
            &["db"],
            "db has no port from 1 to 65535: write HOST:PORT".into(),
        ),
        (
            &["tcp:db:80"],
            "tcp:db:80 has no name or address of a host: write HOST:PORT or [IPV6]:PORT".into(),
        ),
        // As after `--wait 30 $ENDPOINTS` with an empty list.
        (&["--wait", "30"], "no endpoint to probe".into()),
        (&["--"], "no endpoint to probe".into()),
        (&["--", "db:80"], "no endpoint to probe".into()),
    ] {
        assert_fails(args, b"", 2, &problem);
    }
}

#[test]
#[cfg(unix)]
fn an_argument_that_is_not_utf_8_is_refused() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let mut command = program(&[]);
    command.arg(OsStr::from_bytes(b"\xff:80"));
    outcome(&mut command, b"").assert_failed(2, "\"\u{fffd}:80\" has no name or address");
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
    assert_eq!(end(child), (Some(1), String::new()));
}

#[test]
#[cfg(unix)]
fn a_standard_output_that_cannot_be_written_is_an_error() {
    for redirection in ["1<.", "1>/dev/full"] {
        if redirection == "1>/dev/full" && cfg!(not(target_os = "linux")) {
            continue;
        }
        let ended = shell(&format!("\"$PROGRAM\" $OPEN {redirection}"));
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let message = "futures-async: standard output: ";
        assert!(ended.stderr.starts_with(message), "{ended:?}");
    }
}
