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

fn rayon_sum(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rayon-sum"));
    command.args(args).current_dir(folder());
    command
}

/// Runs with `input` on standard input.
fn run(args: &[&str], input: &[u8]) -> Output {
    let mut command = rayon_sum(args);
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

const DEMO: &str = "Sum is 55
Squares are [1, 4, 9, 16, 25, 36, 49, 64, 81, 100]
Even ones are [2, 4, 6, 8, 10]
Product is 3628800
";

#[test]
fn without_files_the_demonstration_runs() {
    for threads in [1, 3, 40] {
        let output = run(&["--threads", &threads.to_string()], b"");
        let (code, stdout, picture) = outcome(output);
        assert_eq!((code, stdout.as_str()), (Some(0), DEMO));
        assert!(picture.lines().count() <= 8, "{picture}");
        assert!(
            picture.contains(&format!("pool of {threads}: ")),
            "{picture}"
        );
        for line in picture.lines() {
            assert!(line.chars().count() <= 79, "{line}");
        }
    }
}

#[test]
fn files_and_standard_input_are_summed_together() {
    let (a, b) = (file("together-a", "1 2\r\n3"), file("together-b", "-10\n"));
    assert_prints(&[&a], b"", "6\n");
    assert_prints(&[&a, "-", &b], b"100\n", "96\n");
    assert_prints(&["--threads", "2", &a, &b], b"", "-4\n");
    assert_prints(&["--threads=2", "--", &a], b"", "6\n");
    assert_prints(&["-"], b"", "0\n");
}

#[test]
fn the_kind_of_the_sum_shows_in_its_form() {
    assert_prints(&["-"], b"1.10 2.20", "3.3\n");
    assert_prints(&["-"], b"0.5 0.5", "1.0\n");
    assert_prints(&["-"], b"1e16 1 -1e16", "1.0\n");
    assert_prints(&["-"], b"0.1e0 0.2e0", "0.30000000000000004\n");
    assert_prints(&["-"], b"1e-400", "0.0\n");
    assert_prints(&["-"], b"1e300", "1e300\n");
    assert_prints(&["-"], b"inf", "inf\n");
    assert_prints(&["-"], b"-inf 1", "-inf\n");
    assert_prints(&["-"], b"nan", "NaN\n");
    assert_prints(
        &["-"],
        b"9223372036854775807 9223372036854775807",
        "18446744073709551614\n",
    );
}

/// What GNU parallel and Spark do with the parts of a file.
#[test]
fn sums_of_parts_add_up_to_the_sum_of_the_whole() {
    let lines = [
        "9223372036854775807\n",
        "-0.01 19.99\n",
        "\n",
        "9223372036854775807\n",
        "1.10\n",
        "-3\n",
    ];
    let whole = "18446744073709551632.08\n";
    for cut in 0..=lines.len() {
        for second in cut..=lines.len() {
            let parts = [&lines[..cut], &lines[cut..second], &lines[second..]];
            let sums = parts.map(|part| run(&["-"], part.concat().as_bytes()).stdout);
            assert_prints(&["-"], &sums.concat(), whole);
        }
    }
    assert_prints(&["-"], lines.concat().as_bytes(), whole);
}

#[test]
fn sums_of_parts_of_floats_are_rounded_once_more_each() {
    let line = |n: i32| format!("{}e-{}\n", n * n - 5000, n % 30);
    let sum = |text: &[u8]| -> (Vec<u8>, f64) {
        let output = run(&["-"], text).stdout;
        let text = String::from_utf8(output).unwrap();
        let sum = text.trim().parse().unwrap();
        (text.into_bytes(), sum)
    };
    let lines: Vec<String> = (0..100).map(line).collect();
    let (_, whole) = sum(lines.concat().as_bytes());
    for length in [1, 7, 50] {
        let parts = lines
            .chunks(length)
            .map(|part| sum(part.concat().as_bytes()).0);
        let (_, total) = sum(&parts.collect::<Vec<_>>().concat());
        assert!(
            (total - whole).abs() <= 1e-14 * whole.abs(),
            "{total} {whole}"
        );
    }
}

#[test]
fn many_blocks_give_one_sum_on_any_number_of_threads() {
    let numbers = || (0..200_000_u64).map(|n| n * 1_000_003);
    let text: String = numbers().map(|n| format!("{n}\n")).collect();
    let many = file("many-blocks", &text);
    let sum = format!("{}\n", numbers().sum::<u64>());
    for threads in ["1", "2", "3", "8"] {
        assert_prints(&["--threads", threads, &many], b"", &sum);
        assert_prints(&["--threads", threads, "-"], text.as_bytes(), &sum);
    }
}

#[test]
fn a_bad_number_is_located() {
    let bad = file("bad-number", "1 2\n3\n4 twelve 13x\n");
    let good = file("good-number", "1\n2\n3\n");
    assert_fails(
        &[&good, &bad, "-"],
        b"x",
        1,
        "rayon-sum: bad-number:3: \"twelve\" is not a number\n",
    );
    assert_fails(
        &["-"],
        b"1\nx",
        1,
        "rayon-sum: standard input:2: \"x\" is not a number\n",
    );
    let en_dash = "\u{2013}0.18";
    assert_fails(
        &["-"],
        en_dash.as_bytes(),
        1,
        "rayon-sum: standard input:1: \"\\u{2013}0.18\" is not a number\n",
    );
    assert_fails(
        &["-"],
        b"170141183460469231731687303715884105727 1",
        1,
        "rayon-sum: the sum does not fit in 128 bits\n",
    );
}

#[test]
fn a_token_of_ten_megabytes_is_refused_in_short() {
    let error = format!(
        "rayon-sum: standard input:1: \"{}\"... is too long for a number\n",
        "7".repeat(30)
    );
    assert_fails(&["-"], &vec![b'7'; 10 << 20], 1, &error);
}

#[test]
fn a_missing_file_is_named_and_no_sum_is_printed() {
    let good = file("before-missing", "1\n");
    let (code, stdout, stderr) = outcome(run(&[&good, "no-such-file"], b""));
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.starts_with("rayon-sum: no-such-file: "), "{stderr}");
}

#[test]
fn a_directory_is_named() {
    let (code, stdout, stderr) = outcome(run(&["."], b""));
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.starts_with("rayon-sum: .: "), "{stderr}");
}

#[test]
#[cfg(unix)]
fn many_files_need_few_descriptors() {
    let one = file("many-files", "1 ");
    let shell = format!("ulimit -n 16; \"$PROGRAM\" $(yes {one} | head -n 300)");
    let output = Command::new("sh")
        .args(["-c", &shell])
        .env("PROGRAM", env!("CARGO_BIN_EXE_rayon-sum"))
        .current_dir(folder())
        .output()
        .unwrap();
    assert_eq!(outcome(output), (Some(0), "300\n".into(), "".into()));
}

#[test]
#[cfg(unix)]
fn a_file_whose_name_may_deceive_is_shown_escaped() {
    let bad = file("bad\n\u{202e}name", "x");
    let error = "rayon-sum: \"bad\\n\\u{202e}name\":1: \"x\" is not a number\n";
    assert_fails(&[&bad], b"", 1, error);
}

#[test]
#[cfg(unix)]
fn standard_input_that_cannot_be_read_is_an_error() {
    let write_only = fs::File::create(folder().join("write-only")).unwrap();
    let mut command = rayon_sum(&["-"]);
    let (code, stdout, stderr) = outcome(command.stdin(write_only).output().unwrap());
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(
        stderr.starts_with("rayon-sum: standard input: "),
        "{stderr}"
    );
}

#[test]
fn help_and_version_are_printed() {
    for args in [["--help"], ["-h"]] {
        let (code, stdout, stderr) = outcome(run(&args, b""));
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        let usage = "Usage: rayon-sum [--threads N] [FILE|-]...";
        assert!(stdout.contains(usage), "{stdout}");
        assert!(stdout.lines().all(|line| line.len() <= 79), "{stdout}");
    }
    let version = concat!("rayon-sum ", env!("CARGO_PKG_VERSION"), "\n");
    assert_prints(&["--version"], b"", version);
    assert_prints(&["-V"], b"", version);
}

/// The line that the help recommends for a column of a CSV file, on one that Excel might write.
#[test]
#[cfg(unix)]
fn the_recipe_of_the_help_sums_a_column() {
    let (_, help, _) = outcome(run(&["--help"], b""));
    let recipe = help.lines().find(|line| line.contains("cut -d,")).unwrap();
    let csv = "\u{feff}name,price\r\npen,\"1.10\"\r\nink,NA\r\npad,2.20\r\n";
    file("excel.csv", csv);
    let program = format!("\"{}\"", env!("CARGO_BIN_EXE_rayon-sum"));
    let recipe = recipe.replace("rayon-sum", &program);
    let recipe = recipe.replace("prices.csv", "excel.csv"); // the other is the README's
    let output = Command::new("sh")
        .args(["-c", &recipe])
        .current_dir(folder())
        .output()
        .unwrap();
    assert_eq!(outcome(output), (Some(0), "3.3\n".into(), "".into()));
}

#[test]
fn the_environment_sets_the_number_of_threads() {
    let mut command = rayon_sum(&[]);
    command.env("RAYON_NUM_THREADS", "3");
    let (code, _, picture) = outcome(command.output().unwrap());
    assert_eq!(code, Some(0));
    assert!(picture.contains("pool of 3: "), "{picture}");
}

#[test]
fn wrong_usage_is_explained() {
    let hint = "Try 'rayon-sum --help'.\n";
    for (args, problem) in [
        (
            &["--threads", "0", "-"][..],
            "--threads: \"0\" is not a whole number from 1 to 512",
        ),
        (
            &["--threads=513"],
            "--threads: \"513\" is not a whole number from 1 to 512",
        ),
        (
            &["--threads", "many", "-"],
            "--threads: \"many\" is not a whole number from 1 to 512",
        ),
        (
            &["-", "--threads"],
            "missing argument for option '--threads'",
        ),
        (&["--sideways"], "invalid option '--sideways'"),
        (&["--side\nways"], "invalid option '--side\\nways'"),
    ] {
        assert_fails(args, b"", 2, &format!("rayon-sum: {problem}\n{hint}"));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn as_many_threads_run_as_were_asked_for() {
    for threads in [1, 3] {
        let mut command = rayon_sum(&["--threads", &threads.to_string(), "-"]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // More than a pipe ever holds: when all is written, the program reads, so its threads exist.
        child
            .stdin
            .as_mut()
            .unwrap()
            .write_all(&vec![b' '; 1 << 22])
            .unwrap();
        let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
        let names =
            tasks.map(|task| fs::read_to_string(task.unwrap().path().join("comm")).unwrap());
        // By their names: an emulator has threads of its own.
        let named = names.filter(|name| name.starts_with("thread ")).count();
        assert_eq!(named, threads);
        assert_eq!(
            outcome(child.wait_with_output().unwrap()),
            (Some(0), "0\n".into(), "".into())
        );
    }
}

#[test]
fn float_sums_depend_on_the_input_alone() {
    // Numbers that nearly cancel, so that another scheme or block size shows.
    let number = |n: u64| format!("{}e{}", n * n % 99_991, n % 37);
    let up: String = (0..100_000).map(|n| format!("{}\n", number(n))).collect();
    let down: String = (1..100_000)
        .rev()
        .map(|n| format!("-{}\n", number(n)))
        .collect();
    let text = up + &down;
    for threads in ["1", "2", "8"] {
        assert_prints(
            &["--threads", threads, "-"],
            text.as_bytes(),
            "-422212465065984.0\n",
        );
    }
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let mut command = rayon_sum(&["-"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    drop(child.stdin.take()); // only now is there a sum to print
    assert_eq!(
        outcome(child.wait_with_output().unwrap()),
        (Some(0), "".into(), "".into())
    );
}

#[test]
#[cfg(unix)]
fn standard_output_that_cannot_be_written_is_an_error() {
    let path = folder().join(file("read-only", "1 2\n"));
    let mut command = rayon_sum(&["read-only"]);
    command
        .stdout(fs::File::open(path).unwrap())
        .stderr(Stdio::piped());
    let output = command.spawn().unwrap().wait_with_output();
    let (code, _, stderr) = outcome(output.unwrap());
    assert_eq!(code, Some(1));
    let start = "rayon-sum: standard output: Bad file descriptor";
    assert!(stderr.starts_with(start), "{stderr}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = rayon_sum(&[])
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (code, _, stderr) = outcome(output.wait_with_output().unwrap());
    assert_eq!(code, Some(1));
    assert!(
        stderr.starts_with("rayon-sum: standard output: No space left"),
        "{stderr}"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn an_error_that_cannot_be_written_still_gives_its_exit_code() {
    for (argument, code) in [("no-such-file", 1), ("--sideways", 2)] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let status = rayon_sum(&[argument]).stderr(full).status();
        assert_eq!(status.unwrap().code(), Some(code), "{argument}");
    }
}
