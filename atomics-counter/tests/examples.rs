//! Runs every idiom in `examples/` and holds its output against the block in its header.
//!
//! The same file in each crate.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::env::{self, consts::EXE_SUFFIX};
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Idioms end in a fraction of a second; one that hangs fails here.
const DEADLINE: Duration = Duration::from_secs(30);

/// The documentation at the start of a file, without the comment marks.
fn header(source: &str) -> String {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    lines
        .map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line)))
        .collect()
}

/// Runs a program without input; its exit status is a success, and this is its standard output.
fn output_of(program: &Path) -> String {
    let mut child = Command::new(program)
        .env("RUST_BACKTRACE", "0") // slow, and nobody reads them: some panic on purpose
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            let program = program.display();
            panic!("{program}: {error}; a plain `cargo test` builds it")
        });
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (sender, receiver) = mpsc::channel();
    let errors = thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).map(|_| text)
    });
    thread::spawn(move || {
        let mut text = String::new();
        let read = stdout.read_to_string(&mut text);
        let _ = sender.send(read.map(|_| text)); // fails after the deadline
    });
    let output = receiver.recv_timeout(DEADLINE);
    if output.is_err() {
        child.kill().unwrap();
    }
    let status = child.wait().unwrap();
    let (name, errors) = (program.display(), errors.join().unwrap().unwrap());
    let output = output.unwrap_or_else(|_| panic!("{name} does not end:\n{errors}"));
    assert!(status.success(), "{name}: {status}\n{errors}");
    output.unwrap()
}

#[test]
fn every_idiom_prints_what_its_header_shows() {
    // Cargo puts them next to the folder of this test.
    let this = env::current_exe().unwrap();
    let programs = this.parent().unwrap().parent().unwrap().join("examples");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut names = Vec::new();
    for entry in fs::read_dir(sources).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let header = header(&fs::read_to_string(&path).unwrap());
        for part in ["\nUse it when ", "\nEnds: ", "\nNeeds: "] {
            assert!(header.contains(part), "{name}: no {part:?} in its header");
        }
        let shown = header.split("```text\n").nth(1);
        let shown = shown.and_then(|block| block.split("```").next());
        let shown = shown.unwrap_or_else(|| panic!("{name}: no output in its header"));

        let program = programs.join(format!("{name}{EXE_SUFFIX}"));
        // `cargo test --test examples` alone does not build them.
        let built = fs::metadata(&program).and_then(|metadata| metadata.modified());
        let changed = fs::metadata(&path).unwrap().modified().unwrap();
        assert!(
            built.is_ok_and(|built| built >= changed),
            "{name} is not built, or older than its source: run a plain `cargo test`"
        );
        let printed = output_of(&program).replace("\r\n", "\n");
        assert_eq!(printed, shown, "{name}");
        names.push(name);
    }
    assert!(!names.is_empty());
}
