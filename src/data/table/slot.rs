//! One slot of a segment: an entry's address and 20 bits of its hash in one word.
//!
//! Entries are aligned to 16 bytes and live below 2^48, so 44 bits hold an address. The upper 20 bits hold the
//! *tag*, the hash bits that follow the segment's own prefix. With the tag on top, words compare as their tags do,
//! and one comparison tells "free or not smaller" (`reaches`). The all-zero word is a free slot.
//!
//! A slot is kept as a pointer, never as an integer, so that it carries the provenance of its entry.

use std::ptr::{self, NonNull};

#[cfg(not(target_pointer_width = "64"))]
compile_error!("the key table packs hash bits into 64-bit pointers");

/// Hash bits kept in a slot.
pub(super) const TAG_BITS: u32 = 20;
/// Tags are below this.
pub(super) const TAG_END: u32 = 1 << TAG_BITS;

const ADDRESS_BITS: u32 = 64 - TAG_BITS;
const ALIGNMENT_BITS: u32 = 4;
const ADDRESS_END: usize = 1 << (ADDRESS_BITS + ALIGNMENT_BITS);
const ALIGNMENT_MASK: usize = (1 << ALIGNMENT_BITS) - 1;

/// A tagged entry pointer, or free.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub(super) struct Slot(*mut u8);

impl Slot {
    /// The slot that holds nothing; zeroed memory is made of these.
    pub(super) const FREE: Slot = Slot(ptr::null_mut());

    /// Packs `entry` and `tag` (below [`TAG_END`]).
    #[inline]
    pub(super) fn new(tag: u32, entry: NonNull<u8>) -> Slot {
        debug_assert!(tag < TAG_END);
        let address = entry.addr().get();
        assert!(
            address < ADDRESS_END && address & ALIGNMENT_MASK == 0,
            "an entry must be aligned to 16 bytes and lie below 2^48"
        );
        Slot(
            entry.as_ptr().map_addr(|address| ((tag as usize) << ADDRESS_BITS) | (address >> ALIGNMENT_BITS)),
        )
    }

    #[inline]
    fn word(self) -> u64 {
        self.0.addr() as u64
    }

    #[inline]
    pub(super) fn is_free(self) -> bool {
        self.0.is_null()
    }

    /// The tag; 0 in a free slot.
    #[inline]
    pub(super) fn tag(self) -> u32 {
        (self.word() >> ADDRESS_BITS) as u32
    }

    /// The same entry under another tag.
    pub(super) fn with_tag(self, tag: u32) -> Slot {
        debug_assert!(tag < TAG_END && !self.is_free());
        let address_mask = (1_usize << ADDRESS_BITS) - 1;
        Slot(self.0.map_addr(|word| ((tag as usize) << ADDRESS_BITS) | (word & address_mask)))
    }

    /// Whether a search for `tag` need not look past this slot for its first match: the slot is free or its tag is
    /// `tag` or larger. A free slot wraps to the largest word; in an occupied one the address is at least 1, so that
    /// subtracting never borrows from the tag. The upper halves decide, and halves are what SSE2 can compare.
    #[inline]
    pub(super) fn reaches(self, tag: u32) -> bool {
        (self.word().wrapping_sub(1) >> 32) as u32 >= tag << (32 - TAG_BITS)
    }

    /// Whether the slot is occupied under `tag`.
    #[inline]
    pub(super) fn matches(self, tag: u32) -> bool {
        self.tag() == tag && !self.is_free()
    }

    /// The entry of an occupied slot.
    ///
    /// # Panics
    /// On a free slot.
    #[inline]
    pub(super) fn entry(self) -> NonNull<u8> {
        let pointer = self.0.map_addr(|word| (word << ALIGNMENT_BITS) & (ADDRESS_END - 1));
        NonNull::new(pointer).expect("only occupied slots are asked for their entry")
    }
}

/// Asks the processor to bring the line of `address` near. Never faults, whatever the address.
#[inline]
pub(in crate::data) fn prefetch(address: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch is a hint without effect on the program's state; SSE is part of x86_64's baseline.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}
