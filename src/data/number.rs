//! Numbers as Redis writes and reads them in text.
//!
//! Strictness matters: a value is shown as an integer (and stored as one) only if printing it gives back the very
//! same bytes, so `+1`, `01`, ` 1` and `-0` are strings.
use super::{grisu::Digits, long_double};

/// The integer that `text` is the canonical form of.
#[inline]
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    let mut magnitude: u64 = 0;
    for &digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // 19 digits stay below 2^64, so this cannot wrap.
        magnitude = magnitude * 10 + digit as u64;
    }
    if negative {
        (magnitude <= i64::MIN.unsigned_abs()).then(|| (magnitude as i64).wrapping_neg())
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// A finite or infinite double as a client may write it; no surrounding space, not NaN, nothing out of range.
pub fn parse_double(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let value = read_double(text)?;
    let digits = text.trim_start_matches(['+', '-']);
    let overflowed = value.is_infinite() && !digits.starts_with(['i', 'I']);
    // What is too small to tell from zero has another digit than 0 somewhere before its exponent.
    let exponent = if digits.starts_with("0x") || digits.starts_with("0X") { ['p', 'P'] } else { ['e', 'E'] };
    let mantissa = digits.split(exponent).next().unwrap_or(digits);
    let underflowed = value == 0.0 && mantissa.contains(|c: char| c.is_ascii_hexdigit() && c != '0');
    (!overflowed && !underflowed).then_some(value)
}

/// A bound of a range, read as C reads numbers: space before it is no matter, nor is what follows a NUL; nothing at all
/// is zero; what is too large is infinite. NaN is none.
pub fn parse_bound(text: &[u8]) -> Option<f64> {
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Some(0.0);
    }
    let is_space = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
    let start = text.iter().position(|byte| !is_space(byte))?;
    read_double(std::str::from_utf8(&text[start..]).ok()?)
}

/// What C's `strtod` reads to the end, whatever its size; NaN is none.
fn read_double(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned.starts_with("0x") || unsigned.starts_with("0X") {
        return long_double::parse_hexadecimal(text);
    }
    let infinite = unsigned.eq_ignore_ascii_case("inf") || unsigned.eq_ignore_ascii_case("infinity");
    if !infinite && !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    text.parse().ok()
}

/// The integer that a double is, if it is one far from the ends of i64: Redis prints and packs it as such. There is no
/// negative zero among integers.
#[inline]
pub fn integral(value: f64) -> Option<i64> {
    const MOST: f64 = (i64::MAX / 2) as f64;
    let integer = value as i64;
    (value.abs() <= MOST && integer as f64 == value).then_some(integer)
}

/// A double in the layout of Redis' replies: integers plain up to 2^62, all others as [`shortest_text`] has them.
pub fn format_double(value: f64) -> String {
    match integral(value) {
        Some(integer) if integer != 0 => integer.to_string(),
        _ => shortest_text(value),
    }
}
/// A short text that reads back as the same double ([`super::grisu`]): plain up to a length, `1e+21` beyond, `inf`, `-inf`, `nan`, `-0`.
pub fn shortest_text(value: f64) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.into();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value == 0.0 {
        return format!("{sign}0");
    }
    let found = Digits::of(value.abs());
    let (digits, scale) = (found.as_str(), found.scale);
    let count = digits.len() as i32;
    let exponent = scale + count - 1;
    let body = if scale >= 0 && exponent.abs() < count + 7 {
        format!("{digits}{}", "0".repeat(scale as usize))
    } else if scale < 0 && (scale > -7 || exponent.abs() < 4) {
        match count + scale {
            whole if whole > 0 => format!("{}.{}", &digits[..whole as usize], &digits[whole as usize..]),
            whole => format!("0.{}{digits}", "0".repeat(-whole as usize)),
        }
    } else {
        let fraction = if count > 1 { format!(".{}", &digits[1..]) } else { String::new() };
        let direction = if exponent < 0 { '-' } else { '+' };
        format!("{}{fraction}e{direction}{}", &digits[..1], exponent.abs())
    };
    format!("{sign}{body}")
}

/// A double with 17 significant digits, as C's `%.17g` prints it: more than the shortest text often, never less than the
/// value.
pub fn format_17_digits(value: f64) -> String {
    format_significant(value, 17)
}

/// A double with a number of significant digits, as C's `%.{digits}g` prints it.
pub fn format_significant(value: f64, digits: i32) -> String {
    if !value.is_finite() || value == 0.0 {
        return format_double(value);
    }
    let scientific = format!("{:.*e}", digits as usize - 1, value);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text.to_string(),
    };
    if (-4..digits).contains(&exponent) {
        return trimmed(&format!("{value:.*}", (digits - 1 - exponent) as usize));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(mantissa), exponent.abs())
}

/// The number that a text begins with, as C's `strtod` finds it, and its length in bytes: decimal and hexadecimal
/// numbers, `inf`, `infinity` and `nan` in any case. No length, no number.
pub fn parse_prefix(text: &[u8]) -> (f64, usize) {
    let sign = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let body = &text[sign..];
    let starts =
        |word: &str| body.len() >= word.len() && body[..word.len()].eq_ignore_ascii_case(word.as_bytes());
    let signed = |value: f64| if text.first() == Some(&b'-') { -value } else { value };
    if starts("inf") {
        return (signed(f64::INFINITY), sign + if starts("infinity") { 8 } else { 3 });
    }
    if starts("nan") {
        let inside = run_of(body[3..].get(1..).unwrap_or_default(), |byte| {
            byte.is_ascii_alphanumeric() || *byte == b'_'
        });
        let closed = body.get(3) == Some(&b'(') && body.get(4 + inside) == Some(&b')');
        return (signed(f64::NAN), sign + 3 + if closed { inside + 2 } else { 0 });
    }
    let hexadecimal = starts("0x").then(|| mantissa_length(&body[2..], u8::is_ascii_hexdigit)).flatten();
    let (mantissa, marks) = match hexadecimal {
        Some(length) => (2 + length, b"pP"),
        None => match mantissa_length(body, u8::is_ascii_digit) {
            Some(length) => (length, b"eE"),
            None => return (0.0, 0),
        },
    };
    let length = sign + mantissa + exponent_length(&body[mantissa..], marks);
    let read = std::str::from_utf8(&text[..length]).ok().and_then(|text| match hexadecimal {
        Some(_) => long_double::parse_hexadecimal(text),
        None => text.parse().ok(),
    });
    (read.unwrap_or(0.0), length)
}

fn run_of(text: &[u8], belongs: impl Fn(&u8) -> bool) -> usize {
    text.iter().take_while(|byte| belongs(byte)).count()
}

/// Digits with at most one point, at least one digit.
fn mantissa_length(text: &[u8], is_digit: fn(&u8) -> bool) -> Option<usize> {
    let whole = run_of(text, is_digit);
    let fraction = (text.get(whole) == Some(&b'.')).then(|| run_of(&text[whole + 1..], is_digit));
    match (whole, fraction) {
        (0, None | Some(0)) => None,
        (whole, fraction) => Some(whole + fraction.map_or(0, |fraction| fraction + 1)),
    }
}

/// An exponent with its mark; nothing if no digit follows the mark.
fn exponent_length(text: &[u8], marks: &[u8; 2]) -> usize {
    if !text.first().is_some_and(|byte| marks.contains(byte)) {
        return 0;
    }
    let sign = usize::from(matches!(text.get(1), Some(b'+' | b'-')));
    match run_of(&text[1 + sign..], u8::is_ascii_digit) {
        0 => 0,
        digits => 1 + sign + digits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_canonical_or_not_integers() {
        for n in [0, 1, -1, 9, 10, i64::MAX, i64::MIN, -42] {
            assert_eq!(parse_integer(n.to_string().as_bytes()), Some(n));
        }
        for text in [
            "",
            "-",
            "-0",
            "+1",
            "01",
            " 1",
            "1 ",
            "9223372036854775808",
            "-9223372036854775809",
            "1.0",
            "99999999999999999999",
        ] {
            assert_eq!(parse_integer(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn doubles_read_and_print() {
        for (value, text) in [
            (1.0, "1"),
            (1.5, "1.5"),
            (-0.0, "-0"),
            (100.0, "100"),
            (1e15, "1000000000000000"),
            (4611686018427387904.0, "4611686018427387904"),
            (1e21, "1e+21"),
            (0.0001, "0.0001"),
            (1e-9, "1e-9"),
            (0.1 + 0.2, "0.30000000000000004"),
            (116260781840677.12, "116260781840677.12"),
            (1.7976931348623157e308, "1.7976931348623157e+308"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(format_double(value), text);
            assert_eq!(parse_double(text.as_bytes()), Some(value));
        }
        for text in [
            "",
            "nan",
            "-nan",
            " 1",
            "1 ",
            "abc",
            "1e400",
            "1e-400",
            "0x",
            "0x1p-2000",
            "--1",
            "1e",
            "1_0",
            "e1",
        ] {
            assert_eq!(parse_double(text.as_bytes()), None, "{text:?}");
        }
        for (text, value) in [
            ("0x10", 16.0),
            ("-0X1p-2", -0.25),
            ("+.5", 0.5),
            ("5.", 5.0),
            ("1e-310", 1e-310),
            ("0e9", 0.0),
            ("0x0p1", 0.0),
            ("-Infinity", f64::NEG_INFINITY),
        ] {
            assert_eq!(parse_double(text.as_bytes()), Some(value), "{text:?}");
        }
    }

    #[test]
    fn bounds_are_read_leniently() {
        for (text, value) in [
            ("", Some(0.0)),
            (" 1", Some(1.0)),
            ("\t\x0b-2\0x", Some(-2.0)),
            ("1e400", Some(f64::INFINITY)),
            ("1e-400", Some(0.0)),
            ("0x1f", Some(31.0)),
            (" ", None),
            ("1 ", None),
            ("nan", None),
            ("(1", None),
        ] {
            assert_eq!(parse_bound(text.as_bytes()), value, "{text:?}");
        }
    }
    #[test]
    fn seventeen_digits_are_those_of_c() {
        for (value, text) in [
            (0.1, "0.10000000000000001"),
            (-2.5, "-2.5"),
            (3.0, "3"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (123456789012345678.0, "1.2345678901234568e+17"),
            (0.0001, "0.0001"),
            (0.00001, "1.0000000000000001e-05"),
            (1e300, "1.0000000000000001e+300"),
            (99999999999999984.0, "99999999999999984"),
            (f64::NEG_INFINITY, "-inf"),
            (0.0, "0"),
            (-0.0, "-0"),
        ] {
            assert_eq!(format_17_digits(value), text);
        }
    }
}
