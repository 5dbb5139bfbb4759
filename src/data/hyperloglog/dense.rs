//! The dense encoding: registers of six bits, one after the other, from the low bits of a byte to its high bits.
//!
//! Four registers make three bytes, so that they are read in such groups where all are wanted.

use super::REGISTERS;

const REGISTER_BITS: usize = 6;
const REGISTER_MAX: u8 = (1 << REGISTER_BITS) - 1;
/// The size of all registers in bytes.
pub const BODY_BYTES: usize = REGISTERS * REGISTER_BITS / 8;

/// All registers of `body` in order.
pub fn registers(body: &[u8]) -> impl Iterator<Item = u8> {
    let (groups, _) = body.as_chunks::<3>();
    groups.iter().flat_map(|&[a, b, c]| {
        let group = u32::from_le_bytes([a, b, c, 0]);
        [0, 6, 12, 18].map(|shift| (group >> shift) as u8 & REGISTER_MAX)
    })
}

/// The register at `index`.
pub fn get(body: &[u8], index: usize) -> u8 {
    let (at, shift) = place(index);
    (load(body, at) >> shift) as u8 & REGISTER_MAX
}

/// Sets the register at `index` to `value`, of which it keeps the low six bits.
pub fn set(body: &mut [u8], index: usize, value: u8) {
    let (at, shift) = place(index);
    let mask = u16::from(REGISTER_MAX) << shift;
    let pair = load(body, at) & !mask | u16::from(value & REGISTER_MAX) << shift;
    let [low, high] = pair.to_le_bytes();
    body[at] = low;
    if let Some(second) = body.get_mut(at + 1) {
        *second = high;
    }
}

/// Raises the register at `index` to `value` if that is more. Returns whether it was.
pub fn raise(body: &mut [u8], index: usize, value: u8) -> bool {
    let more = value > get(body, index);
    if more {
        set(body, index, value);
    }
    more
}

/// The first byte of a register, and its lowest bit there.
fn place(index: usize) -> (usize, usize) {
    (index * REGISTER_BITS / 8, index * REGISTER_BITS % 8)
}

/// The byte at `at` and the one above it. The last register ends with the last byte, which has none above.
fn load(body: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([body[at], body.get(at + 1).copied().unwrap_or(0)])
}
