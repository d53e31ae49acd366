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

const DEMO: &str = "    108 the
     96 and
     32 god
     20 of
     17 was
     15 it
     14 in
     14 let
     14 that
     12 every
";

#[test]
fn without_files_the_text_is_counted_and_the_stages_are_shown() {
    for args in [&[][..], &["--workers", "1", "--capacity", "0"]] {
        let (code, stdout, stderr) = outcome(run(args, b""));
        assert_eq!((code, stdout.as_str()), (Some(0), DEMO));
        let items = |name| {
            let line = stderr.lines().find(|line| line.starts_with(name));
            line.unwrap().split_whitespace().nth(1).unwrap().to_string()
        };
        assert_eq!(
            ["stage", "source", "workers", "sink"].map(items),
            ["items", "9", "9", "9"],
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
#[cfg(target_os = "linux")]
fn as_many_workers_count_as_were_asked_for() {
    for workers in [1, 3] {
        let mut command = channels_pipeline(&["--workers", &workers.to_string(), "-"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // More than a pipe ever holds: when all is written, the program reads, so its threads exist.
        let stdin = child.stdin.as_mut().unwrap();
        stdin.write_all(&vec![b' '; 1 << 22]).unwrap();
        let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
        assert_eq!(tasks.count(), 2 + workers); // also the sink and the source
        assert!(child.wait_with_output().unwrap().status.success());
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
fn a_word_of_ten_megabytes_is_a_word() {
    let word = "Word".repeat(10 << 18);
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
        let usage =
            "Usage: channels-pipeline [--workers N] [--capacity N] [--top K | --all] [FILE|-]...";
        assert!(stdout.contains(usage), "{stdout}");
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
/// compares what it prints with the lines that follow; times differ from run to run.
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
                .env("PROGRAM", env!("CARGO_BIN_EXE_channels-pipeline"))
                .current_dir(&folder)
                .output()
                .unwrap();
            let printed = String::from_utf8(shell.stdout).unwrap();
            assert_eq!(
                without_times(&printed),
                without_times(expected),
                "$ {command}"
            );
            commands += 1;
        }
    }
    assert!(commands > 0, "found no command in the README");
}

/// Replaces the times of the stages, which end in `s` after a digit and a unit.
#[cfg(unix)]
fn without_times(text: &str) -> String {
    let is_time =
        |word: &str| word.starts_with(|c: char| c.is_ascii_digit()) && word.ends_with('s');
    let line = |line: &str| {
        let words = line.split_whitespace();
        let words = words.map(|word| if is_time(word) { "TIME" } else { word });
        words.collect::<Vec<_>>().join(" ") + "\n"
    };
    text.lines().map(line).collect()
}
