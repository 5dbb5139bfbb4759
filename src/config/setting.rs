//! How a value of each basic type is read from words, shown, and written to a file.
//!
//! A field's type knows its own text form; a row of the table adds only what the type cannot know, such as a range.
//! The words come split and unquoted. The reasons for refusing one are part of the protocol: clients and tests
//! compare them with what Redis 7.4 answers.

use std::path::PathBuf;

use super::parameter::Kind;
use super::text::quoted;

/// What `CONFIG REWRITE` makes of a value: the text after the parameter's name, one item per line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// Not at all: only the absence of a line says it.
    Never,
    /// Even if it is the default.
    Always(Vec<String>),
    /// Each line only if it is not the default's, or if the file had one already.
    UnlessDefault(Vec<String>),
}

/// A type that can be a parameter's value.
pub(super) trait Setting {
    /// Reads the words that stand for a value, or gives the reason why they do not.
    fn take(&mut self, words: &[&str], kind: &Kind) -> Result<(), String>;
    /// As `CONFIG GET` prints it.
    fn show(&self, kind: &Kind) -> String;
    /// As a file holds it.
    fn lines(&self, kind: &Kind) -> Written {
        Written::UnlessDefault(vec![self.show(kind)])
    }
}

/// The one word of a value that is a single word.
pub(super) fn only<'a>(words: &[&'a str]) -> Result<&'a str, String> {
    match words {
        [word] => Ok(word),
        _ => Err("wrong number of arguments".into()),
    }
}

impl Setting for bool {
    fn take(&mut self, words: &[&str], _: &Kind) -> Result<(), String> {
        *self = match only(words)? {
            word if word.eq_ignore_ascii_case("yes") => true,
            word if word.eq_ignore_ascii_case("no") => false,
            _ => return Err("argument must be 'yes' or 'no'".into()),
        };
        Ok(())
    }

    fn show(&self, _: &Kind) -> String {
        if *self { "yes".into() } else { "no".into() }
    }
}

macro_rules! whole_number {
    ($($type:ty),*) => { $(
        impl Setting for $type {
            fn take(&mut self, words: &[&str], kind: &Kind) -> Result<(), String> {
                let number = read_number(only(words)?, kind)?;
                *self = <$type>::try_from(number).map_err(|_| "argument is out of range".to_string())?;
                Ok(())
            }

            fn show(&self, kind: &Kind) -> String {
                match kind {
                    Kind::Octal(..) => format!("{self:o}"),
                    _ => self.to_string(),
                }
            }

            fn lines(&self, kind: &Kind) -> Written {
                Written::UnlessDefault(vec![match kind {
                    Kind::Memory(..) => with_unit(*self as i128),
                    _ => self.show(kind),
                }])
            }
        }
    )* };
}
whole_number!(u16, u32, i32, u64, i64, usize);

fn read_number(word: &str, kind: &Kind) -> Result<i128, String> {
    match *kind {
        Kind::Memory(min, max) => {
            within(read_memory(word).ok_or("argument must be a memory value")?, min, max, |bound| {
                bound.to_string()
            })
        }
        Kind::Octal(min, max) => {
            let number = i128::from_str_radix(word, 8);
            let number = number.map_err(|_| "argument couldn't be parsed as an octal number")?;
            within(number, min, max, |bound| format!("{bound:o}"))
        }
        Kind::Integer(min, max) => {
            let number = read_integer(word).ok_or("argument couldn't be parsed into an integer")?;
            within(number, min, max, |bound| bound.to_string())
        }
        _ => unreachable!("a whole number is declared as an integer, as memory or as octal"),
    }
}

/// `number`, if it lies between the bounds.
pub(super) fn within(number: i128, min: i128, max: i128, show: fn(i128) -> String) -> Result<i128, String> {
    if (min..=max).contains(&number) {
        return Ok(number);
    }
    Err(format!("argument must be between {} and {} inclusive", show(min), show(max)))
}

/// A 64-bit integer in its one canonical form: no plus sign, no leading zeros, no spaces.
pub(super) fn read_integer(word: &str) -> Option<i128> {
    let number: i64 = word.parse().ok()?;
    (number.to_string() == word).then_some(i128::from(number))
}

/// A number of bytes: digits (none at all are zero), then perhaps a unit. `k`, `m`, `g` are powers of 1000, `kb`, `mb`,
/// `gb` of 1024. What 64 bits cannot hold is their largest number, which most parameters then find out of range.
pub fn read_memory(word: &str) -> Option<i128> {
    let digits = word.len() - word.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = word.split_at(digits);
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1000 * 1000,
        "mb" => 1 << 20,
        "g" => 1000 * 1000 * 1000,
        "gb" => 1 << 30,
        _ => return None,
    };
    let number = if number.is_empty() { 0 } else { number.parse().unwrap_or(u64::MAX) };
    Some(i128::from(number.saturating_mul(factor)))
}

/// A number of bytes in the largest unit that divides it.
pub(super) fn with_unit(bytes: i128) -> String {
    for (shift, unit) in [(30, "gb"), (20, "mb"), (10, "kb")] {
        if bytes != 0 && bytes % (1 << shift) == 0 {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    bytes.to_string()
}

impl Setting for String {
    fn take(&mut self, words: &[&str], _: &Kind) -> Result<(), String> {
        *self = only(words)?.to_string();
        Ok(())
    }

    fn show(&self, _: &Kind) -> String {
        self.clone()
    }

    fn lines(&self, _: &Kind) -> Written {
        Written::UnlessDefault(vec![quoted(self)])
    }
}

impl Setting for Option<String> {
    fn take(&mut self, words: &[&str], _: &Kind) -> Result<(), String> {
        let word = only(words)?;
        *self = (!word.is_empty()).then(|| word.to_string());
        Ok(())
    }

    fn show(&self, _: &Kind) -> String {
        self.clone().unwrap_or_default()
    }

    fn lines(&self, kind: &Kind) -> Written {
        match (self, kind) {
            (None, Kind::OptionalText) => Written::Never,
            _ => Written::UnlessDefault(vec![quoted(&self.show(kind))]),
        }
    }
}

impl Setting for Option<PathBuf> {
    fn take(&mut self, words: &[&str], _: &Kind) -> Result<(), String> {
        let word = only(words)?;
        *self = (!word.is_empty()).then(|| PathBuf::from(word));
        Ok(())
    }

    fn show(&self, _: &Kind) -> String {
        self.as_deref().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default()
    }

    fn lines(&self, kind: &Kind) -> Written {
        match (self, kind) {
            (None, Kind::OptionalText) => Written::Never,
            _ => Written::UnlessDefault(vec![quoted(&self.show(kind))]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_with_units() {
        let cases: &[(&str, Option<i128>)] = &[
            ("0", Some(0)),
            ("100", Some(100)),
            ("1b", Some(1)),
            ("1k", Some(1000)),
            ("1kb", Some(1024)),
            ("3M", Some(3_000_000)),
            ("3MB", Some(3 << 20)),
            ("2g", Some(2_000_000_000)),
            ("2Gb", Some(2 << 30)),
            ("18446744073709551615", Some(u64::MAX as i128)),
            ("18446744073709551616", Some(u64::MAX as i128)),
            ("18446744073709551615k", Some(u64::MAX as i128)),
            ("-1", None),
            ("+1", None),
            ("-", None),
            ("", Some(0)),
            ("mb", Some(0)),
            ("1 mb", None),
            ("1tb", None),
        ];
        for (word, bytes) in cases {
            assert_eq!(read_memory(word), *bytes, "{word:?}");
        }
    }

    #[test]
    fn memory_is_written_in_the_largest_unit_that_divides_it() {
        for (bytes, text) in [(0, "0"), (1023, "1023"), (1024, "1kb"), (3 << 20, "3mb"), (1 << 31, "2gb")] {
            assert_eq!(with_unit(bytes), text);
        }
    }

    #[test]
    fn integers_have_one_form() {
        for word in ["", "+1", "01", "-0", " 1", "1 ", "1.0", "0x1", "9223372036854775808"] {
            assert_eq!(read_integer(word), None, "{word:?}");
        }
        assert_eq!(read_integer("-9223372036854775808"), Some(i64::MIN as i128));
    }
}
