//! One element of a listpack, and how it is written.
//!
//! An element stands as *encoding* (a first byte that tells kind and length, perhaps more length bytes, the data),
//! then its *backlen*: the length of the encoding in groups of seven bits, most significant first, with the upper bit
//! set in all groups but the first, so that it can be read from its end backwards. The format is specified at
//! <https://github.com/antirez/listpack>; everything here agrees with it to the byte, as snapshots hold it.
//!
//! | first byte         | meaning                                    |
//! |--------------------|--------------------------------------------|
//! | `0xxx xxxx`        | integer 0 to 127                           |
//! | `10xx xxxx`        | string below 64 bytes                      |
//! | `110x xxxx` + 1    | integer of 13 bits, signed, big-endian     |
//! | `1110 xxxx` + 1    | string below 4096 bytes                    |
//! | `0xF0` + 4         | string, its length little-endian           |
//! | `0xF1` … `0xF4`    | integer of 16, 24, 32, 64 bits, little-endian |
//! | `0xFF`             | end                                        |

use bytes::Bytes;

use crate::data::number::parse_integer;

/// An element that is looked for: compared many times, and read as an integer once.
#[derive(Clone, Copy, Debug)]
pub struct Needle<'a> {
    bytes: &'a [u8],
    integer: Option<i64>,
}

impl<'a> Needle<'a> {
    pub fn new(bytes: &'a [u8]) -> Needle<'a> {
        Needle { bytes, integer: parse_integer(bytes) }
    }

    /// Whether a client sees the same bytes in the element.
    #[inline]
    pub fn equals(&self, element: Element<'_>) -> bool {
        match element {
            // A listpack from elsewhere may hold as text what we would hold as an integer.
            Element::Bytes(bytes) => bytes == self.bytes,
            Element::Integer(integer) => Some(integer) == self.integer,
        }
    }
}

/// What ends a listpack.
pub(super) const END: u8 = 0xFF;
/// The longest integer encoding.
const INTEGER_BYTES_MAX: usize = 9;

/// An element as it is stored. What looks like an integer is one, so compare with [`Element::equals`] or compare
/// elements that were both made by [`Element::of`] or read from listpacks that this server wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Element<'a> {
    Integer(i64),
    Bytes(&'a [u8]),
}

impl<'a> Element<'a> {
    /// `bytes` as a listpack stores them: as an integer if they are the canonical text of one.
    #[inline]
    pub fn of(bytes: &'a [u8]) -> Element<'a> {
        match parse_integer(bytes) {
            Some(integer) => Element::Integer(integer),
            None => Element::Bytes(bytes),
        }
    }

    /// The bytes that a client sees.
    #[inline]
    pub fn bytes<'b>(self, digits: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Element::Integer(integer) => digits.format(integer).as_bytes(),
            Element::Bytes(bytes) => bytes,
        }
    }

    /// The number of bytes that a client sees.
    pub fn len(self) -> usize {
        self.bytes(&mut itoa::Buffer::new()).len()
    }

    pub fn is_empty(self) -> bool {
        self == Element::Bytes(b"")
    }

    /// Whether a client sees these bytes.
    #[inline]
    pub fn equals(self, other: &[u8]) -> bool {
        match self {
            Element::Bytes(bytes) => bytes == other,
            Element::Integer(integer) => parse_integer(other) == Some(integer),
        }
    }

    /// The integer that the bytes are the canonical text of.
    pub fn integer(self) -> Option<i64> {
        match self {
            Element::Integer(integer) => Some(integer),
            Element::Bytes(bytes) => parse_integer(bytes),
        }
    }

    pub fn to_bytes(self) -> Bytes {
        Bytes::copy_from_slice(self.bytes(&mut itoa::Buffer::new()))
    }

    /// Bytes that the element takes in a listpack, its backlen included.
    #[inline]
    pub(in crate::data) fn entry_len(self) -> usize {
        let encoding = match self {
            Element::Integer(integer) => integer_len(integer),
            Element::Bytes(bytes) => string_head_len(bytes.len()) + bytes.len(),
        };
        encoding + backlen_len(encoding)
    }

    /// Writes the element, its backlen included, into the [`Element::entry_len`] bytes at the start of `out`, and
    /// returns the rest.
    #[inline]
    pub(in crate::data) fn write(self, out: &mut [u8]) -> &mut [u8] {
        let (encoding, out) = match self {
            Element::Integer(integer) => {
                let (digits, len) = encode_integer(integer);
                out[..len].copy_from_slice(&digits[..len]);
                (len, &mut out[len..])
            }
            Element::Bytes(bytes) => {
                let head = write_string_head(bytes.len(), out);
                let (body, rest) = out[head..].split_at_mut(bytes.len());
                body.copy_from_slice(bytes);
                (head + bytes.len(), rest)
            }
        };
        write_backlen(encoding, out)
    }
}

#[inline]
fn integer_len(integer: i64) -> usize {
    match integer {
        0..=127 => 1,
        -0x1000..=0xFFF => 2,
        -0x8000..=0x7FFF => 3,
        -0x80_0000..=0x7F_FFFF => 4,
        -0x8000_0000..=0x7FFF_FFFF => 5,
        _ => 9,
    }
}

/// The encoding of an integer and its length.
#[inline]
fn encode_integer(integer: i64) -> ([u8; INTEGER_BYTES_MAX], usize) {
    let mut out = [0; INTEGER_BYTES_MAX];
    let len = integer_len(integer);
    match len {
        1 => out[0] = integer as u8,
        2 => out[..2].copy_from_slice(&(integer as u16 & 0x1FFF | 0xC000).to_be_bytes()),
        _ => {
            out[0] = match len {
                9 => 0xF4,
                _ => 0xF1 + (len as u8 - 3),
            };
            out[1..].copy_from_slice(&integer.to_le_bytes());
        }
    }
    (out, len)
}

#[inline]
fn string_head_len(len: usize) -> usize {
    match len {
        0..64 => 1,
        64..4096 => 2,
        _ => 5,
    }
}

/// Writes what stands before the bytes of a string, and returns how long that is.
#[inline]
fn write_string_head(len: usize, out: &mut [u8]) -> usize {
    match string_head_len(len) {
        1 => out[0] = 0x80 | len as u8,
        2 => out[..2].copy_from_slice(&(0xE000 | len as u16).to_be_bytes()),
        _ => {
            let len = u32::try_from(len).expect("a listpack holds less than 4 GiB");
            out[0] = 0xF0;
            out[1..5].copy_from_slice(&len.to_le_bytes());
        }
    }
    string_head_len(len)
}

/// Bytes of the backlen of an encoding of so many bytes. The bounds are one lower than seven bits each would allow,
/// except for the first: so the format has it.
#[inline]
pub(super) fn backlen_len(encoding: usize) -> usize {
    match encoding {
        0..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

#[inline]
fn write_backlen(encoding: usize, out: &mut [u8]) -> &mut [u8] {
    let (backlen, rest) = out.split_at_mut(backlen_len(encoding));
    for (group, byte) in backlen.iter_mut().rev().enumerate() {
        *byte = (encoding >> (7 * group)) as u8 & 0x7F | 0x80;
    }
    backlen[0] &= 0x7F;
    rest
}

/// Whether the backlen that ends just before `end` is that of an encoding of so many bytes.
pub(super) fn is_backlen(bytes: &[u8], end: usize, encoding: usize) -> bool {
    let mut expected = [0; 5];
    write_backlen(encoding, &mut expected);
    bytes[..end].ends_with(&expected[..backlen_len(encoding)])
}

/// The length of the encoding whose backlen ends just before `end`; none if that is no backlen.
#[inline]
pub(super) fn read_backlen(bytes: &[u8], end: usize) -> Option<usize> {
    let mut encoding = 0;
    for (group, byte) in bytes[..end].iter().rev().take(5).enumerate() {
        encoding |= usize::from(byte & 0x7F) << (7 * group);
        if byte & 0x80 == 0 {
            return Some(encoding);
        }
    }
    None
}

/// The length of the encoding that begins at `at`, backlen not included; none if there is no element, or its length
/// bytes are cut off.
#[inline]
pub(super) fn encoding_len(bytes: &[u8], at: usize) -> Option<usize> {
    Some(match bytes[at] {
        0x00..=0x7F => 1,
        head @ 0x80..=0xBF => 1 + usize::from(head & 0x3F),
        0xC0..=0xDF => 2,
        head @ 0xE0..=0xEF => 2 + (usize::from(head & 0x0F) << 8 | usize::from(*bytes.get(at + 1)?)),
        0xF0 => 5 + u32::from_le_bytes(*bytes.get(at + 1..)?.first_chunk()?) as usize,
        head @ 0xF1..=0xF3 => 3 + usize::from(head - 0xF1),
        0xF4 => 9,
        0xF5..=0xFF => return None,
    })
}

/// The element that begins at `at`, and the position behind it.
///
/// # Panics
/// If none does.
#[inline]
pub(super) fn read(bytes: &[u8], at: usize) -> (Element<'_>, usize) {
    match bytes[at] {
        head @ 0x00..=0x7F => (Element::Integer(head.into()), at + 2),
        head @ 0x80..=0xBF => {
            let end = at + 1 + usize::from(head & 0x3F);
            (Element::Bytes(&bytes[at + 1..end]), end + 1)
        }
        _ => read_long(bytes, at),
    }
}

fn read_long(bytes: &[u8], at: usize) -> (Element<'_>, usize) {
    let encoding = encoding_len(bytes, at).expect("a position is that of an element");
    let entry = &bytes[at..at + encoding];
    let element = match entry[0] {
        0xC0..=0xDF => {
            let bits = u16::from_be_bytes([entry[0], entry[1]]);
            // Its sign is bit 12: up to the top, and down again.
            Element::Integer(i64::from((bits << 3) as i16 >> 3))
        }
        0xE0..=0xEF => Element::Bytes(&entry[2..]),
        0xF0 => Element::Bytes(&entry[5..]),
        _ => {
            let mut digits = [0; 8];
            let width = encoding - 1;
            digits[8 - width..].copy_from_slice(&entry[1..]);
            Element::Integer(i64::from_le_bytes(digits) >> (64 - 8 * width))
        }
    };
    (element, at + encoding + backlen_len(encoding))
}
