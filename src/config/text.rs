//! Words, quotes and patterns.
//!
//! [`matches`] and [`split_args`] stand in for `data::glob::matches` and `data::quoting::split_args`, which have the
//! same signatures and take their place here.

/// Whether `text` matches a glob `pattern` (`*`, `?`, `[a-z]`, `[^a]`, `\` escapes).
pub(super) fn matches(pattern: &[u8], text: &[u8], nocase: bool) -> bool {
    let fold = |byte: u8| if nocase { byte.to_ascii_lowercase() } else { byte };
    match (pattern, text) {
        ([], _) => text.is_empty(),
        ([b'*', rest @ ..], _) => (0..=text.len()).any(|skip| matches(rest, &text[skip..], nocase)),
        ([b'?', rest @ ..], [_, tail @ ..]) => matches(rest, tail, nocase),
        ([b'[', rest @ ..], [byte, tail @ ..]) => {
            let (hit, rest) = in_class(rest, fold(*byte), fold);
            hit && matches(rest, tail, nocase)
        }
        ([b'\\', want, rest @ ..], [byte, tail @ ..]) | ([want, rest @ ..], [byte, tail @ ..]) => {
            fold(*want) == fold(*byte) && matches(rest, tail, nocase)
        }
        (_, []) => false,
    }
}

/// Whether `byte` is in the class that `pattern` begins with (after its bracket), and what follows the class.
fn in_class(pattern: &[u8], byte: u8, fold: impl Fn(u8) -> u8) -> (bool, &[u8]) {
    let (negated, mut rest) = match pattern {
        [b'^', rest @ ..] => (true, rest),
        _ => (false, pattern),
    };
    let mut hit = false;
    loop {
        rest = match rest {
            [] => return (hit != negated, rest),
            [b']', tail @ ..] => return (hit != negated, tail),
            [from, b'-', to, tail @ ..] => {
                let (from, to) = (fold(*from), fold(*to));
                hit |= (from.min(to)..=from.max(to)).contains(&byte);
                tail
            }
            [b'\\', want, tail @ ..] | [want, tail @ ..] => {
                hit |= fold(*want) == byte;
                tail
            }
        };
    }
}

/// Splits a line into words as a Redis prompt does: double quotes with escapes, single quotes with `\'` only.
/// `None` if a quote stays open or is followed by anything but a space.
pub(super) fn split_args(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line.trim_ascii_start();
    while !rest.is_empty() {
        let (word, tail) = next_word(rest)?;
        words.push(word);
        rest = tail.trim_ascii_start();
    }
    Some(words)
}

fn next_word(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    loop {
        rest = match rest {
            [b'"', tail @ ..] => {
                let rest = end_of_quote(double_quoted(&mut word, tail)?)?;
                return Some((word, rest));
            }
            [b'\'', tail @ ..] => {
                let rest = end_of_quote(single_quoted(&mut word, tail)?)?;
                return Some((word, rest));
            }
            [] => return Some((word, rest)),
            [byte, _tail @ ..] if byte.is_ascii_whitespace() || *byte == 0 => return Some((word, rest)),
            [byte, tail @ ..] => {
                word.push(*byte);
                tail
            }
        }
    }
}

fn end_of_quote(rest: &[u8]) -> Option<&[u8]> {
    rest.first().is_none_or(u8::is_ascii_whitespace).then_some(rest)
}

fn single_quoted<'a>(word: &mut Vec<u8>, mut rest: &'a [u8]) -> Option<&'a [u8]> {
    loop {
        let (byte, tail) = match rest {
            [b'\\', b'\'', tail @ ..] => (b'\'', tail),
            [b'\'', tail @ ..] => return Some(tail),
            [byte, tail @ ..] => (*byte, tail),
            [] => return None,
        };
        word.push(byte);
        rest = tail;
    }
}

fn double_quoted<'a>(word: &mut Vec<u8>, mut rest: &'a [u8]) -> Option<&'a [u8]> {
    loop {
        let (byte, tail) = match rest {
            [b'\\', b'x', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex(*high) << 4 | hex(*low), tail)
            }
            [b'\\', escaped, tail @ ..] => (unescape(*escaped), tail),
            [b'"', tail @ ..] => return Some(tail),
            [byte, tail @ ..] => (*byte, tail),
            [] => return None,
        };
        word.push(byte);
        rest = tail;
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit.to_ascii_lowercase() - b'a' + 10,
    }
}

fn unescape(escaped: u8) -> u8 {
    match escaped {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

/// A word in double quotes, so that [`split_args`] gives it back.
pub(super) fn quoted(word: &str) -> String {
    let mut text = String::from("\"");
    for byte in word.bytes() {
        match byte {
            b'\\' | b'"' => text.extend(['\\', char::from(byte)]),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            0x07 => text.push_str("\\a"),
            0x08 => text.push_str("\\b"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text.push('"');
    text
}

/// A word as it is, or in quotes if it would not come back as itself.
pub(super) fn quoted_if_needed(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
    match !word.is_empty() && word.bytes().all(plain) {
        true => word.to_string(),
        false => quoted(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(line: &str) -> Option<Vec<String>> {
        let words = split_args(line.as_bytes())?;
        Some(words.into_iter().map(|word| String::from_utf8_lossy(&word).into_owned()).collect())
    }

    #[test]
    fn lines_are_split_and_unquoted() {
        let cases: &[(&str, Option<&[&str]>)] = &[
            ("", Some(&[])),
            ("  port \t 6379 ", Some(&["port", "6379"])),
            (r#"save """#, Some(&["save", ""])),
            (r#"a "b c" 'd e'"#, Some(&["a", "b c", "d e"])),
            (r#""\x41\n\t\r\\\"\q""#, Some(&["A\n\t\r\\\"q"])),
            (r#"'it\'s \n'"#, Some(&["it's \\n"])),
            (r#"pre"post""#, Some(&["prepost"])),
            (r#""open"#, None),
            (r#"'open"#, None),
            (r#""closed"tail"#, None),
        ];
        for (line, expected) in cases {
            let expected =
                expected.map(|words| words.iter().map(|word| word.to_string()).collect::<Vec<_>>());
            assert_eq!(words(line), expected, "{line}");
        }
    }

    #[test]
    fn patterns_match_as_globs() {
        let cases = [
            ("max*", "maxmemory", true),
            ("*of", "replicaof", true),
            ("MAX?emory", "maxmemory", true),
            ("[lm]axmemory", "maxmemory", true),
            ("[^m]axmemory", "maxmemory", false),
            ("[a-n]ax*", "maxmemory", true),
            ("max", "maxmemory", false),
            ("*", "", true),
            ("?", "", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes(), true), expected, "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn a_quoted_word_comes_back(word in any::<String>()) {
            prop_assert_eq!(words(&quoted(&word)), Some(vec![word.clone()]));
            prop_assert_eq!(words(&quoted_if_needed(&word)), Some(vec![word]));
        }
    }
}
