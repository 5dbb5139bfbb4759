//! Lengths and strings.
use super::super::ValueType;
use super::super::Version;
use super::{super::head, Encoder};
use crate::data::number::parse_integer;
use crate::store::{EntryRef, Hash, ObjectRef, Stored};

/// Strings of more than this many bytes are written as they are. To compress one is to compress all of it, while
/// clients wait, for its length stands in front; this much takes about a millisecond.
pub(super) const COMPRESSED_BYTES_MAX: usize = 256 << 10;
/// Shorter ones cannot be compressed by as much as it takes to say so.
const COMPRESSED_BYTES_MIN: usize = 21;
/// What compressing must save at least.
const SAVED_BYTES_MIN: usize = 4;
/// The longest integer that is written as one, with its sign.
const INTEGER_DIGITS_MAX: usize = 11;
/// A length in its widest form.
const LENGTH_BYTES_MAX: usize = 9;

#[inline]
pub(in super::super) fn put_length(length: u64, out: &mut Vec<u8>) {
    match length {
        0..0x40 => out.push(length as u8),
        0x40..0x4000 => out.extend_from_slice(&(0x4000 | length as u16).to_be_bytes()),
        0x4000..=0xFFFF_FFFF => {
            out.push(head::LENGTH_32);
            out.extend_from_slice(&(length as u32).to_be_bytes());
        }
        _ => {
            out.push(head::LENGTH_64);
            out.extend_from_slice(&length.to_be_bytes());
        }
    }
}

/// An integer as a string: in few bytes, if it has not more than 32 bits.
pub(in super::super) fn put_number(integer: i64, out: &mut Vec<u8>) {
    if let Ok(integer) = i8::try_from(integer) {
        out.extend_from_slice(&[head::INTEGER_8, integer as u8]);
    } else if let Ok(integer) = i16::try_from(integer) {
        out.push(head::INTEGER_16);
        out.extend_from_slice(&integer.to_le_bytes());
    } else if let Ok(integer) = i32::try_from(integer) {
        out.push(head::INTEGER_32);
        out.extend_from_slice(&integer.to_le_bytes());
    } else {
        put_plain(itoa::Buffer::new().format(integer).as_bytes(), out);
    }
}

/// A string as it is.
pub(in super::super) fn put_plain(bytes: &[u8], out: &mut Vec<u8>) {
    put_length(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// A string that is compressed already, from so many bytes.
pub(super) fn put_compressed(compressed: &[u8], from: usize, out: &mut Vec<u8>) {
    out.push(head::COMPRESSED);
    put_length(compressed.len() as u64, out);
    put_length(from as u64, out);
    out.extend_from_slice(compressed);
}

impl Encoder {
    /// A string in the shortest form.
    #[inline]
    pub(super) fn string(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if bytes.len() <= INTEGER_DIGITS_MAX
            && let Some(integer) = parse_integer(bytes)
        {
            return put_number(integer, out);
        }
        if !self.compress(bytes, out) {
            put_plain(bytes, out);
        }
    }
    /// Writes a string compressed, if that is wanted and worth while.
    fn compress(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> bool {
        if !(COMPRESSED_BYTES_MIN..=COMPRESSED_BYTES_MAX).contains(&bytes.len()) {
            return false;
        }
        let Some(compressor) = &mut self.compressor else { return false };
        // The lengths stand in front, and are known behind.
        const HEAD: [u8; 1 + 2 * LENGTH_BYTES_MAX] = [0; _];
        let start = out.len();
        out.extend_from_slice(&HEAD);
        if !compressor.compress_into(bytes, bytes.len() - SAVED_BYTES_MIN, out) {
            out.truncate(start);
            return false;
        }
        let compressed_at = start + HEAD.len();
        let len = out.len() - compressed_at;
        let mut head = Vec::with_capacity(HEAD.len());
        head.push(head::COMPRESSED);
        put_length(len as u64, &mut head);
        put_length(bytes.len() as u64, &mut head);
        out[start..start + head.len()].copy_from_slice(&head);
        out.copy_within(compressed_at.., start + head.len());
        out.truncate(start + head.len() + len);
        true
    }

    /// The type by which a value is written.
    pub(super) fn value_type(&self, entry: EntryRef) -> ValueType {
        match entry.object() {
            None => ValueType::String,
            Some(ObjectRef::List(_)) => ValueType::Quicklist2,
            Some(ObjectRef::Set(set)) => match (set.as_intset(), set.as_listpack()) {
                (Some(_), _) => ValueType::SetIntset,
                (None, Some(_)) if self.version >= Version::V11 => ValueType::SetListpack,
                _ => ValueType::Set,
            },
            Some(ObjectRef::SortedSet(set)) => match set.as_listpack() {
                Some(_) => ValueType::SortedSetListpack,
                None => ValueType::SortedSet2,
            },
            Some(ObjectRef::Hash(hash)) => match hash.as_listpack() {
                Some(_) if self.keeps_triples(hash) => ValueType::HashTriples,
                Some(_) => ValueType::HashListpack,
                None if hash.next_deadline().is_some() => ValueType::HashDeadlines,
                None => ValueType::Hash,
            },
            Some(ObjectRef::Stream(_)) if self.version >= Version::V11 => ValueType::Stream3,
            Some(ObjectRef::Stream(_)) => ValueType::Stream2,
        }
    }
    /// Whether a small hash is written with a place for deadlines: if it has any, and where the version has them anyway
    /// if it had.
    pub(super) fn keeps_triples(&self, hash: &Hash) -> bool {
        let has_places = hash.as_listpack().is_some_and(|(_, width)| width == 3);
        has_places && (self.version >= Version::V12 || hash.next_deadline().is_some())
    }
}
