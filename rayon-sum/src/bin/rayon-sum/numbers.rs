//! What a token means, and how numbers of both kinds add up.

use rayon_sum::CompensatedSum;
use std::fmt;

/// A number as it stands in the input or as the result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    Integer(i128),
    /// `whole + fraction / 10^18`; both have the same sign, if any.
    Decimal {
        whole: i128,
        fraction: i64,
    },
    Float(f64),
}

/// The digits after the point that a decimal can have; one with more is a float.
const PLACES: usize = 18;

/// 1 as a fraction: 10^PLACES.
const ONE: i128 = POWERS_OF_10[PLACES] as i128;

const POWERS_OF_10: [u64; PLACES + 1] = {
    let mut powers = [1; PLACES + 1];
    let mut n = 1;
    while n <= PLACES {
        powers[n] = 10 * powers[n - 1];
        n += 1;
    }
    powers
};

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match *self {
            Number::Integer(value) => write!(f, "{value}"),
            Number::Decimal { whole, fraction } => {
                let sign = if whole < 0 || fraction < 0 { "-" } else { "" };
                let digits = format!("{:0PLACES$}", fraction.unsigned_abs());
                // At least one digit keeps it a decimal when it is read back.
                let digits = digits[..1].to_owned() + digits[1..].trim_end_matches('0');
                write!(f, "{sign}{}.{digits}", whole.unsigned_abs())
            }
            // `Debug` keeps the `.0` and writes large values with an exponent.
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
            Reason::TooLong => "is too long for a number",
            Reason::IntegerOverflow => "does not fit in 128 bits",
            Reason::FloatOverflow => "is too large for a 64-bit float",
        })
    }
}

/// What kind of number a total is: that of the least exact number in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    #[default]
    Integer,
    Decimal,
    Float,
}

/// Numbers added up: floats apart, so that the others stay exact.
#[derive(Clone, Copy, Debug, Default)]
pub struct Total {
    kind: Kind,
    whole: WideSum,
    /// In units of `10^-18`. It cannot overflow: that would take 10^20 numbers.
    fraction: i128,
    floats: CompensatedSum,
    /// The sum of the infinities and NaNs; 0 while there were none.
    special: f64,
}

impl Total {
    pub fn add(&mut self, number: Number) {
        match number {
            Number::Integer(value) => self.whole.add(value),
            Number::Decimal { whole, fraction } => {
                self.kind = self.kind.max(Kind::Decimal);
                self.whole.add(whole);
                self.fraction += i128::from(fraction);
            }
            Number::Float(value) => {
                self.kind = Kind::Float;
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
        self.kind = self.kind.max(later.kind);
        self.whole.merge(later.whole);
        self.fraction += later.fraction;
        self.floats.merge(later.floats);
        self.special += later.special;
    }

    /// A number of the kind of the total. It is infinite or NaN only if the input said so.
    pub fn value(mut self) -> Result<Number, Reason> {
        self.whole.add(self.fraction.div_euclid(ONE));
        let fraction = self.fraction.rem_euclid(ONE);
        if self.kind == Kind::Float {
            let mut sum = self.floats;
            self.whole.add_to(&mut sum);
            sum.add(fraction as f64 / ONE as f64);
            return match (self.special, sum.value()) {
                (0.0, sum) if sum.is_finite() => Ok(Number::Float(sum)),
                (0.0, _) => Err(Reason::FloatOverflow),
                (special, _) => Ok(Number::Float(special)),
            };
        }
        let whole = self.whole.value().ok_or(Reason::IntegerOverflow)?;
        Ok(match self.kind {
            Kind::Integer => Number::Integer(whole),
            // -1 and 0.75 are -0.25.
            _ if whole < 0 && fraction > 0 => Number::Decimal {
                whole: whole + 1,
                fraction: (fraction - ONE) as i64,
            },
            _ => Number::Decimal {
                whole,
                fraction: fraction as i64,
            },
        })
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
            total.whole.add(if negative { -whole } else { whole });
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
    fn decimals_are_added_exactly() {
        for (text, expected) in [
            ("1.10 2.20", "3.3"),
            ("0.1 0.2", "0.3"),
            ("1.50 1.50", "3.0"),
            ("1 0.5", "1.5"),
            (".5 5.", "5.5"),
            ("-0.5", "-0.5"),
            ("-.25 -1.75", "-2.0"),
            ("0.75 -1", "-0.25"),
            ("0.25 -2.5", "-2.25"),
            ("-0.0", "0.0"),
            ("+0.000000000000000001", "0.000000000000000001"),
            (
                "10000000000000000000.1 -0.000000000000000001",
                "10000000000000000000.099999999999999999",
            ),
            ("9007199254740993.0 9007199254740993", "18014398509481986.0"),
        ] {
            assert_eq!(sum(text), expected, "{text}");
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
    fn decimals_of_any_size_that_fits_are_exact() {
        let (max, min) = (i128::MAX, i128::MIN);
        for decimal in [
            format!("{max}.999999999999999999"),
            format!("{min}.0"),
            format!("{}.5", min + 1),
        ] {
            assert_eq!(sum(&decimal), decimal);
        }
        assert_eq!(sum(&format!("{max}.5 {max}.75 {min} {min}")), "-0.75");
        for overflow in [format!("{max}.5 0.5"), format!("{min}.0 -0.5")] {
            assert_eq!(value(&overflow), Err(Reason::IntegerOverflow));
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
    fn only_the_total_of_integers_has_to_fit() {
        let (min, max) = (i128::MIN, i128::MAX);
        assert_eq!(sum(&format!("{max} {max} {min} {min} 2")), "0");
        assert_eq!(sum(&format!("{min} -1 1")), min.to_string());
        assert_eq!(value(&format!("{max} 1")), Err(Reason::IntegerOverflow));
        assert_eq!(value(&format!("{min} -1")), Err(Reason::IntegerOverflow));
    }

    #[test]
    fn the_sum_is_of_the_least_exact_kind_among_the_numbers() {
        for (text, expected) in [
            ("1 2", "3"),
            ("1.0 2", "3.0"),
            ("1e0 2", "3.0"),
            ("1e0 0.5", "1.5"),
        ] {
            assert_eq!(sum(text), expected);
            let (first, second) = text.split_once(' ').unwrap();
            for parts in [[first, second], [second, first]] {
                let [mut total, later] = parts.map(|part| sum_tokens(part.as_bytes()).unwrap().0);
                total.merge(later);
                assert_eq!(total.value().unwrap().to_string(), expected, "{parts:?}");
            }
        }
    }

    #[test]
    fn sums_of_parts_add_up_to_the_sum_of_the_whole() {
        let numbers = [
            "-1.25",
            "170141183460469231731687303715884105727",
            "7",
            "0.000000000000000003",
            "-170141183460469231731687303715884105726.5",
            "1.1",
            "2.2",
            "-9223372036854775808",
        ];
        let text = numbers.join("\n");
        let expected = sum(&text);
        assert_eq!(expected, "-9223372036854775798.449999999999999997");
        // Each bit decides whether there is a cut.
        for cuts in 0..1_u32 << (numbers.len() - 1) {
            let mut parts = vec![String::new()];
            for (index, number) in numbers.iter().enumerate() {
                parts.last_mut().unwrap().push_str(&format!("{number}\n"));
                if cuts >> index & 1 == 1 {
                    parts.push(String::new());
                }
            }
            let sums: Vec<_> = parts.iter().map(|part| value(part)).collect();
            // A part that does not fit is an error, and then there is no total.
            if let Ok(sums) = sums.into_iter().collect::<Result<Vec<_>, _>>() {
                let sums: String = sums.iter().map(|sum| format!("{sum}\n")).collect();
                assert_eq!(sum(&sums), expected, "{parts:?}");
            }
        }
    }

    #[test]
    fn exact_numbers_among_floats_are_added_before_they_are_rounded() {
        assert_eq!(value("1 2.5e0 0.25"), Ok(Number::Float(3.75)));
        assert_eq!(
            value("9007199254740993 0e0"),
            Ok(Number::Float(9007199254740992.0))
        );
        assert_eq!(
            value("9007199254740993 1e0"),
            Ok(Number::Float(9007199254740994.0))
        );
        assert_eq!(
            value("9007199254740993.5 0.5 0e0"),
            Ok(Number::Float(9007199254740994.0))
        );
        let power = "1.70141183460469231731687303715884105728e38"; // 2^127
        assert_eq!(
            value(&format!("{} -{power}", i128::MAX)),
            Ok(Number::Float(-1.0))
        );
        assert_eq!(
            value(&format!("{} {power}", i128::MIN + 2)),
            Ok(Number::Float(2.0))
        );
        for (limit, expected) in [(i128::MAX, 2_f64.powi(128)), (i128::MIN, -2_f64.powi(128))] {
            assert_eq!(
                value(&format!("{limit} {limit} 0e0")),
                Ok(Number::Float(expected))
            );
        }
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
    fn floats_are_printed_in_the_shortest_form_that_reads_back() {
        for float in [0.0, 3.0, 0.1, 1e21, 1e300, 5e-324, f64::MAX, f64::INFINITY] {
            let text = Number::Float(float).to_string();
            assert_eq!(text.parse(), Ok(float));
        }
        assert_eq!(Number::Float(3.0).to_string(), "3.0");
        assert_eq!(Number::Float(f64::NAN).to_string(), "NaN");
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
