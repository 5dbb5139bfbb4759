//! The memory of a listpack: one block, reached by one pointer.
//!
//! The format begins with its own total length (32 bits, little-endian), and the room behind it follows from that
//! length: the block is as large as the allocator makes it anyway. So neither is stored a second time. A block
//! changes its place only when its length crosses a size class; appending is amortised constant time, since there are
//! four classes to each doubling.
//!
//! The invariants: the first four bytes hold the length, which nobody outside this file can write; and every byte
//! of the block is initialised, those behind the length too.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::ptr::NonNull;
use std::slice;

use crate::allocator::block_bytes;

/// Bytes that hold the length.
const LENGTH_BYTES: usize = size_of::<u32>();

pub(super) struct Block(NonNull<u8>);

// SAFETY: a block owns its memory alone, which holds plain bytes.
unsafe impl Send for Block {}
// SAFETY: as above; a shared reference only reads.
unsafe impl Sync for Block {}

/// The memory of a block of so many bytes.
#[inline]
fn layout(len: usize) -> Layout {
    assert!(len >= LENGTH_BYTES && u32::try_from(len).is_ok(), "a listpack holds less than 4 GiB");
    Layout::from_size_align(block_bytes(len), 1).expect("4 GiB are no overflow on a 64-bit machine")
}

impl Block {
    /// A block that holds a copy of `bytes`; the first four are overwritten with their number.
    pub(super) fn copy_of(bytes: &[u8]) -> Block {
        let layout = layout(bytes.len());
        // SAFETY: the layout has a size of at least four bytes.
        let Some(start) = NonNull::new(unsafe { alloc(layout) }) else { handle_alloc_error(layout) };
        // SAFETY: the block is fresh, and at least as long as `bytes`; what is left of it is zeroed.
        unsafe {
            start.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            start.as_ptr().add(bytes.len()).write_bytes(0, layout.size() - bytes.len());
        }
        let mut block = Block(start);
        block.set_len(bytes.len());
        block
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        // SAFETY: every block has these four bytes, initialised.
        u32::from_le_bytes(unsafe { self.0.cast::<[u8; LENGTH_BYTES]>().read() }) as usize
    }

    #[inline]
    fn set_len(&mut self, len: usize) {
        // SAFETY: as in `len`; `&mut` makes us the only ones here. `layout` has seen that the length fits.
        unsafe { self.0.cast::<[u8; LENGTH_BYTES]>().write((len as u32).to_le_bytes()) };
    }

    /// What the allocator counts for it.
    pub(super) fn memory_bytes(&self) -> usize {
        block_bytes(self.len())
    }

    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: the block is at least as long as its length, and initialised.
        unsafe { slice::from_raw_parts(self.0.as_ptr(), self.len()) }
    }

    /// Everything behind the length, from `at` on.
    #[inline]
    pub(super) fn tail_mut(&mut self, at: usize) -> &mut [u8] {
        let len = self.len();
        assert!(LENGTH_BYTES <= at && at <= len, "the length is not for others to write");
        // SAFETY: as in `bytes`, and `at` is inside; `&mut` makes us the only ones here.
        unsafe { slice::from_raw_parts_mut(self.0.as_ptr().add(at), len - at) }
    }

    /// Puts `added` bytes in the place of the `removed` ones that begin at `at`, and gives them out to be written.
    /// Until then they hold anything.
    #[inline]
    pub(super) fn splice(&mut self, at: usize, removed: usize, added: usize) -> &mut [u8] {
        let len = self.len();
        assert!(LENGTH_BYTES <= at && at <= len && removed <= len - at, "a splice stays inside the block");
        let new_len = len - removed + added;
        if new_len > len {
            self.resize(len, new_len);
        }
        // SAFETY: the block is now as long as the longer of both lengths, so the bytes behind the removed ones
        // (their end is at most `len`) are inside before and after.
        unsafe {
            let start = self.0.as_ptr().add(at);
            start.add(added).copy_from(start.add(removed), len - at - removed);
        }
        if new_len < len {
            self.resize(len, new_len);
        }
        self.set_len(new_len);
        // SAFETY: `at + added` is at most the new length.
        unsafe { slice::from_raw_parts_mut(self.0.as_ptr().add(at), added) }
    }

    /// Moves to a block of another class if the lengths differ in that. The bytes that are in both are kept.
    #[inline]
    fn resize(&mut self, len: usize, new_len: usize) {
        let (old, new) = (layout(len), layout(new_len));
        if old.size() != new.size() {
            self.relocate(old, new);
        }
    }

    #[cold]
    fn relocate(&mut self, old: Layout, new: Layout) {
        // SAFETY: the block was allocated with the layout of its length; the new size is not zero, and the
        // alignment is one.
        let moved = unsafe { realloc(self.0.as_ptr(), old, new.size()) };
        let Some(start) = NonNull::new(moved) else { handle_alloc_error(new) };
        self.0 = start;
        if new.size() > old.size() {
            // SAFETY: what the block grew by is inside it.
            unsafe { start.as_ptr().add(old.size()).write_bytes(0, new.size() - old.size()) };
        }
    }
}

impl Clone for Block {
    fn clone(&self) -> Block {
        Block::copy_of(self.bytes())
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: the block was allocated with the layout of its length, and this is its last use.
        unsafe { dealloc(self.0.as_ptr(), layout(self.len())) };
    }
}
