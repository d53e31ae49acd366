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

/// Writes a file of its own for each test into the folder the program runs in.
fn file(name: &str, content: impl AsRef<[u8]>) -> String {
    fs::write(folder().join(name), content).unwrap();
    name.into()
}

/// The lines, with greetings at the start sorted: those come in whatever order the threads run.
fn in_order(output: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = output.lines().collect();
    let greetings = lines.iter().take_while(|line| line.starts_with("Hello"));
    let greetings = greetings.count();
    lines[..greetings].sort_unstable();
    lines
}

const DEMO: [&str; 6] = [
    "Hello from thread 0",
    "Hello from thread 1",
    "Hello from thread 2",
    "Hello from thread 3",
    "Hello from thread 4",
    "All 5 threads have joined",
];

#[test]
fn without_files_the_demonstration_runs() {
    for args in [&[][..], &["--threads", "1"]] {
        let (code, stdout, stderr) = outcome(run(args, b""));
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        assert_eq!(in_order(&stdout), DEMO);
    }
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
fn a_directory_is_named_and_not_counted() {
    let a = file("beside-directory", "1 2\n");
    let (code, stdout, stderr) = outcome(run(&[".", &a], b""));
    let expected = "      1       2       4 beside-directory\n      1       2       4 total\n";
    assert_eq!((code, stdout.as_str()), (Some(1), expected));
    assert!(stderr.starts_with("threads-fork-join: .: "), "{stderr}");
}

/// Lines of words of printable ASCII, with all kinds of white space between them.
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
    std::iter::repeat_with(byte).take(length).collect()
}

#[test]
fn a_large_file_gives_the_same_line_on_any_number_of_threads() {
    let text = random_text(7_000_001, 1);
    let large = file("large", &text);
    let words = text.split(|byte| b" \t\n\x0b\x0c\r".contains(byte));
    let words = words.filter(|word| !word.is_empty()).count();
    let lines = text.iter().filter(|&&byte| byte == b'\n').count();
    let counts = format!("{lines:7} {words:7} {:7}", text.len());
    for threads in ["1", "2", "3", "8", "100"] {
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
    if !version.is_ok_and(|output| output.stdout.starts_with(b"wc (GNU coreutils)")) {
        eprintln!("not compared: wc is not GNU's");
        return;
    }
    let empty = file("gnu-empty", "");
    let sizes = [
        1, 2, 9, 10, 99, 100, 1023, 1024, 131_072, 5_000_000, 7_000_000,
    ];
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
    for case in cases {
        let input = b"some\ninput";
        let ours = run(&[&["--threads", "2", "--"], &case[..]].concat(), input);
        let mut wc = Command::new("wc");
        wc.arg("--").args(&case).env("LC_ALL", "C");
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
            stdout.contains("Usage: threads-fork-join [--threads N] [FILE|-]..."),
            "{stdout}"
        );
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
/// compares what it prints with the lines that follow.
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
    let readme = include_str!("../README.md");
    let mut commands = 0;
    for block in readme.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap();
        for example in block.split("$ ").skip(1) {
            let (command, expected) = example.split_once('\n').unwrap();
            let shell = Command::new("sh")
                .args(["-c", &format!("{CARGO}\n{command} 2>&1")])
                .env("PROGRAM", env!("CARGO_BIN_EXE_threads-fork-join"))
                .current_dir(&folder)
                .output()
                .unwrap();
            let printed = String::from_utf8(shell.stdout).unwrap();
            assert_eq!(in_order(&printed), in_order(expected), "$ {command}");
            commands += 1;
        }
    }
    assert!(commands > 0, "found no command in the README");
}
