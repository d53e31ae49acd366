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

fn assert_measures(args: &[&str]) -> String {
    let (code, stdout, stderr) = outcome(run(args));
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{args:?}");
    stdout
}

/// The first words of each line of a table, with numbers as `N`.
fn names(table: &str) -> Vec<String> {
    let is_number = |word: &&str| word.starts_with(|first: char| first.is_ascii_digit());
    let name = |line: &str| {
        let words = line.split_whitespace();
        let words = words.take_while(|word| !is_number(word));
        words.collect::<Vec<_>>().join(" ")
    };
    table.lines().map(name).collect()
}

const NAMES: [&str; 11] = [
    "",
    "",
    "ns per increment,",
    "way of counting all threads speed",
    "Mutex",
    "one atomic fetch_add",
    "compare-exchange loop",
    "adjacent fetch_add",
    "padded fetch_add",
    "sharded counter",
    "local then one add",
];

#[test]
fn without_arguments_the_table_is_a_picture_and_the_verdict_the_output() {
    let (code, stdout, stderr) = outcome(run(&[]));
    let verdict = "All ways but \"load then store\" count every increment.\n";
    assert_eq!((code, stdout.as_str()), (Some(0), verdict), "{stderr}");
    let names = names(&stderr);
    assert_eq!(names[..11], NAMES, "{stderr}");
    // On one core, the threads may not meet.
    let (lost, none) = (
        "lost",
        "no increment lost by chance: the threads hardly met",
    );
    let lost = [lost, none].map(|lost| format!("load then store (bug) {lost}"));
    assert!(lost.contains(&names[11]), "{stderr}");
    assert_eq!(names[12], "", "{stderr}");
    let advice = stderr.lines().skip(13).collect::<Vec<_>>().join(" ");
    assert!(advice.ends_with('.'), "{stderr}");
    assert!(stderr.lines().all(|line| line.len() <= 79), "{stderr}");
}

#[test]
fn any_number_of_threads_is_measured() {
    for threads in ["2", "3", "16"] {
        let stdout = assert_measures(&["--threads", threads, "--time", "1"]);
        let heading = format!("{threads} threads counting for 1 ms, medians of 7 rounds\n");
        assert!(stdout.starts_with(&heading), "{stdout}");
        assert_eq!(names(&stdout)[..11], NAMES, "{stdout}");
    }
}

#[test]
fn one_thread_loses_nothing() {
    let stdout = assert_measures(&["--threads=1", "--time=1"]);
    assert!(
        stdout.starts_with("1 thread counting for 1 ms, "),
        "{stdout}"
    );
    let row = "load then store (bug)  one thread has nobody to lose an increment to\n";
    assert!(stdout.contains(row), "{stdout}");
}

#[test]
fn csv_has_a_line_per_way_and_nothing_else() {
    let stdout = assert_measures(&["--format", "csv", "--threads", "2", "--time", "2"]);
    let mut lines = stdout.lines();
    assert_eq!(
        lines.next(),
        Some("way,threads,increments,lost,ns_per_increment,speed")
    );
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 8);
    for row in &rows {
        assert_eq!((row.len(), row[1]), (6, "2"), "{row:?}");
        assert!(row[2].parse::<u64>().unwrap() > 0, "{row:?}");
    }
    for row in &rows[..7] {
        assert_eq!(row[3], "0", "{row:?}");
        let number = |field: &str| field.parse::<f64>().unwrap();
        assert!(number(row[4]) > 0.0 && number(row[5]) > 0.0, "{row:?}");
    }
    assert_eq!(rows[7][4..], ["", ""]); // a wrong result has no speed
}

#[test]
fn help_and_version_are_printed() {
    for args in [["--help"], ["-h"]] {
        let (code, stdout, stderr) = outcome(run(&args));
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        let usage = "Usage: atomics-counter [--threads N] [--time MS] [--format table|csv]\n";
        assert!(stdout.contains(usage), "{stdout}");
        assert!(stdout.lines().all(|line| line.len() <= 79), "{stdout}");
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
    for wrong in ["0", "-1", "10001", "18446744073709551616", "1e3"] {
        let problem = format!("--time: {wrong:?} is not a whole number from 1 to 10000");
        let args = ["--time", wrong];
        assert_fails(&args, 2, &format!("atomics-counter: {problem}\n{hint}"));
    }
    for (args, problem) in [
        (
            &["--format", "json"][..],
            "--format: \"json\" is not table or csv",
        ),
        (&["--threads"], "missing argument for option '--threads'"),
        (&["--sideways"], "invalid option '--sideways'"),
        (&["--\x1b[2J"], "invalid option '--\\u{1b}[2J'"),
        (&["numbers.txt"], "unexpected argument \"numbers.txt\""),
    ] {
        assert_fails(args, 2, &format!("atomics-counter: {problem}\n{hint}"));
    }
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let mut command = atomics_counter(&["--time", "10"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take()); // long before there is a table to print
    assert_eq!(
        outcome(child.wait_with_output().unwrap()),
        (Some(0), "".into(), "".into())
    );
}

#[test]
#[cfg(unix)]
fn standard_output_that_cannot_be_written_is_an_error() {
    let path = folder().join("read-only");
    fs::write(&path, "").unwrap();
    let mut command = atomics_counter(&["--time", "1"]);
    command
        .stdout(fs::File::open(path).unwrap())
        .stderr(Stdio::piped());
    let output = command.spawn().unwrap().wait_with_output();
    let (code, _, stderr) = outcome(output.unwrap());
    assert_eq!(code, Some(1));
    let start = "atomics-counter: standard output: Bad file descriptor";
    assert!(stderr.starts_with(start), "{stderr}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = atomics_counter(&["--time", "1"])
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
