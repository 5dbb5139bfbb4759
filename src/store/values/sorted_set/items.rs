//! Walking along the members of a sorted set.
use super::packed;
use crate::data::{
    listpack::{self, Element, Listpack},
    ranking::{self, Ranking},
};
use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the lowest score to the highest.
    Forward,
    Backward,
}

/// Members with their scores.
pub struct Items<'a> {
    source: Source<'a>,
    direction: Direction,
    left: usize,
}
enum Source<'a> {
    Packed(listpack::Iter<'a>),
    Ranked(ranking::Items<'a>),
    Nothing,
}

impl<'a> Items<'a> {
    /// Ranks must not go beyond the end.
    pub(super) fn of_list(list: &'a Listpack, ranks: Range<usize>, direction: Direction) -> Items<'a> {
        let edge = match direction {
            _ if ranks.is_empty() => None,
            Direction::Forward => list.seek(2 * ranks.start as isize).map(|at| list.iter_from(at)),
            Direction::Backward => list.seek(2 * ranks.end as isize - 1).map(|at| list.iter_to(at)),
        };
        Items { source: edge.map_or(Source::Nothing, Source::Packed), direction, left: ranks.len() }
    }
    pub(super) fn of_ranking(ranking: &'a Ranking, ranks: Range<usize>, direction: Direction) -> Items<'a> {
        Items { left: ranks.len(), source: Source::Ranked(ranking.range(ranks)), direction }
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = (Element<'a>, f64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        match (&mut self.source, self.direction) {
            (Source::Packed(items), Direction::Forward) => {
                let member = items.next()?;
                Some((member, packed::score(items.next()?)))
            }
            (Source::Packed(items), Direction::Backward) => {
                let score = packed::score(items.next_back()?);
                Some((items.next_back()?, score))
            }
            (Source::Ranked(items), Direction::Forward) => {
                items.next().map(|(score, member)| (Element::Bytes(member), score))
            }
            (Source::Ranked(items), Direction::Backward) => {
                items.next_back().map(|(score, member)| (Element::Bytes(member), score))
            }
            (Source::Nothing, _) => None,
        }
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}
impl ExactSizeIterator for Items<'_> {}
