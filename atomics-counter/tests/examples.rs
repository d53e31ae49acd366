//! Runs every recipe in `examples/` and compares its output with the block in its header.
//!
//! The same file in each crate.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::env::consts::EXE_SUFFIX;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// Recipes end in a fraction of a second; one that hangs fails here.
const DEADLINE: Duration = Duration::from_secs(30);

/// Runs a program without input and returns its standard output.
fn output_of(program: &Path, name: &str) -> String {
    // Into files: a process that it leaves behind may hold them open.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_PKG_NAME"));
    fs::create_dir_all(&folder).unwrap();
    let stdout = folder.join(format!("example-{name}-stdout"));
    let stderr = folder.join(format!("example-{name}-stderr"));
    let mut child = Command::new(program)
        .env("RUST_BACKTRACE", "0") // slow, and some recipes panic on purpose
        .stdin(Stdio::null())
        .stdout(File::create(&stdout).unwrap())
        .stderr(File::create(&stderr).unwrap())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > DEADLINE {
            child.kill().unwrap();
            panic!("{name} does not end");
        }
        thread::sleep(Duration::from_millis(2));
    };
    let errors = fs::read_to_string(&stderr).unwrap();
    assert!(status.success(), "{name}: {status}\n{errors}");
    fs::read_to_string(&stdout).unwrap().replace("\r\n", "\n")
}

/// The documentation at the start of a file, without the comment marks.
fn header(source: &str) -> String {
    let mut header = String::new();
    for line in source.lines().map_while(|line| line.strip_prefix("//!")) {
        header += line.strip_prefix(' ').unwrap_or(line);
        header += "\n";
    }
    header
}

/// The lines, with greetings at the start sorted: those come in whatever order the threads run.
/// Without those of a signal that only Unix has.
fn in_order(output: &str) -> Vec<&str> {
    let lines = output.lines();
    let mut lines: Vec<&str> = lines
        .filter(|line| cfg!(unix) || !line.starts_with("SIGHUP"))
        .collect();
    let others = lines.iter().position(|line| !line.starts_with("Hello"));
    let greetings = others.unwrap_or(lines.len());
    lines[..greetings].sort_unstable();
    lines
}

fn sources(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

fn changed(path: &Path) -> SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}

#[test]
fn every_recipe_prints_what_its_header_shows() {
    let mut modules = sources("src");
    modules.retain(|path| !path.ends_with("recipes.rs")); // compiled for the documentation alone
    let library = modules.iter().map(|path| changed(path)).max();
    let recipes = sources("examples");
    assert!(!recipes.is_empty());
    // All at once, as most of them wait.
    thread::scope(|scope| {
        for recipe in &recipes {
            scope.spawn(move || prints_what_its_header_shows(recipe, library));
        }
    });
}

fn prints_what_its_header_shows(path: &Path, library: Option<SystemTime>) {
    let name = path.file_stem().unwrap().to_str().unwrap();
    let header = header(&fs::read_to_string(path).unwrap());
    for part in ["\nUse it ", "\nEnds: ", "\nNeeds: "] {
        assert!(header.contains(part), "{name}: no {part:?} in its header");
    }
    let shown = header.split("```text\n").nth(1);
    let shown = shown.and_then(|block| block.split("```").next());
    let shown = shown.unwrap_or_else(|| panic!("{name}: no output in its header"));

    // Cargo puts it beside the program of this crate.
    let program = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));
    let folder = Path::new(program).with_file_name("examples");
    let program = folder.join(format!("{name}{EXE_SUFFIX}"));
    // `cargo test --test examples` alone does not build it.
    let built = fs::metadata(&program).and_then(|metadata| metadata.modified());
    let is_new = built.is_ok_and(|built| Some(built) >= library && built >= changed(path));
    assert!(
        is_new,
        "{name} is older than its source: run a plain `cargo test`"
    );
    let printed = output_of(&program, name);
    assert_eq!(in_order(&printed), in_order(shown), "{name}");
}
