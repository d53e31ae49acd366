//! Runs the program as a person would.

#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use std::fs;
use std::path::Path;

const NAMES: [&str; 9] = [
    "way of counting ns/increment speed",
    "Mutex",
    "one atomic fetch_add",
    "compare-exchange loop",
    "adjacent fetch_add",
    "padded fetch_add",
    "sharded counter",
    "local then one add",
    "load then store (bug)",
];

/// Checks a table: its title, and the first words of each line, which go before the first number.
#[track_caller]
fn assert_is_table(table: &str, title: &str) {
    assert_fits(table);
    let (first, rest) = table.split_once("\n\n").unwrap();
    assert_eq!(first, title);
    assert_eq!(rest.lines().count(), NAMES.len(), "{table}");
    for (line, name) in rest.lines().zip(NAMES) {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert!(words.join(" ").starts_with(name), "{table}");
    }
}

#[test]
fn without_arguments_the_verdict_is_printed_and_the_table_drawn() {
    let demo = run(&[], b"");
    assert_eq!(demo.code, Some(0), "{demo:?}");
    let lost_none = demo.stderr.contains("(bug)   lost none ");
    let verdict = if lost_none {
        "All ways counted every increment; \"load then store\" did so by chance.\n"
    } else {
        "All ways but \"load then store\" count every increment.\n"
    };
    assert_eq!(demo.stdout, verdict);
    let title = demo.stderr.lines().next().unwrap();
    assert!(title.ends_with(" threads counting, medians of 7 rounds of 10 ms"));
    assert_is_table(&demo.stderr, title);
}

#[test]
fn any_number_of_threads_is_measured() {
    for (threads, title) in [
        (
            "--threads=1",
            "1 thread counting, medians of 7 rounds of 1 ms",
        ),
        (
            "--threads=2",
            "2 threads counting, medians of 7 rounds of 1 ms",
        ),
        (
            "--threads=3",
            "3 threads counting, medians of 7 rounds of 1 ms",
        ),
        (
            "--threads=16",
            "16 threads counting, medians of 7 rounds of 1 ms",
        ),
    ] {
        let measured = run(&[threads, "--time", "1"], b"");
        assert_eq!((measured.code, measured.stderr.as_str()), (Some(0), ""));
        assert_is_table(&measured.stdout, title);
        let row = "load then store (bug)   needs several threads to lose an increment\n";
        assert_eq!(measured.stdout.ends_with(row), threads == "--threads=1");
    }
}

#[test]
fn numbers_have_bounds() {
    for (args, problem) in [
        (
            &["--threads", "0"][..],
            "--threads: \"0\" is not a whole number from 1 to 512",
        ),
        (
            &["--threads=513"],
            "--threads: \"513\" is not a whole number from 1 to 512",
        ),
        (
            &["--threads", "many"],
            "--threads: \"many\" is not a whole number from 1 to 512",
        ),
        (&["--threads"], "missing argument for option '--threads'"),
        (
            &["--time", "0"],
            "--time: \"0\" is not a whole number from 1 to 10000",
        ),
        (
            &["--time", "10001"],
            "--time: \"10001\" is not a whole number from 1 to 10000",
        ),
        (&["numbers.txt"], "unexpected argument \"numbers.txt\""),
    ] {
        assert_fails(args, b"", 2, problem);
    }
}

#[test]
fn a_thread_that_cannot_be_spawned_is_an_error() {
    // No system has a stack of 15/16 of all addresses.
    let stack = (15_usize << (usize::BITS - 4)).to_string();
    let measured = outcome(program(&[]).env("RUST_MIN_STACK", stack), b"");
    measured.assert_failed(1, "spawning a thread: ");
}

/// The links of its rows have other targets there.
#[test]
fn the_patterns_are_the_same_in_the_readme_and_on_the_front_page() {
    let read = |name| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
    let (readme, library) = (read("README.md"), read("src/lib.rs"));
    let rows: Vec<&str> = library
        .lines()
        .filter_map(|line| line.strip_prefix("//! |"))
        .collect();
    assert!(rows.len() > 15, "{rows:?}");
    for row in rows {
        assert!(
            readme
                .lines()
                .any(|line| line.strip_prefix('|') == Some(row)),
            "{row}"
        );
    }
}
