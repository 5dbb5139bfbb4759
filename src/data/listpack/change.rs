//! Changes of a listpack.

use super::element::Element;
use super::slice::{behind, matching, remove_all};
use super::{COUNT_UNKNOWN, HEADER_BYTES, Listpack, Needle};

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

    /// Removes elements that equal the needle, of those from the head (or from the tail) on not more than `max`;
    /// returns how many.
    pub fn remove_matching(&mut self, needle: &Needle, from_tail: bool, max: usize) -> usize {
        let found = matching(self.elements(), needle, from_tail, max);
        let end = self.end();
        let kept = remove_all(&mut self.0.tail_mut(HEADER_BYTES)[..end - HEADER_BYTES], &found);
        self.0.splice(HEADER_BYTES + kept, end - HEADER_BYTES - kept, 0);
        self.adjust_count(found.len(), 0);
        found.len()
    }

    /// Appends the elements of another listpack.
    pub fn merge(self, other: Listpack) -> Listpack {
        let len = self.len() + other.len();
        let mut merged = self;
        let elements = other.elements();
        merged.0.splice(merged.end(), 0, elements.len()).copy_from_slice(elements);
        merged.set_count(len);
        merged
    }

    /// Takes the elements from an index on into a listpack of their own.
    pub fn split_off(&mut self, index: usize) -> Listpack {
        let Some(position) = self.walk(index) else { return Listpack::new() };
        let back = Listpack::from_elements(&self.as_bytes()[position..self.end()], self.len() - index);
        self.0.splice(position, self.end() - position, 0);
        self.set_count(index);
        back
    }
}
