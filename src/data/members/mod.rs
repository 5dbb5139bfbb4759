//! The table of large sets, hashes and sorted sets: from a member to its value, in packed buckets.
//!
//! An allocation for each member, and a pointer to it, would cost more than most members are long. So about ten members
//! stand together in one run of bytes, a *bucket* (see `bucket`), and the table is an array of buckets.
//!
//! It grows by linear hashing (W. Litwin, "Linear Hashing: a new tool for file and table addressing", 1980): as members
//! come, one bucket after the other is split in two; as they go, the last one is merged back. There is no directory, no
//! big rehash, and no operation takes longer than one split.
//!
//! The *position* of a member is its 64-bit keyed hash with its bits reversed. A bucket holds a contiguous range of
//! positions, whatever the size of the table, so a scan needs no more than a number to say how far it came, and
//! whatever is there from its beginning to its end is visited.
mod bucket;
mod long;
#[cfg(test)]
mod tests;

use bucket::Bucket;

/// Members of a bucket, on average over the table: where it grows, and where it shrinks.
const LOAD_MAX: usize = 10;
const LOAD_MIN: usize = 5;
/// Buckets in one chunk of the array. The array grows by chunks, so no large one is ever moved.
const CHUNK: usize = 256;
/// Bits of a cursor: they fit a double, which is what some clients' languages count in.
const CURSOR_BITS: u32 = 48;
/// Fewer members than that are looked through one by one for a random one that is fair.
const DRAWS_MAX: usize = 1000;

/// A member as it stands in the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Member<'a> {
    pub key: &'a [u8],
    pub value: &'a [u8],
    /// A bit for the caller.
    pub marked: bool,
}

pub struct Members {
    /// All full but for the last.
    chunks: Vec<Vec<Bucket>>,
    buckets: usize,
    /// Buckets before `split` have one bit more than `level`, and so have their twins at the end.
    level: u32,
    split: usize,
    len: usize,
    /// No bucket holds more members.
    fullest: u8,
    /// Memory of buckets and of what stands outside of them.
    heap_bytes: usize,
    hasher: ahash::RandomState,
}

impl Members {
    /// An empty table.
    pub fn new(hasher: ahash::RandomState) -> Members {
        Members {
            chunks: vec![vec![Bucket::default()]],
            buckets: 1,
            level: 0,
            split: 0,
            len: 0,
            fullest: 0,
            heap_bytes: 0,
            hasher,
        }
    }
    pub fn len(&self) -> usize {
        self.len
    }
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// Memory of the table and all in it, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let chunks: usize = self.chunks.iter().map(|chunk| chunk.capacity() * size_of::<Bucket>()).sum();
        size_of::<Members>() + chunks + self.chunks.capacity() * size_of::<Vec<Bucket>>() + self.heap_bytes
    }
    /// Allocations of the table, about.
    pub fn allocations(&self) -> usize {
        self.buckets
    }

    pub fn get(&self, key: &[u8]) -> Option<Member<'_>> {
        let hash = self.hasher.hash_one(key);
        let bucket = self.bucket(self.index(hash));
        bucket.find(fingerprint(hash), key).map(|slot| bucket.member(slot))
    }
    pub fn contains(&self, key: &[u8]) -> bool {
        let hash = self.hasher.hash_one(key);
        self.bucket(self.index(hash)).find(fingerprint(hash), key).is_some()
    }
    /// The value of a member, to be changed in its place.
    pub fn value_mut(&mut self, key: &[u8]) -> Option<&mut [u8]> {
        let hash = self.hasher.hash_one(key);
        let index = self.index(hash);
        let bucket = self.bucket_mut(index);
        let slot = bucket.find(fingerprint(hash), key)?;
        Some(bucket.value_mut(slot))
    }
    /// Adds a member, or gives it another value; true if it is new.
    pub fn insert(&mut self, key: &[u8], value: &[u8], marked: bool) -> bool {
        let hash = self.hasher.hash_one(key);
        let index = self.index(hash);
        let bucket = self.bucket_mut(index);
        let before = bucket.memory_bytes();
        if let Some(slot) = bucket.find(fingerprint(hash), key) {
            let long = bucket.set_value(slot, value, marked);
            let after = bucket.memory_bytes();
            self.account(before, after, long);
            return false;
        }
        let long = bucket.push(fingerprint(hash), key, value, marked);
        let (after, count) = (bucket.memory_bytes(), bucket.len());
        self.account(before, after, long);
        self.grown_to(count);
        true
    }
    /// Adds a member if it is not there; true if it is new.
    pub fn insert_new(&mut self, key: &[u8], value: &[u8]) -> bool {
        let hash = self.hasher.hash_one(key);
        let index = self.index(hash);
        let bucket = self.bucket_mut(index);
        if bucket.find(fingerprint(hash), key).is_some() {
            return false;
        }
        let before = bucket.memory_bytes();
        let long = bucket.push(fingerprint(hash), key, value, false);
        let (after, count) = (bucket.memory_bytes(), bucket.len());
        self.account(before, after, long);
        self.grown_to(count);
        true
    }
    /// Takes a member out; false if there is none.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        let hash = self.hasher.hash_one(key);
        let index = self.index(hash);
        match self.bucket(index).find(fingerprint(hash), key) {
            Some(slot) => {
                self.remove_at(index, slot);
                true
            }
            None => false,
        }
    }
    /// Takes a member out, and tells what its value was.
    pub fn take(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        let hash = self.hasher.hash_one(key);
        let index = self.index(hash);
        let bucket = self.bucket(index);
        let slot = bucket.find(fingerprint(hash), key)?;
        let value = bucket.member(slot).value.to_vec();
        self.remove_at(index, slot);
        Some(value)
    }

    /// Visits members in order of position from `cursor` on, whole buckets at a time, until at least `count` were
    /// visited. Returns where to go on; 0 when all were.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, visit: &mut dyn FnMut(Member<'a>)) -> u64 {
        let mut cursor = cursor & ((1 << CURSOR_BITS) - 1);
        let mut seen = 0;
        loop {
            let hash = (cursor << (64 - CURSOR_BITS)).reverse_bits();
            let index = self.index(hash);
            let bucket = self.bucket(index);
            (0..bucket.len()).for_each(|slot| visit(bucket.member(slot)));
            seen += bucket.len();
            // Behind the range of positions that this bucket holds.
            let behind = CURSOR_BITS - self.bits(index);
            cursor = ((cursor >> behind) + 1) << behind;
            if cursor >> CURSOR_BITS != 0 {
                return 0;
            }
            if seen >= count {
                return cursor;
            }
        }
    }
    /// All members, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = Member<'_>> {
        let buckets = self.chunks.iter().flatten();
        buckets.flat_map(|bucket| (0..bucket.len()).map(|slot| bucket.member(slot)))
    }
    /// A member picked at random, by numbers from `random`; each is equally likely. None if there is none.
    pub fn random(&self, random: &mut dyn FnMut() -> u64) -> Option<Member<'_>> {
        let (index, slot) = self.draw(random)?;
        Some(self.bucket(index).member(slot))
    }
    /// The same, and takes it out.
    pub fn take_random(&mut self, random: &mut dyn FnMut() -> u64) -> Option<Vec<u8>> {
        let (index, slot) = self.draw(random)?;
        let key = self.bucket(index).member(slot).key.to_vec();
        self.remove_at(index, slot);
        Some(key)
    }
    /// Buckets have different numbers of members. So a bucket and a place in it are drawn as if all had as many as the
    /// fullest, again and again until there is a member.
    fn draw(&self, random: &mut dyn FnMut() -> u64) -> Option<(usize, usize)> {
        if self.is_empty() {
            return None;
        }
        for _ in 0..DRAWS_MAX {
            let number = random();
            let index = (((number >> 32) * self.buckets as u64) >> 32) as usize;
            let slot = (((number & 0xffff_ffff) * self.fullest as u64) >> 32) as usize;
            if slot < self.bucket(index).len() {
                return Some((index, slot));
            }
        }
        // A table that has hardly any members left in its buckets is counted through.
        let mut nth = random() as usize % self.len;
        for index in 0..self.buckets {
            let count = self.bucket(index).len();
            if nth < count {
                return Some((index, nth));
            }
            nth -= count;
        }
        None
    }

    fn bucket(&self, index: usize) -> &Bucket {
        &self.chunks[index / CHUNK][index % CHUNK]
    }
    fn bucket_mut(&mut self, index: usize) -> &mut Bucket {
        &mut self.chunks[index / CHUNK][index % CHUNK]
    }
    /// Which bucket a hash belongs to.
    fn index(&self, hash: u64) -> usize {
        let index = hash as usize & ((1 << self.level) - 1);
        if index < self.split { hash as usize & ((2 << self.level) - 1) } else { index }
    }
    /// By how many bits of the hash a bucket is told from the others.
    fn bits(&self, index: usize) -> u32 {
        self.level + (index & ((1 << self.level) - 1) < self.split) as u32
    }
    fn account(&mut self, before: usize, after: usize, long: isize) {
        self.heap_bytes = (self.heap_bytes + after - before).wrapping_add_signed(long);
    }
    fn grown_to(&mut self, count: usize) {
        self.fullest = self.fullest.max(count as u8);
        self.len += 1;
        if self.len > self.buckets * LOAD_MAX {
            self.split_next();
        }
    }
    fn remove_at(&mut self, index: usize, slot: usize) {
        let bucket = self.bucket_mut(index);
        let before = bucket.memory_bytes();
        let long = bucket.remove(slot);
        let after = bucket.memory_bytes();
        self.account(before, after, long);
        self.len -= 1;
        if self.len < self.buckets * LOAD_MIN && self.buckets > 1 {
            self.merge_last();
        }
    }
    /// Splits the bucket whose turn it is; its twin comes to stand at the end.
    fn split_next(&mut self) {
        let (level, hasher) = (self.level, self.hasher.clone());
        let index = self.split;
        let old = std::mem::take(self.bucket_mut(index));
        let before = old.memory_bytes();
        let (stays, goes) = old.partition(|key| hasher.hash_one(key) >> level & 1 == 0);
        let after = stays.memory_bytes() + goes.memory_bytes();
        *self.bucket_mut(index) = stays;
        self.append(goes);
        self.account(before, after, 0);
        self.split += 1;
        if self.split == 1 << self.level {
            self.level += 1;
            self.split = 0;
        }
    }
    /// Undoes the last split.
    fn merge_last(&mut self) {
        if self.split == 0 {
            self.level -= 1;
            self.split = 1 << self.level;
        }
        self.split -= 1;
        let index = self.split;
        let Some(last) = self.pop() else { return };
        let bucket = self.bucket_mut(index);
        let before = bucket.memory_bytes() + last.memory_bytes();
        bucket.append(last);
        let (after, count) = (bucket.memory_bytes(), bucket.len());
        self.account(before, after, 0);
        self.fullest = self.fullest.max(count as u8);
    }
    fn append(&mut self, bucket: Bucket) {
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(bucket),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(bucket);
                self.chunks.push(chunk);
            }
        }
        self.buckets += 1;
    }
    fn pop(&mut self) -> Option<Bucket> {
        let chunk = self.chunks.last_mut()?;
        let bucket = chunk.pop()?;
        if chunk.is_empty() {
            self.chunks.pop();
        }
        self.buckets -= 1;
        Some(bucket)
    }
}

impl Clone for Members {
    fn clone(&self) -> Members {
        let mut chunks = Vec::with_capacity(self.chunks.capacity());
        for chunk in &self.chunks {
            let mut copy = Vec::with_capacity(chunk.capacity());
            copy.extend(chunk.iter().cloned());
            chunks.push(copy);
        }
        // A copy has no more room than it needs.
        let blocks =
            |chunks: &[Vec<Bucket>]| chunks.iter().flatten().map(Bucket::memory_bytes).sum::<usize>();
        let heap_bytes = self.heap_bytes - blocks(&self.chunks) + blocks(&chunks);
        Members { chunks, heap_bytes, hasher: self.hasher.clone(), ..*self }
    }
}

impl std::fmt::Debug for Members {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The bits of a hash that are told apart within a bucket: those that choose the bucket come last to them.
fn fingerprint(hash: u64) -> u8 {
    (hash >> 56) as u8
}
