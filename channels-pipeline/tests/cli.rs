//! Runs the program as a person would.

#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use std::io::Write;

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
        let demo = run(args, b"");
        assert_eq!((demo.code, demo.stdout.as_str()), (Some(0), DEMO));
        let names = demo.stderr.lines().filter_map(|line| line.split_once(" |"));
        let names: Vec<&str> = names.map(|(name, _)| name.trim_end()).collect();
        // A worker at the end of the list that had nothing to do is not there.
        let worked = names.len() - 2;
        assert!((1..=workers).contains(&worked), "{demo:?}");
        let mut expected = vec!["source".to_string()];
        expected.extend((1..=worked).map(|worker| format!("worker {worker}")));
        expected.push("sink".into());
        assert_eq!(names, expected, "{demo:?}");
        assert!(demo.stderr.lines().count() <= 8, "{demo:?}");
        assert_fits(&demo.stderr);
    }
}

#[test]
fn as_many_workers_count_as_were_asked_for() {
    for workers in [1, 4] {
        // The last one need not get a block in each run.
        let all_worked = (0..50).any(|_| {
            let picture = run(&["--workers", &workers.to_string()], b"").stderr;
            let worked = |number| picture.contains(&format!("\nworker {number} |"));
            assert!(!worked(workers + 1), "{picture}");
            worked(workers)
        });
        assert!(all_worked, "{workers}");
    }
}

#[test]
fn files_and_standard_input_are_counted_together() {
    let a = file("together-a", "a b\r\nc");
    let b = file("together-b", "C\x0bb b\n");
    assert_prints(&[&a], b"", "      1 a\n      1 b\n      1 c\n");
    assert_prints(&[&a, "-", &b], b"B a", "      4 b\n      2 a\n      2 c\n");
    let args = ["--workers", "2", "--", &a, &b];
    assert_prints(&args, b"", "      3 b\n      2 c\n      1 a\n");
    assert_prints(&["-"], b"", "");
}

#[test]
fn the_most_frequent_or_all_are_printed() {
    let words: String = (0..30)
        .map(|n| format!("w{n:02} ").repeat(30 - n))
        .collect();
    let line = |n| format!("{:7} w{n:02}\n", 30 - n);
    for (args, count) in [
        (&["-"][..], 10),
        (&["--top", "3", "-"], 3),
        (&["--top=0", "-"], 0),
        (&["--top", "99", "-"], 30),
        (&["--all", "-"], 30),
        (&["--all", "--top", "1", "-"], 1), // the last one counts
    ] {
        let lines: String = (0..count).map(line).collect();
        assert_prints(args, words.as_bytes(), &lines);
    }
}

/// Words of all lengths and many bytes, many of them often.
#[cfg(target_os = "linux")]
fn random_text() -> Vec<u8> {
    let spaces: [&[u8]; 7] = [b" ", b"\n", b"\r\n", b"\t", b"\x0b", b"\x0c", b"  \n\n "];
    let mut text = Vec::new();
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    for _ in 0..200_000 {
        // Marsaglia's xorshift64.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let length = 1 + (state >> 60).pow(2) as usize / 8;
        // Every word has repeats in the other case, some bytes are not UTF-8.
        let byte = b"aAbB\xc3\xe9.z"[(state >> 8) as usize % 8];
        text.extend(std::iter::repeat_n(byte, length));
        text.extend_from_slice((state as u8 % 16).to_string().as_bytes());
        text.extend_from_slice(spaces[(state >> 16) as usize % spaces.len()]);
    }
    text
}

/// What a command prints, in the folder of the tests and the C locale. `PROGRAM` is this program.
#[cfg(target_os = "linux")]
fn output_of_script(shell: &str, script: &str) -> Vec<u8> {
    let mut command = command(shell, &["-c", script]);
    // `sort` and GNU parallel need a folder for temporary files.
    command.env("TMPDIR", folder()).env("LC_ALL", "C");
    let output = command.env("PROGRAM", PROGRAM).output().unwrap();
    assert!(output.status.success(), "{script}: {output:?}");
    output.stdout
}

#[test]
#[cfg(target_os = "linux")]
fn all_words_are_printed_as_the_shell_pipeline_prints_them() {
    let name = file("like-the-shell", random_text());
    let readme = include_str!("../README.md");
    let pipeline = readme.lines().find(|line| line.starts_with("tr ")).unwrap();
    let pipeline = pipeline.replace("grep .", "grep -a .");
    let expected = output_of_script("sh", &format!("<{name} {pipeline}"));
    assert!(expected.len() > 1000);
    for workers in ["1", "2", "8"] {
        let script = format!("\"$PROGRAM\" --all --workers {workers} {name}");
        assert!(
            output_of_script("sh", &script) == expected,
            "{workers} workers"
        );
    }
}

/// The blocks of shell commands in the README that contain a text.
#[cfg(target_os = "linux")]
fn readme_script(part: &str) -> &'static str {
    let blocks = include_str!("../README.md").split("```sh\n").skip(1);
    let mut scripts = blocks.map(|block| block.split("```").next().unwrap());
    scripts.find(|script| script.contains(part)).unwrap()
}

/// As the README adds up what several processes or machines have counted.
#[test]
#[cfg(target_os = "linux")]
fn counts_of_parts_added_up_are_the_counts_of_the_whole() {
    let whole = file("whole", random_text());
    let expected = output_of_script("sh", &format!("\"$PROGRAM\" --all {whole}"));
    let script = readme_script("parallel ");
    let (_, add_up) = script.split_once("awk ").unwrap();

    // Without GNU parallel: split at lines, and count each part.
    let parts = "split -l 30000 whole part- && for part in part-*; do
        \"$PROGRAM\" --workers 1 --all - < $part || exit; done > parts && awk ";
    assert!(output_of_script("sh", &format!("{parts}{add_up}")) == expected);

    // Counts beyond the integers of some versions of awk.
    file("parts", "4000000000 x\n4000000000 x\n");
    let added = output_of_script("sh", &format!("awk {add_up}"));
    assert_eq!(added, b"8000000000 x\n");

    let version = command("parallel", &["--version"]).output();
    if !version.is_ok_and(|version| version.stdout.starts_with(b"GNU parallel")) {
        eprintln!("the recipe for GNU parallel did not run: it is not installed");
        return;
    }
    let script = script.replace("100M", "100k").replace(" text ", " whole ");
    let here = "PATH=$(dirname \"$PROGRAM\"):$PATH\n";
    assert!(output_of_script("sh", &format!("{here}{script}")) == expected);
    // A part that fails must not give fewer words.
    let mut shell = command("sh", &["-c", &script]); // without the program in the path
    let failed = outcome(shell.env("TMPDIR", folder()), b"");
    assert!(failed.stderr.contains("not found"), "{failed:?}");
    assert_ne!(failed.code, Some(0), "{failed:?}");
    assert_eq!(failed.stdout, "");
}

#[test]
fn a_word_of_three_megabytes_is_a_word() {
    let word = "Word".repeat(3 << 18);
    let expected = format!("      2 {}\n      1 a\n", word.to_lowercase());
    assert_prints(&["-"], format!("{word} a {word}").as_bytes(), &expected);
}

#[test]
#[cfg(target_os = "linux")]
fn an_input_without_white_space_is_refused() {
    assert_fails(
        &["/dev/zero"],
        b"",
        1,
        "/dev/zero: a word of more than 16 MiB",
    );
}

#[test]
fn an_input_that_cannot_be_read_is_named_and_nothing_is_printed() {
    let good = file("before-missing", "a\n");
    assert_fails(&[&good, "no-such-file"], b"", 1, "no-such-file: ");
    assert_fails(&[&good, ".", &good], b"", 1, ".: ");
    assert_fails(&["no\nsuch"], b"", 1, "\"no\\nsuch\": ");
    // Of several, the first.
    for _ in 0..50 {
        assert_fails(&["no-such-1", "no-such-2", "-"], b"a", 1, "no-such-1: ");
    }
}

#[test]
#[cfg(unix)]
fn many_files_need_few_descriptors() {
    let one = file("many-files", "1 ");
    let script = format!("ulimit -n 16; \"$PROGRAM\" $(yes {one} | head -n 300)");
    let mut shell = command("sh", &["-c", &script]);
    let counted = outcome(shell.env("PROGRAM", PROGRAM), b"");
    assert_eq!(counted.stdout, "    300 1\n", "{counted:?}");
}

#[test]
fn options_have_ranges() {
    let problem = |option: &str, value: &str, range: &str| {
        format!("{option}: \"{value}\" is not a whole number from {range}")
    };
    for (args, problem) in [
        (
            &["--workers", "0", "-"][..],
            problem("--workers", "0", "1 to 255"),
        ),
        (
            &["--capacity=256", "-"],
            problem("--capacity", "256", "0 to 255"),
        ),
        (
            &["--top", "-1", "-"],
            problem("--top", "-1", "0 to 1000000000"),
        ),
        (
            &["-", "--top"],
            "missing argument for option '--top'".into(),
        ),
    ] {
        assert_fails(args, b"", 2, &problem);
    }
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let mut child = program(&["-"]).spawn().unwrap();
    drop(child.stdout.take());
    // Only now is there something to print.
    child.stdin.take().unwrap().write_all(b"word").unwrap();
    let ended = child.wait_with_output().unwrap();
    assert!(
        ended.status.success() && ended.stderr.is_empty(),
        "{ended:?}"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error() {
    let words = file("full-disk", "a b c\n");
    for redirection in ["> /dev/full", "> /dev/full 2> /dev/full"] {
        let ended = outcome(&mut redirected(&words, redirection), b"");
        assert_eq!(ended.code, Some(1), "{ended:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_spawn_error_is_a_message() {
    let one = file("no-threads", "a b c");
    // No address space has room for such a stack.
    let stack = (15_usize << (usize::BITS - 4)).to_string();
    for args in [&[][..], &[one.as_str()]] {
        let ended = outcome(program(args).env("RUST_MIN_STACK", &stack), b"");
        ended.assert_failed(1, "spawning a thread: ");
    }
}
