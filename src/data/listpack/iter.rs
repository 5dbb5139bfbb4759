//! Walks over a listpack.

use super::before;
use super::element::{self, Element};

/// The elements between two positions, from either end.
///
/// The bytes need not be those of a whole listpack: a list's nodes hold elements without header and end.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    bytes: &'a [u8],
    front: usize,
    back: usize,
}

impl<'a> Iter<'a> {
    #[inline]
    pub(in crate::data) fn new(bytes: &'a [u8], front: usize, back: usize) -> Iter<'a> {
        Iter { bytes, front, back }
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        if self.front >= self.back {
            return None;
        }
        let (element, behind) = element::read(self.bytes, self.front);
        self.front = behind;
        Some(element)
    }
}

impl<'a> DoubleEndedIterator for Iter<'a> {
    #[inline]
    fn next_back(&mut self) -> Option<Element<'a>> {
        if self.front >= self.back {
            return None;
        }
        self.back = before(self.bytes, self.back);
        Some(element::read(self.bytes, self.back).0)
    }
}

/// The elements two by two: fields with their values, members with their scores.
#[derive(Clone, Debug)]
pub struct Pairs<'a>(pub(super) Iter<'a>);

impl<'a> Iterator for Pairs<'a> {
    type Item = (Element<'a>, Element<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        Some((self.0.next()?, self.0.next()?))
    }
}

impl<'a> DoubleEndedIterator for Pairs<'a> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let second = self.0.next_back()?;
        Some((self.0.next_back()?, second))
    }
}
