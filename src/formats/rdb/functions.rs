//! Libraries of functions with a frame around them, as FUNCTION DUMP gives them and FUNCTION RESTORE takes them.
//!
//! ```text
//! | 245 | source | 245 | source | … | version: u16 | CRC-64 of all before: u64 |       little-endian
//! ```
use super::{Encoder, Usage, Version, dump, input::Input, opcode};
use crate::data::crc64::Crc64;
use bytes::Bytes;

/// What is wrong with such a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionsDamage {
    /// Its version or checksum, or it is too short for them.
    Frame,
    /// Something else than a library stands in it.
    Type,
    /// A library in a form that no released server wrote.
    PreRelease,
    /// A source does not end.
    Body,
}

/// The payload of libraries with these sources.
pub fn seal_functions<'a>(sources: impl Iterator<Item = &'a [u8]>, compresses: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(Version::V10, compresses, Usage::Untold);
    sources.for_each(|source| encoder.function(source, &mut out));
    out.extend_from_slice(&encoder.version().number().to_le_bytes());
    let sum = Crc64::of(&out);
    out.extend_from_slice(&sum.to_le_bytes());
    out
}

/// The sources of the libraries in a payload.
///
/// # Errors
/// If it is damaged.
pub fn functions_of(payload: &Bytes) -> Result<Vec<Bytes>, FunctionsDamage> {
    let body = dump::open(payload, true).map_err(|_| FunctionsDamage::Frame)?;
    let mut input = Input::new(&body);
    let mut sources = Vec::new();
    while input.remaining() > 0 {
        match input.byte() {
            Ok(opcode::FUNCTION) => {}
            Ok(opcode::FUNCTION_PRE_GA) => return Err(FunctionsDamage::PreRelease),
            _ => return Err(FunctionsDamage::Type),
        }
        sources.push(input.word().map_err(|_| FunctionsDamage::Body)?.into_bytes());
    }
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened() {
        let sources = [&b"#!lua name=a\ncode"[..], &[b'x'; 300], b""];
        for compresses in [false, true] {
            let sealed = Bytes::from(seal_functions(sources.into_iter(), compresses));
            assert_eq!(functions_of(&sealed).unwrap(), sources);
            for at in 0..sealed.len() {
                let mut damaged = sealed.to_vec();
                damaged[at] ^= 1;
                assert_eq!(functions_of(&damaged.into()), Err(FunctionsDamage::Frame));
                assert_eq!(functions_of(&sealed.slice(..at)), Err(FunctionsDamage::Frame));
            }
        }
    }

    #[test]
    fn with_its_checksum_right_a_body_may_still_be_wrong() {
        let sealed = |body: &[u8]| {
            let mut out = [body, &10u16.to_le_bytes()].concat();
            let sum = Crc64::of(&out);
            out.extend_from_slice(&sum.to_le_bytes());
            functions_of(&out.into())
        };
        assert_eq!(sealed(b""), Ok(vec![]));
        assert_eq!(sealed(b"\x00\x01a"), Err(FunctionsDamage::Type));
        assert_eq!(sealed(b"\xf6\x01a"), Err(FunctionsDamage::PreRelease));
        assert_eq!(sealed(b"\xf5\x7f\xffa"), Err(FunctionsDamage::Body));
        assert_eq!(sealed(b"\xf5"), Err(FunctionsDamage::Body));
    }
}
