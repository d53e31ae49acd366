//! Numbers of options, standard input and output, messages: the same file in all programs.

use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{self, ErrorKind, Read, Write};
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Parses the value of an option, a number within `range`.
pub fn number<N>(option: &str, value: &OsStr, range: RangeInclusive<N>) -> Result<N, String>
where
    N: FromStr + PartialOrd + Display,
{
    match value.to_str().and_then(|text| text.parse().ok()) {
        Some(number) if range.contains(&number) => Ok(number),
        _ => {
            let (from, to) = range.into_inner();
            let problem = format!("{value:?} is not a whole number from {from} to {to}");
            Err(format!("{option}: {problem}"))
        }
    }
}

/// Writes all of the output. A closed pipe, as `| head` leaves it, is not an error.
pub fn print(output: impl AsRef<[u8]>) -> io::Result<()> {
    let _lock = io::stdout().lock(); // what two threads print is not mixed
    let mut stdout = standard_output()?;
    let written = stdout.write_all(output.as_ref());
    match written.and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|error| named("standard output", error)),
    }
}

/// An error that names what failed.
pub fn named(name: &str, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{name}: {error}"))
}

/// Standard output, unbuffered. Unlike `io::stdout`, it fails if it is not open for writing.
pub fn standard_output() -> io::Result<impl Write + Send> {
    #[cfg(unix)]
    let stdout = std::fs::File::from(std::os::fd::AsFd::as_fd(&io::stdout()).try_clone_to_owned()?);
    #[cfg(not(unix))]
    let stdout = io::stdout();
    Ok(stdout)
}

/// Standard input, unbuffered. Unlike `io::stdin`, it fails if it is not open for reading.
pub fn standard_input() -> io::Result<impl Read + Send> {
    #[cfg(unix)]
    let stdin = std::fs::File::from(std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned()?);
    #[cfg(not(unix))]
    let stdin = io::stdin();
    Ok(stdin)
}

/// Prints a message to standard error. `eprintln!` would panic if that fails.
pub fn report(message: impl Display) {
    let _ = writeln!(io::stderr(), "{}: {message}", env!("CARGO_PKG_NAME"));
}

/// The message for wrong usage, in which control characters cannot reach the terminal.
pub fn wrong_usage(error: &lexopt::Error) -> String {
    let problem = error.to_string().replace(char::is_control, "\u{fffd}");
    format!("{problem}\nTry '{} --help'.", env!("CARGO_PKG_NAME"))
}

/// The name of an input for a message; `-` is standard input.
pub fn input_name(name: &OsStr) -> String {
    if name == "-" {
        return "standard input".into();
    }
    shown(name)
}

/// A file name or a token for a message: unchanged if it is made of letters, digits and ASCII
/// punctuation, else quoted and escaped.
pub fn shown(name: &OsStr) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || c.is_ascii_punctuation();
    match name.to_str() {
        Some(text) if !text.is_empty() && text.chars().all(is_plain) => text.into(),
        _ => format!("{name:?}"),
    }
}

#[test]
fn names_that_are_not_plain_are_quoted_and_escaped() {
    for (name, expected) in [
        ("naïve-文.txt", "naïve-文.txt"),
        ("two words", r#""two words""#),
        ("", r#""""#),
        ("a\n\x1b[2J", r#""a\n\u{1b}[2J""#),
        ("say \"\u{202e}\"", r#""say \"\u{202e}\"""#),
    ] {
        assert_eq!(shown(OsStr::new(name)), expected);
    }
}
