//! Numbers of three kinds, and how they add up.

use rayon_sum::reproducible_sum::CompensatedSum;
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
pub const PLACES: usize = 18;

/// 1 as a fraction: 10^PLACES.
const ONE: i128 = 10_i128.pow(PLACES as u32);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

/// The kind of a total: the least exact one among its numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    #[default]
    Integer,
    Decimal,
    Float,
}

/// Numbers added up: floats apart, so that the others stay exact.
///
/// The exact part is `high * 2^64 + low + fraction / 10^18`. None of the three can overflow: that
/// would take 2^63 numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Total {
    kind: Kind,
    high: i128,
    low: i128,
    fraction: i128,
    floats: CompensatedSum,
    /// The sum of the infinities and NaNs; 0 while there were none.
    special: f64,
}

const LOW: i128 = u64::MAX as i128;

impl Total {
    pub fn add(&mut self, number: Number) {
        match number {
            Number::Integer(value) => self.add_whole(value),
            Number::Decimal { whole, fraction } => {
                self.kind = self.kind.max(Kind::Decimal);
                self.add_whole(whole);
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

    fn add_whole(&mut self, value: i128) {
        self.high += value >> 64;
        self.low += value & LOW;
    }

    /// Adds what comes after `self` in the input.
    pub fn merge(&mut self, later: Self) {
        self.kind = self.kind.max(later.kind);
        self.high += later.high;
        self.low += later.low;
        self.fraction += later.fraction;
        self.floats.merge(later.floats);
        self.special += later.special;
    }

    /// Carries, so that `low` is within 2^64, `fraction` within 1, and all three have the same sign.
    fn carry(&mut self) {
        self.low += self.fraction.div_euclid(ONE);
        self.fraction = self.fraction.rem_euclid(ONE);
        self.high += self.low >> 64;
        self.low &= LOW;
        // -1 and 0.75 are -0.25.
        if self.high < 0 && self.fraction > 0 {
            self.fraction -= ONE;
            self.low += 1;
        }
        if self.high < 0 && self.low > 0 {
            self.low -= LOW + 1;
            self.high += 1;
        }
    }

    /// A number of the kind of the total. It is infinite or NaN only if the input said so.
    pub fn value(mut self) -> Result<Number, &'static str> {
        self.carry();
        if self.kind == Kind::Float {
            let sum = self.to_float();
            return match self.special {
                0.0 if sum.is_finite() => Ok(Number::Float(sum)),
                0.0 => Err("a partial sum is too large for a 64-bit float"),
                special => Ok(Number::Float(special)),
            };
        }
        let high = self.high.checked_mul(LOW + 1);
        let whole = high.and_then(|high| high.checked_add(self.low));
        let whole = whole.ok_or("the sum does not fit in 128 bits")?;
        let fraction = self.fraction as i64; // within 10^18
        Ok(match self.kind {
            Kind::Integer => Number::Integer(whole),
            _ => Number::Decimal { whole, fraction },
        })
    }

    fn to_float(self) -> f64 {
        const HALF: i128 = 1 << 32;
        let mut sum = self.floats;
        // In parts that a float holds exactly, none of which is larger than the whole: small floats
        // would be lost beside them.
        for (part, exponent) in [(self.high, 64), (self.low, 0)] {
            sum.add((part / HALF) as f64 * 2_f64.powi(exponent + 32));
            sum.add((part % HALF) as f64 * 2_f64.powi(exponent));
        }
        // In two parts, as the first is rounded.
        let (rounded, one) = (self.fraction as f64, ONE as f64); // 10^18 is exact
        let high = rounded / one;
        let rest = (-high).mul_add(one, rounded) + (self.fraction - rounded as i128) as f64;
        sum.add(high);
        sum.add(rest / one);
        sum.value()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::tokens::sum_tokens;

    fn value(text: &str) -> Result<Number, &'static str> {
        sum_tokens(text.as_bytes(), usize::MAX).1.unwrap().value()
    }

    /// The sum as it is printed.
    fn sum(text: &str) -> String {
        value(text).unwrap().to_string()
    }

    /// The sum of two blocks.
    fn merged(parts: [&str; 2]) -> Result<Number, &'static str> {
        let [mut total, later] =
            parts.map(|part| sum_tokens(part.as_bytes(), usize::MAX).1.unwrap());
        total.merge(later);
        total.value()
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
    fn decimals_of_any_size_that_fits_are_exact() {
        let (max, min) = (i128::MAX, i128::MIN);
        for decimal in [
            format!("{max}.999999999999999999"),
            format!("{min}.0"),
            format!("{min}.999999999999999999"),
        ] {
            assert_eq!(sum(&decimal), decimal);
        }
        assert_eq!(sum(&format!("{max}.5 {max}.75 {min} {min}")), "-0.75");
        assert_eq!(sum(&format!("{min}.0 -0.5")), format!("{min}.5"));
        assert_eq!(sum(&format!("{min}.5 {max}.0")), "-1.5");
        for overflow in [format!("{max}.5 0.5"), format!("{min}.5 -0.5")] {
            assert_eq!(value(&overflow), Err("the sum does not fit in 128 bits"));
        }
    }

    #[test]
    fn only_the_total_of_integers_has_to_fit() {
        let (min, max) = (i128::MIN, i128::MAX);
        assert_eq!(sum(&format!("{max} {max} {min} {min} 2")), "0");
        assert_eq!(sum(&format!("{min} -1 1")), min.to_string());
        assert_eq!(
            value(&format!("{max} 1")),
            Err("the sum does not fit in 128 bits")
        );
        assert_eq!(
            value(&format!("{min} -1")),
            Err("the sum does not fit in 128 bits")
        );
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
                let total = merged(parts).unwrap();
                assert_eq!(total.to_string(), expected, "{parts:?}");
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
        for (text, expected) in [
            ("1e0 1e-17 -1", 1e-17),
            ("-1e0 -1e-17 1", -1e-17),
            ("1e0 1e-17 -1.5 0.5", 1e-17),
            ("-.314650 0.3380885e0", 0.023438500000000015),
            ("0.999999999999999999 -1e0", -1e-18),
        ] {
            assert_eq!(value(text), Ok(Number::Float(expected)), "{text}");
        }
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
    fn a_decimal_among_floats_is_rounded_once() {
        for decimal in [
            "0.1",
            "-0.1",
            "-0.000000000000000001",
            "1.5691",
            "-2.53",
            "-0.999999999999999999",
        ] {
            let expected = Ok(Number::Float(decimal.parse().unwrap()));
            assert_eq!(value(&format!("{decimal} 0e0")), expected, "{decimal}");
        }
    }

    #[test]
    fn blocks_may_overflow_as_long_as_the_total_fits() {
        let (min, max) = (i128::MIN, i128::MAX);
        let (high, low) = (format!("{max} {max} 1"), format!("{min} {min} 1"));
        assert_eq!(merged([&high, &low]), Ok(Number::Integer(0)));
        assert_eq!(merged([&low, &high]), Ok(Number::Integer(0)));
    }

    #[test]
    fn infinities_of_several_blocks_are_added() {
        let infinity = Ok(Number::Float(f64::INFINITY));
        for parts in [["inf", "inf"], ["1", "inf"], ["inf 1", "-1e0"]] {
            assert_eq!(merged(parts), infinity, "{parts:?}");
        }
        for parts in [["inf", "-inf"], ["nan", "1"], ["inf", "nan"]] {
            let nan = merged(parts);
            assert!(
                matches!(nan, Ok(Number::Float(nan)) if nan.is_nan()),
                "{parts:?}"
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
        assert_eq!(
            value("1e308 1e308"),
            Err("a partial sum is too large for a 64-bit float")
        );
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
}
