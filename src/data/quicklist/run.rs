//! The elements of one node: those of a listpack without its header and end, with room at both ends.
//!
//! A listpack grows at its end only; in front, each element is a move of all others. The two end nodes of a list are
//! where most of its life happens, in both directions, so a node keeps what room it has on the side where it was last
//! needed, and pushing and popping takes amortised constant time at either end.

use crate::allocator::block_bytes;
use crate::data::listpack::slice::{before, behind, matching, position, remove_all};
use crate::data::listpack::{Element, FRAME_BYTES, Iter, Needle};

#[derive(Clone)]
pub(super) struct Run {
    /// Elements stand from `start` to `end`.
    bytes: Box<[u8]>,
    start: u32,
    end: u32,
    count: u32,
}

const BLOCK_BYTES_MIN: usize = 64;

impl Run {
    pub(super) fn new() -> Run {
        Run { bytes: Box::default(), start: 0, end: 0, count: 0 }
    }

    /// A run of `count` elements as a listpack holds them.
    pub(super) fn from_elements(elements: &[u8], count: usize) -> Run {
        let mut run = Run::new();
        run.relocate((0, 0), elements.len(), elements.len(), false);
        run.elements_mut().copy_from_slice(elements);
        run.count = count as u32;
        run
    }

    #[inline]
    pub(super) fn elements(&self) -> &[u8] {
        &self.bytes[self.start as usize..self.end as usize]
    }

    fn elements_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start as usize..self.end as usize]
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.count as usize
    }

    /// Bytes that it would take as a listpack: what limits are about.
    #[inline]
    pub(super) fn listpack_len(&self) -> usize {
        (self.end - self.start) as usize + FRAME_BYTES
    }

    pub(super) fn memory_bytes(&self) -> usize {
        block_bytes(self.bytes.len())
    }

    #[inline]
    pub(super) fn first(&self) -> Option<Element<'_>> {
        Iter::new(self.elements(), 0, self.elements().len()).next()
    }

    #[inline]
    pub(super) fn last(&self) -> Option<Element<'_>> {
        Iter::new(self.elements(), 0, self.elements().len()).next_back()
    }

    #[inline]
    pub(super) fn push(&mut self, element: &[u8]) {
        self.put(self.elements().len(), 0, element);
    }

    #[inline]
    pub(super) fn push_front(&mut self, element: &[u8]) {
        self.put(0, 0, element);
    }

    #[inline]
    pub(super) fn remove_first(&mut self) {
        if self.count > 0 {
            self.splice(0, behind(self.elements(), 0), 0);
            self.count -= 1;
        }
    }

    #[inline]
    pub(super) fn remove_last(&mut self) {
        if self.count > 0 {
            let len = self.elements().len();
            let at = before(self.elements(), len);
            self.splice(at, len - at, 0);
            self.count -= 1;
        }
    }

    pub(super) fn insert(&mut self, index: usize, element: &[u8]) {
        self.put(self.position(index), 0, element);
    }

    pub(super) fn replace(&mut self, index: usize, element: &[u8]) {
        let at = self.position(index);
        self.put(at, behind(self.elements(), at) - at, element);
    }

    #[inline]
    fn put(&mut self, at: usize, removed: usize, element: &[u8]) {
        let element = Element::of(element);
        element.write(self.splice(at, removed, element.entry_len()));
        self.count += (removed == 0) as u32;
    }

    pub(super) fn remove_range(&mut self, index: usize, count: usize) {
        let from = self.position(index);
        let to = self.position((index + count).min(self.len()));
        self.splice(from, to - from, 0);
        self.count -= count.min(self.len() - index) as u32;
    }

    /// Takes the elements from an index on into a run of their own.
    pub(super) fn split_off(&mut self, index: usize) -> Run {
        let back = Run::from_elements(&self.elements()[self.position(index)..], self.len() - index);
        self.remove_range(index, back.len());
        back
    }

    /// Appends the elements of another run.
    pub(super) fn append(&mut self, other: &Run) {
        let elements = other.elements();
        self.splice(self.elements().len(), 0, elements.len()).copy_from_slice(elements);
        self.count += other.count;
    }

    /// Removes elements that equal the needle, of those from the head (or from the tail) on not more than `max`;
    /// returns how many.
    pub(super) fn remove_matching(&mut self, needle: &Needle, from_tail: bool, max: usize) -> usize {
        let found = matching(self.elements(), needle, from_tail, max);
        let elements = self.elements_mut();
        let (len, kept) = (elements.len(), remove_all(elements, &found));
        self.splice(kept, len - kept, 0);
        self.count -= found.len() as u32;
        found.len()
    }

    /// Where the element of an index stands, counted from the nearer end; behind all for the index behind the last.
    fn position(&self, index: usize) -> usize {
        position(self.elements(), self.len(), index)
    }

    /// Gives room back that is not needed for what the run holds.
    pub(super) fn fit(&mut self) {
        let len = self.elements().len();
        if block_bytes(len) < self.bytes.len() {
            self.move_to(block_bytes(len), (len, 0), 0, false);
        }
    }

    /// Puts `added` bytes in the place of the `removed` ones that begin at `at`, and gives them out to be written. The
    /// shorter side moves.
    #[inline]
    fn splice(&mut self, at: usize, removed: usize, added: usize) -> &mut [u8] {
        let (start, end) = (self.start as usize, self.end as usize);
        let (front, back) = (at, end - start - at - removed);
        let moves_front = front < back;
        if removed == added {
            // Nothing moves.
        } else if moves_front && start + removed >= added {
            let moved = start + removed - added;
            self.bytes.copy_within(start..start + front, moved);
            self.start = moved as u32;
        } else if !moves_front && end + added - removed <= self.bytes.len() {
            let moved = end + added - removed;
            self.bytes.copy_within(end - back..end, moved - back);
            self.end = moved as u32;
        } else {
            self.relocate((front, back), removed, added, moves_front);
        }
        let len = front + added + back;
        if removed > added && len < self.bytes.len() * 5 / 8 && self.bytes.len() > BLOCK_BYTES_MIN {
            let block = block_bytes((len + len / 8).max(BLOCK_BYTES_MIN));
            self.move_to(block, (len, 0), 0, moves_front);
        }
        let at = self.start as usize + front;
        &mut self.bytes[at..at + added]
    }

    /// Makes room for `added` bytes between the first and the last ones, in place of the `removed` that are there. All
    /// free room comes to the side that needed it.
    #[cold]
    fn relocate(&mut self, (front, back): (usize, usize), removed: usize, added: usize, in_front: bool) {
        let needed = front + added + back;
        let block = if needed <= self.bytes.len() * 3 / 4 {
            self.bytes.len()
        } else if self.bytes.is_empty() {
            block_bytes(needed)
        } else {
            block_bytes((needed + needed / 4).max(BLOCK_BYTES_MIN))
        };
        debug_assert!(front + removed + back == self.elements().len() || self.bytes.is_empty());
        self.move_to(block, (front, back), added, in_front);
    }

    /// Moves the first and the last bytes of the elements to a block of another size, with a gap of zeros between.
    fn move_to(&mut self, block: usize, (front, back): (usize, usize), gap: usize, in_front: bool) {
        let used = front + gap + back;
        let start = if in_front { block - used } else { 0 };
        let elements = self.elements();
        let mut bytes = Vec::with_capacity(block);
        bytes.resize(start, 0);
        bytes.extend_from_slice(&elements[..front]);
        bytes.resize(start + front + gap, 0);
        bytes.extend_from_slice(&elements[elements.len() - back..]);
        bytes.resize(block, 0);
        self.bytes = bytes.into_boxed_slice();
        self.start = start as u32;
        self.end = u32::try_from(start + used).expect("a node holds less than 4 GiB");
    }
}
