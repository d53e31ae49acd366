//! Runs every idiom in `examples/` and holds its output against the block in its header.
//!
//! The same file in each crate.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::env::consts::EXE_SUFFIX;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

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
fn output_of(program: &Path, name: &str) -> String {
    // Into files, so that nobody has to read while the program runs, and a process that it leaves
    // behind holds nothing open that is waited for here.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_PKG_NAME"));
    fs::create_dir_all(&folder).unwrap();
    let file = |suffix| folder.join(format!("example-{name}-{suffix}"));
    let (stdout, stderr) = (file("stdout"), file("stderr"));
    let mut child = Command::new(program)
        .env("RUST_BACKTRACE", "0") // slow, and nobody reads them: some panic on purpose
        .stdin(Stdio::null())
        .stdout(File::create(&stdout).unwrap())
        .stderr(File::create(&stderr).unwrap())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + DEADLINE;
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break Some(status),
            None if Instant::now() < deadline => thread::sleep(Duration::from_millis(2)),
            None => break None,
        }
    };
    let errors = fs::read(&stderr).unwrap();
    let errors = String::from_utf8_lossy(&errors);
    let Some(status) = status else {
        child.kill().unwrap();
        panic!("{name} does not end:\n{errors}");
    };
    assert!(status.success(), "{name}: {status}\n{errors}");
    String::from_utf8(fs::read(&stdout).unwrap()).unwrap()
}

fn changed(path: &Path) -> SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}

#[test]
fn every_idiom_prints_what_its_header_shows() {
    let sources = |folder: &str| -> Vec<_> {
        let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
            .collect()
    };
    let library = sources("src")
        .iter()
        .map(|path| changed(path))
        .max()
        .unwrap();
    // Cargo puts them beside the program of this crate.
    let program = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));
    let programs = Path::new(program).with_file_name("examples");
    let idioms = sources("examples");
    assert!(!idioms.is_empty());
    for path in idioms {
        let name = path.file_stem().unwrap().to_str().unwrap();
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
        assert!(
            built.is_ok_and(|built| built >= library.max(changed(&path))),
            "{name} is not built, or older than its source: run a plain `cargo test`"
        );
        let printed = output_of(&program, name).replace("\r\n", "\n");
        assert_eq!(printed, shown, "{name}");
    }
}
