//! Holds the README against what the programs print and what the documentation compiles.
//!
//! The same file in each crate.

#![cfg(unix)] // a shell runs its commands
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PROGRAM: &str = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));

/// `cargo run ... -- ARGS` stands for the program that this test was built with.
const CARGO: &str = r#"cargo() {
    while [ $# -gt 0 ] && [ "$1" != -- ]; do shift; done
    [ $# -eq 0 ] || shift
    "$PROGRAM" "$@"
}"#;

fn readme() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    // Where lines end with CR LF, they are compared all the same.
    fs::read_to_string(path).unwrap().replace("\r\n", "\n")
}

/// The fenced blocks of one language.
fn blocks<'a>(readme: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    let blocks = readme.split(&fence).skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap())
        .collect()
}

/// The lines, with greetings at the start sorted: those come in whatever order the threads run.
fn in_order(output: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = output.lines().collect();
    let greetings = lines.iter().take_while(|line| line.starts_with("Hello"));
    let greetings = greetings.count();
    lines[..greetings].sort_unstable();
    lines
}

/// Runs each `$ command` of the `console` blocks, in order, in an empty folder, and compares what
/// it prints with the lines that follow. A demonstration's picture, on standard error, differs
/// from run to run; it stands in a `text` block.
#[test]
fn commands_print_what_the_readme_shows() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let folder = folder.join(concat!(env!("CARGO_PKG_NAME"), "-readme"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let mut commands = 0;
    for block in blocks(&readme(), "console") {
        for example in format!("\n{block}").split("\n$ ").skip(1) {
            let (command, expected) = example.split_once('\n').unwrap_or((example, ""));
            let demonstration = command == concat!("cargo run -p ", env!("CARGO_PKG_NAME"));
            let errors = if demonstration { "2>/dev/null" } else { "2>&1" };
            let shell = Command::new("sh")
                .args(["-c", &format!("{CARGO}\n{{ {command}\n}} {errors}")])
                .env("PROGRAM", PROGRAM)
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

/// There they are compiled and run.
#[test]
fn examples_stand_in_the_documentation() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let documentation: String = fs::read_dir(sources)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .flat_map(|path| {
            let source = fs::read_to_string(path).unwrap();
            let lines = source.lines().map(|line| {
                let line = line.trim_start();
                let line = line.strip_prefix("///").or(line.strip_prefix("//!"));
                let line = line.unwrap_or_default();
                format!("{}\n", line.strip_prefix(' ').unwrap_or(line))
            });
            lines.collect::<Vec<_>>()
        })
        .collect();
    let readme = readme();
    let examples = blocks(&readme, "rust");
    assert!(!examples.is_empty());
    for example in examples {
        assert!(documentation.contains(example), "{example}");
    }
}
