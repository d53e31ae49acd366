//! Runs the program as a person would.

#![allow(clippy::unwrap_used)]

mod common;

use common::*;

#[test]
fn without_files_the_demonstration_runs_and_draws_what_ran_at_the_same_time() {
    let demo = run(&[], b"");
    assert_eq!(demo.code, Some(0), "{demo:?}");
    let mut lines: Vec<&str> = demo.stdout.lines().collect();
    assert_eq!(lines.pop(), Some("All 5 threads have joined"));
    lines.sort_unstable(); // they come in whatever order the threads run
    let greetings: Vec<String> = (0..5).map(|i| format!("Hello from thread {i}")).collect();
    assert_eq!(lines, greetings);

    let picture: Vec<&str> = demo.stderr.lines().collect();
    assert_eq!(picture.len(), 7, "{demo:?}");
    assert!(picture[0].starts_with("Primes below 250000, "), "{demo:?}");
    let primes = [5133, 4459, 4256, 4136, 4060]; // 22044 in all
    for (thread, (line, primes)) in picture[1..6].iter().zip(primes).enumerate() {
        assert!(line.starts_with(&format!("thread {thread} |")), "{demo:?}");
        assert!(line.contains(['░', '▒', '▓', '█']), "{demo:?}");
        assert!(line.ends_with(&format!("| {primes} primes")), "{demo:?}");
    }
    assert_fits(&demo.stderr);
}

#[test]
fn if_no_thread_can_be_spawned_files_are_counted_and_the_demonstration_fails() {
    // No system has a stack of 15/16 of all addresses.
    let stack = (15_usize << (usize::BITS - 4)).to_string();
    let no_threads = |args: &[&str]| outcome(program(args).env("RUST_MIN_STACK", &stack), b"");
    let large = file("no-threads", "one two\n".repeat(1_000_000));
    let counted = no_threads(&["--threads", "4", &large]);
    assert_eq!(counted.code, Some(0), "{counted:?}");
    assert_eq!(counted.stdout, "1000000 2000000 8000000 no-threads\n");
    no_threads(&[]).assert_failed(1, "spawning a thread: ");
}

#[test]
fn columns_are_as_wide_as_the_sizes_together() {
    let empty = file("wide-empty", "");
    let short = file("wide-short", "a b\n");
    let hundred = file("wide-hundred", "a\n".repeat(50));
    assert_prints(&[&empty], b"", "0 0 0 wide-empty\n");
    assert_prints(&[&short], b"", "1 2 4 wide-short\n");
    assert_prints(&[&hundred], b"", " 50  50 100 wide-hundred\n");
    assert_prints(&["--threads=2", "--", &short], b"", "1 2 4 wide-short\n");

    let a = file("several-a", "one two\n"); // 8 bytes
    let b = file("several-b", "3"); // no line end, and yet its word ends with the file
    let expected = "1 2 8 several-a\n0 1 1 several-b\n1 3 9 total\n";
    assert_prints(&[&a, &b], b"", expected);
    let expected = " 0  1  1 several-b\n 0  1  1 several-b\n 1  2  8 several-a\n 1  4 10 total\n";
    assert_prints(&[&b, &b, &a], b"", expected);
}

#[test]
fn standard_input_is_counted_where_it_is_named() {
    assert_prints(&["-"], b"", "      0       0       0 -\n");
    assert_prints(&["-"], b"a b\nc", "      1       3       5 -\n");
    let a = file("stdin-a", "1\n");
    let expected = "      1       1       2 stdin-a
      0       1       1 -
      0       0       0 -
      1       2       3 total
";
    assert_prints(&[&a, "-", "-"], b"x", expected);
    let every_space = b"a b\tc\nd\x0be\x0cf\rg\r\n\xc2\xa0\0 \x1f";
    assert_prints(&["-"], every_space, "      2       9      20 -\n");
}

#[test]
#[cfg(unix)]
fn standard_input_may_be_a_file_or_closed_but_not_a_directory() {
    file("stdin-file", "a b\n");
    for (redirection, expected) in [
        ("< stdin-file", "1 2 4 -\n"),
        ("<&-", "      0       0       0 -\n"),
        (">&- <&-", ""), // std opens /dev/null in its place
    ] {
        let counted = outcome(&mut redirected("-", redirection), b"");
        assert_eq!(counted.stdout, expected, "{redirection}: {counted:?}");
        assert_eq!(counted.code, Some(0), "{redirection}: {counted:?}");
    }
    for (redirection, message) in [
        ("< .", "standard input: "),
        ("0> stdin-written", "standard input: Bad file descriptor"),
    ] {
        outcome(&mut redirected("-", redirection), b"").assert_failed(1, message);
    }
}

#[test]
#[cfg(target_os = "linux")] // other file systems may reject such a name
fn a_file_name_that_is_not_utf8_is_printed_unchanged() {
    use std::os::unix::ffi::OsStrExt;
    let name = std::ffi::OsStr::from_bytes(b"not-\xff-utf8");
    std::fs::write(folder().join(name), "a b\n").unwrap();
    let output = program(&[]).arg(name).output().unwrap();
    assert_eq!(output.stdout, b"1 2 4 not-\xff-utf8\n");
}

#[test]
fn an_input_that_cannot_be_read_is_reported_and_the_others_are_counted() {
    let (a, b) = (file("beside-a", "1 2\n"), file("beside-b", "3\n"));
    let missing = run(&[&a, "no-such-file", &b], b"");
    assert_eq!(missing.code, Some(1), "{missing:?}");
    let expected = "1 2 4 beside-a\n1 1 2 beside-b\n2 3 6 total\n";
    assert_eq!(missing.stdout, expected);
    let message = "threads-fork-join: no-such-file: ";
    assert!(missing.stderr.starts_with(message), "{missing:?}");

    let directory = run(&[".", &a], b"");
    assert_eq!(directory.code, Some(1), "{directory:?}");
    let expected = "      1       2       4 beside-a\n      1       2       4 total\n";
    assert_eq!(directory.stdout, expected);

    assert_fails(&["no-such-file"], b"", 1, "no-such-file: ");
    assert_fails(&["no-\nfile"], b"", 1, "\"no-\\nfile\": ");
    assert_fails(&[""], b"", 1, "\"\": ");
}

#[test]
#[cfg(windows)]
fn a_device_without_metadata_is_counted() {
    let counted = run(&["NUL"], b"");
    let line: Vec<&str> = counted.stdout.split_whitespace().collect();
    assert_eq!((counted.code, counted.stderr.as_str()), (Some(0), ""));
    assert_eq!(line, ["0", "0", "0", "NUL"]);
}

/// Lines of words of printable ASCII, with all kinds of white space between them. Repeats itself
/// after 100 kB.
fn random_text(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let byte = || {
        // Marsaglia's xorshift64.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        match state >> 59 {
            0..6 => b" \t\n\x0b\x0c\r"[(state >> 59) as usize],
            6 | 7 => b' ',
            _ => b'!' + (state % 94) as u8,
        }
    };
    let once = length.clamp(1, 100_003);
    let text: Vec<u8> = std::iter::repeat_with(byte).take(once).collect();
    let mut text = text.repeat(length.div_ceil(once));
    text.truncate(length);
    text
}

#[test]
fn a_large_file_gives_the_same_line_on_any_number_of_threads() {
    let text = [&random_text(100_000, 1)[..], b"\n"].concat();
    let words = text.split(|byte| b" \t\n\x0b\x0c\r".contains(byte));
    let words = words.filter(|word| !word.is_empty()).count();
    let lines = text.iter().filter(|&&byte| byte == b'\n').count();
    let (times, text) = (70, text.repeat(70));
    let large = file("large", &text);
    let counts = format!("{:7} {:7} {:7}", times * lines, times * words, text.len());
    for threads in ["1", "2", "3", "100"] {
        let args = ["--threads", threads, &large];
        assert_prints(&args, b"", &format!("{counts} large\n"));
    }
    assert_prints(&["-"], &text, &format!("{counts} -\n"));
}

/// A file so large that it is still read when the threads are looked for; it takes no space.
#[test]
#[cfg(target_os = "linux")]
fn a_large_file_is_counted_on_as_many_threads_as_asked_for() {
    let hole = std::fs::File::create(folder().join("hole")).unwrap();
    hole.set_len(1 << 40).unwrap();
    let mut child = program(&["--threads", "3", "hole"]).spawn().unwrap();
    let tasks = format!("/proc/{}/task", child.id());
    let names = || -> Vec<String> {
        let tasks = std::fs::read_dir(&tasks).unwrap().flatten();
        let names = tasks.flat_map(|task| std::fs::read_to_string(task.path().join("comm")));
        names.filter(|name| name.starts_with("fork-join")).collect()
    };
    while names().len() < 3 {
        assert_eq!(child.try_wait().unwrap(), None, "{:?}", names());
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Byte for byte what `wc` prints, if that is GNU's.
#[test]
#[cfg(target_os = "linux")]
fn the_output_is_that_of_gnu_wc() {
    let version = std::process::Command::new("wc").arg("--version").output();
    let version = String::from_utf8(version.map_or(Vec::new(), |output| output.stdout)).unwrap();
    let Some(version) = version.strip_prefix("wc (GNU coreutils) ") else {
        eprintln!("not compared: wc is not GNU's");
        return;
    };
    let sizes = [0, 1, 2, 9, 10, 99, 100, 1023, 1024, 131_072, 4_500_000];
    let files: Vec<String> = (1..)
        .zip(sizes)
        .map(|(seed, size)| file(&format!("gnu-{size}"), random_text(size, seed)))
        .collect();
    let names: Vec<&str> = files.iter().map(String::as_str).collect();
    let (empty, one, large) = ("gnu-0", "gnu-1", "gnu-4500000");
    let mut cases: Vec<Vec<&str>> = names.iter().map(|&name| vec![name]).collect();
    cases.extend([
        vec![empty, empty],
        vec!["-"],
        vec!["-", "-"],
        vec![one, "-", large],
        vec!["no-such-file"],
        vec!["no-such-file", "no-such-file"],
        vec![large, "no-such-file", one],
        vec!["no-such-file", "-"],
        vec!["/proc/version"],                  // holds more than its size
        vec!["/sys/devices/system/cpu/online"], // holds less
        vec!["/dev/stdin"],
        vec!["/dev/null"],
        vec!["/dev/null", one],
        names,
    ]);
    // Each byte beside each other one, several times over.
    let bytes = (0..1_000_000).map(|n| (n / 256 * (n % 256) + n % 7) as u8);
    let binary = file("gnu-binary", bytes.collect::<Vec<u8>>());
    let numbers = version.split(['.', '\n']).map(|number| number.parse().ok());
    if numbers.ge([Some(9), Some(5)]) {
        cases.push(vec![&binary]);
    }
    for case in cases {
        let input = b"some\ninput";
        let ours = run(&[&["--threads", "2", "--"], &case[..]].concat(), input);
        let mut wc = command("wc", &[&["--"], &case[..]].concat());
        wc.env("LC_ALL", "C").env("POSIXLY_CORRECT", "1");
        let theirs = outcome(&mut wc, input);
        assert_eq!(ours.stdout, theirs.stdout, "{case:?}");
        assert_eq!(ours.code, theirs.code, "{case:?}");
    }
}

#[test]
fn a_number_of_threads_is_from_1_to_512_and_needs_a_file() {
    let range = "is not a whole number from 1 to 512";
    for (args, problem) in [
        (
            &["--threads", "0", "-"][..],
            format!("--threads: \"0\" {range}"),
        ),
        (
            &["--threads", "many", "-"],
            format!("--threads: \"many\" {range}"),
        ),
        (&["--threads=513"], format!("--threads: \"513\" {range}")),
        (
            &["-", "--threads"],
            "missing argument for option '--threads'".into(),
        ),
        (&["--threads", "2"], "--threads: no FILE to count".into()),
    ] {
        assert_fails(args, b"", 2, &problem);
    }
}
