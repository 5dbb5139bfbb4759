//! A string value, on its way in and out.
use super::{Form, INLINE_BYTES_MAX};
use bytes::Bytes;

/// A string value to be stored.
#[derive(Clone, Debug)]
pub enum Text<'a> {
    Integer(i64),
    Inline(&'a [u8]),
    Shared(Bytes),
}
impl<'a> Text<'a> {
    /// The smallest form that holds `bytes`: an integer if they are the canonical text of one.
    pub fn smallest(bytes: &'a Bytes) -> Text<'a> {
        match crate::data::number::parse_integer(bytes) {
            Some(n) => Text::Integer(n),
            None if bytes.len() <= INLINE_BYTES_MAX => Text::Inline(bytes),
            None => Text::Shared(bytes.clone()),
        }
    }
    pub(super) fn form(&self) -> Form {
        match self {
            Text::Integer(_) => Form::Integer,
            Text::Inline(_) => Form::Inline,
            Text::Shared(_) => Form::Shared,
        }
    }
    pub(super) fn inline_length(&self) -> usize {
        if let Text::Inline(bytes) = self { bytes.len() } else { 0 }
    }
}
/// A string value, looked at.
#[derive(Clone, Copy, Debug)]
pub enum TextRef<'a> {
    Integer(i64),
    Inline(&'a [u8]),
    Shared(&'a Bytes),
}
impl<'a> TextRef<'a> {
    /// The value's bytes; `digits` is room for those of an integer.
    pub fn bytes<'b>(self, digits: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            TextRef::Integer(n) => digits.format(n).as_bytes(),
            TextRef::Inline(bytes) => bytes,
            TextRef::Shared(bytes) => bytes,
        }
    }
    pub fn len(self) -> usize {
        self.bytes(&mut itoa::Buffer::new()).len()
    }
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
    /// As bytes of their own; a shared value stays shared.
    pub fn to_bytes(self) -> Bytes {
        match self {
            TextRef::Shared(bytes) => bytes.clone(),
            other => Bytes::copy_from_slice(other.bytes(&mut itoa::Buffer::new())),
        }
    }
    pub fn integer(self) -> Option<i64> {
        match self {
            TextRef::Integer(n) => Some(n),
            other => crate::data::number::parse_integer(other.bytes(&mut itoa::Buffer::new())),
        }
    }
}
