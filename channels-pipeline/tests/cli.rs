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

fn channels_pipeline(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_channels-pipeline"));
    command.args(args).current_dir(folder());
    command
}

/// Runs with `input` on standard input.
fn run(args: &[&str], input: &[u8]) -> Output {
    let mut command = channels_pipeline(args);
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

const DEMO: &str = " 108000 the
  96000 and
  32000 god
  20000 of
  17000 was
  15000 it
  14000 in
  14000 let
  14000 that
  12000 every
";

#[test]
fn without_files_the_text_is_counted_and_a_picture_drawn() {
    for (args, workers) in [
        (&["--workers", "2"][..], 2),
        (&["--workers", "1", "--capacity", "0"], 1),
        (&["--workers", "9"], 5),
    ] {
        let (code, stdout, stderr) = outcome(run(args, b""));
        assert_eq!((code, stdout.as_str()), (Some(0), DEMO));
        let names: Vec<_> = stderr
            .lines()
            .filter_map(|line| line.split_once(" |"))
            .collect();
        let names: Vec<_> = names.iter().map(|(name, _)| name.trim_end()).collect();
        let mut expected = vec!["source".to_string()];
        // One that had nothing to do at the end of the list is not there.
        let worked = names.len() - 2;
        assert!((1..=workers).contains(&worked), "{stderr}");
        expected.extend((1..=worked).map(|worker| format!("worker {worker}")));
        expected.push("sink".into());
        assert_eq!(names, expected, "{stderr}");
        assert!(stderr.lines().count() <= 8, "{stderr}");
        assert!(
            stderr.lines().all(|line| line.chars().count() <= 79),
            "{stderr}"
        );
    }
}

#[test]
fn files_and_standard_input_are_counted_together() {
    let (a, b) = (
        file("together-a", "a b\r\nc"),
        file("together-b", "C\x0bb b\n"),
    );
    assert_prints(&[&a], b"", "      1 a\n      1 b\n      1 c\n");
    assert_prints(&[&a, "-", &b], b"B a", "      4 b\n      2 a\n      2 c\n");
    assert_prints(
        &["--workers", "2", "--", &a, &b],
        b"",
        "      3 b\n      2 c\n      1 a\n",
    );
    assert_prints(&["-"], b"", "");
}

#[test]
fn as_many_workers_count_as_were_asked_for() {
    for workers in [1, 4] {
        // The last one need not get a block in each run.
        let all_worked = (0..50).any(|_| {
            let (_, _, picture) = outcome(run(&["--workers", &workers.to_string()], b""));
            let worked = |number| picture.contains(&format!("\nworker {number} |"));
            assert!(!worked(workers + 1), "{picture}");
            worked(workers)
        });
        assert!(all_worked, "{workers}");
    }
}

#[test]
fn the_most_frequent_or_all_are_printed() {
    let words: String = (0..30)
        .map(|n| format!("w{n:02} ").repeat(30 - n))
        .collect();
    let line = |n| format!("{:7} w{n:02}\n", 30 - n);
    let lines = |count| (0..count).map(line).collect::<String>();
    for (args, count) in [
        (&["-"][..], 10),
        (&["--top", "3", "-"], 3),
        (&["--top=0", "-"], 0),
        (&["--top", "99", "-"], 30),
        (&["--all", "-"], 30),
        (&["--all", "--top", "1", "-"], 1), // the last one counts
    ] {
        assert_prints(args, words.as_bytes(), &lines(count));
    }
}

/// Words of all lengths and bytes, many of them often.
#[cfg(target_os = "linux")]
fn random_text() -> Vec<u8> {
    let spaces = [
        &b" "[..],
        b"\n",
        b"\r\n",
        b"\t",
        b"\x0b",
        b"\x0c",
        b"  \n\n ",
    ];
    let mut text = Vec::new();
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    for _ in 0..200_000 {
        // Marsaglia's xorshift64.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let length = 1 + (state >> 60).pow(2) as usize / 8;
        // 16 letters: every word has repeats in the other case, some bytes are not UTF-8.
        let byte = b"aAbB\xc3\xe9.z"[(state >> 8) as usize % 8];
        text.extend(std::iter::repeat_n(byte, length));
        text.extend_from_slice(&(state as u8 % 16).to_string().into_bytes());
        text.extend_from_slice(spaces[(state >> 16) as usize % spaces.len()]);
    }
    text
}

#[test]
#[cfg(target_os = "linux")]
fn all_words_are_printed_as_the_shell_pipeline_prints_them() {
    let text = random_text();
    let name = file("like-the-shell", &text);
    let shell = Command::new("sh")
        .args([
            "-c",
            "tr -s '[:space:]' '\\n' <like-the-shell | tr A-Z a-z | grep -a . | sort | uniq -c |
             sort -k1,1nr -k2",
        ])
        .env("LC_ALL", "C")
        .current_dir(folder())
        .output()
        .unwrap();
    assert!(shell.status.success());
    assert!(shell.stdout.len() > 1000);
    for workers in ["1", "2", "8"] {
        let output = run(&["--all", "--workers", workers, &name], b"");
        assert!(output.stdout == shell.stdout, "{workers} workers");
        assert_eq!(output.stderr, b"");
    }
}

#[test]
fn a_word_of_three_megabytes_is_a_word() {
    let word = "Word".repeat(3 << 18);
    let expected = format!("      2 {}\n      1 a\n", word.to_lowercase());
    let output = run(&["-"], format!("{word} a {word}").as_bytes());
    assert!(output.stdout == expected.as_bytes());
}

#[test]
fn a_missing_file_is_named_and_nothing_is_printed() {
    let good = file("before-missing", "a\n");
    let (code, stdout, stderr) = outcome(run(&[&good, "no-such-file"], b""));
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(
        stderr.starts_with("channels-pipeline: no-such-file: "),
        "{stderr}"
    );
}

#[test]
fn a_directory_is_named() {
    let (code, stdout, stderr) = outcome(run(&["."], b""));
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.starts_with("channels-pipeline: .: "), "{stderr}");
}

#[test]
#[cfg(unix)]
fn many_files_need_few_descriptors() {
    let one = file("many-files", "1 ");
    let shell = format!("ulimit -n 16; \"$PROGRAM\" $(yes {one} | head -n 300)");
    let output = Command::new("sh")
        .args(["-c", &shell])
        .env("PROGRAM", env!("CARGO_BIN_EXE_channels-pipeline"))
        .current_dir(folder())
        .output()
        .unwrap();
    assert_eq!(outcome(output), (Some(0), "    300 1\n".into(), "".into()));
}

#[test]
fn help_and_version_are_printed() {
    for args in [["--help"], ["-h"]] {
        let (code, stdout, stderr) = outcome(run(&args, b""));
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        assert!(
            stdout.contains("Usage: channels-pipeline [OPTION]... [FILE]..."),
            "{stdout}"
        );
        assert!(
            stdout.lines().all(|line| line.chars().count() <= 79),
            "{stdout}"
        );
    }
    let version = concat!("channels-pipeline ", env!("CARGO_PKG_VERSION"), "\n");
    assert_prints(&["--version"], b"", version);
    assert_prints(&["-V"], b"", version);
}

#[test]
fn wrong_usage_is_explained() {
    let hint = "Try 'channels-pipeline --help'.\n";
    for (args, problem) in [
        (
            &["--workers", "0", "-"][..],
            "--workers: \"0\" is not a whole number from 1 to 255",
        ),
        (
            &["--capacity", "256", "-"],
            "--capacity: \"256\" is not a whole number from 0 to 255",
        ),
        (
            &["--top", "-1", "-"],
            "--top: \"-1\" is not a whole number from 0 to 1000000000",
        ),
        (&["-", "--top"], "missing argument for option '--top'"),
        (&["--sideways"], "invalid option '--sideways'"),
    ] {
        assert_fails(
            args,
            b"",
            2,
            &format!("channels-pipeline: {problem}\n{hint}"),
        );
    }
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let mut command = channels_pipeline(&["-"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    // Only now is there something to print.
    child.stdin.take().unwrap().write_all(b"word").unwrap();
    assert_eq!(
        outcome(child.wait_with_output().unwrap()),
        (Some(0), "".into(), "".into())
    );
}

#[test]
#[cfg(unix)]
fn standard_output_that_cannot_be_written_is_an_error() {
    let path = folder().join(file("read-only", "a b\n"));
    for args in [&[][..], &["read-only"], &["--help"]] {
        let mut command = channels_pipeline(args);
        command.stdout(fs::File::open(&path).unwrap());
        let output = command.stderr(Stdio::piped()).spawn().unwrap();
        let (code, _, stderr) = outcome(output.wait_with_output().unwrap());
        assert_eq!(code, Some(1), "{args:?}");
        let start = "channels-pipeline: standard output: Bad file descriptor";
        assert!(stderr.starts_with(start), "{stderr}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = channels_pipeline(&[])
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (code, _, stderr) = outcome(output.wait_with_output().unwrap());
    assert_eq!(code, Some(1));
    assert!(
        stderr.starts_with("channels-pipeline: standard output: No space left"),
        "{stderr}"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn an_error_that_cannot_be_written_still_gives_its_exit_code() {
    for (argument, code) in [("no-such-file", 1), ("--sideways", 2)] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let status = channels_pipeline(&[argument]).stderr(full).status();
        assert_eq!(status.unwrap().code(), Some(code), "{argument}");
    }
}

#[test]
fn a_name_that_deceives_is_shown_escaped() {
    let (code, _, stderr) = outcome(run(&["no\nsuch"], b""));
    assert_eq!(code, Some(1));
    assert!(
        stderr.starts_with("channels-pipeline: \"no\\nsuch\": "),
        "{stderr}"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_refused_thread_is_a_message() {
    let one = file("refused", "a b c");
    for args in [&[][..], &[one.as_str()]] {
        let mut command = channels_pipeline(args);
        // A stack for which no address space has room.
        command.env("RUST_MIN_STACK", (usize::MAX / 16 * 15).to_string());
        let (code, stdout, stderr) = outcome(command.output().unwrap());
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
        let message = "channels-pipeline: cannot start a thread: ";
        assert!(
            stderr.starts_with(message) && stderr.lines().count() == 1,
            "{stderr}"
        );
    }
}

/// As the README adds up what several machines have counted.
#[test]
#[cfg(target_os = "linux")]
fn counts_of_parts_added_up_are_the_counts_of_the_whole() {
    let text = random_text();
    let whole = run(&["--all", "-"], &text).stdout;
    let mut parts = Vec::new();
    for (number, part) in text.chunk_by(|&byte, _| byte != b'\n').enumerate() {
        if number % 10_000 == 0 {
            parts.push(Vec::new());
        }
        parts.last_mut().unwrap().extend_from_slice(part);
    }
    assert!(parts.len() > 3);
    let counts = parts
        .iter()
        .map(|part| run(&["--workers", "1", "--all", "-"], part).stdout);
    file("parts", counts.collect::<Vec<_>>().concat());
    let readme = include_str!("../README.md");
    let add = readme.lines().find(|line| line.contains("awk")).unwrap();
    let (add, sort) = (add.trim().trim_end_matches(" |"), "sort -k1,1nr -k2");
    let shell = Command::new("sh")
        .args(["-c", &format!("<parts {} | {sort}", add)])
        .env("LC_ALL", "C")
        .current_dir(folder())
        .output()
        .unwrap();
    assert!(
        shell.stdout == whole,
        "{:?}",
        String::from_utf8_lossy(&shell.stderr)
    );
}
