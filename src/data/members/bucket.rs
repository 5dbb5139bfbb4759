//! A bucket: the few entries whose hashes begin alike, packed into one block.
//!
//! ```text
//! | entries: u16 | bytes of the block / 16: u16 | slot: u32 … slot | free | … entry 1 | entry 0 |
//! ```
//!
//! Slots (see [`slot`](super::slot)) grow from the front and the entries' bytes from the back, so appending moves nothing.
//! A search compares fingerprints, which stand side by side, before it looks at a key. The bytes of an entry are
//!
//! ```text
//! | length of the key as it stands here: u8, if the form is `Short` | key or its address | value or its address |
//! ```
//!
//! The block is as large as the allocator makes it anyway. An empty bucket has none: it points at a header that says so.
//!
//! The invariants that the code without checks relies on: ends ascend, the last lies at or behind the last slot, forms say
//! what stands there, and each address of a [`Long`] is owned by the entry that holds it. Only this file writes any of it.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::mem::{self, ManuallyDrop};
use std::ptr::{self, NonNull};
use std::slice;

use super::Member;
use super::long::Long;
use super::slot::{Form, Slot};
use crate::allocator::block_bytes;

/// Keys and values up to this stand in the bucket.
pub(super) const PACKED_BYTES_MAX: usize = 128;
/// Blocks do not get nearly as large. It bounds what the header and the slots must be able to say.
pub(super) const BLOCK_BYTES_MAX: usize = 256 << 10;

const UNIT_BYTES: usize = 16;
const SLOT_BYTES: usize = size_of::<Slot>();
const ADDRESS_BYTES: usize = size_of::<Long>();

#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Header {
    len: u16,
    units: u16,
}

/// Where slots begin: directly behind what the header holds, in what its alignment leaves free.
const SLOTS_AT: usize = 4;

const _: () = assert!((BLOCK_BYTES_MAX - SLOTS_AT) / SLOT_BYTES <= u16::MAX as usize);
const _: () = assert!(BLOCK_BYTES_MAX / UNIT_BYTES <= u16::MAX as usize);

static EMPTY: Header = Header { len: 0, units: 0 };

pub(super) struct Bucket(NonNull<Header>);

// SAFETY: a bucket owns its block and what that holds addresses of, alone; all of it is plain bytes.
unsafe impl Send for Bucket {}
// SAFETY: as above; a shared reference only reads.
unsafe impl Sync for Bucket {}

/// Where key and value of an entry stand in its block: themselves or their addresses.
struct Parts {
    key: *mut u8,
    key_len: usize,
    value: *mut u8,
    value_len: usize,
}

/// An entry to be written.
#[derive(Clone, Copy)]
pub(super) struct New<'a> {
    pub(super) hash: u64,
    pub(super) key: &'a [u8],
    pub(super) value: &'a [u8],
    pub(super) marked: bool,
}

impl Bucket {
    pub(super) fn new() -> Bucket {
        Bucket(NonNull::from(&EMPTY))
    }

    #[inline]
    fn header(&self) -> Header {
        // SAFETY: a bucket points at a block or at `EMPTY`, which both begin with a header.
        unsafe { self.0.read() }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.header().len.into()
    }

    /// Bytes of the block; 0 where there is none.
    #[inline]
    fn capacity(&self) -> usize {
        usize::from(self.header().units) * UNIT_BYTES
    }

    /// The start of the block, to be prefetched.
    #[inline]
    pub(super) fn address(&self) -> *const u8 {
        self.0.as_ptr().cast()
    }

    #[inline]
    fn start(&self) -> *mut u8 {
        self.0.as_ptr().cast()
    }

    #[inline]
    fn slots(&self) -> &[Slot] {
        // SAFETY: as many slots as the header says stand there, written; `EMPTY` says none.
        unsafe { slice::from_raw_parts(self.start().add(SLOTS_AT).cast(), self.len()) }
    }

    /// Not to be called on a bucket without a block, which is not ours to write.
    #[inline]
    fn slots_mut(&mut self) -> &mut [Slot] {
        debug_assert!(self.capacity() > 0);
        // SAFETY: as in `slots`, and `&mut` makes us the only ones here.
        unsafe { slice::from_raw_parts_mut(self.start().add(SLOTS_AT).cast(), self.len()) }
    }

    /// Bytes of all entries.
    #[inline]
    fn entries_bytes(&self) -> usize {
        self.slots().last().map_or(0, |slot| slot.end())
    }

    #[inline]
    fn used_bytes(&self) -> usize {
        SLOTS_AT + self.len() * SLOT_BYTES + self.entries_bytes()
    }

    /// What the allocator counts for it, long keys and values included.
    pub(super) fn memory_bytes(&self) -> usize {
        // SAFETY: the entries own what they hold addresses of.
        let long = self.longs().map(|long| unsafe { long.memory_bytes() }).sum::<usize>();
        self.capacity() + long
    }

    /// Where the bytes of an entry begin, and how many there are.
    #[inline]
    fn span(&self, index: usize) -> (*mut u8, usize) {
        let slots = self.slots();
        let end = slots[index].end();
        let end_before = if index == 0 { 0 } else { slots[index - 1].end() };
        // SAFETY: ends lie inside the block.
        (unsafe { self.start().add(self.capacity() - end) }, end - end_before)
    }

    #[inline]
    fn parts(&self, index: usize) -> Parts {
        let (start, len) = self.span(index);
        // SAFETY: the form says what stands in the entry's bytes, which are `len`.
        let (key, key_len) = match self.slots()[index].form() {
            Form::Empty => (start, len),
            Form::Eight | Form::Long => (start, len - ADDRESS_BYTES),
            // SAFETY: as above: such an entry begins with its length.
            Form::Short => unsafe { (start.add(1), start.read().into()) },
        };
        // SAFETY: as above: the key ends inside the entry.
        let value = unsafe { key.add(key_len) };
        let value_len = len - (value.addr() - start.addr());
        Parts { key, key_len, value, value_len }
    }

    #[inline]
    fn key(&self, index: usize) -> &[u8] {
        let parts = self.parts(index);
        // SAFETY: the bytes stand there and are not changed while `self` is borrowed; where the slot says so they are the
        // address of a long key, which the entry owns.
        unsafe {
            if self.slots()[index].has_long_key() {
                read_long(parts.key).bytes()
            } else {
                slice::from_raw_parts(parts.key, parts.key_len)
            }
        }
    }

    #[inline]
    pub(super) fn member(&self, index: usize) -> Member<'_> {
        let (parts, slot) = (self.parts(index), self.slots()[index]);
        // SAFETY: as in `key`.
        let value = unsafe {
            if slot.form() == Form::Long {
                read_long(parts.value).bytes()
            } else {
                slice::from_raw_parts(parts.value, parts.value_len)
            }
        };
        Member { key: self.key(index), value, marked: slot.is_marked() }
    }

    pub(super) fn members(&self) -> impl ExactSizeIterator<Item = Member<'_>> {
        (0..self.len()).map(|index| self.member(index))
    }

    #[inline]
    pub(super) fn find(&self, hash: u64, key: &[u8]) -> Option<usize> {
        let slots = self.slots().iter().enumerate();
        slots
            .filter(|(_, slot)| slot.may_have(hash))
            .map(|(index, _)| index)
            .find(|index| self.key(*index) == key)
    }

    /// The hash of an entry's key, computed by `of` where it is not at hand.
    #[inline]
    pub(super) fn hash(&self, index: usize, of: impl FnOnce(&[u8]) -> u64) -> u64 {
        if self.slots()[index].has_long_key() {
            // SAFETY: the slot says that the key is long, and the entry owns it.
            return unsafe { read_long(self.parts(index).key).hash() };
        }
        of(self.key(index))
    }

    /// Long keys and values that an entry owns.
    fn longs_of(&self, index: usize) -> impl Iterator<Item = Long> + use<> {
        let (parts, slot) = (self.parts(index), self.slots()[index]);
        // SAFETY: the slot says which of the two are addresses.
        let key = slot.has_long_key().then(|| unsafe { read_long(parts.key) });
        // SAFETY: as above.
        let value = (slot.form() == Form::Long).then(|| unsafe { read_long(parts.value) });
        key.into_iter().chain(value)
    }

    fn longs(&self) -> impl Iterator<Item = Long> {
        let owning = self.slots().iter().enumerate().filter(|(_, slot)| slot.owns());
        owning.flat_map(|(index, _)| self.longs_of(index))
    }

    /// Long keys and values in it.
    pub(super) fn long_count(&self) -> usize {
        self.longs().count()
    }
}

/// Changing.
impl Bucket {
    /// Adds an entry whose key is not in the bucket.
    #[inline]
    pub(super) fn push(&mut self, new: New<'_>) {
        let form = form_of(new.value);
        let entry_bytes = entry_bytes(new.key.len(), new.value.len());
        self.make_room(SLOT_BYTES + entry_bytes);
        let end = self.entries_bytes() + entry_bytes;
        let slot = Slot::new(new.hash, end, form, new.key.len() > PACKED_BYTES_MAX, new.marked);
        // SAFETY: there is room for the slot and for the entry between the last slot and the last entry.
        unsafe {
            self.append_slot(slot);
            let key = self.start().add(self.capacity() - end);
            let value = write_key(key, new.key, form, new.hash);
            write_value(value, new.value, form);
        }
    }

    /// Gives an entry another value and mark.
    pub(super) fn replace(&mut self, index: usize, value: &[u8], marked: bool) {
        let (slot, parts) = (self.slots()[index], self.parts(index));
        let form = form_of(value);
        let old_value = (slot.form() == Form::Long).then(|| {
            // SAFETY: the slot says that the value is an address.
            unsafe { read_long(parts.value) }
        });
        if slot.form() == form && parts.value_len == packed_len(value.len()) {
            // SAFETY: the new value takes as many bytes as the old one.
            unsafe { write_value(parts.value, value, form) };
        } else {
            let mut key = [0; PACKED_BYTES_MAX];
            let key = &mut key[..parts.key_len];
            // SAFETY: the key, or its address, stands there; it goes into a buffer of our own.
            unsafe { parts.key.copy_to_nonoverlapping(key.as_mut_ptr(), key.len()) };
            self.resize_entry(index, entry_bytes(key.len(), value.len()));
            let (start, _) = self.span(index);
            // SAFETY: the entry has the size of these parts now. The key's bytes may be an address, which so moves.
            unsafe {
                let value_at = write_key(start, key, form, 0);
                write_value(value_at, value, form);
            }
        }
        self.slots_mut()[index] = self.slots()[index].with_form(form).with_mark(marked);
        if let Some(old) = old_value {
            // SAFETY: the entry owned it, and its address is overwritten.
            unsafe { old.free() };
        }
        self.give_back();
    }

    pub(super) fn set_mark(&mut self, index: usize, marked: bool) {
        let slot = &mut self.slots_mut()[index];
        *slot = slot.with_mark(marked);
    }

    /// The value of an entry, to be overwritten where it stands.
    #[inline]
    pub(super) fn value_mut(&mut self, index: usize) -> &mut [u8] {
        let parts = self.parts(index);
        // SAFETY: as in `member`; `&mut` makes us the only ones here.
        unsafe {
            if self.slots()[index].form() == Form::Long {
                read_long(parts.value).bytes_mut()
            } else {
                slice::from_raw_parts_mut(parts.value, parts.value_len)
            }
        }
    }

    pub(super) fn remove(&mut self, index: usize) {
        if self.slots()[index].owns() {
            for long in self.longs_of(index) {
                // SAFETY: the entry owns it and is about to go.
                unsafe { long.free() };
            }
        }
        self.resize_entry(index, 0);
        let slots = self.slots_mut();
        slots.copy_within(index + 1.., index);
        let len = slots.len() - 1;
        self.set_len(len);
        self.give_back();
    }

    /// Takes those entries out into a bucket of their own whose hash `goes`; `of` computes one that is not at hand.
    pub(super) fn split_off(&mut self, of: impl Fn(&[u8]) -> u64, goes: impl Fn(u64) -> bool) -> Bucket {
        let going = (0..self.len()).map(|index| goes(self.hash(index, &of)));
        let going: smallvec::SmallVec<[bool; 64]> = going.collect();
        let bytes = |wanted: bool| {
            let chosen = going.iter().enumerate().filter(|(_, goes)| **goes == wanted);
            chosen.map(|(index, _)| SLOT_BYTES + self.span(index).1).sum()
        };
        let (mut staying, mut leaving) = (Bucket::new(), Bucket::new());
        staying.make_room(bytes(false));
        leaving.make_room(bytes(true));
        for (index, goes) in going.iter().enumerate() {
            let target = if *goes { &mut leaving } else { &mut staying };
            let (start, len) = self.span(index);
            // SAFETY: each of the two has room for what it gets; `self` gives up what the entries own, below.
            unsafe { target.append(self.slots()[index], start, len) };
        }
        mem::replace(self, staying).free_block();
        leaving
    }

    /// Takes all entries of another bucket, none of which has a key that is here.
    pub(super) fn merge(&mut self, other: Bucket) {
        self.make_room(other.used_bytes() - SLOTS_AT);
        for index in 0..other.len() {
            let (start, len) = other.span(index);
            // SAFETY: there is room; `other` gives up what its entries own.
            unsafe { self.append(other.slots()[index], start, len) };
        }
        other.free_block();
    }

    /// Adds an entry as it stands elsewhere.
    ///
    /// # Safety
    /// There is room; the bytes are those of an entry with this slot, and what it owns passes to this bucket.
    unsafe fn append(&mut self, slot: Slot, start: *const u8, len: usize) {
        let end = self.entries_bytes() + len;
        // SAFETY: by the caller's promise; the bytes are in another block.
        unsafe {
            self.append_slot(slot.moved(end.wrapping_sub(slot.end()) as isize));
            self.start().add(self.capacity() - end).copy_from_nonoverlapping(start, len);
        }
    }

    /// # Safety
    /// There is room for it and for the entry that it tells of, and the caller writes that entry next.
    #[inline]
    unsafe fn append_slot(&mut self, slot: Slot) {
        let len = self.len();
        // SAFETY: there is room behind the last slot.
        unsafe { self.start().add(SLOTS_AT + len * SLOT_BYTES).cast::<Slot>().write(slot) };
        self.set_len(len + 1);
    }

    /// Not to be called on a bucket without a block.
    #[inline]
    fn set_len(&mut self, len: usize) {
        debug_assert!(self.capacity() > 0);
        // SAFETY: the block begins with a header, and `&mut` makes us the only ones here. No block has room for 2^16 slots.
        unsafe { (&raw mut (*self.0.as_ptr()).len).write(len as u16) };
    }

    /// Makes an entry longer or shorter; what its bytes then are is for the caller to write.
    fn resize_entry(&mut self, index: usize, len: usize) {
        let (_, old_len) = self.span(index);
        self.make_room(len.saturating_sub(old_len));
        let (entries_bytes, end) = (self.entries_bytes(), self.slots()[index].end());
        let by = len as isize - old_len as isize;
        // SAFETY: the entries behind this one, which stand before it in the block, move within it: there is room.
        unsafe {
            let behind = self.start().add(self.capacity() - entries_bytes);
            ptr::copy(behind, behind.offset(-by), entries_bytes - end);
        }
        self.slots_mut()[index..].iter_mut().for_each(|slot| *slot = slot.moved(by));
    }

    /// Makes the block larger if so many bytes more do not fit.
    #[inline]
    fn make_room(&mut self, bytes: usize) {
        let wanted = self.used_bytes() + bytes;
        if bytes > 0 && wanted > self.capacity() {
            self.relocate(wanted);
        }
    }

    /// Makes the block smaller if more than three eighths of it are free. The margin is there so that adding and removing
    /// in turns does not move the block each time.
    #[inline]
    fn give_back(&mut self) {
        if self.len() == 0 {
            return mem::replace(self, Bucket::new()).free_block();
        }
        let used = self.used_bytes();
        if used * 8 <= self.capacity() * 5 && block_bytes(used) < self.capacity() {
            self.relocate(used);
        }
    }

    /// Moves to a block that holds so many bytes, which are not fewer than are used.
    fn relocate(&mut self, bytes: usize) {
        let layout = layout(bytes);
        // SAFETY: the layout has a size above zero.
        let Some(start) = NonNull::new(unsafe { alloc(layout) }) else { handle_alloc_error(layout) };
        let (old_start, old_capacity, size) = (self.start(), self.capacity(), layout.size());
        let (front, back) = (SLOTS_AT + self.len() * SLOT_BYTES, self.entries_bytes());
        // SAFETY: slots and entries fit, by the caller's promise; both blocks hold a header, and front and back lie in them.
        unsafe {
            start.as_ptr().copy_from_nonoverlapping(old_start, front);
            let old_back = old_start.add(old_capacity - back);
            start.add(size - back).as_ptr().copy_from_nonoverlapping(old_back, back);
        }
        let new = Bucket(start.cast());
        // SAFETY: the block begins with a header.
        unsafe { (&raw mut (*new.0.as_ptr()).units).write((size / UNIT_BYTES) as u16) };
        mem::replace(self, new).free_block();
    }

    /// Frees the block and nothing that its entries own.
    fn free_block(self) {
        let this = ManuallyDrop::new(self);
        if this.capacity() > 0 {
            // SAFETY: the block was allocated with this layout (`layout` is the same for its own result), and `this` is
            // not used any more.
            unsafe { dealloc(this.start(), layout(this.capacity())) };
        }
    }
}

/// The block for so many bytes.
#[inline]
fn layout(bytes: usize) -> Layout {
    let size = block_bytes(bytes.max(UNIT_BYTES));
    // Thousands of entries with the same upper half of a keyed 64-bit hash do not occur.
    assert!(size <= BLOCK_BYTES_MAX, "the hash function does not spread keys");
    Layout::from_size_align(size, align_of::<Header>()).expect("far from an overflow")
}

/// Bytes that a key or value of this length takes in the bucket.
#[inline]
fn packed_len(len: usize) -> usize {
    if len > PACKED_BYTES_MAX { ADDRESS_BYTES } else { len }
}

#[inline]
fn form_of(value: &[u8]) -> Form {
    match value.len() {
        0 => Form::Empty,
        ADDRESS_BYTES => Form::Eight,
        length if length <= PACKED_BYTES_MAX => Form::Short,
        _ => Form::Long,
    }
}

#[inline]
fn entry_bytes(key_len: usize, value_len: usize) -> usize {
    let has_length = !matches!(value_len, 0 | ADDRESS_BYTES) && value_len <= PACKED_BYTES_MAX;
    usize::from(has_length) + packed_len(key_len) + packed_len(value_len)
}

/// # Safety
/// An address of one stands here.
#[inline]
unsafe fn read_long(at: *mut u8) -> Long {
    // SAFETY: by the caller's promise; an entry is not aligned.
    unsafe { at.cast::<Long>().read_unaligned() }
}

/// Writes the key, and the length before it where the form asks for one; returns where the value goes.
///
/// # Safety
/// There is room for it at `start`, and nobody else looks there.
#[inline]
unsafe fn write_key(start: *mut u8, key: &[u8], form: Form, hash: u64) -> *mut u8 {
    // SAFETY: by the caller's promise.
    unsafe {
        let mut at = start;
        if form == Form::Short {
            at.write(packed_len(key.len()) as u8);
            at = at.add(1);
        }
        if key.len() > PACKED_BYTES_MAX {
            at.cast::<Long>().write_unaligned(Long::new(key, hash));
        } else {
            at.copy_from_nonoverlapping(key.as_ptr(), key.len());
        }
        at.add(packed_len(key.len()))
    }
}

/// # Safety
/// There is room for it at `at`, and nobody else looks there.
#[inline]
unsafe fn write_value(at: *mut u8, value: &[u8], form: Form) {
    // SAFETY: by the caller's promise.
    unsafe {
        if form == Form::Long {
            at.cast::<Long>().write_unaligned(Long::new(value, 0));
        } else {
            at.copy_from_nonoverlapping(value.as_ptr(), value.len());
        }
    }
}

impl Clone for Bucket {
    fn clone(&self) -> Bucket {
        let mut copy = Bucket::new();
        copy.make_room(self.used_bytes() - SLOTS_AT);
        for index in 0..self.len() {
            let member = self.member(index);
            let hash = self.hash(index, |_| 0);
            copy.push(New { hash, key: member.key, value: member.value, marked: member.marked });
            // The fingerprint is the original's: no need to hash again.
            let end = copy.slots()[index].end();
            copy.slots_mut()[index] =
                self.slots()[index].moved(end.wrapping_sub(self.slots()[index].end()) as isize);
        }
        copy
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        for long in self.longs() {
            // SAFETY: the entry owns it, and nobody looks at it any more.
            unsafe { long.free() };
        }
        mem::replace(self, Bucket::new()).free_block();
    }
}
