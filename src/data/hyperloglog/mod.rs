//! HyperLogLog: how many different elements, in 12 KiB at most, within 0.81 %.
//!
//! An element is hashed to 64 bits. Fourteen of them choose one of 16,384 registers; the register keeps the longest
//! run "zeroes, then a one" that the other bits of any element began with. How the registers are distributed
//! tells how many elements there were (`estimate`).
//!
//! The value is a plain string, whose bytes are the same as Redis', because users copy them with GET, SET, DUMP
//! and replication:
//!
//! | bytes | content |
//! |---|---|
//! | 0 to 4 | `HYLL` |
//! | 4 | encoding: 0 dense, 1 sparse |
//! | 5 to 8 | unused, zero |
//! | 8 to 16 | the last estimate, little endian; the top bit of the last byte is set when it is stale |
//! | 16 to the end | the registers: six bits each (`dense`), or run lengths (`sparse`) |
//!
//! A value begins sparse, and becomes dense for good when that would take more than a configured number of bytes, or when
//! a register exceeds 32. "The same bytes" means the same sequence of edits, too: the sparse encoding of given
//! registers is not unique.
//!
//! As it is a plain string, a client can write anything into it. Two grades of wrong are told apart as Redis does:
//! what [`has_header`] rejects was never a HyperLogLog (`WRONGTYPE Key is not a valid HyperLogLog string value.`), and
//! a sparse body that does not make 16,384 registers is [`Corrupted`]. Nothing here panics on either.

mod dense;
mod estimate;
mod hash;
mod self_test;
mod sparse;

pub use self_test::self_test;

use bytes::BytesMut;
use std::fmt;

/// The number of registers.
pub const REGISTERS: usize = 1 << hash::INDEX_BITS;
/// The size in bytes of a value in dense encoding.
pub const DENSE_BYTES: usize = HEADER_BYTES + dense::BODY_BYTES;

const HEADER_BYTES: usize = 16;
const MAGIC: &[u8; 4] = b"HYLL";
const ENCODING_AT: usize = 4;
const CACHED_COUNT_AT: usize = 8;
/// In the last byte of the cached count: it is stale.
const STALE: u8 = 1 << 7;

/// All registers, one byte each: what unions are made in.
pub type Registers = [u8; REGISTERS];

/// How the registers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Six bits for each.
    Dense,
    /// Run lengths.
    Sparse,
}

impl Encoding {
    /// The name that PFDEBUG ENCODING gives it.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Dense => "dense",
            Encoding::Sparse => "sparse",
        }
    }
}

/// The body of a value does not make 16,384 registers. Displays as the error that clients get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupted;

impl fmt::Display for Corrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("INVALIDOBJ Corrupted HLL object detected")
    }
}

impl std::error::Error for Corrupted {}

/// An empty value, in sparse encoding, with the estimate 0 in its cache.
pub fn create() -> BytesMut {
    let mut hll = BytesMut::zeroed(HEADER_BYTES);
    hll[..MAGIC.len()].copy_from_slice(MAGIC);
    hll[ENCODING_AT] = 1;
    sparse::push_zeroes(&mut hll, REGISTERS);
    hll
}

/// Whether `bytes` begin as a HyperLogLog does, and are of the right length if they are dense.
pub fn has_header(bytes: &[u8]) -> bool {
    encoding(bytes).is_ok()
}

/// Whether `bytes` are a HyperLogLog through and through. Takes time in proportion to their length.
pub fn is_valid(bytes: &[u8]) -> bool {
    match encoding(bytes) {
        Ok(Encoding::Dense) => true,
        Ok(Encoding::Sparse) => sparse::for_each_run(&bytes[HEADER_BYTES..], |_, _| ()).is_ok(),
        Err(Corrupted) => false,
    }
}

/// The encoding of a value.
///
/// # Errors
/// [`Corrupted`] if [`has_header`] does not hold.
pub fn encoding(hll: &[u8]) -> Result<Encoding, Corrupted> {
    if hll.len() < HEADER_BYTES || !hll.starts_with(MAGIC) {
        return Err(Corrupted);
    }
    match hll[ENCODING_AT] {
        0 if hll.len() == DENSE_BYTES => Ok(Encoding::Dense),
        1 => Ok(Encoding::Sparse),
        _ => Err(Corrupted),
    }
}

/// Adds `element`. Returns whether a register changed; if so, the cached count is stale.
///
/// A sparse value becomes dense where it would exceed `sparse_max_bytes`, header included.
///
/// # Errors
/// [`Corrupted`] if the place of the element's register is not found, or the value cannot be made dense.
pub fn add(hll: &mut BytesMut, element: &[u8], sparse_max_bytes: usize) -> Result<bool, Corrupted> {
    let (index, run) = hash::register_of(element);
    let changed = raise(hll, index, run, sparse_max_bytes, &mut sparse::Cursor::default())?;
    if changed {
        invalidate_cached_count(hll);
    }
    Ok(changed)
}

/// Estimates how many elements were added, from the registers (not from the cache).
///
/// # Errors
/// [`Corrupted`] if a sparse body does not make 16,384 registers.
pub fn count(hll: &[u8]) -> Result<u64, Corrupted> {
    let mut histogram = estimate::Histogram::default();
    let body = &hll[HEADER_BYTES.min(hll.len())..];
    match encoding(hll)? {
        Encoding::Dense => dense::registers(body).for_each(|value| histogram.add(value, 1)),
        Encoding::Sparse => sparse::for_each_run(body, |_, run| histogram.add(run.value, run.registers))?,
    }
    Ok(histogram.estimate())
}

/// Estimates how many elements a union of values stands for.
pub fn count_registers(registers: &Registers) -> u64 {
    let mut histogram = estimate::Histogram::default();
    registers.iter().for_each(|&value| histogram.add(value, 1));
    histogram.estimate()
}

/// The last estimate that was kept, unless it is stale (or `hll` has no header).
pub fn cached_count(hll: &[u8]) -> Option<u64> {
    let bytes = hll.get(CACHED_COUNT_AT..HEADER_BYTES)?.try_into().ok()?;
    let count = u64::from_le_bytes(bytes);
    (count >> 63 == 0).then_some(count)
}

/// Keeps an estimate in the header of `hll`.
pub fn set_cached_count(hll: &mut [u8], count: u64) {
    if let Some(cache) = hll.get_mut(CACHED_COUNT_AT..HEADER_BYTES) {
        cache.copy_from_slice(&count.to_le_bytes());
    }
}

/// Marks the cached count as stale. [`add`] and [`raise_registers`] do it themselves.
pub fn invalidate_cached_count(hll: &mut [u8]) {
    if let Some(last) = hll.get_mut(HEADER_BYTES - 1) {
        *last |= STALE;
    }
}

/// Raises each of `registers` to its value in `hll`: afterwards they stand for the union. From zeroes, this reads the
/// registers.
///
/// # Errors
/// [`Corrupted`] if a sparse body does not make 16,384 registers; then `registers` may have been raised in part.
pub fn merge_into(registers: &mut Registers, hll: &[u8]) -> Result<(), Corrupted> {
    let body = &hll[HEADER_BYTES.min(hll.len())..];
    match encoding(hll)? {
        Encoding::Dense => {
            let raise = |(register, value): (&mut u8, u8)| *register = value.max(*register);
            registers.iter_mut().zip(dense::registers(body)).for_each(raise);
            Ok(())
        }
        Encoding::Sparse => sparse::for_each_run(body, |first, run| {
            if run.value > 0 {
                let covered = &mut registers[first..first + run.registers];
                covered.iter_mut().for_each(|register| *register = run.value.max(*register));
            }
        }),
    }
}

/// Raises the registers of `hll` to those of `registers` (of 63 at most), as PFMERGE does. The cached count is stale
/// afterwards.
///
/// # Errors
/// [`Corrupted`] as for [`add`]; then `hll` may have been changed in part.
pub fn raise_registers(
    hll: &mut BytesMut,
    registers: &Registers,
    sparse_max_bytes: usize,
) -> Result<(), Corrupted> {
    let mut cursor = sparse::Cursor::default();
    for (index, &value) in registers.iter().enumerate().filter(|&(_, &value)| value > 0) {
        raise(hll, index, value, sparse_max_bytes, &mut cursor)?;
    }
    invalidate_cached_count(hll);
    Ok(())
}

/// Makes a sparse value dense. Returns whether it was sparse. The cached count stays.
///
/// # Errors
/// [`Corrupted`] if the sparse body does not make 16,384 registers; then `hll` is unchanged.
pub fn to_dense(hll: &mut BytesMut) -> Result<bool, Corrupted> {
    if encoding(hll)? == Encoding::Dense {
        return Ok(false);
    }
    let mut dense = BytesMut::zeroed(DENSE_BYTES);
    let (header, body) = dense.split_at_mut(HEADER_BYTES);
    header.copy_from_slice(&hll[..HEADER_BYTES]);
    header[ENCODING_AT] = 0;
    sparse::for_each_run(&hll[HEADER_BYTES..], |first, run| {
        if run.value > 0 {
            (first..first + run.registers).for_each(|index| dense::set(body, index, run.value));
        }
    })?;
    *hll = dense;
    Ok(true)
}

/// The opcodes of a sparse value as text, in the form of PFDEBUG DECODE: `Z:1000 v:2,1 z:19`. It shows whatever is
/// there, also where that does not make 16,384 registers.
///
/// # Errors
/// [`Corrupted`] if the value is not sparse.
pub fn decode(hll: &[u8]) -> Result<String, Corrupted> {
    match encoding(hll)? {
        Encoding::Sparse => sparse::decode(&hll[HEADER_BYTES..]),
        Encoding::Dense => Err(Corrupted),
    }
}

/// Raises one register to `value`, if that is more than it holds. Returns whether it was. Leaves the cached count alone.
///
/// A `cursor` that is passed on must be passed on to higher registers only.
fn raise(
    hll: &mut BytesMut,
    index: usize,
    value: u8,
    sparse_max_bytes: usize,
    cursor: &mut sparse::Cursor,
) -> Result<bool, Corrupted> {
    if encoding(hll)? == Encoding::Sparse {
        match sparse::raise(hll, HEADER_BYTES, index, value, sparse_max_bytes, cursor)? {
            sparse::Raised::No => return Ok(false),
            sparse::Raised::Yes => return Ok(true),
            sparse::Raised::NeedsDense => to_dense(hll)?,
        };
    }
    Ok(dense::raise(&mut hll[HEADER_BYTES..], index, value))
}

#[cfg(test)]
mod tests;
