//! The 80-bit extended floating point numbers in which INCRBYFLOAT and HINCRBYFLOAT add.
//!
//! Redis adds in the platform's `long double`. Its 64-bit mantissa is why `0.1 + 0.2` prints as `0.3` there and not
//! as a double would; clients rely on it. The arithmetic is LLVM's software floating point, so the result is the
//! same on every machine.
use rustc_apfloat::{
    Float, Round,
    ieee::{Double, X87DoubleExtended},
};

/// Digits after the point, before trailing zeros are cut.
const FRACTION_DIGITS: u32 = 17;
/// A text longer than this (bytes) is not read as a number. The largest has 4933 digits before the point.
const TEXT_BYTES_MAX: usize = 5119;

/// A hexadecimal number with its sign, as a double: `0x1f`, `-0x1.8p3`.
pub(super) fn parse_hexadecimal(text: &str) -> Option<f64> {
    let (_, digits) = text.split_at_checked(text.find(['x', 'X'])? + 1)?;
    let exponent = exponent_of(digits.as_bytes(), b"pP", u8::is_ascii_hexdigit)
        .filter(|_| text.len() <= TEXT_BYTES_MAX)?;
    let parsed: Double = format!("{text}{}", if exponent.is_empty() { "p0" } else { "" }).parse().ok()?;
    Some(f64::from_bits(parsed.to_bits() as u64))
}

/// Whether a digit other than 0 stands before the exponent.
fn has_digits(magnitude: &str) -> bool {
    let (digits, ends) = match magnitude.strip_prefix("0x").or(magnitude.strip_prefix("0X")) {
        Some(hexadecimal) => (hexadecimal, ['p', 'P']),
        None => (magnitude, ['e', 'E']),
    };
    digits.split(ends).next().is_some_and(|digits| digits.contains(|digit| digit != '0' && digit != '.'))
}

#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct LongDouble(X87DoubleExtended);

impl LongDouble {
    pub const ZERO: LongDouble = LongDouble(X87DoubleExtended::ZERO);

    /// Reads what C's `strtold` reads to the end (`12`, `-1.5e3`, `0x1f`, `inf`), without surrounding space; NaN is none.
    pub fn parse(text: &[u8]) -> Option<LongDouble> {
        let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= TEXT_BYTES_MAX)?;
        let (sign, magnitude) = match text.as_bytes().first()? {
            b'-' => ("-", &text[1..]),
            b'+' => ("", &text[1..]),
            _ => ("", text),
        };
        if magnitude.eq_ignore_ascii_case("inf") || magnitude.eq_ignore_ascii_case("infinity") {
            let infinity = X87DoubleExtended::INFINITY;
            return Some(LongDouble(if sign == "-" { -infinity } else { infinity }));
        }
        let exponent = match magnitude.as_bytes() {
            [b'0', b'x' | b'X', hexadecimal @ ..] => {
                let exponent = exponent_of(hexadecimal, b"pP", u8::is_ascii_hexdigit)?;
                // C may leave it out, the parser may not.
                if exponent.is_empty() { "p0" } else { "" }
            }
            decimal => exponent_of(decimal, b"eE", u8::is_ascii_digit).map(|_| "")?,
        };
        let parsed: X87DoubleExtended = format!("{sign}{magnitude}{exponent}").parse().ok()?;
        // Too small is an error, too, where nothing is left of it.
        let is_lost = parsed.is_zero() && has_digits(magnitude);
        (parsed.is_finite() && !is_lost).then_some(LongDouble(parsed))
    }
    pub fn is_finite(self) -> bool {
        self.0.is_finite()
    }
    /// Thousandths of it, rounded up; what is too large for an i128 becomes its end.
    pub fn milli_rounded_up(self) -> i128 {
        let thousand = X87DoubleExtended::from_u128(1000).value;
        (self.0 * thousand).value.to_i128_r(128, Round::TowardPositive, &mut false).value
    }
    /// Plain decimal text: no exponent, at most 17 digits after the point, no trailing zeros.
    pub fn to_human(self) -> String {
        if self.0.is_zero() {
            return "0".into();
        }
        if !self.is_finite() {
            return if self.0.is_negative() { "-inf" } else { "inf" }.into();
        }
        let digits = self.rounded_digits();
        let digits = format!("{digits:0>width$}", width = FRACTION_DIGITS as usize + 1);
        let (whole, fraction) = digits.split_at(digits.len() - FRACTION_DIGITS as usize);
        let fraction = fraction.trim_end_matches('0');
        let sign = if self.0.is_negative() && digits.bytes().any(|digit| digit != b'0') { "-" } else { "" };
        match fraction {
            "" => format!("{sign}{whole}"),
            fraction => format!("{sign}{whole}.{fraction}"),
        }
    }
    /// The magnitude times 10^17, rounded half to even, in decimal digits.
    fn rounded_digits(self) -> String {
        let bits = self.0.to_bits();
        let mantissa = bits as u64;
        // The value is mantissa × 2^exponent; a subnormal one has the exponent of the smallest normal.
        let biased = ((bits >> 64) as i32 & 0x7fff).max(1);
        let exponent = biased - 16383 - 63;
        let mut number = Decimal::from(mantissa);
        for _ in 0..FRACTION_DIGITS {
            number.multiply(10);
        }
        for _ in 0..exponent.max(0) {
            number.multiply(2);
        }
        number.shift_right_rounding(exponent.min(0).unsigned_abs());
        number.to_string()
    }
}
impl std::ops::Add for LongDouble {
    type Output = LongDouble;
    fn add(self, other: LongDouble) -> LongDouble {
        LongDouble((self.0 + other.0).value)
    }
}

/// The digits of an unsigned number's exponent, which follow one of `marks`; empty if there are none. The text must be
/// such a number: digits with a point among them or not, then the exponent.
fn exponent_of<'a>(text: &'a [u8], marks: &[u8], is_digit: fn(&u8) -> bool) -> Option<&'a [u8]> {
    let (mantissa, exponent) = match text.iter().position(|byte| marks.contains(byte)) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let digits = mantissa.iter().filter(|byte| is_digit(byte)).count();
    let points = mantissa.iter().filter(|byte| **byte == b'.').count();
    if digits == 0 || points > 1 || digits + points < mantissa.len() {
        return None;
    }
    let Some(exponent) = exponent else { return Some(&[]) };
    let exponent = exponent.strip_prefix(b"-").or(exponent.strip_prefix(b"+")).unwrap_or(exponent);
    (!exponent.is_empty() && exponent.iter().all(u8::is_ascii_digit)).then_some(exponent)
}

/// A natural number of any size, as 32-bit limbs from the lowest: just enough arithmetic to print a binary fraction.
struct Decimal(Vec<u32>);
impl Decimal {
    fn from(n: u64) -> Decimal {
        Decimal(vec![n as u32, (n >> 32) as u32])
    }
    fn multiply(&mut self, by: u32) {
        let mut carry = 0u64;
        for limb in &mut self.0 {
            let product = *limb as u64 * by as u64 + carry;
            *limb = product as u32;
            carry = product >> 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }
    /// Divides by 2^bits; what falls off is rounded half to even.
    fn shift_right_rounding(&mut self, bits: u32) {
        if bits == 0 {
            return;
        }
        let bit = |limbs: &[u32], at: u32| {
            limbs.get(at as usize / 32).is_some_and(|limb| limb >> (at % 32) & 1 == 1)
        };
        let half = bit(&self.0, bits - 1);
        let rest = (0..bits - 1).any(|at| bit(&self.0, at));
        let odd = bit(&self.0, bits);
        let kept = (self.0.len() as u32 * 32).saturating_sub(bits);
        let mut shifted = vec![0u32; (kept as usize).div_ceil(32).max(1)];
        for at in (0..kept).filter(|&at| bit(&self.0, at + bits)) {
            shifted[at as usize / 32] |= 1 << (at % 32);
        }
        self.0 = shifted;
        if half && (rest || odd) {
            self.increment();
        }
    }
    fn increment(&mut self) {
        for limb in &mut self.0 {
            *limb = limb.wrapping_add(1);
            if *limb != 0 {
                return;
            }
        }
        self.0.push(1);
    }
    fn divide(&mut self, by: u32) -> u32 {
        let mut rest = 0u64;
        for limb in self.0.iter_mut().rev() {
            let dividend = rest << 32 | *limb as u64;
            *limb = (dividend / by as u64) as u32;
            rest = dividend % by as u64;
        }
        rest as u32
    }
}
impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let mut number = Decimal(self.0.clone());
        let mut groups = Vec::new();
        while number.0.iter().any(|&limb| limb > 0) {
            groups.push(number.divide(1_000_000_000));
        }
        match groups.pop() {
            None => f.write_str("0"),
            Some(first) => {
                write!(f, "{first}")?;
                groups.iter().rev().try_for_each(|group| write!(f, "{group:09}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousandths_are_rounded_up() {
        for (text, expected) in [
            ("0", 0),
            ("1.5", 1500),
            ("0.001", 1),
            ("0.0001", 1),
            ("-0.0001", 0),
            ("-2", -2000),
            ("0x10", 16_000),
            ("9223372036854775.807", i64::MAX.into()),
            ("inf", i128::MAX),
            ("-inf", i128::MIN),
        ] {
            assert_eq!(
                LongDouble::parse(text.as_bytes()).map(LongDouble::milli_rounded_up),
                Some(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn sums_print_as_clients_expect() {
        for (a, b, sum) in [
            ("0.1", "0.2", "0.3"),
            ("1", "-1.1", "-0.1"),
            ("10.50", "0.1", "10.6"),
            ("5.0e3", "2.0e2", "5200"),
            ("3", "-3", "0"),
            ("17179869184", "1.5", "17179869185.5"),
            ("1e17", "1", "100000000000000001"),
            ("0", "1e-18", "0"),
            ("0", "1e-17", "0.00000000000000001"),
            ("1e30", "0", "1000000000000000000024696061952"),
        ] {
            let add = |a: &str, b: &str| {
                LongDouble::parse(a.as_bytes()).unwrap() + LongDouble::parse(b.as_bytes()).unwrap()
            };
            assert_eq!(add(a, b).to_human(), sum, "{a} + {b}");
        }
    }

    #[test]
    fn what_is_not_a_number_is_refused() {
        for text in [
            "",
            "abc",
            " 1",
            "1 ",
            "nan",
            "0x",
            "0x1p",
            "0xg",
            "1p3",
            "1e",
            "1e+",
            "1e1.5",
            "1e5e5",
            "--1",
            "1e-5000",
            "-1e-4960",
            "0x1.8p-20000",
            ".",
            ".e1",
            "1..2",
        ] {
            assert_eq!(LongDouble::parse(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn numbers_are_read_as_c_reads_them() {
        for (text, value) in [
            ("1.", "1"),
            (".5", "0.5"),
            ("1.e1", "10"),
            ("+1", "1"),
            ("1E+2", "100"),
            ("25e-2", "0.25"),
            ("0x10", "16"),
            ("-0X1.8p1", "-3"),
            ("0xe", "14"),
        ] {
            let number = LongDouble::parse(text.as_bytes()).map(LongDouble::to_human);
            assert_eq!(number.as_deref(), Some(value), "{text:?}");
        }
        assert!(!LongDouble::parse(b"inf").unwrap().is_finite());
    }
}
