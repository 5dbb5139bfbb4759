//! Which register an element belongs to, and what it says there.
//!
//! The hash is MurmurHash64A (Austin Appleby, public domain) with Redis' seed: values must mean the same on both sides.

/// Bits of the hash that choose a register.
pub const INDEX_BITS: u32 = 14;
/// Bits of the hash that are left.
pub const RUN_BITS: u32 = 64 - INDEX_BITS;

const SEED: u64 = 0xadc8_3b19;

/// The register of `element`, and the length of the run "zeroes, then a one" in the rest of its hash: 1 to 51.
pub fn register_of(element: &[u8]) -> (usize, u8) {
    let hash = murmur_hash_64a(element, SEED);
    let index = hash & ((1 << INDEX_BITS) - 1);
    // A one above the rest ends a run that has none.
    let rest = hash >> INDEX_BITS | 1 << RUN_BITS;
    (index as usize, rest.trailing_zeros() as u8 + 1)
}

fn murmur_hash_64a(bytes: &[u8], seed: u64) -> u64 {
    const MULTIPLIER: u64 = 0xc6a4_a793_5bd1_e995;
    const SHIFT: u32 = 47;
    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(MULTIPLIER);
    let (words, tail) = bytes.as_chunks::<8>();
    for &word in words {
        let mut word = u64::from_le_bytes(word).wrapping_mul(MULTIPLIER);
        word ^= word >> SHIFT;
        hash = (hash ^ word.wrapping_mul(MULTIPLIER)).wrapping_mul(MULTIPLIER);
    }
    if !tail.is_empty() {
        let mut last = [0; 8];
        last[..tail.len()].copy_from_slice(tail);
        hash = (hash ^ u64::from_le_bytes(last)).wrapping_mul(MULTIPLIER);
    }
    hash = (hash ^ hash >> SHIFT).wrapping_mul(MULTIPLIER);
    hash ^ hash >> SHIFT
}
