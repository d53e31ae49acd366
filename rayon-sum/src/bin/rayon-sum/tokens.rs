//! Finds the numbers in a text, fast.

use crate::numbers::{Number, PLACES, POWERS_OF_10, Reason, Total};

/// A token that cannot be added.
#[derive(Debug, PartialEq)]
pub struct BadToken<'a> {
    pub token: &'a [u8],
    pub reason: Reason,
    /// The number of line feeds in the block before the token.
    pub newlines: u64,
}

/// Adds up the tokens of a block, up to the first bad one. Also returns the number of line feeds.
pub fn sum_tokens(block: &[u8]) -> Result<(Total, u64), BadToken<'_>> {
    let mut total = Total::default();
    let mut newlines = 0;
    let mut rest = block;
    while let Some(first) = rest.first() {
        if is_space(first) {
            newlines += u64::from(*first == b'\n');
            rest = &rest[1..];
            continue;
        }
        // Nearly all numbers end in one of these two; `parse` can read all.
        let (negative, digits) = match rest {
            [b'-', digits @ ..] => (true, digits),
            [b'+', digits @ ..] => (false, digits),
            digits => (false, digits),
        };
        let (whole, length) = leading_digits(digits);
        let after = &digits[length..];
        if length > 0 && ends(after) {
            let whole = i128::from(whole);
            total.add(Number::Integer(if negative { -whole } else { whole }));
            rest = after;
            continue;
        }
        if let Some((number, after)) = decimal_or_float(negative, whole, length, after) {
            total.add(number);
            rest = after;
            continue;
        }
        let length = rest.iter().position(is_space).unwrap_or(rest.len());
        let (token, after) = rest.split_at(length);
        let number = parse(token).map_err(|reason| BadToken {
            token,
            reason,
            newlines,
        })?;
        total.add(number);
        rest = after;
    }
    Ok((total, newlines))
}

/// What separates tokens: space, tab, line feed, form feed, carriage return.
pub fn is_space(byte: &u8) -> bool {
    byte.is_ascii_whitespace()
}

fn ends(token: &[u8]) -> bool {
    token.first().is_none_or(is_space)
}

/// The value of the digits at the front, and how many they are: all, or as many as surely fit.
fn leading_digits(bytes: &[u8]) -> (u64, usize) {
    let Some(&eight) = bytes.first_chunk() else {
        return more_digits(0, 0, bytes);
    };
    // Up to eight at once, as a branch that depends on their number is hard to predict. Digits
    // become 0 to 9; then the highest bit is set in all other bytes.
    let word = u64::from_le_bytes(eight) ^ 0x3030_3030_3030_3030;
    let others = word | ((word & 0x7F7F_7F7F_7F7F_7F7F) + 0x7676_7676_7676_7676);
    let length = (others & 0x8080_8080_8080_8080).trailing_zeros() / 8;
    // The digits move to the end of the word, behind zeros; then they are added up to pairs, to
    // pairs of pairs, and to one number.
    let word = word.checked_shl(64 - 8 * length).unwrap_or(0);
    let pairs = (10 * word + (word >> 8)) & 0x00FF_00FF_00FF_00FF;
    let fours = (100 * pairs + (pairs >> 16)) & 0x0000_FFFF_0000_FFFF;
    let value = (10_000 * fours + (fours >> 32)) & 0xFFFF_FFFF;
    if length < 8 {
        (value, length as usize)
    } else {
        more_digits(value, 8, bytes)
    }
}

/// Goes on behind `length` digits.
fn more_digits(mut value: u64, mut length: usize, bytes: &[u8]) -> (u64, usize) {
    while let Some(digit @ b'0'..=b'9') = bytes.get(length) {
        if value >= 10_u64.pow(18) {
            break; // one more might not fit
        }
        value = 10 * value + u64::from(digit - b'0');
        length += 1;
    }
    (value, length)
}

/// Takes what follows `length` digits with the value `whole` off the front, if it is simple.
fn decimal_or_float(
    negative: bool,
    whole: u64,
    length: usize,
    rest: &[u8],
) -> Option<(Number, &[u8])> {
    let (fraction, places, rest) = match rest {
        [b'.', rest @ ..] => {
            let (fraction, places) = more_digits(0, 0, rest);
            (fraction, places, &rest[places..])
        }
        _ => (0, 0, rest),
    };
    if length + places == 0 {
        return None;
    }
    if places <= PLACES && ends(rest) {
        let (whole, fraction) = (i128::from(whole), fraction * POWERS_OF_10[PLACES - places]);
        let fraction = fraction as i64; // below 10^18
        let (whole, fraction) = if negative {
            (-whole, -fraction)
        } else {
            (whole, fraction)
        };
        return Some((Number::Decimal { whole, fraction }, rest));
    }
    let mantissa = match whole {
        0 => fraction,
        _ if length + places <= 19 => whole * POWERS_OF_10[places] + fraction,
        _ => return None,
    };
    let (exponent, rest) = exponent(rest)?;
    let value = scaled(mantissa, exponent - places as i32)?;
    let value = if negative { -value } else { value };
    ends(rest).then_some((Number::Float(value), rest))
}

/// Takes an exponent off the front; it is 0 if there is none.
fn exponent(bytes: &[u8]) -> Option<(i32, &[u8])> {
    let (sign, digits) = match bytes {
        [b'e' | b'E', b'-', digits @ ..] => (-1, digits),
        [b'e' | b'E', b'+', digits @ ..] | [b'e' | b'E', digits @ ..] => (1, digits),
        _ => return Some((0, bytes)),
    };
    let (value, length) = more_digits(0, 0, digits);
    (1..=3)
        .contains(&length)
        .then(|| (sign * value as i32, &digits[length..]))
}

/// The largest `n` for which 5^n fills less than 64 bits.
const LARGEST: usize = 27;

/// 10^(n - LARGEST) is at least `POWERS[n].0 * 2^POWERS[n].1`, and less than one unit more of the
/// first, which fills its 64 bits.
const POWERS: [(u64, i32); 2 * LARGEST + 1] = {
    let mut powers = [(0, 0); 2 * LARGEST + 1];
    let mut n = 0;
    while n <= LARGEST {
        let five = 5_u64.pow(n as u32);
        let zeros = five.leading_zeros() as i32;
        let inverse = (1_u128 << (127 - zeros)) / five as u128;
        powers[LARGEST - n] = (inverse as u64, zeros - 127 - n as i32);
        powers[LARGEST + n] = (five << zeros, n as i32 - zeros); // 10^0 is of this kind
        n += 1;
    }
    powers
};

/// `mantissa * 10^exponent`, correctly rounded, where 64 bits of it decide that.
fn scaled(mantissa: u64, exponent: i32) -> Option<f64> {
    let index = usize::try_from(exponent + LARGEST as i32).ok()?;
    let &(power, power_exponent) = POWERS.get(index)?;
    let zeros = mantissa.leading_zeros();
    let mantissa = mantissa.checked_shl(zeros)?; // not of 0
    let product = ((u128::from(mantissa) * u128::from(power)) >> 64) as u64;
    // What was cut off is less than 1 here, and less than 1 of `power`; so the true product is at
    // most 2 more, and between two numbers that are rounded to the same, all are.
    let value = product as f64;
    if value != product.checked_add(2)? as f64 {
        return None;
    }
    let exponent = 64 - zeros as i32 + power_exponent;
    Some(value * f64::from_bits(((1023 + exponent) as u64) << 52))
}

fn parse(token: &[u8]) -> Result<Number, Reason> {
    let text = std::str::from_utf8(token).map_err(|_| Reason::Malformed)?;
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits.is_empty() && all_digits(digits) {
        let value = text.parse().map_err(|_| Reason::IntegerOverflow)?;
        return Ok(Number::Integer(value));
    }
    let value = text.parse::<f64>().map_err(|_| Reason::Malformed)?;
    if let Some((whole, fraction)) = text.split_once('.') {
        if fraction.len() <= PLACES && all_digits(fraction) {
            if let Ok(whole) = whole.parse() {
                let fraction: i64 = format!("{fraction:0<PLACES$}").parse().unwrap_or(0);
                let fraction = if text.starts_with('-') {
                    -fraction
                } else {
                    fraction
                };
                return Ok(Number::Decimal { whole, fraction });
            }
        }
    }
    // `1e999`, as opposed to `inf`.
    if value.is_infinite() && !digits.starts_with(char::is_alphabetic) {
        return Err(Reason::FloatOverflow);
    }
    Ok(Number::Float(value))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn value(text: &str) -> Result<Number, Reason> {
        match sum_tokens(text.as_bytes()) {
            Ok((total, _)) => total.value(),
            Err(bad) => Err(bad.reason),
        }
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
    fn scaling_rounds_as_rust_does_or_leaves_it_to_rust() {
        /// Whether it was decided here.
        fn check(mantissa: u64, exponent: i32) -> bool {
            let text = format!("{mantissa}e{exponent}");
            let expected = text.parse::<f64>().unwrap().to_bits();
            let value = scaled(mantissa, exponent);
            assert!(
                value.is_none_or(|value| value.to_bits() == expected),
                "{text}"
            );
            value.is_some()
        }
        let mut left = 0;
        for bits in random(3).take(100_000) {
            for exponent in [(bits % 55) as i32 - 27, -17, -6, 0] {
                left += u32::from(!check(bits >> (bits % 60), exponent));
            }
        }
        assert!(left < 4_000, "{left} of 400,000 were not decided");
        // Halfway between two floats, and next to that.
        for bits in random(4).take(10_000) {
            let halfway = (bits >> 10) | 1 << 53 | 1;
            for (k, power) in [1, 5, 25, 125, 625].into_iter().enumerate() {
                for mantissa in [halfway * power - 1, halfway * power, halfway * power + 1] {
                    check(mantissa, -(k as i32)); // halfway / 2^k
                    check(mantissa, 0);
                    check(mantissa / power, k as i32);
                }
            }
        }
        for exponent in [-28, 28, i32::MIN + 27, 999] {
            assert_eq!(scaled(1, exponent), None);
        }
        for mantissa in [0, 1, u64::MAX] {
            (-27..=27).for_each(|exponent| _ = check(mantissa, exponent));
        }
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
                assert_eq!(value(&text), Err(Reason::Malformed), "{text:?}");
            }
        }
        assert_eq!(sum_tokens(b"\xff").unwrap_err().reason, Reason::Malformed);
        // Every byte behind a number, as the last of eight and of fewer.
        for byte in 0..=255 {
            for number in ["1", "1234567", "12345678", "1.5", "1e5"] {
                let text = [number.as_bytes(), &[byte], b"        "].concat();
                let expected = byte.is_ascii_whitespace()
                    || byte.is_ascii_digit()
                    || (byte == b'.' && !number.contains(['.', 'e']));
                assert_eq!(sum_tokens(&text).is_ok(), expected, "{text:?}");
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
        for integer in [
            "170141183460469231731687303715884105728",
            "-170141183460469231731687303715884105729",
        ] {
            assert_eq!(value(integer), Err(Reason::IntegerOverflow));
        }
        assert_eq!(value("1e309"), Err(Reason::FloatOverflow));
        assert_eq!(value("-1e309"), Err(Reason::FloatOverflow));
    }

    #[test]
    fn a_bad_token_is_located() {
        let bad = sum_tokens(b"1\r\n2 3\n\n4 5x 6y\n").unwrap_err();
        let expected = BadToken {
            token: b"5x",
            reason: Reason::Malformed,
            newlines: 3,
        };
        assert_eq!(bad, expected);
    }
}
