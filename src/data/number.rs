//! Numbers as Redis writes and reads them in text.
//!
//! Strictness matters: a value is shown as an integer (and stored as one) only if printing it gives back the very
//! same bytes, so `+1`, `01`, ` 1` and `-0` are strings.

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
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let infinite = unsigned.eq_ignore_ascii_case("inf") || unsigned.eq_ignore_ascii_case("infinity");
    if !infinite && !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let value: f64 = text.parse().ok()?;
    (value.is_finite() || infinite).then_some(value)
}

/// The shortest text that reads back as the same double, in the layout of Redis' replies: plain up to a length,
/// `1e+21` beyond, `inf`, `-inf`, `nan`, `-0`.
pub fn format_double(value: f64) -> String {
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
    // `{:e}` gives the shortest digits that identify the value, as d.ddde±x.
    let scientific = format!("{:e}", value.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let count = digits.len() as i32;
    // The value is digits × 10^scale.
    let scale = exponent - (count - 1);
    let body = if scale >= 0 && exponent.abs() < count + 7 {
        digits + &"0".repeat(scale as usize)
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
            (1e21, "1e+21"),
            (0.0001, "0.0001"),
            (1e-9, "1e-9"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1.7976931348623157e308, "1.7976931348623157e+308"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(format_double(value), text);
            assert_eq!(parse_double(text.as_bytes()), Some(value));
        }
        for text in ["", "nan", " 1", "1 ", "abc", "1e400", "0x10", "--1"] {
            assert_eq!(parse_double(text.as_bytes()), None, "{text:?}");
        }
    }
}
