//! Bitmaps: strings taken as arrays of bits, the first of which is the highest of the first byte (see `data::bits`).
//!
//! There is no type of its own: any string will do, and counts as followed by zeroes as far as it is only read. A
//! write makes it longer first, so an offset alone decides how much memory a key takes; therefore offsets are bounded
//! as the length of strings is, by `proto-max-bulk-len`.
mod combine;
mod field;
mod search;
mod single;

use super::{
    Entry,
    args::Args,
    error::CommandError,
    read,
    spec::{Arity, Group, Spec},
    write,
};
use crate::data::number::parse_integer;
use bytes::BytesMut;

pub static COMMANDS: &[Entry] = &[
    write::<single::SetBit>(),
    read::<single::GetBit>(),
    read::<search::BitCount>(),
    read::<search::BitPos>(),
    write::<combine::BitOp>(),
    write::<field::BitField>(),
    read::<field::BitFieldRo>(),
];

const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(Group::Bitmap, name, arity)
}

/// Takes the position of a bit.
fn position(args: &mut Args) -> Result<u64, CommandError> {
    let index = parse_integer(args.word()?);
    bounded_position(args, index)
}
/// A position, if it lies in the longest string there may be.
fn bounded_position(args: &Args, position: Option<i64>) -> Result<u64, CommandError> {
    let bytes_max = args.context().string_bytes_max as u64;
    position
        .and_then(|position| u64::try_from(position).ok())
        .filter(|position| position / 8 < bytes_max)
        .ok_or(CommandError::fixed("ERR bit offset is not an integer or out of range"))
}

/// How many bytes it takes to have bits up to `end_bits`.
fn bytes_for(end_bits: u64) -> usize {
    end_bits.div_ceil(8) as usize
}
/// Appends zeroes until there are `length` bytes.
fn grow(bytes: &mut BytesMut, length: usize) {
    if bytes.len() < length {
        bytes.resize(length, 0);
    }
}

#[cfg(test)]
mod tests;
