//! A `CommandError` is a reply: its text, prefix included, is part of the protocol. Client libraries branch on it.
use std::borrow::Cow;

/// Longest part of a client's word that an error repeats, in bytes, where there is a limit.
pub const SHOWN_BYTES_MAX: usize = 128;

/// A client's word as errors repeat it: up to its first NUL, as Redis' C strings end there.
pub fn shown(word: &[u8]) -> Cow<'_, str> {
    let end = memchr::memchr(0, word).unwrap_or(word.len());
    String::from_utf8_lossy(&word[..end])
}
/// The same of a word that may be cut.
pub fn shown_in_part(word: &[u8]) -> Cow<'_, str> {
    shown(&word[..word.len().min(SHOWN_BYTES_MAX)])
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
