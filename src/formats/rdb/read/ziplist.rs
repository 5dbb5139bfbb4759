//! Ziplists: what small collections were held in before the listpack.
//!
//! ```text
//! | bytes: u32 | offset of the last entry: u32 | entries: u16 | entry … | 0xFF |
//! entry: | length of the entry before: u8, or 0xFE and u32 | encoding | bytes |
//! ```
//!
//! | encoding                 | meaning                                              |
//! |--------------------------|------------------------------------------------------|
//! | `00xx xxxx`              | string below 64 bytes                                |
//! | `01xx xxxx` + 1          | string below 16 KiB, big-endian                      |
//! | `10.. ....` + 4          | string, big-endian                                   |
//! | `0xC0` `0xD0` `0xE0`     | integer of 16, 32, 64 bits, little-endian            |
//! | `0xF0` `0xFE`            | integer of 24, 8 bits                                |
//! | `0xF1` … `0xFD`          | integer 0 to 12                                      |
use crate::data::{
    Corrupt,
    listpack::{Element, Listpack},
};

const HEADER_BYTES: usize = 10;
const END: u8 = 0xFF;
const LONG_BEFORE: u8 = 0xFE;
const COUNT_UNKNOWN: usize = u16::MAX as usize;

/// The same elements as a listpack.
///
/// # Errors
/// If the ziplist is not laid out as above; every byte is looked at.
pub fn to_listpack(ziplist: &[u8]) -> Result<Listpack, Corrupt> {
    let elements = elements(ziplist)?;
    let mut list = Listpack::new();
    if !list.fits(ziplist.len()) {
        return Err(Corrupt);
    }
    // What looks like an integer is one in a listpack; here it need not be.
    list.extend_elements(elements.into_iter().map(|element| match element {
        Element::Bytes(bytes) => Element::of(bytes),
        integer => integer,
    }));
    Ok(list)
}

fn elements(ziplist: &[u8]) -> Result<Vec<Element<'_>>, Corrupt> {
    let (header, rest) = ziplist.split_first_chunk::<HEADER_BYTES>().ok_or(Corrupt)?;
    let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let count = usize::from(u16::from_le_bytes([header[8], header[9]]));
    let Some((&END, mut rest)) = rest.split_last() else { return Err(Corrupt) };
    if number(0) as usize != ziplist.len() || number(4) as usize > ziplist.len() - 1 {
        return Err(Corrupt);
    }
    let (mut elements, mut before, mut last_at) = (Vec::new(), 0, None);
    while !rest.is_empty() {
        let left = rest.len();
        if before_len(&mut rest)? != before {
            return Err(Corrupt);
        }
        elements.push(element(&mut rest)?);
        last_at = Some(ziplist.len() - 1 - left);
        before = left - rest.len();
    }
    let last_is_there = last_at.is_none_or(|at| at == number(4) as usize);
    let counted = count == COUNT_UNKNOWN || count == elements.len();
    if last_is_there && counted { Ok(elements) } else { Err(Corrupt) }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Corrupt> {
    let (taken, behind) = rest.split_first_chunk().ok_or(Corrupt)?;
    *rest = behind;
    Ok(*taken)
}

/// What an entry says of the length of the one before.
fn before_len(rest: &mut &[u8]) -> Result<usize, Corrupt> {
    match take::<1>(rest)?[0] {
        LONG_BEFORE => Ok(u32::from_le_bytes(take(rest)?) as usize),
        END => Err(Corrupt),
        len => Ok(len.into()),
    }
}

fn element<'a>(rest: &mut &'a [u8]) -> Result<Element<'a>, Corrupt> {
    let encoding = take::<1>(rest)?[0];
    let len = match encoding {
        0x00..=0x3F => usize::from(encoding),
        0x40..=0x7F => usize::from(encoding & 0x3F) << 8 | usize::from(take::<1>(rest)?[0]),
        0x80..=0xBF => u32::from_be_bytes(take(rest)?) as usize,
        _ => return integer(encoding, rest).map(Element::Integer),
    };
    let (bytes, behind) = rest.split_at_checked(len).ok_or(Corrupt)?;
    *rest = behind;
    Ok(Element::Bytes(bytes))
}

fn integer(encoding: u8, rest: &mut &[u8]) -> Result<i64, Corrupt> {
    Ok(match encoding {
        0xC0 => i16::from_le_bytes(take(rest)?).into(),
        0xD0 => i32::from_le_bytes(take(rest)?).into(),
        0xE0 => i64::from_le_bytes(take(rest)?),
        0xF0 => {
            let [low, middle, high] = take(rest)?;
            i64::from(i32::from_le_bytes([0, low, middle, high]) >> 8)
        }
        0xFE => i8::from_le_bytes(take(rest)?).into(),
        0xF1..=0xFD => i64::from(encoding) - 0xF1,
        _ => return Err(Corrupt),
    })
}
