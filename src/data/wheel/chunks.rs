//! Where the wheel keeps items: lists of 1 KiB chunks.
//!
//! A list grows by a chunk, so that it never copies what it has, and its slack is less than a chunk. Chunks that come
//! empty go to a pool, which all lists of a wheel share: items that move from slot to slot allocate nothing.

use super::Item;

/// With a length and a link beside them, these make a chunk of exactly 1 KiB, which allocators serve without slack.
const ITEMS_PER_CHUNK: usize = 84;
/// Empty chunks kept for reuse; more than these go back to the allocator, so that a burst leaves no lasting mark.
pub const SPARE_CHUNKS_MAX: usize = 256;

struct Chunk {
    next: Option<Box<Chunk>>,
    len: u32,
    items: [Item; ITEMS_PER_CHUNK],
}

const _: () = assert!(size_of::<Chunk>() == 1024);

/// Empty chunks at hand, linked to each other, and the count of all chunks.
#[derive(Default)]
pub struct Pool {
    spare: Option<Box<Chunk>>,
    spare_chunks: usize,
    chunks: usize,
}

impl Pool {
    /// The bytes of all chunks, whether in use or spare.
    pub fn allocated_bytes(&self) -> usize {
        self.chunks * size_of::<Chunk>()
    }

    fn take(&mut self) -> Box<Chunk> {
        if let Some(mut chunk) = self.spare.take() {
            self.spare = chunk.next.take();
            self.spare_chunks -= 1;
            return chunk;
        }
        self.chunks += 1;
        Box::new(Chunk { next: None, len: 0, items: [Item::default(); ITEMS_PER_CHUNK] })
    }

    fn give_back(&mut self, mut chunk: Box<Chunk>) {
        if self.spare_chunks < SPARE_CHUNKS_MAX {
            chunk.next = self.spare.take();
            self.spare = Some(chunk);
            self.spare_chunks += 1;
        } else {
            self.chunks -= 1;
        }
    }
}

/// A stack of items in chunks. Only the first chunk may be partly filled; none is empty.
#[derive(Default)]
pub struct ChunkList {
    head: Option<Box<Chunk>>,
}

impl ChunkList {
    pub fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    pub fn push(&mut self, item: Item, pool: &mut Pool) {
        match &mut self.head {
            Some(chunk) if (chunk.len as usize) < ITEMS_PER_CHUNK => {
                chunk.items[chunk.len as usize] = item;
                chunk.len += 1;
            }
            head => {
                let mut chunk = pool.take();
                chunk.next = head.take();
                chunk.items[0] = item;
                chunk.len = 1;
                *head = Some(chunk);
            }
        }
    }

    /// Takes the item that was pushed last.
    pub fn pop(&mut self, pool: &mut Pool) -> Option<Item> {
        let chunk = self.head.as_mut()?;
        chunk.len -= 1;
        let item = chunk.items[chunk.len as usize];
        if chunk.len == 0 {
            let rest = chunk.next.take();
            if let Some(empty) = std::mem::replace(&mut self.head, rest) {
                pool.give_back(empty);
            }
        }
        Some(item)
    }
}

impl Drop for ChunkList {
    /// Frees one chunk after the other: the derived way would recurse once per chunk.
    fn drop(&mut self) {
        let mut next = self.head.take();
        while let Some(mut chunk) = next {
            next = chunk.next.take();
        }
    }
}

/// Items of one key in an ordered map. The map may have many keys with a few items each, where a chunk for each would
/// waste memory: the first chunk's worth lives in a vector.
#[derive(Default)]
pub struct Bucket {
    few: Vec<Item>,
    more: ChunkList,
}

impl Bucket {
    /// The bytes of the bucket itself and its vector; those of its chunks are the pool's.
    pub fn allocated_bytes(&self) -> usize {
        size_of::<Bucket>() + self.few.capacity() * size_of::<Item>()
    }

    pub fn is_empty(&self) -> bool {
        self.few.is_empty() && self.more.is_empty()
    }

    pub fn push(&mut self, item: Item, pool: &mut Pool) {
        if self.few.len() < ITEMS_PER_CHUNK {
            self.few.push(item);
        } else {
            self.more.push(item, pool);
        }
    }

    pub fn pop(&mut self, pool: &mut Pool) -> Option<Item> {
        self.more.pop(pool).or_else(|| self.few.pop())
    }
}
