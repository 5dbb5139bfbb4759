//! The members of a big collection: a hash table from keys to small values, which packs both into few bytes.
//!
//! Sets keep their members here, hashes their fields and values, sorted sets the score of each member. An entry has a
//! key, a value (nothing, for a set) and a *mark*, which the owner gives a meaning.
//!
//! It is linear hashing (see [`buckets`]) over buckets that hold some ten entries each, packed into one block (see
//! [`bucket`]). What an entry costs beside its bytes is a slot of four bytes, one byte or two for its share of the
//! bucket, and what the allocator rounds up. There is no rehashing: one insertion divides at most one bucket, one removal
//! merges at most two, and a table that loses its entries gives its memory back as it does.
//!
//! A bucket holds a contiguous range of *positions*, which are hashes read from the top bit. So a walk by position needs
//! no state but a number and misses nothing, whatever happens between its steps (see [`scan`]).

mod bucket;
mod buckets;
mod long;
mod scan;
mod slot;
#[cfg(test)]
mod tests;

use std::fmt;

use ahash::RandomState;

use self::bucket::{Bucket, New};
use self::buckets::Buckets;

/// Entries per bucket beyond which one more is made. Those that are next to be divided hold up to twice as many, those
/// that just were, half as many.
const LOAD_MAX: usize = 10;
/// Entries per bucket below which two are merged.
const LOAD_MIN: usize = 5;

/// Buckets ahead that a walk over all asks the processor for.
const BUCKETS_AHEAD: usize = 4;

/// An entry, looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Member<'a> {
    pub key: &'a [u8],
    pub value: &'a [u8],
    pub marked: bool,
}

/// A table of entries by key. See the head of this module.
#[derive(Clone)]
pub struct Members {
    buckets: Buckets,
    len: usize,
    /// No bucket ever held more entries.
    fullest: usize,
    hasher: RandomState,
}

impl Members {
    /// An empty table.
    pub fn new(hasher: RandomState) -> Members {
        Members::with_capacity(hasher, 0)
    }

    /// An empty table with as many buckets as so many entries need. Nothing else is prepared, about a byte per entry.
    pub fn with_capacity(hasher: RandomState, len: usize) -> Members {
        Members { buckets: Buckets::new(len / LOAD_MAX), len: 0, fullest: 0, hasher }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The function that hashes keys, for a table that is to agree with this one.
    pub fn hasher(&self) -> &RandomState {
        &self.hasher
    }

    #[inline]
    fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key)
    }

    /// What it takes of memory, itself not included. In a very large table, most of it is estimated.
    pub fn memory_bytes(&self) -> usize {
        const SAMPLES_MAX: usize = 1000;
        self.buckets.memory_bytes() + self.estimate(SAMPLES_MAX, Bucket::memory_bytes)
    }

    /// Allocations that dropping it frees, about.
    pub fn allocations(&self) -> usize {
        const SAMPLES_MAX: usize = 8;
        self.buckets.len() + self.estimate(SAMPLES_MAX, Bucket::long_count)
    }

    /// The sum of something over all buckets, estimated from some that stand apart.
    fn estimate(&self, samples_max: usize, of: impl Fn(&Bucket) -> usize) -> usize {
        let all = self.buckets.len();
        let samples = samples_max.min(all);
        let sum: usize = (0..samples).map(|sample| of(self.buckets.get(sample * all / samples))).sum();
        (sum as u128 * all as u128 / samples as u128) as usize
    }

    #[inline]
    fn find(&self, key: &[u8]) -> Option<(usize, usize)> {
        let hash = self.hash(key);
        let index = self.buckets.index(hash);
        Some((index, self.buckets.get(index).find(hash, key)?))
    }

    #[inline]
    pub fn get(&self, key: &[u8]) -> Option<Member<'_>> {
        self.find(key).map(|(index, place)| self.buckets.get(index).member(place))
    }

    #[inline]
    pub fn contains(&self, key: &[u8]) -> bool {
        self.find(key).is_some()
    }

    /// The value of a key, to be overwritten where it lies.
    #[inline]
    pub fn value_mut(&mut self, key: &[u8]) -> Option<&mut [u8]> {
        let (index, place) = self.find(key)?;
        Some(self.buckets.get_mut(index).value_mut(place))
    }

    /// Sets a key's value and mark; returns whether the key is new.
    #[inline]
    pub fn insert(&mut self, key: &[u8], value: &[u8], marked: bool) -> bool {
        let hash = self.hash(key);
        let index = self.buckets.index(hash);
        let bucket = self.buckets.get_mut(index);
        if let Some(place) = bucket.find(hash, key) {
            bucket.replace(place, value, marked);
            return false;
        }
        bucket.push(New { hash, key, value, marked });
        self.added(index);
        true
    }

    /// Adds a key without a value, unless it is there already; returns whether it is new.
    #[inline]
    pub fn add(&mut self, key: &[u8]) -> bool {
        let hash = self.hash(key);
        let index = self.buckets.index(hash);
        let bucket = self.buckets.get_mut(index);
        if bucket.find(hash, key).is_some() {
            return false;
        }
        bucket.push(New { hash, key, value: b"", marked: false });
        self.added(index);
        true
    }

    #[inline]
    fn added(&mut self, index: usize) {
        self.fullest = self.fullest.max(self.buckets.get(index).len());
        self.len += 1;
        if self.len > self.buckets.len() * LOAD_MAX {
            let hasher = &self.hasher;
            self.buckets.split(|key| hasher.hash_one(key));
        }
    }

    /// Marks an entry, or takes its mark away; returns whether there is one.
    pub fn mark(&mut self, key: &[u8], marked: bool) -> bool {
        let Some((index, place)) = self.find(key) else { return false };
        self.buckets.get_mut(index).set_mark(place, marked);
        true
    }

    /// Removes an entry; returns whether there was one.
    #[inline]
    pub fn remove(&mut self, key: &[u8]) -> bool {
        self.take(key, |_| ()).is_some()
    }

    /// Removes an entry after a last look at it.
    #[inline]
    pub fn take<R>(&mut self, key: &[u8], look: impl FnOnce(Member<'_>) -> R) -> Option<R> {
        let (index, place) = self.find(key)?;
        Some(self.take_at(index, place, look))
    }

    fn take_at<R>(&mut self, index: usize, place: usize, look: impl FnOnce(Member<'_>) -> R) -> R {
        let bucket = self.buckets.get_mut(index);
        let seen = look(bucket.member(place));
        bucket.remove(place);
        self.len -= 1;
        if self.len < self.buckets.len() * LOAD_MIN && self.buckets.len() > 1 {
            let merged = self.buckets.merge();
            self.fullest = self.fullest.max(merged);
        }
        seen
    }
}

impl fmt::Debug for Members {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.iter()).finish()
    }
}
