//! What a bucket knows of an entry without looking at its bytes, in one word.
//!
//! ```text
//! | fingerprint: 10 bits | form of the value: 2 | long key: 1 | marked: 1 | end: 18 |
//! ```
//!
//! The end of an entry's bytes is counted from the end of the block, where the first entry stands; so it stays when the
//! block grows.

use super::bucket::BLOCK_BYTES_MAX;

const END_BITS: u32 = 18;
const END_MASK: u32 = (1 << END_BITS) - 1;
const MARKED: u32 = 1 << END_BITS;
const LONG_KEY: u32 = MARKED << 1;
const FORM_SHIFT: u32 = END_BITS + 2;
const FINGERPRINT_SHIFT: u32 = FORM_SHIFT + 2;

// A block holds its header too, so no end is as large as the block.
const _: () = assert!(BLOCK_BYTES_MAX <= 1 << END_BITS);

/// How a value stands behind its key, and so how the two are told apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// There is none: all bytes are the key's.
    Empty,
    /// Eight bytes, as a score has.
    Eight,
    /// Any length: a byte before the key says how long the key is.
    Short,
    /// Eight bytes that are the address of the value.
    Long,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub(super) struct Slot(u32);

impl Slot {
    #[inline]
    pub(super) fn new(hash: u64, end: usize, form: Form, long_key: bool, marked: bool) -> Slot {
        debug_assert!(end <= END_MASK as usize);
        let mut word = fingerprint(hash) << FINGERPRINT_SHIFT | (form as u32) << FORM_SHIFT | end as u32;
        if long_key {
            word |= LONG_KEY;
        }
        Slot(word).with_mark(marked)
    }

    /// Whether the entry may be the one with this hash: one of 1024 others says so too.
    #[inline]
    pub(super) fn may_have(self, hash: u64) -> bool {
        self.0 >> FINGERPRINT_SHIFT == fingerprint(hash)
    }

    #[inline]
    pub(super) fn end(self) -> usize {
        (self.0 & END_MASK) as usize
    }

    /// The same entry, so many bytes further from the block's end, or nearer.
    #[inline]
    pub(super) fn moved(self, by: isize) -> Slot {
        let end = self.end().wrapping_add_signed(by);
        debug_assert!(end <= END_MASK as usize);
        Slot(self.0 & !END_MASK | end as u32)
    }

    #[inline]
    pub(super) fn with_mark(self, marked: bool) -> Slot {
        Slot(self.0 & !MARKED | if marked { MARKED } else { 0 })
    }

    #[inline]
    pub(super) fn with_form(self, form: Form) -> Slot {
        Slot(self.0 & !(0b11 << FORM_SHIFT) | (form as u32) << FORM_SHIFT)
    }

    #[inline]
    pub(super) fn is_marked(self) -> bool {
        self.0 & MARKED != 0
    }

    #[inline]
    pub(super) fn has_long_key(self) -> bool {
        self.0 & LONG_KEY != 0
    }

    #[inline]
    pub(super) fn form(self) -> Form {
        match self.0 >> FORM_SHIFT & 0b11 {
            0 => Form::Empty,
            1 => Form::Eight,
            2 => Form::Short,
            _ => Form::Long,
        }
    }

    /// Whether any of the entry stands elsewhere.
    #[inline]
    pub(super) fn owns(self) -> bool {
        self.has_long_key() || self.form() == Form::Long
    }
}

/// The bits of a hash that a slot holds. A bucket is found by the others, from the top.
#[inline]
fn fingerprint(hash: u64) -> u32 {
    hash as u32 & (u32::MAX >> FINGERPRINT_SHIFT)
}
