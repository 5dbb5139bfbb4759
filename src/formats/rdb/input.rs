//! Lengths and strings, read from bytes that may end anywhere.
use super::{Damage, head};
use crate::data::lzf;
use bytes::Bytes;

/// A cursor over bytes.
pub(super) struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A string as it stands in a file.
#[derive(Debug)]
pub(super) enum Word<'a> {
    Slice(&'a [u8]),
    Integer(i64),
    Decompressed(Vec<u8>),
}

impl<'a> Word<'a> {
    #[inline]
    pub fn bytes<'b>(&'b self, digits: &'b mut itoa::Buffer) -> &'b [u8] {
        match self {
            Word::Slice(bytes) => bytes,
            Word::Integer(integer) => digits.format(*integer).as_bytes(),
            Word::Decompressed(bytes) => bytes,
        }
    }
    /// Bytes of their own.
    pub fn into_vec(self) -> Vec<u8> {
        match self {
            Word::Decompressed(bytes) => bytes,
            other => other.bytes(&mut itoa::Buffer::new()).to_vec(),
        }
    }
    pub fn into_bytes(self) -> Bytes {
        self.into_vec().into()
    }
}

/// The first part of a length or string.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Head {
    Length(u64),
    /// An integer stands for its digits.
    Integer(i64),
    /// So many bytes follow that are compressed from so many.
    Compressed {
        len: u64,
        from: u64,
    },
}

impl<'a> Input<'a> {
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Input<'a> {
        Input { bytes, at: 0 }
    }
    #[inline]
    pub fn offset(&self) -> usize {
        self.at
    }
    #[inline]
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }
    pub fn damage(&self, reason: &'static str) -> Damage {
        Damage::new(self.at, reason)
    }
    #[cold]
    fn ended(&self) -> Damage {
        Damage::new(self.bytes.len(), "Unexpected end of the data")
    }
    #[inline]
    pub fn take(&mut self, len: u64) -> Result<&'a [u8], Damage> {
        let end = usize::try_from(len).ok().and_then(|len| self.at.checked_add(len));
        let taken = end.and_then(|end| self.bytes.get(self.at..end)).ok_or_else(|| self.ended())?;
        self.at += taken.len();
        Ok(taken)
    }
    #[inline]
    pub fn byte(&mut self) -> Result<u8, Damage> {
        let byte = *self.bytes.get(self.at).ok_or_else(|| self.ended())?;
        self.at += 1;
        Ok(byte)
    }
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let taken = self.bytes[self.at..].first_chunk().ok_or_else(|| self.ended())?;
        self.at += N;
        Ok(*taken)
    }
    #[inline]
    pub fn i64(&mut self) -> Result<i64, Damage> {
        self.array().map(i64::from_le_bytes)
    }
    #[inline]
    pub fn head(&mut self) -> Result<Head, Damage> {
        let at = self.at;
        let first = self.byte()?;
        Ok(match first {
            head::INTEGER_8 => Head::Integer(i8::from_le_bytes(self.array()?).into()),
            head::INTEGER_16 => Head::Integer(i16::from_le_bytes(self.array()?).into()),
            head::INTEGER_32 => Head::Integer(i32::from_le_bytes(self.array()?).into()),
            head::COMPRESSED => Head::Compressed { len: self.length()?, from: self.length()? },
            _ => Head::Length(self.length_from(at, first)?),
        })
    }
    /// A number, or how many of something follow.
    #[inline]
    pub fn length(&mut self) -> Result<u64, Damage> {
        let at = self.at;
        let first = self.byte()?;
        self.length_from(at, first)
    }
    #[inline]
    fn length_from(&mut self, at: usize, first: u8) -> Result<u64, Damage> {
        match first {
            0x00..=0x3F => Ok(first.into()),
            0x40..=0x7F => Ok(u64::from(first & 0x3F) << 8 | u64::from(self.byte()?)),
            head::LENGTH_32 => self.array().map(|bytes| u32::from_be_bytes(bytes).into()),
            head::LENGTH_64 => self.array().map(u64::from_be_bytes),
            _ => Err(Damage::new(at, format!("Unknown encoding {first:#04x} of a length"))),
        }
    }
    /// How many of something follow, of which each takes so many bytes at least. More than there can be is an error right
    /// away, so that room may be made for as many.
    pub fn count(&mut self, bytes_min: usize) -> Result<usize, Damage> {
        let at = self.at;
        let count = self.length()?;
        match usize::try_from(count) {
            Ok(count) if count <= self.remaining() / bytes_min => Ok(count),
            _ => Err(Damage::new(at, format!("{count} items do not fit into what follows"))),
        }
    }
    #[inline]
    pub fn word(&mut self) -> Result<Word<'a>, Damage> {
        let at = self.at;
        match self.head()? {
            Head::Length(len) => self.take(len).map(Word::Slice),
            Head::Integer(integer) => Ok(Word::Integer(integer)),
            Head::Compressed { len, from } => {
                let compressed = self.take(len)?;
                let from = usize::try_from(from).unwrap_or(usize::MAX);
                let bytes = lzf::decompress(compressed, from);
                bytes.map(Word::Decompressed).map_err(|_| Damage::new(at, "Invalid LZF compressed string"))
            }
        }
    }
    /// All must have been read.
    pub fn end(&self) -> Result<(), Damage> {
        if self.remaining() == 0 { Ok(()) } else { Err(self.damage("Bytes behind the end of the value")) }
    }
}
