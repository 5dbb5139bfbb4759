//! A run: a short ordered sequence of scored members, packed into one block of memory.
//!
//! Three columns stand in the block: the scores (8 bytes each), where each member's bytes end (2 bytes each), and the
//! members' bytes, one behind the other. The first two have room for some items more, the last one for some bytes
//! more, so that most insertions move only what stands behind them. The block's size is one that the allocator
//! hands out, and follows what is in it: there is no slack but this.
//!
//! Items removed in front stay as skipped ones until the block is made anew, so taking the first item is cheap.
//! A member of more than [`INLINE_BYTES_MAX`] stands outside, by reference count: only a handle moves with its neighbours.
use crate::allocator::block_bytes;
use std::{borrow::Cow, ops::Range, sync::Arc};

/// Longest member that stands in the block, in bytes.
pub const INLINE_BYTES_MAX: usize = 128;
/// Largest block, in bytes. A larger one has less slack, a smaller one moves less on an insertion.
pub const BLOCK_BYTES_MAX: usize = 2048;

/// Bytes of an item's score and end.
const COLUMNS: usize = 8 + 2;
/// Of an end: the member stands outside. No block is so large that the bit is needed for the place.
const OUTSIDE: u16 = 1 << 15;

#[derive(Clone, Debug, Default)]
pub struct Run {
    block: Box<[u8]>,
    /// Items that the columns have room for.
    room: u16,
    /// Items, skipped ones included.
    count: u16,
    /// Items in front that are removed already.
    skipped: u16,
    /// The members outside, in their order; skipped ones are gone from here.
    outside: Option<Box<Outside>>,
}

#[derive(Clone, Debug, Default)]
struct Outside(Vec<Arc<[u8]>>);

/// A member on its way into a run: its bytes, or a handle on them.
#[derive(Clone, Debug)]
pub enum Piece<'a> {
    Inside(Cow<'a, [u8]>),
    Outside(Arc<[u8]>),
}
impl<'a> Piece<'a> {
    pub fn of(member: &'a [u8]) -> Piece<'a> {
        if member.len() <= INLINE_BYTES_MAX {
            Piece::Inside(member.into())
        } else {
            Piece::Outside(member.into())
        }
    }
    /// The bytes that it takes in a block.
    fn inline(&self) -> &[u8] {
        match self {
            Piece::Inside(bytes) => bytes,
            Piece::Outside(_) => &[],
        }
    }
}

/// The order of items: by score, then by the members' bytes. Scores are never NaN; -0 equals 0.
fn is_before(one: (f64, &[u8]), other: (f64, &[u8])) -> bool {
    one.0 < other.0 || (one.0 == other.0 && one.1 < other.1)
}

impl Run {
    pub fn new() -> Run {
        Run::default()
    }
    #[inline]
    pub fn len(&self) -> usize {
        (self.count - self.skipped) as usize
    }
    pub fn is_empty(&self) -> bool {
        self.count == self.skipped
    }
    /// Bytes of the allocations, in the allocator's sizes.
    pub fn memory_bytes(&self) -> usize {
        let outside = self.outside.as_deref().map_or(0, |outside| {
            let each = outside.0.iter().map(|member| block_bytes(2 * size_of::<usize>() + member.len()));
            block_bytes(size_of::<Outside>())
                + block_bytes(outside.0.capacity() * size_of::<Arc<[u8]>>())
                + each.sum::<usize>()
        });
        let block = if self.block.is_empty() { 0 } else { block_bytes(self.block.len()) };
        block + outside
    }
    /// Allocations to free.
    pub fn allocations(&self) -> usize {
        1 + self.outside.as_deref().map_or(0, |outside| outside.0.len())
    }

    // Places in the block. A `slot` counts skipped items, an `index` does not.

    fn slot(&self, index: usize) -> usize {
        index + self.skipped as usize
    }
    fn ends_at(&self) -> usize {
        self.room as usize * 8
    }
    fn bytes_at(&self) -> usize {
        self.room as usize * COLUMNS
    }
    #[inline]
    fn raw_end(&self, slot: usize) -> u16 {
        let at = self.ends_at() + 2 * slot;
        u16::from_le_bytes([self.block[at], self.block[at + 1]])
    }
    fn set_raw_end(&mut self, slot: usize, end: u16) {
        let at = self.ends_at() + 2 * slot;
        self.block[at..at + 2].copy_from_slice(&end.to_le_bytes());
    }
    /// Where the member's bytes end, counted from the column's beginning.
    fn end(&self, slot: usize) -> usize {
        (self.raw_end(slot) & !OUTSIDE) as usize
    }
    #[inline]
    fn start(&self, slot: usize) -> usize {
        if slot == 0 { 0 } else { self.end(slot - 1) }
    }
    #[inline]
    pub fn score(&self, index: usize) -> f64 {
        let at = 8 * self.slot(index);
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.block[at..at + 8]);
        f64::from_le_bytes(bytes)
    }
    #[inline]
    pub fn member(&self, index: usize) -> &[u8] {
        let slot = self.slot(index);
        let end = self.raw_end(slot);
        if end & OUTSIDE != 0 {
            return &self.outside_ref()[self.outside_before(index)];
        }
        let bytes_at = self.bytes_at();
        &self.block[bytes_at + self.start(slot)..bytes_at + end as usize]
    }
    #[inline]
    pub fn get(&self, index: usize) -> (f64, &[u8]) {
        (self.score(index), self.member(index))
    }
    pub fn piece(&self, index: usize) -> Piece<'_> {
        if self.raw_end(self.slot(index)) & OUTSIDE != 0 {
            return Piece::Outside(self.outside_ref()[self.outside_before(index)].clone());
        }
        Piece::Inside(self.member(index).into())
    }
    fn outside_ref(&self) -> &[Arc<[u8]>] {
        self.outside.as_deref().map_or(&[], |outside| &outside.0)
    }
    /// How many of the items before this one have their members outside.
    fn outside_before(&self, index: usize) -> usize {
        if self.outside.is_none() {
            return 0;
        }
        let slots = self.skipped as usize..self.slot(index);
        slots.filter(|&slot| self.raw_end(slot) & OUTSIDE != 0).count()
    }

    /// The index that halves the bytes needed.
    pub fn middle(&self) -> usize {
        let half = self.needed_bytes() / 2;
        let is_below = |index: &usize| index * COLUMNS + self.member_bytes(0..*index) < half;
        (1..self.len()).take_while(is_below).count().max(1)
    }
    /// How many items in front satisfy this; those that do must all come before those that do not.
    #[inline]
    pub fn partition_point(&self, mut before: impl FnMut(f64, &[u8]) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = (low + high) / 2;
            if before(self.score(middle), self.member(middle)) { low = middle + 1 } else { high = middle }
        }
        low
    }
    /// How many items come before this one.
    #[inline]
    pub fn position(&self, score: f64, member: &[u8]) -> usize {
        self.partition_by(score, |other| other < member)
    }
    /// How many items come before this one or are this one.
    #[inline]
    pub fn count_up_to(&self, score: f64, member: &[u8]) -> usize {
        self.partition_by(score, |other| other <= member)
    }
    /// The same for items below a score, or with that score and a member that satisfies this. Scores mostly decide
    /// alone: a member is looked at only where they are equal.
    #[inline]
    fn partition_by(&self, score: f64, tie: impl Fn(&[u8]) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = (low + high) / 2;
            let other = self.score(middle);
            if other < score || (other == score && tie(self.member(middle))) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        low
    }
    /// The index of this item.
    pub fn find(&self, score: f64, member: &[u8]) -> Option<usize> {
        let index = self.position(score, member);
        (index < self.len() && self.score(index) == score && self.member(index) == member).then_some(index)
    }

    // Changing.

    /// Bytes of a block that holds what is in it, and nothing else.
    pub fn needed_bytes(&self) -> usize {
        self.len() * COLUMNS + self.member_bytes(0..self.len())
    }
    fn member_bytes(&self, items: Range<usize>) -> usize {
        if items.is_empty() {
            0
        } else {
            self.end(self.slot(items.end) - 1) - self.start(self.slot(items.start))
        }
    }
    /// Whether one item more keeps the block within [`BLOCK_BYTES_MAX`].
    pub fn has_place_for(&self, piece: &Piece) -> bool {
        self.needed_bytes() + COLUMNS + piece.inline().len() <= BLOCK_BYTES_MAX
    }

    pub fn insert(&mut self, index: usize, score: f64, piece: Piece) {
        let bytes = piece.inline();
        let used = self.bytes_at() + self.start(self.count as usize);
        if self.count == self.room || used + bytes.len() > self.block.len() {
            self.rebuild(1, bytes.len());
        }
        let (slot, count, length) = (self.slot(index), self.count as usize, bytes.len());
        let (ends_at, bytes_at) = (self.ends_at(), self.bytes_at());
        let (start, used) = (self.start(slot), self.start(count));
        let block = &mut self.block;
        block.copy_within(8 * slot..8 * count, 8 * (slot + 1));
        block.copy_within(ends_at + 2 * slot..ends_at + 2 * count, ends_at + 2 * (slot + 1));
        block.copy_within(bytes_at + start..bytes_at + used, bytes_at + start + length);
        block[bytes_at + start..bytes_at + start + length].copy_from_slice(bytes);
        block[8 * slot..8 * slot + 8].copy_from_slice(&score.to_le_bytes());
        shift_ends(&mut block[ends_at + 2 * (slot + 1)..ends_at + 2 * (count + 1)], length as u16);
        let mark = if matches!(piece, Piece::Outside(_)) { OUTSIDE } else { 0 };
        self.count += 1;
        self.set_raw_end(slot, (start + length) as u16 | mark);
        if let Piece::Outside(member) = piece {
            let place = self.outside_before(index);
            self.outside.get_or_insert_default().0.insert(place, member);
        }
    }

    /// Takes an item out.
    pub fn take(&mut self, index: usize) -> (f64, Piece<'static>) {
        let member = match self.piece(index) {
            Piece::Inside(bytes) => Piece::Inside(bytes.into_owned().into()),
            Piece::Outside(bytes) => Piece::Outside(bytes),
        };
        let score = self.score(index);
        self.remove(index);
        (score, member)
    }
    /// Gives an item another score, if its neighbours here show that it stays where it is.
    pub fn rescore(&mut self, index: usize, score: f64) -> bool {
        let inside = index > 0 && index + 1 < self.len();
        let member = self.member(index);
        let stays = inside
            && is_before(self.get(index - 1), (score, member))
            && is_before((score, member), self.get(index + 1));
        if stays {
            let at = 8 * self.slot(index);
            self.block[at..at + 8].copy_from_slice(&score.to_le_bytes());
        }
        stays
    }
    pub fn remove(&mut self, index: usize) {
        let slot = self.slot(index);
        if self.raw_end(slot) & OUTSIDE != 0 {
            let place = self.outside_before(index);
            self.remove_outside(place..place + 1);
        }
        if index == 0 {
            self.skipped += 1;
        } else {
            let (count, ends_at, bytes_at) = (self.count as usize, self.ends_at(), self.bytes_at());
            let (start, end, used) = (self.start(slot), self.end(slot), self.start(count));
            let block = &mut self.block;
            block.copy_within(8 * (slot + 1)..8 * count, 8 * slot);
            block.copy_within(ends_at + 2 * (slot + 1)..ends_at + 2 * count, ends_at + 2 * slot);
            block.copy_within(bytes_at + end..bytes_at + used, bytes_at + start);
            let behind = ends_at + 2 * slot..ends_at + 2 * (count - 1);
            shift_ends(&mut block[behind], ((end - start) as u16).wrapping_neg());
            self.count -= 1;
        }
        self.shrink();
    }
    pub fn remove_range(&mut self, items: Range<usize>) {
        if items.len() == 1 {
            return self.remove(items.start);
        }
        let rest = self.split_off(items.end);
        self.truncate(items.start);
        self.append(&rest);
    }
    /// Takes out the items from `index` on.
    pub fn split_off(&mut self, index: usize) -> Run {
        let mut rest = Run::new();
        if index < self.len() {
            rest.take_items(self, index..self.len(), 0, 0);
            let outside = self.outside_before(index);
            if outside < self.outside_ref().len() {
                rest.outside = Some(Box::new(Outside(self.outside_ref()[outside..].to_vec())));
            }
            self.truncate(index);
        }
        rest
    }
    fn truncate(&mut self, length: usize) {
        if self.outside.is_some() {
            let kept = self.outside_before(length);
            let all = self.outside_ref().len();
            self.remove_outside(kept..all);
        }
        self.count = self.skipped + length as u16;
        self.shrink();
    }
    fn remove_outside(&mut self, places: Range<usize>) {
        if let Some(outside) = &mut self.outside {
            outside.0.drain(places);
            if outside.0.is_empty() {
                self.outside = None;
            }
        }
    }
    /// Appends all items of another run that comes behind this one.
    pub fn append(&mut self, other: &Run) {
        if other.is_empty() {
            return;
        }
        self.rebuild(other.len(), other.needed_bytes() - other.len() * COLUMNS);
        for index in 0..other.len() {
            self.insert(self.len(), other.score(index), other.piece(index));
        }
    }

    /// Gives memory back once half of the block is not needed.
    fn shrink(&mut self) {
        if self.is_empty() {
            *self = Run::new();
        } else if block_bytes(self.needed_bytes()) <= self.block.len() / 2 {
            self.rebuild(0, 0);
        }
    }
    /// Makes a block with room for so many items and bytes more, without the skipped items.
    fn rebuild(&mut self, items: usize, bytes: usize) {
        let mut new = Run::new();
        new.take_items(self, 0..self.len(), items, bytes);
        new.outside = self.outside.take();
        *self = new;
    }
    /// Fills this empty run with items of another one (but for members outside), and leaves room for more. What the
    /// allocator would waste is room, too, as if more of the same would come.
    fn take_items(&mut self, from: &Run, items: Range<usize>, more_items: usize, more_bytes: usize) {
        let count = items.len();
        let used = from.member_bytes(items.clone());
        let (want_items, want_bytes) = (count + more_items, used + more_bytes);
        let needed = want_items * COLUMNS + want_bytes;
        let size = block_bytes(needed);
        let room = want_items + (size - needed) * want_items / needed;
        let mut block = vec![0; size].into_boxed_slice();
        let (slots, start) =
            (from.slot(items.start)..from.slot(items.end), from.start(from.slot(items.start)));
        let from_bytes = from.bytes_at() + start;
        block[..8 * count].copy_from_slice(&from.block[8 * slots.start..8 * slots.end]);
        let ends = &mut block[8 * room..8 * room + 2 * count];
        ends.copy_from_slice(&from.block[from.ends_at() + 2 * slots.start..from.ends_at() + 2 * slots.end]);
        shift_ends(ends, (start as u16).wrapping_neg());
        block[COLUMNS * room..COLUMNS * room + used]
            .copy_from_slice(&from.block[from_bytes..from_bytes + used]);
        *self = Run { block, room: room as u16, count: count as u16, skipped: 0, outside: None };
    }
}

/// Adds to each end (modulo 2^16: to subtract, add the complement). The mark in the highest bit stays, because no
/// end becomes larger than a block or less than zero.
fn shift_ends(ends: &mut [u8], by: u16) {
    let by = by & !OUTSIDE;
    for end in ends.chunks_exact_mut(2) {
        let old = u16::from_le_bytes([end[0], end[1]]);
        let new = old & OUTSIDE | old.wrapping_add(by) & !OUTSIDE;
        end.copy_from_slice(&new.to_le_bytes());
    }
}
