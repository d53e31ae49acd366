//! Runs the program as a person would.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::thread;

/// Where the program runs. Of this crate alone: a workspace shares the folder around it.
fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_PKG_NAME"));
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn threads_fork_join(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_threads-fork-join"));
    command.args(args).current_dir(folder());
    command
}

/// Runs with `input` on standard input.
fn run(args: &[&str], input: &[u8]) -> Output {
    run_command(threads_fork_join(args), input)
}

fn run_command(mut command: Command, input: &[u8]) -> Output {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    thread::scope(|scope| {
        // Beside the reading, as either pipe may be full; the program may end before.
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

/// Writes a file of its own for each test into the folder the program runs in.
fn file(name: &str, content: impl AsRef<[u8]>) -> String {
    fs::write(folder().join(name), content).unwrap();
    name.into()
}

#[test]
fn without_files_the_demonstration_runs_and_draws_what_ran_at_the_same_time() {
    let (code, stdout, stderr) = outcome(run(&[], b""));
    let mut lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines.pop(), Some("All 5 threads have joined"));
    lines.sort_unstable(); // they come in whatever order the threads run
    let greetings: Vec<String> = (0..5).map(|i| format!("Hello from thread {i}")).collect();
    assert_eq!(
        (code, lines),
        (Some(0), greetings.iter().map(String::as_str).collect())
    );

    let picture: Vec<&str> = stderr.lines().collect();
    assert_eq!(picture.len(), 7, "{stderr}");
    for (thread, line) in picture[1..6].iter().enumerate() {
        assert!(line.starts_with(&format!("thread {thread} |")), "{stderr}");
        assert!(line.contains(['░', '▒', '▓', '█']), "{stderr}"); // short beside a late thread
        assert!(line.ends_with(" primes"), "{stderr}");
    }
    assert!(
        stderr.lines().all(|line| line.chars().count() <= 79),
        "{stderr}"
    );
}

/// No system grants a stack of that size, so none of the program's threads can start.
const NO_THREADS: (&str, &str) = (
    "RUST_MIN_STACK",
    if usize::BITS == 64 {
        "17293822569102704640"
    } else {
        "4026531840"
    },
);

#[test]
fn without_threads_large_files_are_counted_all_the_same_and_the_demonstration_is_refused() {
    let large = file("no-threads", "one two\n".repeat(1_000_000));
    let mut command = threads_fork_join(&["--threads", "4", &large]);
    let output = command.env(NO_THREADS.0, NO_THREADS.1).output().unwrap();
    let expected = "1000000 2000000 8000000 no-threads\n";
    assert_eq!(outcome(output), (Some(0), expected.into(), "".into()));

    let mut command = threads_fork_join(&[]);
    let output = command.env(NO_THREADS.0, NO_THREADS.1).output().unwrap();
    let (code, stdout, stderr) = outcome(output);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    let start = "threads-fork-join: the system refuses a thread: ";
    assert!(stderr.starts_with(start), "{stderr}");
}

#[test]
fn one_file_is_as_wide_as_its_size() {
    let empty = file("wide-empty", "");
    assert_prints(&[&empty], b"", "0 0 0 wide-empty\n");
    let short = file("wide-short", "a b\n");
    assert_prints(&[&short], b"", "1 2 4 wide-short\n");
    let hundred = file("wide-hundred", "a\n".repeat(50));
    assert_prints(&[&hundred], b"", " 50  50 100 wide-hundred\n");
    assert_prints(&["--threads=2", "--", &short], b"", "1 2 4 wide-short\n");
}

#[test]
fn several_files_are_as_wide_as_their_sizes_together_and_have_a_total() {
    let a = file("several-a", "one two\n"); // 8 bytes
    let b = file("several-b", "3"); // no line end: its word is still not that of the next file
    let expected = "1 2 8 several-a\n0 1 1 several-b\n1 3 9 total\n";
    assert_prints(&[&a, &b], b"", expected);
    let expected = " 0  1  1 several-b\n 0  1  1 several-b\n 1  2  8 several-a\n 1  4 10 total\n";
    assert_prints(&[&b, &b, &a], b"", expected);
}

#[test]
fn standard_input_is_counted_where_it_is_named() {
    assert_prints(&["-"], b"", "      0       0       0 -\n");
    assert_prints(&["-"], b"a b\nc", "      1       3       5 -\n");
    let a = file("stdin-a", "1\n");
    let expected = "      1       1       2 stdin-a
      0       1       1 -
      0       0       0 -
      1       2       3 total
";
    assert_prints(&[&a, "-", "-"], b"x", expected);
}

#[test]
#[cfg(unix)]
fn standard_input_from_a_file_has_a_size() {
    let path = folder().join(file("redirected", "a b\n"));
    let mut command = threads_fork_join(&["-"]);
    command.stdin(fs::File::open(path).unwrap());
    let expected = (Some(0), "1 2 4 -\n".into(), "".into());
    assert_eq!(outcome(command.output().unwrap()), expected);
}

#[test]
#[cfg(unix)]
fn standard_input_that_is_a_directory_is_named_and_not_counted() {
    let mut command = threads_fork_join(&["-"]);
    command.stdin(fs::File::open(folder()).unwrap());
    let (code, stdout, stderr) = outcome(command.output().unwrap());
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    let start = "threads-fork-join: standard input: ";
    assert!(stderr.starts_with(start), "{stderr}");
}

#[test]
#[cfg(unix)]
fn standard_input_that_cannot_be_read_is_an_error() {
    let path = folder().join("written-only");
    let mut command = threads_fork_join(&["-"]);
    command.stdin(fs::File::create(path).unwrap());
    let (code, stdout, stderr) = outcome(command.output().unwrap());
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    let start = "threads-fork-join: standard input: Bad file descriptor";
    assert!(stderr.starts_with(start), "{stderr}");
}

#[test]
#[cfg(unix)]
fn closed_standard_input_is_empty_and_closed_standard_output_is_no_error() {
    for (redirection, stdout) in [("<&-", "      0       0       0 -\n"), (">&-", "")] {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("\"$PROGRAM\" - {redirection}")]);
        shell.env("PROGRAM", env!("CARGO_BIN_EXE_threads-fork-join"));
        let expected = (Some(0), stdout.into(), "".into());
        assert_eq!(outcome(run_command(shell, b"")), expected, "{redirection}");
    }
}

#[test]
#[cfg(target_os = "linux")] // other file systems may refuse such a name
fn a_file_name_that_is_not_utf8_is_printed_as_it_is() {
    use std::os::unix::ffi::OsStrExt;
    let name = std::ffi::OsStr::from_bytes(b"not-\xff-utf8");
    fs::write(folder().join(name), "a b\n").unwrap();
    let mut command = threads_fork_join(&[]);
    command.arg(name);
    assert_eq!(command.output().unwrap().stdout, b"1 2 4 not-\xff-utf8\n");
}

#[test]
fn all_white_space_of_the_c_locale_ends_a_word() {
    let text = b"a b\tc\nd\x0be\x0cf\rg\r\n\xc2\xa0\0 \x1f";
    assert_prints(&["-"], text, "      2       9      20 -\n");
}

#[test]
fn a_missing_file_is_named_and_the_others_are_counted() {
    let (a, b) = (file("beside-a", "1 2\n"), file("beside-b", "3\n"));
    let (code, stdout, stderr) = outcome(run(&[&a, "no-such-file", &b], b""));
    assert_eq!(
        (code, stdout.as_str()),
        (Some(1), "1 2 4 beside-a\n1 1 2 beside-b\n2 3 6 total\n")
    );
    let start = "threads-fork-join: no-such-file: ";
    assert!(stderr.starts_with(start), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");

    let (code, stdout, _) = outcome(run(&["no-such-file"], b""));
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
}

#[test]
fn messages_show_names_escaped() {
    for (name, shown) in [
        ("no-\x1b[2Jsuch\nfile", r#""no-\u{1b}[2Jsuch\nfile""#),
        ("", r#""""#),
    ] {
        let (code, stdout, stderr) = outcome(run(&[name], b""));
        assert_eq!((code, stdout.as_str()), (Some(1), ""));
        let start = format!("threads-fork-join: {shown}: ");
        assert!(stderr.starts_with(&start), "{stderr}");
    }
}

#[test]
#[cfg(windows)]
fn a_device_without_metadata_is_counted() {
    let (code, stdout, stderr) = outcome(run(&["NUL"], b""));
    let line: Vec<&str> = stdout.split_whitespace().collect();
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert_eq!(line, ["0", "0", "0", "NUL"]); // as wide as without metadata
}

#[test]
fn a_directory_is_named_and_not_counted() {
    let a = file("beside-directory", "1 2\n");
    let (code, stdout, stderr) = outcome(run(&[".", &a], b""));
    let expected = "      1       2       4 beside-directory\n      1       2       4 total\n";
    assert_eq!((code, stdout.as_str()), (Some(1), expected));
    assert!(stderr.starts_with("threads-fork-join: .: "), "{stderr}");
}

/// Lines of words of printable ASCII, with all kinds of white space between them. Repeats itself
/// after 100 kB.
fn random_text(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let byte = || {
        // Marsaglia's xorshift64.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        match state >> 59 {
            0..6 => b" \t\n\x0b\x0c\r"[(state >> 59) as usize],
            6 | 7 => b' ',
            _ => b'!' + (state % 94) as u8,
        }
    };
    let once = length.min(100_003);
    let text: Vec<u8> = std::iter::repeat_with(byte).take(once).collect();
    let mut text = text.repeat(length.div_ceil(once));
    text.truncate(length);
    text
}

/// Each byte beside each other one, several times over.
#[cfg(target_os = "linux")]
fn every_byte(length: usize) -> Vec<u8> {
    let bytes = (0..length).map(|n| (n / 256 * (n % 256) + n % 7) as u8);
    bytes.collect()
}

#[test]
fn a_large_file_gives_the_same_line_on_any_number_of_threads() {
    let text = [&random_text(100_000, 1)[..], b"\n"].concat();
    let words = text.split(|byte| b" \t\n\x0b\x0c\r".contains(byte));
    let words = words.filter(|word| !word.is_empty()).count();
    let lines = text.iter().filter(|&&byte| byte == b'\n').count();
    let (times, text) = (70, text.repeat(70));
    let large = file("large", &text);
    let counts = format!("{:7} {:7} {:7}", times * lines, times * words, text.len());
    for threads in ["1", "2", "3", "100"] {
        let args = ["--threads", threads, &large];
        assert_prints(&args, b"", &format!("{counts} large\n"));
    }
    assert_prints(&["-"], &text, &format!("{counts} -\n"));
}

/// Byte for byte what `wc` prints, where that is the one of GNU.
#[test]
#[cfg(target_os = "linux")]
fn the_output_is_that_of_gnu_wc() {
    let version = Command::new("wc").arg("--version").output();
    let version = version.map_or(Vec::new(), |output| output.stdout);
    let version = String::from_utf8(version).unwrap();
    let Some((version, _)) = version
        .strip_prefix("wc (GNU coreutils) ")
        .and_then(|version| version.split_once('\n'))
    else {
        eprintln!("not compared: wc is not GNU's");
        return;
    };
    let empty = file("gnu-empty", "");
    let sizes = [1, 2, 9, 10, 99, 100, 1023, 1024, 131_072, 4_500_000];
    let files: Vec<String> = (1..)
        .zip(sizes)
        .map(|(seed, size)| file(&format!("gnu-{size}"), random_text(size, seed)))
        .collect();
    let [one, two, .., large] = files.iter().map(String::as_str).collect::<Vec<_>>()[..] else {
        return;
    };
    let all: Vec<&str> = files.iter().map(String::as_str).collect();
    let mut cases: Vec<Vec<&str>> = all.iter().map(|&name| vec![name]).collect();
    cases.extend([
        vec![empty.as_str()],
        vec![&empty, &empty],
        vec!["-"],
        vec!["-", "-"],
        vec![one, "-", large],
        vec!["no-such-file"],
        vec!["no-such-file", "no-such-file"],
        vec![large, "no-such-file", two],
        vec!["no-such-file", "-"],
        vec!["/proc/version"],                  // holds more than its size
        vec!["/sys/devices/system/cpu/online"], // holds less
        vec!["/dev/null"],
        vec!["/dev/null", one],
        all,
    ]);
    let version = version.split('.').map(|number| number.parse::<u32>().ok());
    let binary = file("gnu-binary", every_byte(1_000_000));
    if version.ge([Some(9), Some(5)]) {
        cases.push(vec![&binary]);
    }
    for case in cases {
        let input = b"some\ninput";
        let ours = run(&[&["--threads", "2", "--"], &case[..]].concat(), input);
        let mut wc = Command::new("wc");
        wc.arg("--").args(&case);
        wc.env("LC_ALL", "C").env("POSIXLY_CORRECT", "1");
        wc.current_dir(folder());
        let theirs = run_command(wc, input);
        let text = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(text(&ours), text(&theirs), "{case:?}");
        assert_eq!(ours.status.code(), theirs.status.code(), "{case:?}");
    }
}

#[test]
fn help_and_version_are_printed() {
    for args in [["--help"], ["-h"]] {
        let (code, stdout, stderr) = outcome(run(&args, b""));
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        assert!(
            stdout.contains("Usage: threads-fork-join [--threads N] FILE|-..."),
            "{stdout}"
        );
        assert!(stdout.lines().all(|line| line.len() <= 79), "{stdout}");
    }
    let version = concat!("threads-fork-join ", env!("CARGO_PKG_VERSION"), "\n");
    assert_prints(&["--version"], b"", version);
    assert_prints(&["-V"], b"", version);
}

#[test]
fn wrong_usage_is_explained() {
    let hint = "Try 'threads-fork-join --help'.\n";
    for (args, problem) in [
        (
            &["--threads", "0", "-"][..],
            "--threads: \"0\" is not a whole number from 1 to 512",
        ),
        (
            &["--threads", "many", "-"],
            "--threads: \"many\" is not a whole number from 1 to 512",
        ),
        (
            &["--threads=513"],
            "--threads: \"513\" is not a whole number from 1 to 512",
        ),
        (
            &["-", "--threads"],
            "missing argument for option '--threads'",
        ),
        (&["--threads", "2"], "--threads: no FILE to count"),
        (&["--sideways"], "invalid option '--sideways'"),
    ] {
        assert_fails(
            args,
            b"",
            2,
            &format!("threads-fork-join: {problem}\n{hint}"),
        );
    }
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let mut command = threads_fork_join(&["-"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    drop(child.stdin.take()); // only now is there a sum to print
    assert_eq!(
        outcome(child.wait_with_output().unwrap()),
        (Some(0), "".into(), "".into())
    );
}

#[test]
#[cfg(unix)]
fn standard_output_that_cannot_be_written_is_an_error() {
    let path = folder().join(file("read-only", "a b\n"));
    let mut command = threads_fork_join(&["read-only"]);
    command
        .stdout(fs::File::open(path).unwrap())
        .stderr(Stdio::piped());
    let output = command.spawn().unwrap().wait_with_output();
    let (code, _, stderr) = outcome(output.unwrap());
    assert_eq!(code, Some(1));
    let start = "threads-fork-join: standard output: Bad file descriptor";
    assert!(stderr.starts_with(start), "{stderr}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = threads_fork_join(&[])
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (code, _, stderr) = outcome(output.wait_with_output().unwrap());
    assert_eq!(code, Some(1));
    assert!(
        stderr.starts_with("threads-fork-join: standard output: No space left"),
        "{stderr}"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn an_error_that_cannot_be_written_still_gives_its_exit_code() {
    for (argument, code) in [("no-such-file", 1), ("--sideways", 2)] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let status = threads_fork_join(&[argument]).stderr(full).status();
        assert_eq!(status.unwrap().code(), Some(code), "{argument}");
    }
}
