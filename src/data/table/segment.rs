//! A segment: up to 448 keys that share a prefix of their hash, in one allocation, sorted.
//!
//! Linear probing in sorted order (Amble and Knuth, "Ordered hash tables", 1974). The *home* of a tag is
//! `tag * capacity / 2^20`, monotonic in the tag; a slot lies at its home or behind it with no free slot between, and
//! slots stand in the order of their tags. So
//! * walking the slots is walking the hash's order, which SCAN and snapshots need;
//! * a search that misses stops at the first larger tag or free slot;
//! * removal shifts the run behind it back, so there are no tombstones.
//!
//! Nothing wraps around: behind the home slots stands a short tail that takes the overflow of the last homes, and
//! its last slot always stays free, so that every walk ends without a bound to check. Where the tail does not suffice
//! the segment is rebuilt, larger, as it is when it is full.
//!
//! Sizes follow the size classes of common allocators, four to a doubling, so what is asked for is what is used. They
//! are classes of the whole allocation, header included.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

use super::Entry;
use super::slot::{Slot, TAG_BITS, prefetch};

/// The smallest class: 32 words, of which half are the tail.
pub(super) const CLASS_MIN: u8 = 4;

/// The class at which a segment splits instead of growing: 512 words.
pub(super) const CLASS_MAX: u8 = 20;

/// What stands before the slots.
#[repr(C)]
struct Header {
    /// Occupied slots.
    len: u32,
    /// All slots, the tail included.
    slots: u32,
}

const WORD_BYTES: usize = size_of::<Slot>();
const _: () = assert!(size_of::<Header>() == WORD_BYTES);

/// A handle to a segment, with what a search must know beside it, so that a search reads no header.
///
/// It is copied freely (the directory holds several of one segment) and is valid until [`Segment::free`], whose
/// caller promises that no copy is used again. Only the holder of the table's `&mut` calls the methods that write,
/// and no slice of slots outlives the call that asked for it.
#[derive(Clone, Copy)]
pub(super) struct Segment {
    header: NonNull<Header>,
    /// Home slots: tags are spread over these.
    capacity: u32,
    class: u8,
    depth: u8,
}

/// Words of an allocation of `class`: 32, 40, 48, 56, 64, 80 … from [`CLASS_MIN`] on
fn words(class: u8) -> u32 {
    (4 + u32::from(class % 4)) << (2 + class / 4)
}

/// Slots that a search compares at once, without a branch between.
const STRIDE: usize = 16;

/// Slots of a class that serve as overflow, the last, always free one included. A stride from the last home ends
/// within the tail.
fn tail(class: u8) -> u32 {
    (words(class) / 16 + 1).max(STRIDE as u32)
}

/// Keys at which a segment of `class` is full: seven eighths of its words.
pub(super) fn keys_max(class: u8) -> u32 {
    words(class) * 28 / 32
}

/// The smallest class that takes `keys` keys and some more.
pub(super) fn class_for(keys: u32) -> u8 {
    let wanted = keys + keys / 32 + 1;
    (CLASS_MIN..u8::MAX).find(|&class| keys_max(class) >= wanted).expect("a segment never holds 2^32 keys")
}

/// The slot where `tag`'s run begins, of `capacity`.
#[inline]
fn home(tag: u32, capacity: u32) -> usize {
    ((u64::from(tag) * u64::from(capacity)) >> TAG_BITS) as usize
}

/// Where sorted `slots` come to lie when placed over `capacity` homes.
fn placements(slots: &[Slot], capacity: u32) -> impl Iterator<Item = usize> {
    slots.iter().scan(0, move |next, slot| {
        let place = home(slot.tag(), capacity).max(*next);
        *next = place + 1;
        Some(place)
    })
}

fn layout(slots: usize) -> Layout {
    Layout::from_size_align(
        size_of::<Header>() + slots * WORD_BYTES,
        align_of::<Header>().max(align_of::<Slot>()),
    )
    .expect("the slots of one segment fit in memory")
}

impl Segment {
    /// A segment without keys.
    pub(super) fn empty(class: u8, depth: u8) -> Segment {
        Segment::build(&[], class, depth)
    }

    /// A segment of `slots`, which stand in the order of their tags, of at least `class`.
    ///
    /// Should the tail overflow, larger classes are tried; a segment that cannot be spread (all its keys have nearly
    /// the same hash: only a broken hash function does that) gets a tail as long as it needs.
    pub(super) fn build(slots: &[Slot], class: u8, depth: u8) -> Segment {
        debug_assert!(slots.is_sorted_by_key(|slot| slot.tag()));
        let mut class = class;
        let total = loop {
            let standard = words(class) - 1;
            let end = placements(slots, standard - tail(class)).last().map_or(0, |place| place as u32 + 1);
            // The last slot stays free, and one before it, so that a rebuilt segment takes at least one key more.
            if end + 1 < standard {
                break standard;
            }
            if class >= CLASS_MAX {
                break end + 2 + slots.len() as u32 / 4;
            }
            class += 1;
        };
        let capacity = words(class) - 1 - tail(class);
        let mut segment = Segment::allocate(total, capacity, class, depth);
        segment.set_len(slots.len() as u32);
        let target = segment.slots_mut();
        for (place, slot) in placements(slots, capacity).zip(slots) {
            target[place] = *slot;
        }
        segment
    }

    fn allocate(slots: u32, capacity: u32, class: u8, depth: u8) -> Segment {
        let layout = layout(slots as usize);
        // SAFETY: the layout has a size above zero, as it holds a header.
        let Some(header) = NonNull::new(unsafe { alloc_zeroed(layout) }) else { handle_alloc_error(layout) };
        let header = header.cast::<Header>();
        // SAFETY: fresh memory, large and aligned enough for the header by `layout`.
        unsafe { header.write(Header { len: 0, slots }) };
        Segment { header, capacity, class, depth }
    }

    /// Gives the memory back; entries still in it are not dropped.
    ///
    /// # Safety
    /// No copy of this handle is used afterwards.
    pub(super) unsafe fn free(self) {
        let layout = layout(self.slots().len());
        // SAFETY: `allocate` got the memory with this very layout, as `slots` never changes; the caller gives up
        // every other handle.
        unsafe { dealloc(self.header.as_ptr().cast(), layout) };
    }

    /// Keys held.
    pub(super) fn len(self) -> u32 {
        // SAFETY: the handle is valid, so its header is initialised memory that nobody writes meanwhile.
        unsafe { (*self.header.as_ptr()).len }
    }

    fn set_len(&mut self, len: u32) {
        // SAFETY: as in `len`; this is the one writer.
        unsafe { (*self.header.as_ptr()).len = len }
    }

    /// Leading hash bits that all keys here share.
    #[inline]
    pub(super) fn depth(self) -> u8 {
        self.depth
    }

    pub(super) fn class(self) -> u8 {
        self.class
    }

    /// Bytes of the allocation.
    pub(super) fn bytes(self) -> usize {
        layout(self.slots().len()).size()
    }

    /// The tag of `hash` here: the bits behind the shared ones.
    #[inline]
    pub(super) fn tag(self, hash: u64) -> u32 {
        ((hash << self.depth) >> (64 - TAG_BITS)) as u32
    }

    #[inline]
    fn base(self) -> *mut Slot {
        // SAFETY: `allocate` asks for a header and at least one slot, so the slot behind the header is in bounds.
        unsafe { self.header.as_ptr().add(1).cast() }
    }

    /// All slots, free ones and tail included.
    pub(super) fn slots(&self) -> &[Slot] {
        // SAFETY: `allocate` made `slots` slots behind the header, zeroed, which is `Slot::FREE`, and they are
        // written as whole slots only; nobody writes while the slice lives (see `Segment`).
        unsafe { std::slice::from_raw_parts(self.base(), (*self.header.as_ptr()).slots as usize) }
    }

    pub(super) fn slots_mut(&mut self) -> &mut [Slot] {
        // SAFETY: as in `slots`, and the caller holds the table's `&mut`.
        unsafe { std::slice::from_raw_parts_mut(self.base(), (*self.header.as_ptr()).slots as usize) }
    }

    /// The slot at `index`, which is within a stride of a home, or not past the first free slot behind one.
    #[inline]
    fn at(self, index: usize) -> Slot {
        debug_assert!(index < self.slots().len());
        // SAFETY: homes lie before the tail, which is as long as a stride, and a walk from a home ends at the last slot
        // at the latest, as that is always free; so `index` is in bounds. Slots are initialised, as in `slots`.
        unsafe { *self.base().add(index) }
    }

    /// The first slot from `tag`'s home on that is free or holds `tag` or a larger one.
    ///
    /// From a home on, slots that do not reach a tag come before all that do, even across a gap; so counting them in
    /// one stride tells the place. A loop that stops at the place is slower: its length cannot be predicted, and each
    /// wrong guess fetches the entry of another key.
    #[inline]
    pub(super) fn lower_bound(self, tag: u32) -> usize {
        let home = home(tag, self.capacity);
        let before: usize = (0..STRIDE).map(|offset| usize::from(!self.at(home + offset).reaches(tag))).sum();
        let mut index = home + before;
        if before == STRIDE {
            while !self.at(index).reaches(tag) {
                index += 1;
            }
        }
        index
    }

    /// The slot of the entry with this tag and key.
    #[inline]
    pub(super) fn find<E: Entry>(self, tag: u32, key: &[u8]) -> Option<(usize, Slot)> {
        let mut index = self.lower_bound(tag);
        loop {
            let slot = self.at(index);
            if !slot.matches(tag) {
                return None;
            }
            // SAFETY: an occupied slot holds what `E::into_raw` gave, and the borrow ends before anyone could remove it.
            if unsafe { E::key(slot.entry()) } == key {
                return Some((index, slot));
            }
            index += 1;
        }
    }

    /// Every entry under `tag`.
    #[inline]
    pub(super) fn matches(self, tag: u32) -> impl Iterator<Item = NonNull<u8>> {
        (self.lower_bound(tag)..)
            .map(move |index| self.at(index))
            .take_while(move |slot| slot.matches(tag))
            .map(Slot::entry)
    }

    /// Prefetches the slots where a search for `tag` begins.
    #[inline]
    pub(super) fn prefetch(self, tag: u32) {
        let start = self.base().wrapping_add(home(tag, self.capacity));
        prefetch(start.cast());
        prefetch(start.wrapping_add(4).cast());
    }

    /// Adds an entry behind those with the same tag. False, and nothing happens, when there is no room.
    pub(super) fn insert(&mut self, tag: u32, entry: NonNull<u8>) -> bool {
        let len = self.len();
        if len >= keys_max(self.class) {
            return false;
        }
        let mut place = self.lower_bound(tag);
        while self.at(place).matches(tag) {
            place += 1;
        }
        let slots = self.slots_mut();
        let run = slots[place..].iter().take_while(|slot| !slot.is_free()).count();
        if place + run + 1 >= slots.len() {
            return false;
        }
        slots.copy_within(place..place + run, place + 1);
        slots[place] = Slot::new(tag, entry);
        self.set_len(len + 1);
        true
    }

    /// Puts another entry under the tag of the occupied slot at `index`.
    pub(super) fn replace(&mut self, index: usize, entry: NonNull<u8>) {
        let slot = &mut self.slots_mut()[index];
        *slot = Slot::new(slot.tag(), entry);
    }

    /// Takes the slot at `index` out and closes the gap with the slots behind that are not at home.
    pub(super) fn remove(&mut self, index: usize) {
        let capacity = self.capacity;
        let slots = self.slots_mut();
        let mut end = index + 1;
        while !slots[end].is_free() && home(slots[end].tag(), capacity) < end {
            end += 1;
        }
        slots.copy_within(index + 1..end, index);
        slots[end - 1] = Slot::FREE;
        self.set_len(self.len() - 1);
    }

    /// The occupied slots, in order.
    pub(super) fn occupied(&self) -> impl Iterator<Item = Slot> {
        self.slots().iter().copied().filter(|slot| !slot.is_free())
    }

    /// Panics unless order, homes, the free last slot and the length are as the head of this file says.
    #[cfg(test)]
    pub(super) fn check(self) {
        let slots = self.slots();
        assert!(slots.last().is_some_and(|slot| slot.is_free()), "the last slot must be free");
        assert!(self.occupied().is_sorted_by_key(|slot| slot.tag()));
        assert_eq!(self.occupied().count(), self.len() as usize);
        for (index, slot) in slots.iter().enumerate().filter(|(_, slot)| !slot.is_free()) {
            let home = home(slot.tag(), self.capacity);
            assert!(home <= index, "before its home");
            assert!(slots[home..index].iter().all(|slot| !slot.is_free()), "a gap behind its home");
        }
    }
}
