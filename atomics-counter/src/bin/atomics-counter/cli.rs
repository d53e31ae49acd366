//! What the programs of this workspace do alike: read numbers, read and print, report, show names.
//!
//! The same file in each of them.

use std::ffi::OsStr;
use std::fmt::{self, Display, Write as _};
use std::io::{self, Read, Write};
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Reads the value of an option, a number within `range`.
pub fn number<N>(option: &str, value: &OsStr, range: RangeInclusive<N>) -> Result<N, String>
where
    N: FromStr + PartialOrd + Display,
{
    let number = value.to_str().and_then(|text| text.parse().ok());
    number
        .filter(|number| range.contains(number))
        .ok_or_else(|| {
            let (from, to) = range.into_inner();
            format!("{option}: {value:?} is not a whole number from {from} to {to}")
        })
}

/// Writes the whole output; a reader that has left, as `head` does, is no error.
pub fn print(output: impl AsRef<[u8]>) -> io::Result<()> {
    let _one_at_a_time = io::stdout().lock();
    let mut stdout = standard_output()?;
    let written = stdout.write_all(output.as_ref());
    match written.and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result
            .map_err(|error| io::Error::new(error.kind(), format!("standard output: {error}"))),
    }
}

/// Standard output, of which a write that fails is an error.
///
/// `io::stdout` takes a descriptor that cannot be written, as `1<file` gives it, for one that takes
/// all. Its duplicate does not. One that was closed (`>&-`) does: before `main`, `std` opens
/// `/dev/null` in its place.
pub fn standard_output() -> io::Result<impl Write + Send> {
    #[cfg(unix)]
    let stdout = std::fs::File::from(std::os::fd::AsFd::as_fd(&io::stdout()).try_clone_to_owned()?);
    #[cfg(not(unix))]
    let stdout = io::stdout();
    Ok(stdout)
}

/// Writes a message that starts with the name of the program to standard error.
///
/// Not `eprintln!`, which panics when standard error cannot be written, as to a full disk.
pub fn report(message: impl Display) {
    let _ = writeln!(
        io::stderr(),
        concat!(env!("CARGO_PKG_NAME"), ": {}"),
        message
    );
}

/// The message for wrong usage. Names of options, too, come from outside.
pub fn wrong_usage(error: &lexopt::Error) -> String {
    let mut message = String::new();
    for c in error.to_string().chars() {
        if c.is_control() {
            message.extend(c.escape_default());
        } else {
            message.push(c);
        }
    }
    message + concat!("\nTry '", env!("CARGO_PKG_NAME"), " --help'.")
}

/// Standard input, of which a read that fails is an error.
///
/// `io::stdin` takes a descriptor that cannot be read, as `0>file` gives it, for an empty input.
/// Its duplicate does not. One that was closed (`<&-`) cannot be told from an empty one: before
/// `main`, `std` opens `/dev/null` in its place.
pub fn standard_input() -> io::Result<impl Read + Send> {
    #[cfg(unix)]
    let stdin = std::fs::File::from(std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned()?);
    #[cfg(not(unix))]
    let stdin = io::stdin();
    Ok(stdin)
}

/// A name or another piece of input, as a message shows it: as it is if that is plain to read, else
/// in quotes and with what may deceive the reader or the terminal escaped.
///
/// Plain are letters and digits of any script, spaces within, and what else ASCII prints. Letters
/// that merely look like others are not recognised; marks that combine with letters are escaped.
pub fn escaped(text: &OsStr) -> impl Display {
    // Letters by name, the fillers of Hangul show as nothing.
    let is_filler = |c| matches!(c, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}');
    let is_plain =
        |c: char| (c.is_alphanumeric() && !is_filler(c)) || c.is_ascii_graphic() || c == ' ';
    let bytes = text.as_encoded_bytes();
    let plain = text.to_str().is_some_and(|text| {
        !text.is_empty() && text.trim_matches(' ') == text && text.chars().all(is_plain)
    });
    Shown(if plain {
        String::from_utf8_lossy(bytes).into_owned()
    } else {
        let mut shown = String::from('"');
        for chunk in bytes.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '"' | '\\' => shown.extend(['\\', c]),
                    c if is_plain(c) => shown.push(c),
                    c if c.is_ascii() => shown.extend(c.escape_default()),
                    c => shown.extend(c.escape_unicode()),
                }
            }
            for byte in chunk.invalid() {
                let _ = write!(shown, "\\x{byte:02x}"); // a `String` takes all
            }
        }
        shown + "\""
    })
}

struct Shown(String);

impl Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_are_shown_as_they_are_and_others_escaped() {
        for (name, shown) in [
            ("a.txt", "a.txt"),
            ("two words/naïve 文.txt", "two words/naïve 文.txt"),
            ("", r#""""#),
            (" ", r#"" ""#),
            ("a\nb", r#""a\nb""#),
            ("\x1b[2J", r#""\u{1b}[2J""#),
            ("say \"\u{202e}\"", r#""say \"\u{202e}\"""#),
            ("\u{2013}0.18", r#""\u{2013}0.18""#),
            ("\u{3164}", r#""\u{3164}""#),
        ] {
            assert_eq!(escaped(OsStr::new(name)).to_string(), shown);
        }
    }

    #[test]
    fn wrong_usage_is_said_in_two_lines_whatever_was_typed() {
        let error = lexopt::Error::UnexpectedOption("--\x1b[2J\n".into());
        let expected = concat!(
            "invalid option '--\\u{1b}[2J\\n'\nTry '",
            env!("CARGO_PKG_NAME"),
            " --help'."
        );
        assert_eq!(wrong_usage(&error), expected);
    }

    #[test]
    #[cfg(unix)]
    fn a_name_that_is_not_utf8_is_shown_escaped() {
        use std::os::unix::ffi::OsStrExt;
        let name = OsStr::from_bytes(b"a\xff\\");
        assert_eq!(escaped(name).to_string(), r#""a\xff\\""#);
    }
}
