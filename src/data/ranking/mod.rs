//! Scored members in order: a B+tree that knows how many items stand below each child (an order-statistic tree).
//!
//! A sorted set is asked for the rank of a member, for the member of a rank, and for stretches by score, by member or by
//! rank, in both directions. With the counts all of these are one walk from the root, O(log n), and every kind of
//! range is one of ranks first: [`Ranking::partition_point`] turns a bound into a rank.
//!
//! The leaves are packed runs of up to 2 KiB, some dozens of items each ([`run`]), so an item costs little more than
//! its bytes and its score, and the neighbours that a range asks for lie next to one another. A skip list needs
//! about 2.3 pointers, a rank and an allocation for each; and a walk through it is a cache miss for every step, where
//! here it is a few for every level of 64. Nothing is ever done to more than a run and the nodes above it, so that no
//! operation takes long (but to remove many is to free many).
//!
//! B+trees: Comer, *The Ubiquitous B-Tree*, 1979; separators cut short: Bayer and Unterauer, *Prefix B-Trees*, 1977.
mod node;
mod range;
mod run;

use node::{Child, Target};
pub use range::Items;
use std::ops::Range;

/// Items in order of their scores, those of equal score in order of their members' bytes. A score is never NaN; -0
/// equals 0.
#[derive(Clone, Debug)]
pub struct Ranking {
    root: Child,
    len: usize,
}

impl Default for Ranking {
    fn default() -> Ranking {
        Ranking::new()
    }
}

impl Ranking {
    pub fn new() -> Ranking {
        Ranking { root: Child::new(), len: 0 }
    }
    pub fn len(&self) -> usize {
        self.len
    }
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// Bytes of its allocations, in the allocator's sizes. Takes a look at each.
    pub fn memory_bytes(&self) -> usize {
        self.root.memory().0
    }
    /// How many allocations it takes to free it.
    pub fn allocations(&self) -> usize {
        self.root.memory().1
    }

    /// Inserts an item. It must not be there yet.
    pub fn insert(&mut self, score: f64, member: &[u8]) {
        if let Some(split) = self.root.insert(Target::new(score, member)) {
            let root = std::mem::replace(&mut self.root, Child::new());
            self.root = root.above(split);
        }
        self.len += 1;
    }
    /// Removes an item; false if it is not there.
    pub fn remove(&mut self, score: f64, member: &[u8]) -> bool {
        let removed = self.root.remove(score, member);
        self.len -= removed as usize;
        if removed {
            self.lower_root();
        }
        removed
    }
    /// Gives an item another score; false if it is not there.
    pub fn rescore(&mut self, score: f64, member: &[u8], new: f64) -> bool {
        if self.root.rescore(score, member, new) {
            return true;
        }
        let removed = self.remove(score, member);
        if removed {
            self.insert(new, member);
        }
        removed
    }
    /// Removes items by their ranks; those beyond the end are none.
    pub fn remove_range(&mut self, ranks: Range<usize>) {
        let ranks = ranks.start..ranks.end.min(self.len);
        if ranks.is_empty() {
            return;
        }
        if ranks.len() == self.len {
            *self = Ranking::new();
            return;
        }
        self.len -= ranks.len();
        self.root.remove_range(ranks);
        self.lower_root();
    }
    fn lower_root(&mut self) {
        while let Some(root) = self.root.take_only_child() {
            self.root = root;
        }
    }

    /// How many items come before this one; `None` if it is not there.
    pub fn rank(&self, score: f64, member: &[u8]) -> Option<usize> {
        self.root.rank(score, member)
    }
    /// How many items satisfy this, if all that do come before all that do not. (If not, it is some number up to the
    /// number of all.)
    pub fn partition_point(&self, before: impl FnMut(f64, &[u8]) -> bool) -> usize {
        self.root.partition_point(before)
    }
    /// The item of this rank.
    pub fn get(&self, rank: usize) -> Option<(f64, &[u8])> {
        if rank >= self.len {
            return None;
        }
        let (run, index) = self.root.select(rank);
        Some(run.get(index))
    }
    /// Items by their ranks, in order; from the other end with `rev()`. Ranks beyond the end are none.
    pub fn range(&self, ranks: Range<usize>) -> Items<'_> {
        Items::new(&self.root, ranks.start..ranks.end.min(self.len))
    }
    pub fn iter(&self) -> Items<'_> {
        self.range(0..self.len)
    }
}

#[cfg(test)]
mod tests;
