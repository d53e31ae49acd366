//! Finds the numbers in a text.

use crate::numbers::{Number, PLACES, Total};
use std::num::IntErrorKind::{NegOverflow, PosOverflow};

/// Adds up the numbers of a block. Also returns how many line feeds it has, up to the first bad
/// token. A token of `longest` bytes is bad.
pub fn sum_tokens(block: &[u8], longest: usize) -> (u64, Result<Total, String>) {
    let (mut total, mut lines) = (Total::default(), 0);
    let mut float_first = false; // where a float was, another one follows
    let mut rest = block;
    while let [first, after @ ..] = rest {
        if first.is_ascii_whitespace() {
            lines += u64::from(*first == b'\n');
            rest = after;
            continue;
        }
        let short = if float_first { None } else { short(rest) };
        if let Some((whole, fraction, after)) = short {
            let whole = i128::from(whole);
            match fraction {
                None => total.add(Number::Integer(whole)),
                Some(fraction) => total.add(Number::Decimal { whole, fraction }),
            }
            rest = after;
        } else if let Some((value, after)) = float(rest, longest) {
            total.add(Number::Float(value));
            rest = after;
            float_first = true;
        } else if float_first {
            float_first = false;
        } else {
            let length = rest.iter().position(u8::is_ascii_whitespace);
            let (token, after) = rest.split_at(length.unwrap_or(rest.len()));
            match parse(token, longest) {
                Ok(number) => total.add(number),
                Err(reason) => return (lines, Err(format!("{} {reason}", shown(token)))),
            }
            rest = after;
        }
    }
    (lines, Ok(total))
}

/// Takes an integer, or the two parts of a decimal, off the front, if it has at most 18 digits on
/// each side of the point, as nearly all have.
fn short(bytes: &[u8]) -> Option<(i64, Option<i64>, &[u8])> {
    let (sign, bytes) = match bytes {
        [b'-', bytes @ ..] => (-1, bytes),
        [b'+', bytes @ ..] => (1, bytes),
        bytes => (1, bytes),
    };
    let (whole, length) = digits(bytes);
    match &bytes[length..] {
        [b'.', after @ ..] => {
            let (fraction, places) = digits(after);
            let fraction = fraction * 10_i64.pow((PLACES - places) as u32);
            let is_number = length + places > 0 && ends(&after[places..]);
            is_number.then_some((sign * whole, Some(sign * fraction), &after[places..]))
        }
        rest => (length > 0 && ends(rest)).then_some((sign * whole, None, rest)),
    }
}

/// Takes a number with an exponent off the front.
fn float(bytes: &[u8], longest: usize) -> Option<(f64, &[u8])> {
    let (value, length) = fast_float2::parse_partial::<f64, _>(bytes).ok()?;
    let (token, rest) = bytes.split_at(length);
    let is_float = token.iter().rev().any(|byte| matches!(byte, b'e' | b'E'));
    let is_float = is_float && length < longest && ends(rest);
    (is_float && value.is_finite()).then_some((value, rest))
}

fn ends(token: &[u8]) -> bool {
    token.first().is_none_or(u8::is_ascii_whitespace)
}

/// The value of the digits at the front, and how many they are; of more than 18, the first 18.
fn digits(bytes: &[u8]) -> (i64, usize) {
    let (mut value, mut length) = (0, 0);
    if let Some(&eight) = bytes.first_chunk() {
        // Up to eight at once, as a branch that depends on their number is hard to predict. Digits
        // become 0 to 9; then the highest bit is set in all other bytes.
        let word = u64::from_le_bytes(eight) ^ 0x3030_3030_3030_3030;
        let others = word | ((word & 0x7F7F_7F7F_7F7F_7F7F) + 0x7676_7676_7676_7676);
        let count = (others & 0x8080_8080_8080_8080).trailing_zeros() / 8;
        // The digits move to the end of the word, behind zeros; then they are added up to pairs, to
        // pairs of pairs, and to one number.
        let word = word.checked_shl(64 - 8 * count).unwrap_or(0);
        let pairs = (10 * word + (word >> 8)) & 0x00FF_00FF_00FF_00FF;
        let fours = (100 * pairs + (pairs >> 16)) & 0x0000_FFFF_0000_FFFF;
        value = ((10_000 * fours + (fours >> 32)) & 0xFFFF_FFFF) as i64;
        length = count as usize;
        if length < 8 {
            return (value, length);
        }
    }
    while let Some(digit @ b'0'..=b'9') = bytes.get(length) {
        if length == PLACES {
            break;
        }
        value = 10 * value + i64::from(digit - b'0');
        length += 1;
    }
    (value, length)
}

fn parse(token: &[u8], longest: usize) -> Result<Number, &'static str> {
    if token.len() >= longest {
        return Err("is too long for a number");
    }
    let value: f64 = fast_float2::parse(token).map_err(|_| "is not a number")?;
    let text = String::from_utf8_lossy(token); // ASCII, as it is a number
    match text.split_once('.') {
        None => match text.parse() {
            Ok(value) => return Ok(Number::Integer(value)),
            Err(error) if matches!(error.kind(), PosOverflow | NegOverflow) => {
                return Err("does not fit in 128 bits");
            }
            Err(_) => {} // an exponent, `inf` or `nan`
        },
        Some((whole, fraction)) if fraction.len() <= PLACES => {
            let fraction = format!("{fraction:0<PLACES$}").parse::<i64>();
            if let (Ok(whole), Ok(fraction)) = (whole.parse(), fraction) {
                let fraction = if text.starts_with('-') {
                    -fraction
                } else {
                    fraction
                };
                return Ok(Number::Decimal { whole, fraction });
            }
        }
        Some(_) => {}
    }
    // `1e999`, as opposed to `inf`.
    if value.is_infinite() && text.contains(|c: char| c.is_ascii_digit()) {
        return Err("is too large for a 64-bit float");
    }
    Ok(Number::Float(value))
}

/// A token for a message. Escaped, as some characters look like others: a dash like a minus sign.
fn shown(token: &[u8]) -> String {
    const COLUMNS: usize = 30;
    let start = &token[..token.len().min(COLUMNS + 1)];
    let escaped = String::from_utf8_lossy(start).escape_default().to_string();
    if escaped.len() <= COLUMNS {
        format!("\"{escaped}\"")
    } else {
        format!("\"{}\"...", &escaped[..COLUMNS])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// The sum, or the message about the first bad token.
    fn value(text: &str) -> Result<Number, String> {
        let (_, sum) = sum_tokens(text.as_bytes(), usize::MAX);
        Ok(sum?.value()?)
    }

    /// The sum as it is printed.
    fn sum(text: &str) -> String {
        value(text).unwrap().to_string()
    }

    /// Marsaglia's xorshift64: all of `u64` but 0, the same on every run.
    fn random(seed: u64) -> impl Iterator<Item = u64> {
        let mut state = seed;
        std::iter::repeat_with(move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        })
    }

    /// In front of and behind a number, there are none, few or many bytes.
    fn in_places(token: &str) -> [String; 3] {
        [
            token.into(),
            format!("{token} "),
            format!("  {token}\n         "),
        ]
    }

    #[test]
    fn integers_mean_what_rust_says_they_mean() {
        let of_all_lengths = random(1).take(1000).map(|bits| {
            let bits = (u128::from(bits) << 64 | u128::from(bits)) as i128;
            (bits >> (bits % 128).unsigned_abs()).to_string()
        });
        let others = [
            "0",
            "-0",
            "+7",
            "007",
            "00000000000000000000000000000000000000000001",
        ];
        for integer in of_all_lengths.chain(others.map(String::from)) {
            let expected = Ok(Number::Integer(integer.parse().unwrap()));
            for text in in_places(&integer) {
                assert_eq!(value(&text), expected, "{text:?}");
            }
        }
    }

    #[test]
    fn random_decimals_are_those_that_were_written() {
        for bits in random(2).take(10_000) {
            let (whole, places) = (bits >> (bits % 64), (bits % 19) as usize);
            let fraction = bits % 10_u64.pow(places as u32);
            let is_zero = whole == 0 && fraction == 0; // which has no sign
            let sign = if bits % 2 == 0 && !is_zero { "-" } else { "" };
            let decimal = format!("{sign}{whole}.{fraction:0places$}");
            let expected = decimal.trim_end_matches('0');
            let expected = if expected.ends_with('.') {
                format!("{expected}0")
            } else {
                expected.into()
            };
            for text in in_places(&decimal) {
                assert_eq!(sum(&text), expected, "{text:?}");
            }
        }
    }

    #[test]
    fn others_are_floats_and_mean_what_rust_says_they_mean() {
        for float in [
            "+1e3",
            "1E-3",
            "1.e+2",
            ".5e0",
            "0e0",
            "-0e5",
            "inf",
            "-Infinity",
            "1e-999",
            "1e308",
            "1e00000000000000000000000007",
            "12345678901234567890123456789012345678901234567890.5",
            "0.0000000000000000001",
            "1.0000000000000000000",
            "0.00012345678901234567",
            "-123456789.0000000000123456789",
        ] {
            let expected = Ok(Number::Float(float.parse::<f64>().unwrap() + 0.0));
            for text in in_places(float) {
                assert_eq!(value(&text), expected, "{text:?}");
            }
        }
        assert!(matches!(value("nan"), Ok(Number::Float(nan)) if nan.is_nan()));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for token in [
            "x",
            "-",
            "+",
            ".",
            "-.",
            "e5",
            ".e5",
            "1e",
            "1e+",
            "1e5.",
            "12x",
            "x12",
            "--1",
            "+-1",
            "1,5",
            "1_000",
            "0x10",
            "1.2.3",
            "1.5x",
            "1e5x",
            "1.-5",
            "1.+5",
            "infinit",
            "1\0",
            "1\u{a0}2",
            "\u{661}",
            "\u{2013}0.18",
            "12345678\u{661}",
        ] {
            for text in in_places(token) {
                assert!(
                    value(&text).unwrap_err().ends_with(" is not a number"),
                    "{text:?}"
                );
            }
        }
        let (_, sum) = sum_tokens(b"\xff", 2);
        assert_eq!(sum.unwrap_err(), "\"\\u{fffd}\" is not a number");
        // Every byte behind a number, as the last of eight and of fewer.
        for byte in 0..=255 {
            for number in ["1", "1234567", "12345678", "1.5", "1e5"] {
                let text = [number.as_bytes(), &[byte], b"        "].concat();
                let expected = byte.is_ascii_whitespace()
                    || byte.is_ascii_digit()
                    || (byte == b'.' && !number.contains(['.', 'e']));
                assert_eq!(sum_tokens(&text, 99).1.is_ok(), expected, "{text:?}");
            }
        }
    }

    #[test]
    fn a_number_too_large_for_its_type_is_refused() {
        let limits = [i128::MIN, i128::MAX];
        assert_eq!(
            limits.map(|limit| value(&limit.to_string())),
            limits.map(|n| Ok(Number::Integer(n)))
        );
        let (integer, float) = (
            "does not fit in 128 bits",
            "is too large for a 64-bit float",
        );
        for (text, reason) in [
            ("170141183460469231731687303715884105728", integer),
            ("-170141183460469231731687303715884105729", integer),
            ("1e309", float),
            ("-1e309", float),
            ("123456789012345678901234567890e300", float),
        ] {
            assert!(value(text).unwrap_err().ends_with(reason), "{text}");
        }
    }

    #[test]
    fn kinds_may_alternate() {
        // After a float, another one is expected.
        assert_eq!(sum("1e0 2 1e0 2.5 1e0"), "7.5");
        assert_eq!(sum("1e0 99999999999999999999 -99999999999999999998"), "2.0");
        assert!(value("1e0 x").is_err());
    }

    #[test]
    fn a_bad_token_is_located_and_what_stands_behind_it_is_not_read() {
        let (lines, sum) = sum_tokens(b"1\r\n2 3\n\n4 5x 6y\n", 99);
        assert_eq!(
            (lines, sum.unwrap_err().as_str()),
            (3, "\"5x\" is not a number")
        );
        let (lines, sum) = sum_tokens(b"1\n2\n", 99);
        assert_eq!((lines, sum.is_ok()), (2, true));
    }

    #[test]
    fn tokens_are_shown_in_short_and_escaped() {
        let nines = |count| "9".repeat(count);
        for (token, expected) in [
            (nines(30), format!("\"{}\"", nines(30))),
            (nines(31), format!("\"{}\"...", nines(30))),
            ("\u{2013}0.18".into(), "\"\\u{2013}0.18\"".into()),
            ("a\"\\\x1b[1m".into(), "\"a\\\"\\\\\\u{1b}[1m\"".into()),
            (
                "\u{fffd}".repeat(99),
                format!("\"{}\\u{{fff\"...", "\\u{fffd}".repeat(3)),
            ),
        ] {
            assert_eq!(shown(token.as_bytes()), expected);
        }
    }
}
