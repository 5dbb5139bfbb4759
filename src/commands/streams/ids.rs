//! IDs of entries as clients write them.
use crate::{
    commands::{args::Args, error::CommandError},
    data::stream::{ID_TEXT_BYTES_MAX, StreamId},
    resp::Reply,
};

const INVALID: CommandError =
    CommandError::fixed("ERR Invalid stream ID specified as stream command argument");
/// Longer words are no IDs.
const WORD_BYTES_MAX: usize = 127;

/// An ID that may leave its number open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Given {
    Whole(StreamId),
    /// `ms-*`
    Time(u64),
}

/// `ms-seq`, `ms-*`, or `ms` alone, which stands for `ms-` and the `missing` number.
pub fn parse_open(word: &[u8], missing: u64) -> Result<Given, CommandError> {
    if word.len() > WORD_BYTES_MAX {
        return Err(INVALID);
    }
    let word = up_to_nul(word);
    let (ms, seq) = match memchr::memchr(b'-', word) {
        Some(dash) => (&word[..dash], Some(&word[dash + 1..])),
        None => (word, None),
    };
    let ms = number(ms).ok_or(INVALID)?;
    match seq {
        None => Ok(Given::Whole(StreamId::new(ms, missing))),
        Some(b"*") => Ok(Given::Time(ms)),
        Some(seq) => Ok(Given::Whole(StreamId::new(ms, number(seq).ok_or(INVALID)?))),
    }
}
/// `ms-seq` or `ms`.
pub fn parse_strict(word: &[u8], missing: u64) -> Result<StreamId, CommandError> {
    match parse_open(word, missing)? {
        Given::Whole(id) => Ok(id),
        Given::Time(_) => Err(INVALID),
    }
}
/// The same, or `-` and `+` for the ends.
pub fn parse_with_ends(word: &[u8], missing: u64) -> Result<StreamId, CommandError> {
    match up_to_nul(word) {
        b"-" => Ok(StreamId::MIN),
        b"+" => Ok(StreamId::MAX),
        _ => parse_strict(word, missing),
    }
}
/// Where a range begins: `(` before an ID leaves that out.
pub fn parse_start(word: &[u8]) -> Result<StreamId, CommandError> {
    match word {
        [b'(', id @ ..] if !id.is_empty() => {
            parse_strict(id, 0)?.next().ok_or(CommandError::fixed("ERR invalid start ID for the interval"))
        }
        _ => parse_with_ends(word, 0),
    }
}
/// Where a range ends.
pub fn parse_end(word: &[u8]) -> Result<StreamId, CommandError> {
    match word {
        [b'(', id @ ..] if !id.is_empty() => parse_strict(id, u64::MAX)?
            .previous()
            .ok_or(CommandError::fixed("ERR invalid end ID for the interval")),
        _ => parse_with_ends(word, u64::MAX),
    }
}
/// All IDs that are left. Some commands look at their key first, so what is wrong with them is told later.
pub type Ids = Result<Vec<StreamId>, CommandError>;
pub fn parse_rest(args: &mut Args) -> Ids {
    let words: Vec<&[u8]> = std::iter::from_fn(|| args.word().ok()).collect();
    words.into_iter().map(|word| parse_strict(word, 0)).collect()
}

pub fn reply_id(reply: &mut Reply, id: StreamId) {
    reply.bulk(id.text(&mut [0; ID_TEXT_BYTES_MAX]));
}

/// C strings end at a NUL, and what Redis takes for an ID does, too.
fn up_to_nul(word: &[u8]) -> &[u8] {
    &word[..memchr::memchr(0, word).unwrap_or(word.len())]
}
/// A number as C's `strtoull` reads it, but that a plain negative number is none: blanks, a sign and zeroes may stand
/// before the digits.
fn number(text: &[u8]) -> Option<u64> {
    let digits = text.trim_ascii_start();
    // Unlike C, Rust counts no vertical tab among the blanks; nobody writes one.
    let (sign, digits) = match digits {
        [sign @ (b'+' | b'-'), digits @ ..] => (*sign, digits),
        _ => (b'+', digits),
    };
    if digits.is_empty() || crate::data::number::parse_integer(text).is_some_and(|n| n < 0) {
        return None;
    }
    let magnitude = digits.iter().try_fold(0u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })?;
    Some(if sign == b'-' { magnitude.wrapping_neg() } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_redis_reads_them() {
        let id = |ms, seq| Some(StreamId::new(ms, seq));
        let cases: &[(&str, Option<StreamId>)] = &[
            ("5-3", id(5, 3)),
            ("5", id(5, 9)),
            ("0-0", id(0, 0)),
            ("18446744073709551615-18446744073709551615", Some(StreamId::MAX)),
            ("18446744073709551616-0", None),
            ("007-+1", id(7, 1)),
            (" 7-1", id(7, 1)),
            ("7 -1", None),
            ("1--05", id(1, 5u64.wrapping_neg())),
            ("1--5", None),
            ("5\0-7", id(5, 9)),
            ("", None),
            ("-", None),
            ("+", None),
            ("5-", None),
            ("-5", None),
            ("5-*", None),
            ("5-x", None),
            ("x", None),
        ];
        for (word, expected) in cases {
            assert_eq!(parse_strict(word.as_bytes(), 9).ok(), *expected, "{word:?}");
        }
        assert_eq!(parse_open(b"5-*", 0), Ok(Given::Time(5)));
        assert!(parse_open(&[b'1'; 128], 0).is_err());
    }

    #[test]
    fn ranges_may_leave_their_ends_out() {
        let range = |start: &str, end: &str| {
            Ok::<_, CommandError>(parse_start(start.as_bytes())?..=parse_end(end.as_bytes())?)
        };
        assert_eq!(range("-", "+"), Ok(StreamId::MIN..=StreamId::MAX));
        assert_eq!(range("5", "5"), Ok(StreamId::new(5, 0)..=StreamId::new(5, u64::MAX)));
        assert_eq!(range("(5-1", "(6"), Ok(StreamId::new(5, 2)..=StreamId::new(6, u64::MAX - 1)));
        for (start, end) in
            [("(-", "+"), ("-", "(+"), ("(", "+"), ("(18446744073709551615-18446744073709551615", "+")]
        {
            assert!(range(start, end).is_err(), "{start} {end}");
        }
        assert!(range("-", "(0-0").is_err());
    }
}
