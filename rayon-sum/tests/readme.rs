//! Compares the README with what the programs print and with the documentation of the modules.
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

/// A file of this crate, with line ends as on Unix.
fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(path).unwrap().replace("\r\n", "\n")
}

/// The fenced blocks whose first line is this fence.
fn blocks<'a>(text: &'a str, fence: &str) -> Vec<&'a str> {
    let fence = format!("```{fence}\n");
    let blocks = text.split(&fence).skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap())
        .collect()
}

/// The lines, with greetings at the start sorted: those come in whatever order the threads run.
fn in_order(output: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = output.lines().collect();
    let others = lines.iter().position(|line| !line.starts_with("Hello"));
    let greetings = others.unwrap_or(lines.len());
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
    for block in blocks(&text("README.md"), "console") {
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

/// The lines of an example, without the imports and attributes, which differ where it is copied to.
fn code(example: &str) -> Vec<&str> {
    let lines = example.lines().map(str::trim_end);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with("use ") && !line.starts_with("#["))
        .collect()
}

/// In a module, an example cannot be compiled: it would have to name the crate that the module is
/// copied to. So it stands in the README or in `lib.rs` as well, where it is compiled and run.
#[test]
fn examples_of_the_modules_are_compiled_elsewhere() {
    let library = documentation(&text("src/lib.rs"));
    let readme = text("README.md");
    let mut compiled = blocks(&readme, "rust");
    compiled.extend(blocks(&library, "rust"));
    let compiled: Vec<_> = compiled.into_iter().map(code).collect();
    let mut examples = 0;
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let documentation = documentation(&fs::read_to_string(path).unwrap());
            for example in blocks(&documentation, "ignore") {
                assert!(compiled.contains(&code(example)), "{example}");
                examples += 1;
            }
        }
    }
    assert!(examples > 0, "found no example in the modules");
}

/// The doc comments of a source, without the comment marks.
fn documentation(source: &str) -> String {
    let mut documentation = String::new();
    for line in source.lines().map(str::trim_start) {
        let line = line.strip_prefix("///").or(line.strip_prefix("//!"));
        let line = line.unwrap_or_default();
        documentation += line.strip_prefix(' ').unwrap_or(line);
        documentation += "\n";
    }
    documentation
}
