//! Zipmaps: what small hashes were held in before Redis 2.6.
//!
//! ```text
//! | pairs: u8 | pair … | 0xFF |
//! pair: | length | field | length | free: u8 | value | free bytes |
//! ```
//!
//! A length is a byte up to 253, or 254 and four bytes, little-endian. From 254 pairs on their number is not told.
use crate::data::Corrupt;

const LONG: u8 = 254;
const END: u8 = 0xFF;

/// A field with its value.
type Pair<'a> = (&'a [u8], &'a [u8]);

/// Fields with their values.
///
/// # Errors
/// If the zipmap is not laid out as above, or has no pairs.
pub fn pairs(zipmap: &[u8]) -> Result<Vec<Pair<'_>>, Corrupt> {
    let (&count, rest) = zipmap.split_first().ok_or(Corrupt)?;
    let Some((&END, mut rest)) = rest.split_last() else { return Err(Corrupt) };
    let mut pairs = Vec::new();
    while !rest.is_empty() {
        let len = length(&mut rest)?;
        let field = take(&mut rest, len)?;
        let len = length(&mut rest)?;
        let free = take(&mut rest, 1)?[0];
        let value = take(&mut rest, len)?;
        take(&mut rest, free.into())?;
        pairs.push((field, value));
    }
    let counted = count >= LONG || usize::from(count) == pairs.len();
    if counted && !pairs.is_empty() { Ok(pairs) } else { Err(Corrupt) }
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Result<&'a [u8], Corrupt> {
    let (taken, behind) = rest.split_at_checked(len).ok_or(Corrupt)?;
    *rest = behind;
    Ok(taken)
}

fn length(rest: &mut &[u8]) -> Result<usize, Corrupt> {
    match take(rest, 1)?[0] {
        LONG => {
            let bytes = take(rest, 4)?;
            Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize)
        }
        END => Err(Corrupt),
        len => Ok(len.into()),
    }
}
