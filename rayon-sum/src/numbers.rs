//! What a token means, and how numbers of both kinds add up.

use rayon_sum::CompensatedSum;
use std::fmt;

/// A number as it stands in the input or as the result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    Integer(i128),
    Float(f64),
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Number::Integer(value) => write!(f, "{value}"),
            // `Debug` keeps the `.0` and writes large values with an exponent: read back, the text
            // is a float again, with the same bits.
            Number::Float(value) => write!(f, "{value:?}"),
        }
    }
}

/// Why a token or a total has no value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    Malformed,
    TooLong,
    IntegerOverflow,
    FloatOverflow,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Reason::Malformed => "is not a number",
            Reason::TooLong => "is too long for a number; white space must separate numbers",
            Reason::IntegerOverflow => "does not fit in a signed 128-bit integer",
            Reason::FloatOverflow => "is too large for a 64-bit float",
        })
    }
}

/// Integers and floats added up apart, so that the integers stay exact.
#[derive(Clone, Copy, Debug, Default)]
pub struct Total {
    integers: WideSum,
    floats: CompensatedSum,
    /// The sum of the infinities and NaNs; 0 while there were none.
    special: f64,
    any_float: bool,
}

impl Total {
    pub fn add(&mut self, number: Number) {
        match number {
            Number::Integer(value) => self.integers.add(value),
            Number::Float(value) => {
                self.any_float = true;
                if value.is_finite() {
                    self.floats.add(value);
                } else {
                    self.special += value;
                }
            }
        }
    }

    /// Adds what comes after `self` in the input.
    pub fn merge(&mut self, later: Self) {
        self.integers.merge(later.integers);
        self.floats.merge(later.floats);
        self.special += later.special;
        self.any_float |= later.any_float;
    }

    /// An integer if there were only integers, else a float. It is infinite or NaN only if the
    /// input said so.
    pub fn value(self) -> Result<Number, Reason> {
        if !self.any_float {
            return self
                .integers
                .value()
                .map(Number::Integer)
                .ok_or(Reason::IntegerOverflow);
        }
        let mut sum = self.floats;
        self.integers.add_to(&mut sum);
        match (self.special, sum.value()) {
            (0.0, sum) if sum.is_finite() => Ok(Number::Float(sum)),
            (0.0, _) => Err(Reason::FloatOverflow),
            (special, _) => Ok(Number::Float(special)),
        }
    }
}

/// A sum of `i128` that cannot overflow on the way: `low + overflows * 2^128`.
#[derive(Clone, Copy, Debug, Default)]
struct WideSum {
    low: i128,
    overflows: i64,
}

impl WideSum {
    fn add(&mut self, value: i128) {
        let (low, overflowed) = self.low.overflowing_add(value);
        self.low = low;
        if overflowed {
            self.overflows += if value < 0 { -1 } else { 1 };
        }
    }

    fn merge(&mut self, other: Self) {
        self.add(other.low);
        self.overflows += other.overflows;
    }

    fn value(self) -> Option<i128> {
        (self.overflows == 0).then_some(self.low)
    }

    fn add_to(self, sum: &mut CompensatedSum) {
        let sign = if self.low < 0 { -1.0 } else { 1.0 };
        // Unsigned, because it may round up to 2^127.
        let magnitude = self.low.unsigned_abs();
        let rounded = magnitude as f64;
        let rest = magnitude.wrapping_sub(rounded as u128) as i128;
        sum.add(self.overflows as f64 * 2_f64.powi(128));
        sum.add(sign * rounded);
        sum.add(sign * rest as f64);
    }
}

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
        if let Some((value, after)) = short_integer(rest) {
            total.add(Number::Integer(value.into()));
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

/// Takes an integer of up to 18 digits, which cannot overflow, off the front. That is what nearly
/// all tokens are; the others are left to `parse`.
fn short_integer(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let mut value = 0;
    let mut length = 0;
    while let Some(digit @ b'0'..=b'9') = digits.get(length) {
        if length == 18 {
            return None;
        }
        value = value * 10 + i64::from(digit - b'0');
        length += 1;
    }
    let rest = &digits[length..];
    let ends_here = length > 0 && rest.first().is_none_or(is_space);
    ends_here.then_some((if negative { -value } else { value }, rest))
}

fn parse(token: &[u8]) -> Result<Number, Reason> {
    let text = std::str::from_utf8(token).map_err(|_| Reason::Malformed)?;
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return text
            .parse()
            .map(Number::Integer)
            .map_err(|_| Reason::IntegerOverflow);
    }
    match text.parse::<f64>() {
        // `1e999`, as opposed to `inf`.
        Ok(value)
            if value.is_infinite() && digits.starts_with(|first: char| !first.is_alphabetic()) =>
        {
            Err(Reason::FloatOverflow)
        }
        Ok(value) => Ok(Number::Float(value)),
        Err(_) => Err(Reason::Malformed),
    }
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

    #[test]
    fn tokens_mean_what_rust_says_they_mean() {
        for integer in [
            "0",
            "-0",
            "+7",
            "007",
            "999999999999999999",
            "-1000000000000000000",
        ] {
            assert_eq!(
                value(integer),
                Ok(Number::Integer(integer.parse().unwrap())),
                "{integer}"
            );
        }
        for float in [
            "0.5",
            "-.5",
            "5.",
            "+1e3",
            "1E-3",
            "inf",
            "-Infinity",
            "1e-999",
            "1e308",
        ] {
            assert_eq!(
                value(float),
                Ok(Number::Float(float.parse().unwrap())),
                "{float}"
            );
        }
        assert!(matches!(value("nan"), Ok(Number::Float(nan)) if nan.is_nan()));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for token in [
            "x", "-", "+", ".", "e5", "1e", "12x", "x12", "--1", "+-1", "1,5", "1_000",
        ] {
            assert_eq!(value(token), Err(Reason::Malformed), "{token}");
        }
        for token in ["0x10", "1.2.3", "infinit", "1\0", "1\u{a0}2", "\u{661}"] {
            assert_eq!(value(token), Err(Reason::Malformed), "{token}");
        }
        assert_eq!(sum_tokens(b"\xff").unwrap_err().reason, Reason::Malformed);
    }

    #[test]
    fn a_number_too_large_for_its_type_is_refused() {
        let limits = [i128::MIN, i128::MAX];
        assert_eq!(
            limits.map(|limit| value(&limit.to_string())),
            limits.map(|n| Ok(Number::Integer(n)))
        );
        assert_eq!(
            value("170141183460469231731687303715884105728"),
            Err(Reason::IntegerOverflow)
        );
        assert_eq!(
            value("-170141183460469231731687303715884105729"),
            Err(Reason::IntegerOverflow)
        );
        assert_eq!(value("1e309"), Err(Reason::FloatOverflow));
        assert_eq!(value("-1e309"), Err(Reason::FloatOverflow));
    }

    #[test]
    fn only_the_total_of_integers_has_to_fit() {
        let (min, max) = (i128::MIN, i128::MAX);
        assert_eq!(
            value(&format!("{max} {max} {min} {min} 2")),
            Ok(Number::Integer(0))
        );
        assert_eq!(value(&format!("{min} -1 1")), Ok(Number::Integer(min)));
        assert_eq!(value(&format!("{max} 1")), Err(Reason::IntegerOverflow));
        assert_eq!(value(&format!("{min} -1")), Err(Reason::IntegerOverflow));
    }

    #[test]
    fn a_merged_total_keeps_the_kind_and_the_infinities() {
        let total = |texts: [&str; 2]| {
            let [mut first, second] = texts.map(|text| sum_tokens(text.as_bytes()).unwrap().0);
            first.merge(second);
            first.value()
        };
        for texts in [["0.5", "1"], ["1", "0.5"]] {
            assert_eq!(total(texts), Ok(Number::Float(1.5)));
        }
        for texts in [["inf", "1"], ["1", "inf"], ["inf", "2.5"]] {
            assert_eq!(total(texts), Ok(Number::Float(f64::INFINITY)));
        }
    }

    #[test]
    fn a_merged_total_is_the_total_of_all() {
        let parts = [i128::MAX, i128::MAX, i128::MIN, i128::MIN, 5].map(|integer| {
            let mut part = Total::default();
            part.add(Number::Integer(integer));
            part
        });
        let mut total = Total::default();
        parts.into_iter().for_each(|part| total.merge(part));
        assert_eq!(total.value(), Ok(Number::Integer(3)));
    }

    #[test]
    fn integers_among_floats_are_added_exactly_before_they_are_rounded() {
        assert_eq!(value("1 2.5"), Ok(Number::Float(3.5)));
        assert_eq!(
            value("9007199254740993 0.0"),
            Ok(Number::Float(9007199254740992.0))
        );
        assert_eq!(
            value("9007199254740993 1.0"),
            Ok(Number::Float(9007199254740994.0))
        );
        let power = "170141183460469231731687303715884105728.0"; // 2^127
        assert_eq!(
            value(&format!("{} -{power}", i128::MAX)),
            Ok(Number::Float(-1.0))
        );
        assert_eq!(
            value(&format!("{} {power}", i128::MIN + 2)),
            Ok(Number::Float(2.0))
        );
        assert_eq!(
            value(&format!("{0} {0} 0.0", i128::MAX)),
            Ok(Number::Float(2_f64.powi(128)))
        );
        assert_eq!(
            value(&format!("{0} {0} 0.0", i128::MIN)),
            Ok(Number::Float(-2_f64.powi(128)))
        );
    }

    #[test]
    fn the_sum_is_infinite_or_nan_only_if_the_input_says_so() {
        assert_eq!(value("inf 1"), Ok(Number::Float(f64::INFINITY)));
        assert_eq!(
            value("1.5 -inf 1e308 1e308"),
            Ok(Number::Float(f64::NEG_INFINITY))
        );
        assert!(matches!(value("inf -inf"), Ok(Number::Float(nan)) if nan.is_nan()));
        assert_eq!(value("1e308 1e308"), Err(Reason::FloatOverflow));
    }

    #[test]
    fn a_printed_sum_reads_back_as_the_same_number() {
        for number in [0.0, 3.0, 0.1, 1e21, 1e300, 5e-324, f64::MAX, f64::INFINITY] {
            let number = Number::Float(number);
            assert_eq!(value(&number.to_string()), Ok(number));
        }
        assert_eq!(Number::Float(3.0).to_string(), "3.0");
        assert_eq!(Number::Integer(-3).to_string(), "-3");
        assert_eq!(Number::Float(f64::NAN).to_string(), "NaN");
    }

    #[test]
    fn a_bad_token_is_located() {
        let bad = sum_tokens(b"1\r\n2 3\n\n4 5x 6y\n").unwrap_err();
        assert_eq!(
            bad,
            BadToken {
                token: b"5x",
                reason: Reason::Malformed,
                newlines: 3
            }
        );
    }
}
