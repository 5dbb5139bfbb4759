//! A `CommandError` is a reply: its text, prefix included, is part of the protocol. Client libraries branch on it.
use std::borrow::Cow;

/// Longest part of a client's word that an error repeats, in bytes, where there is a limit.
pub const SHOWN_BYTES_MAX: usize = 128;

/// A client's word as errors repeat it: up to its first NUL, as Redis' C strings end there.
pub fn shown(word: &[u8]) -> Cow<'_, str> {
    text_of_bytes(until_nul(word))
}
/// The part of a word before its first NUL.
pub fn until_nul(word: &[u8]) -> &[u8] {
    &word[..memchr::memchr(0, word).unwrap_or(word.len())]
}
/// The same of a word that may be cut.
pub fn shown_in_part(word: &[u8]) -> Cow<'_, str> {
    shown(&word[..word.len().min(SHOWN_BYTES_MAX)])
}

/// The characters that stand for single bytes in a text: 128 of those that Unicode leaves to its users.
const FIRST_BYTE_CHARACTER: u32 = 0x10_ff80;
/// Every one of them begins with this byte, and hardly anything else does.
const BYTE_CHARACTER_MARK: u8 = 0xf4;

/// Bytes as a text, from which [`bytes_of_text`] makes the same bytes again. A client's words need not be UTF-8: a byte
/// that is not part of any is one of the characters above, as in Python's `surrogateescape` (PEP 383). So are the bytes
/// of these characters themselves.
pub fn text_of_bytes(bytes: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(bytes) {
        Ok(text) if !bytes.contains(&BYTE_CHARACTER_MARK) => return text.into(),
        _ => {}
    }
    let mut text = String::with_capacity(bytes.len() + 16);
    let stand_for = |byte: u8| match byte {
        0..0x80 => char::from(byte),
        _ => char::from_u32(FIRST_BYTE_CHARACTER + u32::from(byte - 0x80)).expect("below the last character"),
    };
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if u32::from(character) < FIRST_BYTE_CHARACTER {
                text.push(character);
            } else {
                text.extend(character.encode_utf8(&mut [0; 4]).bytes().map(stand_for));
            }
        }
        text.extend(chunk.invalid().iter().copied().map(stand_for));
    }
    text.into()
}
/// The bytes of a text that may hold a client's words.
pub fn bytes_of_text(text: &str) -> Cow<'_, [u8]> {
    if !text.as_bytes().contains(&BYTE_CHARACTER_MARK) {
        return text.as_bytes().into();
    }
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match u32::from(character).checked_sub(FIRST_BYTE_CHARACTER) {
            Some(above) => bytes.push(0x80 + above as u8),
            None => bytes.extend(character.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    bytes.into()
}

#[derive(Clone, Debug, PartialEq)]
pub enum CommandError {
    Syntax,
    NotAnInteger,
    NotAFloat,
    OutOfRange,
    WrongType,
    NoSuchKey,
    InvalidDbIndex,
    DbIndexOutOfRange,
    StringTooLong,
    InvalidExpire(&'static str),
    /// Wrong number of arguments for the named command (in lower case, subcommands as `config|get`).
    Arity(String),
    /// Any other reply, with its prefix.
    Text(Cow<'static, str>),
}

impl CommandError {
    /// An error with a text of its own; `text` starts with the prefix (`ERR …`).
    pub const fn fixed(text: &'static str) -> CommandError {
        CommandError::Text(Cow::Borrowed(text))
    }
    pub fn text_of(text: impl Into<String>) -> CommandError {
        CommandError::Text(Cow::Owned(text.into()))
    }

    pub fn text(&self) -> Cow<'_, str> {
        use CommandError::*;
        match self {
            Syntax => "ERR syntax error".into(),
            NotAnInteger => "ERR value is not an integer or out of range".into(),
            NotAFloat => "ERR value is not a valid float".into(),
            OutOfRange => "ERR value is out of range".into(),
            WrongType => "WRONGTYPE Operation against a key holding the wrong kind of value".into(),
            NoSuchKey => "ERR no such key".into(),
            InvalidDbIndex => "ERR invalid DB index".into(),
            DbIndexOutOfRange => "ERR DB index is out of range".into(),
            StringTooLong => "ERR string exceeds maximum allowed size (proto-max-bulk-len)".into(),
            InvalidExpire(command) => format!("ERR invalid expire time in '{command}' command").into(),
            Arity(name) => format!("ERR wrong number of arguments for '{name}' command").into(),
            Text(text) => text.as_ref().into(),
        }
    }
    /// The word before the first space: what INFO errorstats counts by.
    pub fn prefix(&self) -> String {
        let text = self.text();
        text.split(' ').next().unwrap_or("ERR").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn valid_text_stays_as_it_is() {
        for text in ["", "plain", "né 中 🎭", "\u{10ff7f}"] {
            assert_eq!(text_of_bytes(text.as_bytes()), text);
        }
        assert_eq!(text_of_bytes(b"a\xffb"), "a\u{10ffff}b");
    }

    proptest! {
        #[test]
        fn bytes_come_back(
            bytes in prop::collection::vec(prop::sample::select(vec![b'a', 0, 0x80, 0x8f, 0xbe, 0xbf, 0xc3, 0xa9, 0xf4, 0xff]), 0..20),
            text in "[a\u{e9}\u{10ff7f}\u{10ff80}\u{10ffff}]{0,9}",
        ) {
            let all = [&bytes[..], text.as_bytes(), &bytes].concat();
            let there = text_of_bytes(&all);
            prop_assert_eq!(&*bytes_of_text(&there), &all);
        }
    }
}
