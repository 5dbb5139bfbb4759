//! Walking the table by position, and picking entries at random.
//!
//! A *cursor* is the upper 48 bits of a position; it says that every key below it was visited. A key's position never
//! changes, so this stays true whatever is inserted, removed, split or merged between two calls, and needs no state
//! but the number. A segment tells its entries apart by 20 bits behind its prefix, fewer than a cursor has: entries
//! with equal tags form a *group*, which is visited as a whole. When segments merge, a cursor may come to lie inside a
//! group; the group is then visited again. So an entry may be seen twice, and is never missed.

use std::hash::BuildHasher;
use std::ptr::NonNull;

use super::directory::ENTRIES_AHEAD;
use super::segment::Segment;
use super::slot::{TAG_BITS, prefetch};
use super::{DEPTH_MAX, Entry, Table};

const CURSOR_BITS: u32 = 48;
/// Position bits that a cursor leaves out.
const CURSOR_SHIFT: u32 = 64 - CURSOR_BITS;
const CURSOR_END: u64 = 1 << CURSOR_BITS;

// A group's start must be a cursor.
const _: () = assert!(DEPTH_MAX as u32 + TAG_BITS <= CURSOR_BITS);

/// Draws before `random` settles for a biased pick.
const DRAWS_MAX: usize = 128;

impl<E: Entry, S: BuildHasher> Table<E, S> {
    /// Visits entries in order of position from `cursor` on: at least `count` (and at least one) unless the end comes
    /// first, and whole groups. Returns the cursor to go on from, 0 at the end. 0 starts, and any number is safe.
    ///
    /// A key that is in the table from the first of a series of calls to the last is visited at least once, and
    /// normally exactly once.
    pub fn scan(&self, cursor: u64, count: usize, visit: &mut dyn FnMut(NonNull<u8>)) -> u64 {
        let mut cursor = cursor;
        let mut left = count.max(1);
        while cursor < CURSOR_END {
            let segment = self.directory.locate(cursor << CURSOR_SHIFT);
            match scan_segment(segment, cursor, &mut left, visit) {
                Some(stopped) => return stopped,
                None => cursor = next_segment(segment, cursor),
            }
        }
        0
    }

    /// Visits every entry whose hash has `position` as its upper 48 bits.
    pub fn visit_position(&self, position: u64, visit: &mut dyn FnMut(NonNull<u8>)) {
        if position >= CURSOR_END {
            return;
        }
        let segment = self.directory.locate(position << CURSOR_SHIFT);
        for raw in segment.matches(segment.tag(position << CURSOR_SHIFT)) {
            // SAFETY: an occupied slot holds what `into_raw` gave, and the table does not change under `&self`.
            if self.hash(unsafe { E::key(raw) }) >> CURSOR_SHIFT == position {
                visit(raw);
            }
        }
    }

    /// An entry picked at random, by numbers from `random`; none if the table is empty.
    ///
    /// Every entry is equally likely: a slot number is drawn over all that the directory could address, and drawn
    /// again while there is no entry there, a few times on average. After 128 vain draws (a table that was reserved
    /// and hardly filled, or a broken hash function) it is the entry behind a random position, which favours entries
    /// behind a gap.
    pub fn random(&self, random: &mut dyn FnMut() -> u64) -> Option<NonNull<u8>> {
        if self.is_empty() {
            return None;
        }
        (0..DRAWS_MAX).find_map(|_| self.draw(random())).or_else(|| self.first_from(random() >> CURSOR_SHIFT))
    }

    /// The entry at the slot that `number` says, if there is one. A segment that has several places in the directory
    /// counts at its first only, so that its entries are no more likely than others.
    fn draw(&self, number: u64) -> Option<NonNull<u8>> {
        let (segment, first) = self.directory.place(self.directory.index(number))?;
        let slots = segment.slots();
        let bound = if self.directory.depth() == 0 { slots.len() } else { self.directory.slots_max() };
        let index = ((number & 0xffff_ffff) * bound as u64) >> 32;
        let slot = slots.get(index as usize).filter(|slot| first && !slot.is_free())?;
        Some(slot.entry())
    }

    /// The first entry at `cursor` or behind it, or else the first of all.
    fn first_from(&self, cursor: u64) -> Option<NonNull<u8>> {
        let mut found = None;
        for start in [cursor, 0] {
            self.scan(start, 1, &mut |raw| found = found.or(Some(raw)));
            if found.is_some() {
                break;
            }
        }
        found
    }
}

/// Visits the entries of `segment` from `cursor` on. Where `left` is used up, returns the cursor of the group behind.
fn scan_segment(
    segment: Segment,
    cursor: u64,
    left: &mut usize,
    visit: &mut dyn FnMut(NonNull<u8>),
) -> Option<u64> {
    let first_tag = segment.tag(cursor << CURSOR_SHIFT);
    let slots = &segment.slots()[segment.lower_bound(first_tag)..];
    let mut group = None;
    for (index, slot) in slots.iter().enumerate().filter(|(_, slot)| !slot.is_free()) {
        if *left == 0 && group != Some(slot.tag()) {
            return Some(group_start(segment, cursor, slot.tag()));
        }
        if let Some(ahead) = slots.get(index + ENTRIES_AHEAD).filter(|slot| !slot.is_free()) {
            prefetch(ahead.entry().as_ptr());
        }
        group = Some(slot.tag());
        *left = left.saturating_sub(1);
        visit(slot.entry());
    }
    None
}

/// The cursor where the group of `tag` begins in the segment that `cursor` lies in.
fn group_start(segment: Segment, cursor: u64, tag: u32) -> u64 {
    let behind_prefix = CURSOR_BITS - u32::from(segment.depth());
    let prefix = cursor >> behind_prefix << behind_prefix;
    prefix | u64::from(tag) << (behind_prefix - TAG_BITS)
}

/// The cursor of the first position behind the segment that `cursor` lies in.
fn next_segment(segment: Segment, cursor: u64) -> u64 {
    let behind_prefix = CURSOR_BITS - u32::from(segment.depth());
    ((cursor >> behind_prefix) + 1) << behind_prefix
}
