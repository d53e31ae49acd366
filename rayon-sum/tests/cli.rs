//! Runs the program as a person would.

#![allow(clippy::unwrap_used)]

mod common;

use common::*;

#[test]
fn without_files_the_demonstration_runs_and_times_what_it_computes() {
    const RESULTS: &str = "Sum is 55
Squares are [1, 4, 9, 16, 25, 36, 49, 64, 81, 100]
Even ones are [2, 4, 6, 8, 10]
Product is 3628800
";
    for threads in ["1", "40"] {
        let demo = run(&["--threads", threads], b"");
        assert_eq!((demo.code, demo.stdout.as_str()), (Some(0), RESULTS));

        let lines: Vec<&str> = demo.stderr.lines().collect();
        assert!((4..=8).contains(&lines.len()), "{demo:?}");
        assert!(
            lines[0].contains(&format!("pool of {threads}: ")),
            "{demo:?}"
        );
        // Two times, which an optimised build must not leave out, and their ratio.
        let numbers = lines[0].split(' ').filter_map(|word| word.parse().ok());
        let numbers: Vec<f64> = numbers.collect();
        assert!(
            matches!(numbers[..], [alone, together, ratio]
            if alone > 0.0 && together > 0.0 && ratio > 0.0),
            "{demo:?}"
        );
        assert_fits(&demo.stderr);
    }
}

#[test]
fn the_environment_sets_the_number_of_threads() {
    let pool = |variable: &str, value: &str| {
        let demo = outcome(program(&[]).env(variable, value), b"");
        let size = demo.stderr.split("pool of ").nth(1).unwrap();
        size.split(':').next().unwrap().to_string()
    };
    assert_eq!(pool("RAYON_NUM_THREADS", "3"), "3");
    // Rayon itself still reads this one, which would lead beyond our limit.
    let cores = std::thread::available_parallelism().unwrap();
    assert_eq!(pool("RAYON_RS_NUM_CPUS", "700"), cores.to_string());
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
    for (input, sum) in [
        ("1.10 2.20", "3.3"),
        ("0.5 0.5", "1.0"),
        ("1e16 1 -1e16", "1.0"),
        ("0.1e0 0.2e0", "0.30000000000000004"),
        ("1e-400", "0.0"),
        ("1e300", "1e300"),
        ("inf", "inf"),
        ("-inf 1", "-inf"),
        ("nan", "NaN"),
        (
            "9223372036854775807 9223372036854775807",
            "18446744073709551614",
        ),
    ] {
        assert_prints(&["-"], input.as_bytes(), &format!("{sum}\n"));
    }
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
            assert_prints(&["-"], sums.concat().as_bytes(), whole);
        }
    }
    assert_prints(&["-"], lines.concat().as_bytes(), whole);
}

#[test]
fn sums_of_parts_of_floats_are_rounded_once_more_each() {
    let line = |n: i32| format!("{}e-{}\n", n * n - 5000, n % 30);
    let sum = |text: String| run(&["-"], text.as_bytes()).stdout;
    let lines: Vec<String> = (0..100).map(line).collect();
    let whole: f64 = sum(lines.concat()).trim().parse().unwrap();
    for length in [1, 7, 50] {
        let parts: String = lines
            .chunks(length)
            .map(|part| sum(part.concat()))
            .collect();
        let total: f64 = sum(parts).trim().parse().unwrap();
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
fn float_sums_depend_on_the_input_alone() {
    // Numbers that nearly cancel, so that another scheme or block size shows.
    let number = |n: u64| format!("{}e{}", n * n % 99_991, n % 37);
    let up: String = (0..100_000).map(|n| format!("{}\n", number(n))).collect();
    let down = (1..100_000).rev().map(|n| format!("-{}\n", number(n)));
    let text = up + &down.collect::<String>();
    for threads in ["1", "2", "8"] {
        let args = ["--threads", threads, "-"];
        assert_prints(&args, text.as_bytes(), "-703687441776640.0\n");
    }
}

#[test]
fn a_number_that_cannot_be_added_is_located_and_no_sum_is_printed() {
    let bad = file("bad-number", "1 2\n3\n4 twelve 13x\n");
    let good = file("good-number", "1\n2\n3\n");
    let message = "bad-number:3: \"twelve\" is not a number\n";
    assert_fails(&[&good, &bad, "-"], b"x", 1, message);
    for (input, message) in [
        ("1\nx", "standard input:2: \"x\" is not a number\n"),
        (
            "\u{2013}0.18",
            "standard input:1: \"\\u{2013}0.18\" is not a number\n",
        ),
        (
            "170141183460469231731687303715884105727 1",
            "the sum does not fit in 128 bits\n",
        ),
        (
            "1e308 1e308",
            "a partial sum is too large for a 64-bit float\n",
        ),
    ] {
        assert_fails(&["-"], input.as_bytes(), 1, message);
    }
    // A token as long as a block is an error.
    assert_prints(&["-"], "0".repeat(262_143).as_bytes(), "0\n");
    let message = format!("standard input:1: \"{}\"... is too long", "0".repeat(30));
    assert_fails(&["-"], "0".repeat(262_144).as_bytes(), 1, &message);
    let sevens = "7".repeat(30);
    let message = format!("standard input:1: \"{sevens}\"... is too long for a number\n");
    assert_fails(&["-"], &vec![b'7'; 10 << 20], 1, &message);
}

#[test]
fn an_input_that_cannot_be_read_is_named_and_no_sum_is_printed() {
    let good = file("before-missing", "1\n");
    assert_fails(&[&good, "no-such-file"], b"", 1, "no-such-file: ");
    assert_fails(&["."], b"", 1, ".: ");
    assert_fails(
        &["no\nsuch\u{202e}file"],
        b"",
        1,
        "\"no\\nsuch\\u{202e}file\": ",
    );
    #[cfg(unix)]
    {
        let write_only = redirected("-", "0> write-only");
        outcome(&mut { write_only }, b"").assert_failed(1, "standard input: ");
    }
}

#[test]
#[cfg(unix)]
fn many_files_need_few_descriptors() {
    let one = file("many-files", "1 ");
    let script = format!("ulimit -n 16; \"$PROGRAM\" $(yes {one} | head -n 300)");
    let summed = outcome(command("sh", &["-c", &script]).env("PROGRAM", PROGRAM), b"");
    assert_eq!(summed.stdout, "300\n", "{summed:?}");
}

/// The pipeline that help and README recommend for a column of a CSV file.
#[test]
#[cfg(unix)]
fn the_recommended_pipeline_sums_a_column_or_says_why_it_cannot() {
    let help = run(&["--help"], b"").stdout;
    let start = help.find("  tr ").unwrap();
    let end = help.find("rayon-sum -\n").unwrap();
    let pipeline = help[start..end].to_string() + "rayon-sum -";
    let in_one_line = pipeline.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        include_str!("../README.md").contains(&in_one_line),
        "{in_one_line}"
    );
    let pipeline = pipeline.replace("rayon-sum", "\"$PROGRAM\"");

    let bad = "rayon-sum: standard input:";
    for (csv, code, expected) in [
        (
            &b"\xef\xbb\xbfname,price\r\npen,\"1.10\"\r\nink,NA\r\npad,2.20\r\n"[..],
            0,
            "3.3\n",
        ),
        (b"item,price\npen,NA\nink,\"NA\"\n", 0, "0\n"), // nothing is left, which is no error
        (b"item,price\rpen,1.10\rpad,2.20\r", 0, "3.3\n"),
        (b"item,price\npen,1.10\nink,1\xa02.50\npad,2.20\n", 1, bad),
        (b"item,price\npen,1.10\nink,1\x002.50\npad,2.20\n", 1, bad),
        (b"item,price\n\"pens, blue\",1.10\n", 1, bad),
        // Wrong, as help and README say.
        (b"size,price\n\"1,5\",1.10\n", 0, "5\n"),
        (b"size,price\n\"1\n5\",1.10\n", 0, "2.1\n"),
        (b"item,price\ncar,1 234.50\n", 0, "235.5\n"),
    ] {
        file("prices.csv", csv);
        let script = format!("set -o pipefail\n{pipeline}");
        let summed = outcome(
            command("bash", &["-c", &script]).env("PROGRAM", PROGRAM),
            b"",
        );
        let printed = summed.stdout.clone() + &summed.stderr;
        assert_eq!(summed.code, Some(code), "{csv:?}: {summed:?}");
        assert!(printed.starts_with(expected), "{csv:?}: {summed:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn as_many_threads_run_as_were_asked_for() {
    use std::fs;
    use std::io::Write;

    for threads in [1, 3] {
        let args = ["--threads", &threads.to_string(), "-"];
        let mut child = program(&args).spawn().unwrap();
        // More than a pipe ever holds: when all is written, the program reads, so its threads exist.
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&vec![b' '; 1 << 22]).unwrap();
        let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
        let names = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("comm")));
        // By their names: an emulator has threads of its own.
        let named = names.filter(|name| name.as_ref().unwrap().starts_with("thread "));
        assert_eq!(named.count(), threads);
        drop(stdin);
        assert_eq!(child.wait_with_output().unwrap().stdout, b"0\n");
    }
}

#[test]
fn a_number_of_threads_is_from_1_to_512() {
    let range = "is not a whole number from 1 to 512";
    for (args, problem) in [
        (
            &["--threads", "0", "-"][..],
            format!("--threads: \"0\" {range}"),
        ),
        (&["--threads=513"], format!("--threads: \"513\" {range}")),
        (
            &["--threads", "many", "-"],
            format!("--threads: \"many\" {range}"),
        ),
        (
            &["-", "--threads"],
            "missing argument for option '--threads'".into(),
        ),
    ] {
        assert_fails(args, b"", 2, &problem);
    }
}
