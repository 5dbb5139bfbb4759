//! Numbers to sort by, read as C's `strtod` reads them: that is more than other commands take.
use crate::{commands::error::CommandError, data::number::parse_double};

/// Nothing at all is 0; space may stand before the number, and what is behind a NUL byte does not count.
///
/// # Errors
/// If it is no number, or out of range.
pub fn parse(text: &[u8]) -> Result<f64, CommandError> {
    let end = memchr::memchr(0, text).unwrap_or(text.len());
    let text = &text[..end];
    if text.is_empty() {
        return Ok(0.0);
    }
    let is_space = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0B;
    let start = text.iter().position(|byte| !is_space(byte)).unwrap_or(text.len());
    let text = &text[start..];
    let is_hexadecimal = || memchr::memchr2(b'x', b'X', text).is_some();
    // `strtod` reports a number that it had to round to one below the normal ones as out of range. Decimal ones are rounded
    // always, but for those of hundreds of digits.
    let is_in_range = |number: &f64| !number.is_subnormal() || is_hexadecimal();
    parse_double(text)
        .filter(is_in_range)
        .ok_or(CommandError::fixed("ERR One or more scores can't be converted into double"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_read_generously() {
        for (text, expected) in [
            ("", 0.0),
            ("1.5", 1.5),
            (" -2e3", -2000.0),
            ("\t\x0B+7", 7.0),
            ("inf", f64::INFINITY),
            ("3\0x", 3.0),
            ("2.2250738585072014e-308", f64::MIN_POSITIVE),
            ("0x1p-1074", 5e-324),
        ] {
            assert_eq!(parse(text.as_bytes()), Ok(expected), "{text:?}");
        }
        for text in ["abc", " ", "1 ", "nan", "1e400", "1x", "5e-324", "-1e-310"] {
            assert!(parse(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
