//! A long key or value: bytes in an allocation of their own, of which a bucket holds the address.
//!
//! The hash stands beside the bytes, so that a bucket that splits need not read a key of a megabyte again.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::slice;

use crate::allocator::block_bytes;

/// What stands before the bytes.
#[repr(C)]
struct Header {
    len: usize,
    hash: u64,
}

/// The address of such an allocation. It is copied freely; exactly one holder owns it and frees it.
#[derive(Clone, Copy)]
pub(super) struct Long(NonNull<Header>);

fn layout(len: usize) -> Layout {
    let size = size_of::<Header>().checked_add(len).expect("the bytes are in memory already");
    Layout::from_size_align(size, align_of::<Header>()).expect("as above")
}

impl Long {
    /// A copy of `bytes`; whoever gets it owns it.
    pub(super) fn new(bytes: &[u8], hash: u64) -> Long {
        let layout = layout(bytes.len());
        // SAFETY: the layout has a size above zero.
        let Some(start) = NonNull::new(unsafe { alloc(layout) }) else { handle_alloc_error(layout) };
        let header = start.cast::<Header>();
        // SAFETY: the allocation is fresh, aligned for the header, and holds it and as many bytes.
        unsafe {
            header.write(Header { len: bytes.len(), hash });
            header.add(1).cast::<u8>().as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
        Long(header)
    }

    /// # Safety
    /// It is not freed before or during `'a`, nor written.
    pub(super) unsafe fn bytes<'a>(self) -> &'a [u8] {
        // SAFETY: the caller keeps it alive; header and bytes are as `new` wrote them.
        unsafe { slice::from_raw_parts(self.0.add(1).cast().as_ptr(), self.0.as_ref().len) }
    }

    /// # Safety
    /// It is not freed before or during `'a`, and nobody else looks at it meanwhile.
    pub(super) unsafe fn bytes_mut<'a>(self) -> &'a mut [u8] {
        // SAFETY: as in `bytes`, and the caller is alone.
        unsafe { slice::from_raw_parts_mut(self.0.add(1).cast().as_ptr(), self.0.as_ref().len) }
    }

    /// What it was made with.
    ///
    /// # Safety
    /// It is not freed.
    pub(super) unsafe fn hash(self) -> u64 {
        // SAFETY: as in `bytes`.
        unsafe { self.0.as_ref().hash }
    }

    /// What the allocator counts for it.
    ///
    /// # Safety
    /// It is not freed.
    pub(super) unsafe fn memory_bytes(self) -> usize {
        // SAFETY: as in `bytes`.
        block_bytes(layout(unsafe { self.0.as_ref().len }).size())
    }

    /// # Safety
    /// The caller owns it, and nobody uses it afterwards.
    pub(super) unsafe fn free(self) {
        // SAFETY: `new` allocated it with this layout, whose length is in the header.
        unsafe { dealloc(self.0.cast().as_ptr(), layout(self.0.as_ref().len)) };
    }
}
