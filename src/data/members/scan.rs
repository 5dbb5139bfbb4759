//! Walking a table, and picking entries at random.
//!
//! A *cursor* is the upper 48 bits of a position; it says that every key below it was visited. A key's position never
//! changes, so this stays true whatever is inserted or removed between two calls. Buckets are visited whole. When
//! two have merged, a cursor may come to lie inside of one, whose first half is then visited again: an entry may be seen
//! twice, and is never missed.

use super::{BUCKETS_AHEAD, Member, Members};
use crate::data::table::prefetch;

const CURSOR_BITS: u32 = 48;
/// Position bits that a cursor leaves out; fewer than a bucket's range does.
const CURSOR_SHIFT: u32 = u64::BITS - CURSOR_BITS;

/// Draws before `random` settles for a biased pick.
const DRAWS_MAX: usize = 1000;

impl Members {
    /// Visits entries in order of position from `cursor` on: at least `count` (and at least one) unless the end comes
    /// first, and whole buckets. Returns the cursor to go on from, 0 at the end. 0 starts, and any number is safe.
    ///
    /// A key that is there from the first of a series of calls to the last is visited at least once, and normally
    /// exactly once.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, visit: &mut dyn FnMut(Member<'a>)) -> u64 {
        let mut cursor = cursor;
        let mut left = count.max(1);
        while cursor < 1 << CURSOR_BITS {
            let range = self.buckets.range(cursor << CURSOR_SHIFT);
            let bucket = self.buckets.get(range.index());
            bucket.members().for_each(&mut *visit);
            let Some(end) = range.end() else { return 0 };
            cursor = end >> CURSOR_SHIFT;
            left = left.saturating_sub(bucket.len());
            if left == 0 {
                return cursor;
            }
        }
        0
    }

    /// All entries, in the order in which buckets lie in memory.
    pub fn iter(&self) -> impl Iterator<Item = Member<'_>> {
        let buckets = 0..self.buckets.len();
        buckets.flat_map(|index| {
            if index + BUCKETS_AHEAD < self.buckets.len() {
                prefetch(self.buckets.get(index + BUCKETS_AHEAD).address());
            }
            self.buckets.get(index).members()
        })
    }

    /// An entry picked at random, by numbers from `random`; none if the table is empty.
    pub fn random(&self, random: &mut dyn FnMut() -> u64) -> Option<Member<'_>> {
        self.pick(random).map(|(index, place)| self.buckets.get(index).member(place))
    }

    /// Removes an entry picked at random, after a last look at it.
    pub fn take_random<R>(
        &mut self,
        random: &mut dyn FnMut() -> u64,
        look: impl FnOnce(Member<'_>) -> R,
    ) -> Option<R> {
        let (index, place) = self.pick(random)?;
        Some(self.take_at(index, place, look))
    }

    /// Bucket and place of an entry picked at random.
    ///
    /// Every entry is equally likely: a bucket is drawn, and a place in it among as many as the fullest bucket ever
    /// had; and both again while there is no entry there, a few times on average. If that never ends (because there once
    /// was a bucket of a size that a good hash function does not make), it is the first entry behind a random bucket.
    fn pick(&self, random: &mut dyn FnMut() -> u64) -> Option<(usize, usize)> {
        if self.is_empty() {
            return None;
        }
        let (buckets, places) = (self.buckets.len(), self.fullest.min(self.len));
        let draw = |number: u64| {
            let (index, rest) = below(number, buckets);
            let (place, _) = below(rest, places);
            (place < self.buckets.get(index).len()).then_some((index, place))
        };
        let fallback = |number: u64| {
            let (start, _) = below(number, buckets);
            let behind = (start..buckets).chain(0..start);
            behind.map(|index| (index, 0)).find(|(index, _)| self.buckets.get(*index).len() > 0)
        };
        (0..DRAWS_MAX).find_map(|_| draw(random())).or_else(|| fallback(random()))
    }
}

/// A number below `bound` made from a random one, and what is left of its randomness (Lemire, "Fast random integer
/// generation in an interval", 2019, without the correction: the bias is `bound / 2^64`).
#[inline]
fn below(number: u64, bound: usize) -> (usize, u64) {
    let product = u128::from(number) * bound as u128;
    ((product >> 64) as usize, product as u64)
}
