//! Runs the program as a person would.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// Where the program runs. Of this crate alone: a workspace shares the folder around it.
fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_PKG_NAME"));
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn atomics_counter(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_atomics-counter"));
    command.args(args).current_dir(folder());
    command
}

/// Runs without standard input, which the program does not read.
fn run(args: &[&str]) -> Output {
    let mut command = atomics_counter(args);
    command.stdin(Stdio::null()).output().unwrap()
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

fn assert_prints(args: &[&str], stdout: &str) {
    assert_eq!(
        outcome(run(args)),
        (Some(0), stdout.into(), "".into()),
        "{args:?}"
    );
}

fn assert_fails(args: &[&str], code: i32, stderr: &str) {
    assert_eq!(
        outcome(run(args)),
        (Some(code), "".into(), stderr.into()),
        "{args:?}"
    );
}

/// The heading and the table of a run, without what differs from run to run: numbers become `N`,
/// white space and bars between columns single spaces. The advice below depends on the numbers.
fn shape(stdout: &str) -> String {
    let mut shape = String::new();
    for line in stdout.lines().take(10) {
        let words = line.split(' ');
        for word in words.filter(|word| !word.trim_matches('#').is_empty()) {
            let is_number = word.starts_with(|first: char| first.is_ascii_digit());
            shape += if is_number { "N" } else { word };
            shape.push(' ');
        }
        shape.push('\n');
    }
    shape.replace(" thread,", " threads,") // on a machine with one core
}

const SHAPE: &str = "\
N increments by N threads, medians of N rounds \n\
\n\
way of counting total ns each speed time \n\
Mutex N N N \n\
one atomic fetch_add N N N \n\
compare-exchange loop N N N \n\
adjacent atomics N N N \n\
sharded counter N N N \n\
local then one add N N N \n\
load then store (bug) N N N lost N \n";

fn assert_measures(args: &[&str]) -> String {
    let (code, stdout, stderr) = outcome(run(args));
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{args:?}");
    stdout
}

#[test]
fn without_arguments_all_ways_are_compared_and_advice_is_given() {
    let stdout = assert_measures(&[]);
    assert_eq!(shape(&stdout), SHAPE);
    let advice: Vec<_> = stdout.lines().skip(10).collect();
    assert_eq!((advice.len(), advice[0]), (2, ""), "{stdout}");
    assert!(advice[1].ends_with('.'), "{stdout}");
}

#[test]
fn any_number_of_threads_shares_any_number_of_increments() {
    for threads in ["1", "2", "3", "50"] {
        for increments in ["1", "2", "1001", "70000"] {
            let args = ["--threads", threads, "--increments", increments];
            let stdout = assert_measures(&args);
            let totals: Vec<_> = stdout
                .lines()
                .filter(|line| line.contains('x') && line.contains('#'))
                .filter_map(|line| line.get(21..33))
                .map(str::trim)
                .collect();
            assert_eq!(totals.len(), 7, "{stdout}");
            assert_eq!(totals[..6], [increments; 6], "{stdout}");
        }
    }
}

#[test]
fn one_thread_loses_nothing() {
    let stdout = assert_measures(&["--threads=1", "--increments=1000"]);
    assert!(
        stdout.starts_with("1000 increments by 1 thread, medians"),
        "{stdout}"
    );
    assert!(stdout.contains("lost 0\n"), "{stdout}");
}

#[test]
fn csv_has_a_line_per_way_and_nothing_else() {
    let args = ["--format", "csv", "--threads", "2", "--increments", "1000"];
    let stdout = assert_measures(&args);
    let mut lines = stdout.lines();
    assert_eq!(
        lines.next(),
        Some("way,threads,increments,total,lost,ns_per_increment,speed")
    );
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 7);
    for row in rows {
        assert_eq!(row.len(), 7, "{row:?}");
        assert_eq!(row[1..3], ["2", "1000"], "{row:?}");
        let number = |field: &str| field.parse::<f64>().unwrap();
        assert_eq!(number(row[3]) + number(row[4]), 1000.0, "{row:?}");
        assert!(number(row[5]) > 0.0 && number(row[6]) > 0.0, "{row:?}");
    }
}

#[test]
fn help_and_version_are_printed() {
    for args in [["--help"], ["-h"]] {
        let (code, stdout, stderr) = outcome(run(&args));
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        let usage = "Usage: atomics-counter [--threads N] [--increments N] [--format table|csv]\n";
        assert!(stdout.contains(usage), "{stdout}");
    }
    let version = concat!("atomics-counter ", env!("CARGO_PKG_VERSION"), "\n");
    assert_prints(&["--version"], version);
    assert_prints(&["-V"], version);
}

#[test]
fn wrong_usage_is_explained() {
    let hint = "Try 'atomics-counter --help'.\n";
    for wrong in ["0", "-1", "513", "18446744073709551616", "many", "1.5", ""] {
        let problem = format!("--threads: {wrong:?} is not a whole number from 1 to 512");
        let args = ["--threads", wrong];
        assert_fails(&args, 2, &format!("atomics-counter: {problem}\n{hint}"));
    }
    for wrong in ["0", "-1", "1000000001", "18446744073709551616", "1e6"] {
        let problem = format!("--increments: {wrong:?} is not a whole number from 1 to 1000000000");
        let args = ["--increments", wrong];
        assert_fails(&args, 2, &format!("atomics-counter: {problem}\n{hint}"));
    }
    for (args, problem) in [
        (
            &["--format", "json"][..],
            "--format: \"json\" is not table or csv",
        ),
        (&["--threads"], "missing argument for option '--threads'"),
        (&["--sideways"], "invalid option '--sideways'"),
        (&["numbers.txt"], "unexpected argument \"numbers.txt\""),
    ] {
        assert_fails(args, 2, &format!("atomics-counter: {problem}\n{hint}"));
    }
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let mut command = atomics_counter(&["--increments", "100000"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take()); // long before there is a table to print
    assert_eq!(
        outcome(child.wait_with_output().unwrap()),
        (Some(0), "".into(), "".into())
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = atomics_counter(&["--increments", "1"])
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (code, _, stderr) = outcome(output.wait_with_output().unwrap());
    assert_eq!(code, Some(1));
    assert!(
        stderr.starts_with("atomics-counter: standard output: No space left"),
        "{stderr}"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn an_error_that_cannot_be_written_still_gives_its_exit_code() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let status = atomics_counter(&["--sideways"]).stderr(full).status();
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
/// compares what it prints with the lines that follow; only their shape, because the numbers are
/// those of another machine.
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
                .env("PROGRAM", env!("CARGO_BIN_EXE_atomics-counter"))
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
