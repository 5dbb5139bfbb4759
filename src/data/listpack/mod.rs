//! A listpack: a list of strings and integers in one run of bytes, the form of all small collections and of the
//! nodes of large ones.
//!
//! ```text
//! | total bytes: u32 | elements: u16 | element … element | 0xFF |
//! ```
//!
//! The layout is Redis' own (see `element.rs`), so a snapshot holds these bytes as they are. A count of 65535 means
//! that many or more: then the elements must be counted. A `Listpack` is one pointer (see `block.rs`).
//!
//! Positions are byte offsets. One that a method returned is valid until the listpack changes, and then no more,
//! except those that the changing method itself returns.

mod block;
mod change;
mod check;
mod element;
mod iter;
pub(in crate::data) mod slice;
#[cfg(test)]
mod tests;

use std::fmt;

use self::block::Block;
use self::element::END;
pub use self::element::{Element, Needle};
pub use self::iter::{Iter, Pairs};
use self::slice::{before, behind, count_valid};
use super::Corrupt;

/// Bytes before the first element.
const HEADER_BYTES: usize = 6;
/// Bytes of a listpack without elements.
pub const FRAME_BYTES: usize = HEADER_BYTES + 1;
const COUNT_AT: usize = 4;
/// The count from which on elements are not counted any more.
const COUNT_UNKNOWN: u16 = u16::MAX;
/// No listpack grows beyond this by a command; larger items need another home.
const BYTES_MAX: usize = 1 << 30;
const EMPTY: [u8; FRAME_BYTES] = [0, 0, 0, 0, 0, 0, END];

#[derive(Clone)]
pub struct Listpack(Block);

impl Default for Listpack {
    fn default() -> Listpack {
        Listpack::new()
    }
}

impl Listpack {
    pub fn new() -> Listpack {
        Listpack(Block::copy_of(&EMPTY))
    }

    /// A listpack from the outside. Every byte is looked at, as positions and lengths will be trusted.
    pub fn from_bytes(bytes: &[u8]) -> Result<Listpack, Corrupt> {
        let (total, rest) = bytes.split_first_chunk::<4>().ok_or(Corrupt)?;
        let count = rest.first_chunk::<2>().ok_or(Corrupt)?;
        let ends = bytes.len() > HEADER_BYTES && bytes.last() == Some(&END);
        if u32::from_le_bytes(*total) as usize != bytes.len() || !ends {
            return Err(Corrupt);
        }
        let count = u16::from_le_bytes(*count);
        let elements = count_valid(&bytes[HEADER_BYTES..bytes.len() - 1])?;
        if count != COUNT_UNKNOWN && usize::from(count) != elements {
            return Err(Corrupt);
        }
        Ok(Listpack(Block::copy_of(bytes)))
    }

    /// A listpack of elements as they stand in one, and their number. The caller had them from a listpack.
    pub(in crate::data) fn from_elements(elements: &[u8], count: usize) -> Listpack {
        let mut listpack = Listpack::new();
        listpack.0.splice(HEADER_BYTES, 0, elements.len()).copy_from_slice(elements);
        listpack.set_count(count);
        listpack
    }

    /// The elements as they stand in it, without header and end.
    pub(in crate::data) fn elements(&self) -> &[u8] {
        &self.as_bytes()[HEADER_BYTES..self.end()]
    }

    /// The whole listpack, header and end included.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    #[inline]
    pub fn byte_len(&self) -> usize {
        self.0.len()
    }

    /// What it takes of memory, its pointer not included.
    pub fn memory_bytes(&self) -> usize {
        self.0.memory_bytes()
    }

    /// The number of elements. From 65535 on they are counted, which takes as long as it takes.
    #[inline]
    pub fn len(&self) -> usize {
        match self.count() {
            COUNT_UNKNOWN => self.iter().count(),
            count => count.into(),
        }
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.byte_len() == EMPTY.len()
    }

    /// Whether so many bytes more keep it at a size that commands may make it.
    pub fn fits(&self, additional_bytes: usize) -> bool {
        additional_bytes <= BYTES_MAX && self.byte_len() + additional_bytes <= BYTES_MAX
    }

    /// Bytes that an element takes, all included.
    pub fn encoded_len(element: &[u8]) -> usize {
        Element::of(element).entry_len()
    }

    #[inline]
    fn count(&self) -> u16 {
        let bytes = self.as_bytes();
        u16::from_le_bytes([bytes[COUNT_AT], bytes[COUNT_AT + 1]])
    }

    fn set_count(&mut self, count: usize) {
        let count = u16::try_from(count).unwrap_or(COUNT_UNKNOWN);
        self.0.tail_mut(COUNT_AT)[..2].copy_from_slice(&count.to_le_bytes());
    }

    #[inline]
    fn adjust_count(&mut self, removed: usize, added: usize) {
        let count = self.count();
        if count != COUNT_UNKNOWN {
            self.set_count(usize::from(count) - removed + added);
        }
    }

    /// Where the end mark stands.
    #[inline]
    fn end(&self) -> usize {
        self.byte_len() - 1
    }

    /// The position, if an element is there and not the end.
    #[inline]
    fn occupied(&self, position: usize) -> Option<usize> {
        (position < self.end()).then_some(position)
    }
}

/// Reading.
impl Listpack {
    #[inline]
    pub fn first(&self) -> Option<usize> {
        self.occupied(HEADER_BYTES)
    }

    #[inline]
    pub fn last(&self) -> Option<usize> {
        self.previous(self.end())
    }

    #[inline]
    pub fn next(&self, position: usize) -> Option<usize> {
        self.occupied(behind(self.as_bytes(), position))
    }

    #[inline]
    pub fn previous(&self, position: usize) -> Option<usize> {
        (position > HEADER_BYTES).then(|| before(self.as_bytes(), position))
    }

    #[inline]
    pub fn get(&self, position: usize) -> Element<'_> {
        element::read(self.as_bytes(), position).0
    }

    /// The position of an element by its index; -1 is the last one. The walk begins at the nearer end, as far as
    /// that is known.
    pub fn seek(&self, index: isize) -> Option<usize> {
        let mut index = index;
        if self.count() != COUNT_UNKNOWN {
            let count = usize::from(self.count()) as isize;
            if index >= count || index < -count {
                return None;
            }
            let from_front = if index < 0 { index + count } else { index };
            index = if from_front <= count / 2 { from_front } else { from_front - count };
        }
        if index >= 0 {
            self.walk(index as usize)
        } else {
            (1..index.unsigned_abs()).try_fold(self.last()?, |position, _| self.previous(position))
        }
    }

    fn walk(&self, steps: usize) -> Option<usize> {
        let bytes = self.as_bytes();
        let end = bytes.len() - 1;
        let mut position = HEADER_BYTES;
        for _ in 0..steps {
            if position == end {
                return None;
            }
            position = behind(bytes, position);
        }
        self.occupied(position)
    }

    /// The first position of an element that equals `item`, from a position on (or the first), looking only at each
    /// `skip + 1`th: maps keep values behind their fields.
    pub fn find(&self, from: Option<usize>, item: &[u8], skip: usize) -> Option<usize> {
        let bytes = self.as_bytes();
        let end = bytes.len() - 1;
        let needle = Needle::new(item);
        let mut position = from.unwrap_or(HEADER_BYTES);
        while position < end {
            let (element, next) = element::read(bytes, position);
            if needle.equals(element) {
                return Some(position);
            }
            position = next;
            for _ in 0..skip {
                if position == end {
                    return None;
                }
                position = behind(bytes, position);
            }
        }
        None
    }

    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        Iter::new(self.as_bytes(), HEADER_BYTES, self.end())
    }

    /// The elements from a position on.
    pub fn iter_from(&self, position: usize) -> Iter<'_> {
        Iter::new(self.as_bytes(), position, self.end())
    }

    /// The elements up to the one at a position, that one included: to be walked backwards.
    pub fn iter_to(&self, position: usize) -> Iter<'_> {
        Iter::new(self.as_bytes(), HEADER_BYTES, behind(self.as_bytes(), position))
    }

    /// The elements two by two. A last one without a partner is left out.
    pub fn pairs(&self) -> Pairs<'_> {
        Pairs(self.iter())
    }
}

impl fmt::Debug for Listpack {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.iter()).finish()
    }
}
