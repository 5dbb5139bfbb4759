//! All buckets of a table, and which of them a hash belongs to: linear hashing (Litwin, "Linear hashing: a new tool
//! for file and table addressing", 1980), by the upper bits of the hash.
//!
//! A bucket holds the hashes that begin with certain bits, a contiguous range of positions. With `2^level + split`
//! buckets, the first `split` ranges of `2^level` have been divided in two; the next to be divided is the one behind
//! them. When all are, the level goes up. So the table grows by one bucket at a time, and needs no directory: where a
//! range's bucket stands follows from its number. Of the two halves, the lower one stays where the whole was, and the
//! upper one goes to the end of the array.
//!
//! The array is cut into chunks, so that its growth never moves more than one.

use super::bucket::Bucket;

/// Buckets in a chunk. The first one grows to this, so that small tables are small.
const CHUNK_BUCKETS: usize = 1 << CHUNK_BITS;
const CHUNK_BITS: u32 = 12;

/// Bits of a hash that choose a bucket, at most; the others tell entries apart inside.
const DEPTH_MAX: u32 = 40;

#[derive(Clone)]
pub(super) struct Buckets {
    chunks: Vec<Vec<Bucket>>,
    len: usize,
}

/// The hashes of a bucket: those whose first `depth` bits are the number `prefix`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    pub(super) depth: u32,
    prefix: u64,
}

impl Range {
    #[inline]
    fn of(hash: u64, depth: u32) -> Range {
        // A shift by all 64 bits is no shift: hence two.
        Range { depth, prefix: hash >> 1 >> (63 - depth) }
    }

    /// Where its bucket stands. Strip the last one-bit and the zeros behind it: that is the range which this one was
    /// divided off from, as the upper half. The others, in the order of their division, stand before its place.
    #[inline]
    pub(super) fn index(self) -> usize {
        let numbered = 1 << self.depth | self.prefix;
        (numbered >> numbered.trailing_zeros() >> 1) as usize
    }

    /// The first hash behind it.
    pub(super) fn end(self) -> Option<u64> {
        let next = self.prefix + 1;
        (next >> self.depth == 0).then(|| next << 1 << (63 - self.depth))
    }
}

impl Buckets {
    pub(super) fn new(len: usize) -> Buckets {
        let len = len.clamp(1, 1 << DEPTH_MAX);
        let mut buckets = Buckets { chunks: vec![Vec::new()], len: 0 };
        if len > 1 {
            buckets.chunks[0].reserve_exact(len.min(CHUNK_BUCKETS));
        }
        (0..len).for_each(|_| buckets.push(Bucket::new()));
        buckets
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// What the array itself takes.
    pub(super) fn memory_bytes(&self) -> usize {
        let chunks = self.chunks.iter().map(|chunk| chunk.capacity() * size_of::<Bucket>()).sum::<usize>();
        self.chunks.capacity() * size_of::<Vec<Bucket>>() + chunks
    }

    /// How often all ranges have been divided, and how many have been once more.
    #[inline]
    fn progress(&self) -> (u32, usize) {
        let level = self.len.ilog2();
        (level, self.len - (1 << level))
    }

    #[inline]
    pub(super) fn range(&self, hash: u64) -> Range {
        let (level, split) = self.progress();
        let range = Range::of(hash, level);
        if range.prefix < split as u64 { Range::of(hash, level + 1) } else { range }
    }

    #[inline]
    pub(super) fn index(&self, hash: u64) -> usize {
        self.range(hash).index()
    }

    #[inline]
    pub(super) fn get(&self, index: usize) -> &Bucket {
        &self.chunks[index >> CHUNK_BITS][index % CHUNK_BUCKETS]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, index: usize) -> &mut Bucket {
        &mut self.chunks[index >> CHUNK_BITS][index % CHUNK_BUCKETS]
    }

    /// Divides the next bucket; `of` computes hashes of keys.
    pub(super) fn split(&mut self, of: impl Fn(&[u8]) -> u64) {
        let (level, split) = self.progress();
        if level == DEPTH_MAX {
            return;
        }
        let index = Range { depth: level, prefix: split as u64 }.index();
        let is_upper = |hash: u64| hash << level >> 63 == 1;
        let upper = self.get_mut(index).split_off(of, is_upper);
        self.push(upper);
    }

    /// Undoes the last division, of which there must have been one; returns how many entries are in one bucket now.
    pub(super) fn merge(&mut self) -> usize {
        let upper = self.pop();
        let (level, split) = self.progress();
        let index = Range { depth: level, prefix: split as u64 }.index();
        let lower = self.get_mut(index);
        lower.merge(upper);
        lower.len()
    }

    fn push(&mut self, bucket: Bucket) {
        let chunk = self.len >> CHUNK_BITS;
        if chunk == self.chunks.len() {
            self.chunks.push(Vec::with_capacity(CHUNK_BUCKETS));
        }
        self.chunks[chunk].push(bucket);
        self.len += 1;
    }

    fn pop(&mut self) -> Bucket {
        let last = self.chunks.len() - 1;
        let chunk = &mut self.chunks[last];
        let bucket = chunk.pop().expect("no chunk but the first is empty, and that one keeps a bucket");
        if chunk.is_empty() {
            self.chunks.pop();
        } else if last == 0 && chunk.len() * 4 <= chunk.capacity() {
            chunk.shrink_to(chunk.len() * 2);
        }
        self.len -= 1;
        bucket
    }
}
