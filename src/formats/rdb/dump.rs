//! A single value with a frame around it, as DUMP gives it and RESTORE takes it.
//!
//! ```text
//! | type | value | version: u16 | CRC-64 of all before: u64 |       little-endian
//! ```
use super::{Damage, Decoded, Encoder, Usage, VERSION_MAX, ValueType, Version, decode_beginning};
use crate::{
    data::{Corrupt, crc64::Crc64},
    store::{Content, EncodingLimits, EntryRef},
};
use bytes::Bytes;

const FOOTER_BYTES: usize = 10;
pub const SUM_BYTES: usize = 8;

/// A value as DUMP gives it.
pub fn seal(entry: EntryRef, compresses: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let version = Version::of_value(entry);
    Encoder::new(version, compresses, Usage::Untold).value(entry, &mut out);
    out.extend_from_slice(&version.number().to_le_bytes());
    let sum = Crc64::of(&out);
    out.extend_from_slice(&sum.to_le_bytes());
    out
}

/// The checksum that stands at the end of a sealed value.
pub fn sum(sealed: &[u8]) -> [u8; SUM_BYTES] {
    sealed.last_chunk().copied().unwrap_or_default()
}

/// What stands within the frame. Without `checks` its checksum may be wrong.
///
/// # Errors
/// If it is too short, of a version that we do not know, or damaged.
pub fn open(payload: &Bytes, checks: bool) -> Result<Bytes, Corrupt> {
    let body = payload.len().checked_sub(FOOTER_BYTES).ok_or(Corrupt)?;
    let (summed, sum) = payload.split_at(payload.len() - SUM_BYTES);
    let version = u16::from_le_bytes([payload[body], payload[body + 1]]);
    let is_right = !checks || sum == Crc64::of(summed).to_le_bytes();
    if version <= VERSION_MAX && is_right { Ok(payload.slice(..body)) } else { Err(Corrupt) }
}

/// Decodes what [`open`] gave. Unlike in a file, nothing may be empty, and something may stand behind the value.
///
/// # Errors
/// If it is no value. The offset is that in the body.
pub fn decode_body(body: &Bytes, limits: &EncodingLimits) -> Result<Content, Damage> {
    let kind = body.first().and_then(|&kind| ValueType::of(kind));
    let kind = kind.ok_or_else(|| Damage::new(0, "Unknown RDB encoding type"))?;
    match decode_beginning(kind, &body.slice(1..), limits).map_err(|damage| damage.behind(1))? {
        Decoded::Value(content) => Ok(content),
        Decoded::Empty => Err(Damage::new(1, "A collection without elements")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_behind_a_value_is_not_looked_at() {
        let limits = EncodingLimits::default();
        for body in [&b"\x00\x01a"[..], b"\x00\x01a and more", b"\x02\x01\x01a", b"\x02\x01\x01a\xff"] {
            assert!(decode_body(&Bytes::copy_from_slice(body), &limits).is_ok(), "{body:?}");
        }
        assert!(decode_body(&Bytes::from_static(b"\x00\x05a"), &limits).is_err());
    }
}
