//! Stretches of a sorted set by score and by member, and which ranks they are.
use super::{Direction, Encoding, SortedSet};
use crate::store::Stored;
use bytes::Bytes;
use std::ops::Range;

/// Scores between two bounds.
#[derive(Clone, Copy, Debug)]
pub struct ScoreRange {
    pub min: f64,
    pub max: f64,
    /// The bounds themselves are left out.
    pub excludes_min: bool,
    pub excludes_max: bool,
}
impl ScoreRange {
    fn is_below(&self, score: f64) -> bool {
        if self.excludes_min { score <= self.min } else { score < self.min }
    }
    fn is_up_to_max(&self, score: f64) -> bool {
        if self.excludes_max { score < self.max } else { score <= self.max }
    }
}

/// One end of a stretch of members in the order of their bytes.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    /// Before every member.
    Lowest,
    /// Behind every member.
    Highest,
    Including(Bytes),
    Excluding(Bytes),
}
/// Members between two bounds. That has a meaning only where all scores are equal.
#[derive(Clone, Debug)]
pub struct MemberRange {
    pub min: Bound,
    pub max: Bound,
}
impl MemberRange {
    fn is_below(&self, member: &[u8]) -> bool {
        match &self.min {
            Bound::Lowest => false,
            Bound::Highest => true,
            Bound::Including(min) => member < &min[..],
            Bound::Excluding(min) => member <= &min[..],
        }
    }
    fn is_up_to_max(&self, member: &[u8]) -> bool {
        match &self.max {
            Bound::Lowest => false,
            Bound::Highest => true,
            Bound::Including(max) => member <= &max[..],
            Bound::Excluding(max) => member < &max[..],
        }
    }
    /// No member can be in it.
    fn is_empty(&self) -> bool {
        use Bound::*;
        match (&self.min, &self.max) {
            (Highest, _) | (_, Lowest) => true,
            (Lowest, _) | (_, Highest) => false,
            (Including(min), Including(max)) => min > max,
            (Including(min) | Excluding(min), Including(max) | Excluding(max)) => min >= max,
        }
    }
}

impl SortedSet {
    /// The ranks of the members whose scores are in a range.
    pub fn ranks_of_scores(&self, range: &ScoreRange) -> Range<usize> {
        let (start, end) = match &self.0 {
            Encoding::Packed(_) => {
                let scores = || self.iter().map(|(_, score)| score);
                let start = scores().take_while(|&score| range.is_below(score)).count();
                (start, scores().take_while(|&score| range.is_up_to_max(score)).count())
            }
            Encoding::Ranked(ranked) => {
                let start = ranked.ranking.partition_point(|score, _| range.is_below(score));
                (start, ranked.ranking.partition_point(|score, _| range.is_up_to_max(score)))
            }
        };
        start..end.max(start)
    }
    /// The ranks of the members in a range, as a walk in this direction meets them.
    ///
    /// Where scores differ, members are not in order, and there is no right answer. Small sorted sets answer then as
    /// Redis' do: by a walk from the first member that is in to the first that is not.
    pub fn ranks_of_members(&self, range: &MemberRange, direction: Direction) -> Range<usize> {
        if range.is_empty() {
            return 0..0;
        }
        let ranked = match &self.0 {
            Encoding::Packed(_) => return self.ranks_walked(range, direction),
            Encoding::Ranked(ranked) => ranked,
        };
        let start = ranked.ranking.partition_point(|_, member| range.is_below(member));
        let end = ranked.ranking.partition_point(|_, member| range.is_up_to_max(member));
        start..end.max(start)
    }
    fn ranks_walked(&self, range: &MemberRange, direction: Direction) -> Range<usize> {
        let len = self.len();
        let members = |from: usize, test: &dyn Fn(&[u8]) -> bool| {
            let ranks = match direction {
                Direction::Forward => from..len,
                Direction::Backward => 0..len - from,
            };
            let items = self.range(ranks, direction);
            items.take_while(|(member, _)| test(member.bytes(&mut itoa::Buffer::new()))).count()
        };
        let is_in_reach = |rank: usize, test: &dyn Fn(&[u8]) -> bool| {
            let mut items = self.range(rank..rank + 1, Direction::Forward);
            items.next().is_some_and(|(member, _)| test(member.bytes(&mut itoa::Buffer::new())))
        };
        let (not_below, up_to_max) =
            (|member: &[u8]| !range.is_below(member), |member: &[u8]| range.is_up_to_max(member));
        if len == 0 || !is_in_reach(len - 1, &not_below) || !is_in_reach(0, &up_to_max) {
            return 0..0;
        }
        match direction {
            Direction::Forward => {
                let start = members(0, &|member| range.is_below(member));
                start..start + members(start, &up_to_max)
            }
            Direction::Backward => {
                let skipped = members(0, &|member| !range.is_up_to_max(member));
                let count = members(skipped, &not_below);
                len - skipped - count..len - skipped
            }
        }
    }
}
