//! Which segment holds a hash: extendible hashing (Fagin et al., 1979), read from the top bit.
//!
//! The directory is an array of 2^depth segment handles, indexed by the top `depth` bits of the hash. A segment of
//! depth `d` holds all keys that share their top `d` bits and stands 2^(depth - d) times in a row. A full segment
//! grows; at its largest size it splits in two by the next bit, and only if its depth was the directory's does the
//! directory double. Two siblings that shrank merge again, and the directory halves when no segment needs its last bit.
//!
//! So the work of one operation is bounded by one segment (two for a merge), plus the array's copy when it doubles:
//! 16 bytes for some 350 keys, once per doubling of the key count. At 100 million keys that copy is 4 to 8 MB.
//!
//! Measured (`cargo bench --bench table -- --growth`, processor time, least of three rounds): the slowest of 3 million
//! insertions took 62 µs with mimalloc's purging off. With purging on it took 284 µs: giving freed segments' pages
//! back to the system and faulting them in again costs more than the table's own work.
//!
//! A broken hash function cannot make the directory large: it doubles only while it has at most four times as many
//! places as there are segments; beyond that, segments outgrow their largest size instead.

use std::ops::Range;
use std::ptr::NonNull;

use super::segment::{CLASS_MAX, CLASS_MIN, Segment, class_for, keys_max};
use super::slot::{Slot, TAG_BITS, TAG_END, prefetch};

/// No segment splits below this depth, so that the 20 tag bits end within the 48 bits of a position.
pub(super) const DEPTH_MAX: u8 = 28;

/// Two siblings merge when they hold no more keys than this together: half of a full segment.
const MERGED_KEYS_MAX: u32 = 224;

/// Entries fetched ahead of the one being read.
pub(super) const ENTRIES_AHEAD: usize = 8;

pub(super) struct Directory {
    segments: Vec<Segment>,
    depth: u8,
    /// Segments of each depth.
    at_depth: [u32; DEPTH_MAX as usize + 1],
    /// Bytes of all segments' allocations.
    segment_bytes: usize,
    /// No segment has more slots than this.
    slots_max: usize,
}

impl Directory {
    /// One empty segment.
    pub(super) fn new() -> Directory {
        Directory::with_segments(0, CLASS_MIN)
    }

    /// 2^`depth` empty segments of `class`.
    pub(super) fn with_segments(depth: u8, class: u8) -> Directory {
        let segments: Vec<Segment> = (0..1 << depth).map(|_| Segment::empty(class, depth)).collect();
        let mut at_depth = [0; DEPTH_MAX as usize + 1];
        at_depth[usize::from(depth)] = segments.len() as u32;
        let segment_bytes = segments.iter().map(|segment| segment.bytes()).sum();
        let slots_max = segments[0].slots().len();
        Directory { segments, depth, at_depth, segment_bytes, slots_max }
    }

    pub(super) fn depth(&self) -> u8 {
        self.depth
    }

    /// An upper bound of any segment's slots.
    pub(super) fn slots_max(&self) -> usize {
        self.slots_max
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.segment_bytes + self.segments.capacity() * size_of::<Segment>()
    }

    /// The place of `hash`.
    #[inline]
    pub(super) fn index(&self, hash: u64) -> usize {
        ((hash >> 1) >> (63 - self.depth)) as usize
    }

    /// The segment of `hash`.
    #[inline]
    pub(super) fn locate(&self, hash: u64) -> Segment {
        self.segments[self.index(hash)]
    }

    /// The segment at place `index`, and whether this is its first place.
    pub(super) fn place(&self, index: usize) -> Option<(Segment, bool)> {
        let segment = *self.segments.get(index)?;
        Some((segment, self.places(index, segment.depth()).start == index))
    }

    /// All segments in order, each once.
    pub(super) fn segments(&self) -> impl Iterator<Item = Segment> {
        (0..self.segments.len())
            .filter_map(|index| self.place(index))
            .filter(|place| place.1)
            .map(|place| place.0)
    }

    /// The places of the segment of `depth` that has place `index`.
    fn places(&self, index: usize, depth: u8) -> Range<usize> {
        let count = 1 << (self.depth - depth);
        let start = index & !(count - 1);
        start..start + count
    }

    /// Writes `segment` into all places that are its by its depth, around `index`.
    fn install(&mut self, index: usize, segment: Segment) {
        let places = self.places(index, segment.depth());
        self.segments[places].fill(segment);
        self.at_depth[usize::from(segment.depth())] += 1;
        self.segment_bytes += segment.bytes();
        self.slots_max = self.slots_max.max(segment.slots().len());
    }

    /// Gives up a segment that has left all its places.
    fn retire(&mut self, segment: Segment) {
        self.at_depth[usize::from(segment.depth())] -= 1;
        self.segment_bytes -= segment.bytes();
        // SAFETY: the directory held all lasting handles of the segment, and `install` has written over them.
        unsafe { segment.free() };
    }

    /// Makes room for an insertion that `hash`'s segment refused. It may take more than one call.
    pub(super) fn make_room(&mut self, hash: u64, rehash: impl Fn(NonNull<u8>) -> u64) {
        let segment = self.locate(hash);
        if segment.class() < CLASS_MAX {
            self.rebuild(hash, segment.class() + 1);
        } else if self.may_split(segment) {
            self.split(hash, rehash);
        } else {
            let full = segment.len() >= keys_max(segment.class());
            self.rebuild(hash, segment.class() + u8::from(full));
        }
    }

    fn may_split(&self, segment: Segment) -> bool {
        let segments: u32 = self.at_depth.iter().sum();
        segment.depth() < self.depth
            || (self.depth < DEPTH_MAX && self.segments.len() <= 4 * segments as usize + 16)
    }

    /// Moves the segment of `hash` to another size.
    fn rebuild(&mut self, hash: u64, class: u8) {
        let old = self.locate(hash);
        let slots: Vec<Slot> = old.occupied().collect();
        self.install(self.index(hash), Segment::build(&slots, class, old.depth()));
        self.retire(old);
    }

    /// Splits the segment of `hash` by the first bit of its tags. The bit that the tags gain at their other end comes
    /// from the keys.
    fn split(&mut self, hash: u64, rehash: impl Fn(NonNull<u8>) -> u64) {
        let old = self.locate(hash);
        let slots: Vec<Slot> = old.occupied().collect();
        let gained_bit = 63 - u32::from(old.depth()) - TAG_BITS;
        let mut halves = [Vec::with_capacity(slots.len()), Vec::with_capacity(slots.len())];
        for (index, slot) in slots.iter().enumerate() {
            if let Some(ahead) = slots.get(index + ENTRIES_AHEAD) {
                prefetch(ahead.entry().as_ptr());
            }
            let gained = (rehash(slot.entry()) >> gained_bit) as u32 & 1;
            let tag = ((slot.tag() << 1) & (TAG_END - 1)) | gained;
            push_sorted(&mut halves[(slot.tag() >> (TAG_BITS - 1)) as usize], slot.with_tag(tag));
        }
        let depth = old.depth() + 1;
        let [low, high] = halves.map(|half| Segment::build(&half, class_for(half.len() as u32), depth));
        if depth > self.depth {
            self.double();
        }
        let places = self.places(self.index(hash), old.depth());
        self.install(places.start, low);
        self.install(places.end - 1, high);
        self.retire(old);
    }

    fn double(&mut self) {
        self.segments = self.segments.iter().flat_map(|&segment| [segment; 2]).collect();
        self.depth += 1;
    }

    /// Gives memory back after a removal from the segment of `hash`, when enough has gathered.
    pub(super) fn relax(&mut self, hash: u64) {
        let segment = self.locate(hash);
        let len = segment.len();
        if segment.class() > CLASS_MIN && len * 5 < keys_max(segment.class()) * 2 {
            self.rebuild(hash, class_for(len + len / 4));
        }
        // Looking at the sibling costs a cache miss: not on every removal.
        if len <= MERGED_KEYS_MAX / 2 && len.is_multiple_of(16) {
            while self.merge(hash) {}
        }
    }

    /// Merges the segment of `hash` with its sibling, if both are small. The sibling may have become small before it
    /// had a sibling, so a merge can make the next one possible.
    fn merge(&mut self, hash: u64) -> bool {
        let depth = self.locate(hash).depth();
        if depth == 0 {
            return false;
        }
        let places = self.places(self.index(hash), depth - 1);
        let halves = [self.segments[places.start], self.segments[places.end - 1]];
        let keys: u32 = halves.iter().map(|half| half.len()).sum();
        if halves.iter().any(|half| half.depth() != depth) || keys > MERGED_KEYS_MAX {
            return false;
        }
        let mut slots = Vec::with_capacity(keys as usize);
        for (side, half) in halves.iter().enumerate() {
            let first_bit = (side as u32) << (TAG_BITS - 1);
            slots.extend(half.occupied().map(|slot| slot.with_tag(first_bit | (slot.tag() >> 1))));
        }
        self.install(places.start, Segment::build(&slots, class_for(keys), depth - 1));
        halves.into_iter().for_each(|half| self.retire(half));
        while self.depth > 0 && self.at_depth[usize::from(self.depth)] == 0 {
            self.halve();
        }
        true
    }

    fn halve(&mut self) {
        self.segments = self.segments.iter().step_by(2).copied().collect();
        self.depth -= 1;
    }

    /// The handle at place `index`, to take entries out of it.
    pub(super) fn segment_mut(&mut self, index: usize) -> &mut Segment {
        &mut self.segments[index]
    }

    /// The handle of `hash`'s segment, to write to its slots.
    #[inline]
    pub(super) fn locate_mut(&mut self, hash: u64) -> &mut Segment {
        let index = self.index(hash);
        &mut self.segments[index]
    }

    /// Panics unless every segment stands in exactly its places and the counters agree.
    #[cfg(test)]
    pub(super) fn check(&self) {
        assert_eq!(self.segments.len(), 1 << self.depth);
        let mut at_depth = [0; DEPTH_MAX as usize + 1];
        for (index, segment) in self.segments.iter().enumerate() {
            let places = self.places(index, segment.depth());
            let first = self.segments[places.start];
            assert_eq!(segment.slots().as_ptr(), first.slots().as_ptr());
            assert_eq!(segment.class(), first.class());
            if places.start == index {
                at_depth[usize::from(segment.depth())] += 1;
                segment.check();
            }
        }
        assert_eq!(at_depth, self.at_depth);
        assert_eq!(self.segments().map(Segment::bytes).sum::<usize>(), self.segment_bytes);
        assert!(self.segments().all(|segment| segment.slots().len() <= self.slots_max));
        assert!(self.depth == 0 || at_depth[usize::from(self.depth)] > 0, "the directory should have halved");
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let segments: Vec<Segment> = self.segments().collect();
        for segment in segments {
            // SAFETY: each segment once, and the handles go with the directory.
            unsafe { segment.free() };
        }
    }
}

/// Appends a slot whose tag may be one too small for the end: tags that were equal before a split may now differ.
fn push_sorted(slots: &mut Vec<Slot>, slot: Slot) {
    let mut index = slots.len();
    while index > 0 && slots[index - 1].tag() > slot.tag() {
        index -= 1;
    }
    slots.insert(index, slot);
}
