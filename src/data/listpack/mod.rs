//! A listpack: a list of strings and integers in one run of bytes, the form of all small collections and of the
//! nodes of large ones.
//!
//! ```text
//! | total bytes: u32 | elements: u16 | element … element | 0xFF |
//! ```
//!
//! The layout is Redis' own (see [`element`]), so a snapshot holds these bytes as they are. A count of 65535 means
//! that many or more: then the elements must be counted. A `Listpack` is one pointer (see [`block`]).
//!
//! Positions are byte offsets. One that a method returned is valid until the listpack changes, and then no more,
//! except those that the changing method itself returns.

mod block;
mod element;
mod iter;
#[cfg(test)]
mod tests;

use std::fmt;

use self::block::Block;
pub use self::element::Element;
use self::element::{END, backlen_len, encoding_len, is_backlen, read_backlen};
pub use self::iter::{Iter, Pairs};
use super::Corrupt;

/// Bytes before the first element.
const HEADER_BYTES: usize = 6;
const COUNT_AT: usize = 4;
/// The count from which on elements are not counted any more.
const COUNT_UNKNOWN: u16 = u16::MAX;
/// No listpack grows beyond this by a command; larger items need another home.
const BYTES_MAX: usize = 1 << 30;
const EMPTY: [u8; HEADER_BYTES + 1] = [0, 0, 0, 0, 0, 0, END];

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
        let elements = count_valid(&bytes[..bytes.len() - 1])?;
        if count != COUNT_UNKNOWN && usize::from(count) != elements {
            return Err(Corrupt);
        }
        Ok(Listpack(Block::copy_of(bytes)))
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
        let wanted = Element::of(item);
        let mut position = from.unwrap_or(HEADER_BYTES);
        while position < end {
            let (element, next) = element::read(bytes, position);
            let found = match (element, wanted) {
                (Element::Integer(one), Element::Integer(other)) => one == other,
                // A listpack from elsewhere may hold as text what we would hold as an integer.
                (Element::Bytes(bytes), _) => bytes == item,
                (Element::Integer(_), Element::Bytes(_)) => false,
            };
            if found {
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

/// Changing.
impl Listpack {
    #[inline]
    pub fn push(&mut self, element: &[u8]) {
        self.put(self.end(), 0, Element::of(element));
    }

    pub fn push_integer(&mut self, integer: i64) {
        self.put(self.end(), 0, Element::Integer(integer));
    }

    #[inline]
    pub fn push_front(&mut self, element: &[u8]) {
        self.insert(HEADER_BYTES, element);
    }

    /// Appends all of them; memory is asked for once.
    pub fn extend<'a>(&mut self, elements: impl IntoIterator<Item = &'a [u8], IntoIter: Clone>) {
        self.extend_elements(elements.into_iter().map(Element::of))
    }

    /// As [`Listpack::extend`], of elements that were made by [`Element::of`] or are integers.
    pub fn extend_elements<'a>(&mut self, elements: impl Iterator<Item = Element<'a>> + Clone) {
        let (count, bytes) =
            elements.clone().fold((0, 0), |(count, bytes), one| (count + 1, bytes + one.entry_len()));
        let mut room = self.0.splice(self.end(), 0, bytes);
        for element in elements {
            room = element.write(room);
        }
        self.adjust_count(0, count);
    }

    /// Inserts before the element at `position`, where it then stands.
    pub fn insert(&mut self, position: usize, element: &[u8]) {
        self.put(position, 0, Element::of(element));
    }

    /// Inserts behind the element at `position`; returns where.
    pub fn insert_behind(&mut self, position: usize, element: &[u8]) -> usize {
        let position = behind(self.as_bytes(), position);
        self.insert(position, element);
        position
    }

    /// Puts another element in the place of one; returns its position (which stays).
    pub fn replace(&mut self, position: usize, element: &[u8]) -> usize {
        self.put(position, 1, Element::of(element));
        position
    }

    pub fn replace_integer(&mut self, position: usize, integer: i64) -> usize {
        self.put(position, 1, Element::Integer(integer));
        position
    }

    /// Writes an element over the `replaced` (none or one) that stand at a position.
    #[inline]
    fn put(&mut self, position: usize, replaced: usize, element: Element<'_>) {
        let removed = if replaced == 0 { 0 } else { behind(self.as_bytes(), position) - position };
        element.write(self.0.splice(position, removed, element.entry_len()));
        if replaced == 0 {
            self.adjust_count(0, 1);
        }
    }

    /// Removes an element; returns the position of the one that was behind it.
    pub fn remove(&mut self, position: usize) -> Option<usize> {
        self.remove_run(position, 1)
    }

    /// Removes up to `count` elements from `position` on; returns the position of the one that was behind them.
    pub fn remove_run(&mut self, position: usize, count: usize) -> Option<usize> {
        let (mut end, mut removed) = (position, 0);
        while removed < count && end < self.end() {
            end = behind(self.as_bytes(), end);
            removed += 1;
        }
        self.0.splice(position, end - position, 0);
        self.adjust_count(removed, 0);
        self.occupied(position)
    }

    /// Removes up to `count` elements from an index on (negative: from the tail).
    pub fn remove_range(&mut self, index: isize, count: usize) {
        let Some(position) = self.seek(index) else { return };
        let len = usize::from(self.count());
        let index = if index < 0 { len.wrapping_add_signed(index) } else { index as usize };
        if self.count() != COUNT_UNKNOWN && count >= len - index {
            // Nothing stays behind: no need to walk there.
            self.0.splice(position, self.end() - position, 0);
            self.set_count(index);
        } else {
            self.remove_run(position, count);
        }
    }

    /// Appends the elements of another listpack.
    pub fn merge(self, other: Listpack) -> Listpack {
        let len = self.len() + other.len();
        let mut merged = self;
        let elements = &other.as_bytes()[HEADER_BYTES..other.end()];
        merged.0.splice(merged.end(), 0, elements.len()).copy_from_slice(elements);
        merged.set_count(len);
        merged
    }

    /// Takes the elements from an index on into a listpack of their own.
    pub fn split_off(&mut self, index: usize) -> Listpack {
        let mut back = Listpack::new();
        let Some(position) = self.walk(index) else { return back };
        let len = self.len();
        let elements = &self.as_bytes()[position..self.end()];
        back.0.splice(HEADER_BYTES, 0, elements.len()).copy_from_slice(elements);
        back.set_count(len - index);
        self.0.splice(position, self.end() - position, 0);
        self.set_count(index);
        back
    }
}

/// The position behind the element at `position`.
#[inline]
fn behind(bytes: &[u8], position: usize) -> usize {
    let encoding = encoding_len(bytes, position).expect("a position is that of an element");
    position + encoding + backlen_len(encoding)
}

/// The position of the element that ends at `position`, which is not the first.
#[inline]
fn before(bytes: &[u8], position: usize) -> usize {
    let encoding =
        read_backlen(bytes, position).expect("before a position that is not the first stands an element");
    position - encoding - backlen_len(encoding)
}

/// Counts the elements of a listpack (without its end mark) in which each must be complete.
fn count_valid(bytes: &[u8]) -> Result<usize, Corrupt> {
    let mut position = HEADER_BYTES;
    let mut count = 0;
    while position < bytes.len() {
        let encoding = encoding_len(bytes, position).ok_or(Corrupt)?;
        let end = position + encoding + backlen_len(encoding);
        if end > bytes.len() || !is_backlen(bytes, end, encoding) {
            return Err(Corrupt);
        }
        position = end;
        count += 1;
    }
    Ok(count)
}

impl fmt::Debug for Listpack {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.iter()).finish()
    }
}
