//! Words in quotes: how a line becomes arguments, and how bytes become a word that can be read back.
//!
//! One grammar serves the lines of redis.conf, inline commands, the command-line client, and (in the other direction)
//! MONITOR, the log, and CONFIG REWRITE. Words are separated by white space. In double quotes, `\n \r \t \b \a`
//! and `\xHH` are the usual bytes and any other escaped byte stands for itself; in single quotes only `\'` is special.
//! A closing quote ends its word, therefore white space or the end must follow it; an opening one may stand inside
//! a word (`a"b c"` is one). A NUL byte ends the line, as in the C strings that the grammar comes from.

/// Splits `line` into its words. `None` if a quote is not closed, or is closed in the midst of a word.
///
/// ```
/// use callboard::data::quoting::split_args;
/// let words = split_args(br#"set "a key" '\x41' "\x41""#);
/// assert_eq!(words, Some(vec![b"set".to_vec(), b"a key".to_vec(), br"\x41".to_vec(), b"A".to_vec()]));
/// ```
pub fn split_args(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let end = memchr::memchr(0, line).unwrap_or(line.len());
    let mut rest = &line[..end];
    let mut words = Vec::new();
    loop {
        rest = &rest[rest.iter().take_while(|&&byte| is_space(byte)).count()..];
        if rest.is_empty() {
            return Some(words);
        }
        words.push(take_word(&mut rest)?);
    }
}

/// `bytes` in double quotes, with escapes for all that is not printable ASCII: [`split_args`] reads it back.
pub fn quote(bytes: &[u8]) -> String {
    let mut quoted = String::with_capacity(bytes.len() + 2);
    quoted.push('"');
    for &byte in bytes {
        match byte {
            b'\\' | b'"' => quoted.extend(['\\', char::from(byte)]),
            b'\n' => quoted.push_str("\\n"),
            b'\r' => quoted.push_str("\\r"),
            b'\t' => quoted.push_str("\\t"),
            0x07 => quoted.push_str("\\a"),
            0x08 => quoted.push_str("\\b"),
            b' '..=b'~' => quoted.push(char::from(byte)),
            _ => quoted.extend(['\\', 'x', hex_digit(byte >> 4), hex_digit(byte & 15)]),
        }
    }
    quoted.push('"');
    quoted
}

/// Takes one word off `rest`, which does not begin with white space.
fn take_word(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let mut word = Vec::new();
    while let Some((&byte, tail)) = rest.split_first() {
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => return Some(word),
            b'"' | b'\'' => {
                *rest = tail;
                let unescape = if byte == b'"' { unescape_double } else { unescape_single };
                take_quoted(rest, byte, unescape, &mut word)?;
                return rest.first().is_none_or(|&next| is_space(next)).then_some(word);
            }
            _ => word.push(byte),
        }
        *rest = tail;
    }
    Some(word)
}

/// Moves what precedes the closing `quote` from `rest` to `word`, and takes the quote itself.
fn take_quoted(
    rest: &mut &[u8],
    quote: u8,
    unescape: fn(&[u8]) -> Option<(u8, usize)>,
    word: &mut Vec<u8>,
) -> Option<()> {
    loop {
        let &first = rest.first()?;
        if first == quote {
            *rest = &rest[1..];
            return Some(());
        }
        let (byte, len) = unescape(rest).unwrap_or((first, 1));
        word.push(byte);
        *rest = &rest[len..];
    }
}

/// The byte that an escape at the start of `text` stands for, and the length of the escape.
fn unescape_double(text: &[u8]) -> Option<(u8, usize)> {
    if let [b'\\', b'x', high, low, ..] = *text
        && let (Some(high), Some(low)) = (hex_value(high), hex_value(low))
    {
        return Some((high << 4 | low, 4));
    }
    let [b'\\', escaped, ..] = *text else { return None };
    let byte = match escaped {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        itself => itself,
    };
    Some((byte, 2))
}

fn unescape_single(text: &[u8]) -> Option<(u8, usize)> {
    text.starts_with(b"\\'").then_some((b'\'', 2))
}

fn hex_value(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

fn hex_digit(value: u8) -> char {
    char::from(b"0123456789abcdef"[usize::from(value)])
}

/// White space as C's `isspace` has it; `\v` and `\f` separate words only where they precede one.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_split_as_listed() {
        type Case = (&'static [u8], Option<&'static [&'static [u8]]>);
        let cases: &[Case] = &[
            (b"", Some(&[])),
            (b"  \t \r\n", Some(&[])),
            (b"save 900 1", Some(&[b"save", b"900", b"1"])),
            (b"  a \t b\r\n", Some(&[b"a", b"b"])),
            (br#""" ''"#, Some(&[b"", b""])),
            (br#""\x41\x4g\xFF""#, Some(&[b"Ax4g\xff"])),
            (br#""\n\r\t\b\a\q\\\"""#, Some(&[b"\n\r\t\x08\x07q\\\""])),
            (br"'it\'s \n'", Some(&[br"it's \n"])),
            (br#"pre"fix ed" x"#, Some(&[b"prefix ed", b"x"])),
            (br"a\ b", Some(&[br"a\", b"b"])),
            (b"\"a\"\x0bb", Some(&[b"a", b"b"])),
            (b"a\x0bb", Some(&[b"a\x0bb"])),
            (b"a b\0 c", Some(&[b"a", b"b"])),
            (b"\"a\0\"", None),
            (br#""a"b"#, None),
            (br"'a'b", None),
            (br#""a"#, None),
            (br"'a", None),
            (br#""a\"#, None),
            (br#""a\""#, None),
            (br#"a""#, None),
        ];
        for (line, expected) in cases {
            let expected = expected.map(|words| words.iter().map(|word| word.to_vec()).collect::<Vec<_>>());
            assert_eq!(split_args(line), expected, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn bytes_are_quoted_as_listed() {
        assert_eq!(quote(b"hello world"), r#""hello world""#);
        assert_eq!(quote(b"\\\"'\n\r\t\x07\x08\0\x7f\xff~"), r#""\\\"'\n\r\t\a\b\x00\x7f\xff~""#);
    }

    proptest! {
        #[test]
        fn what_is_quoted_is_read_back(words in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..5)) {
            let line: Vec<String> = words.iter().map(|word| quote(word)).collect();
            prop_assert_eq!(split_args(line.join(" ").as_bytes()), Some(words));
        }

        #[test]
        fn no_line_panics(line in prop::collection::vec(prop::sample::select(br#"ab "'\x4n"#.as_slice()), 0..20)) {
            let _ = split_args(&line);
        }
    }
}
