//! What a socket did not take yet, in the order in which it is to be written.
//!
//! A client may write a long pipeline before it reads, so a backlog can grow to very many replies of a few bytes each.
//! They are gathered in chunks: whatever the size of a reply, a byte of it costs about one byte here. Only the last chunk
//! grows; what stands in the others is not moved again, and memory is given back chunk by chunk as the client reads.
use bytes::Bytes;
use std::{collections::VecDeque, io::IoSlice};

/// The most that a chunk of gathered replies holds, bytes.
const CHUNK_BYTES_MAX: usize = 64 * 1024;

#[derive(Default)]
pub struct Backlog {
    chunks: VecDeque<Chunk>,
    /// Bytes of the first chunk that are written already.
    written: usize,
    /// Bytes to be written, of all chunks.
    bytes: usize,
    /// Memory of the chunks that nobody else holds.
    own_bytes: usize,
}

enum Chunk {
    Gathered(Vec<u8>),
    /// The end of a large buffer of replies, and how much memory it holds: taken over instead of copied.
    Taken(Bytes, usize),
    /// A large value, shared with the data instead of copied.
    Shared(Bytes),
}
impl Chunk {
    fn bytes(&self) -> &[u8] {
        match self {
            Chunk::Gathered(bytes) => bytes,
            Chunk::Taken(bytes, _) | Chunk::Shared(bytes) => bytes,
        }
    }
    fn own_bytes(&self) -> usize {
        match self {
            Chunk::Gathered(bytes) => bytes.capacity(),
            Chunk::Taken(_, capacity) => *capacity,
            Chunk::Shared(_) => 0,
        }
    }
}

impl Backlog {
    /// Bytes that wait.
    pub fn len(&self) -> usize {
        self.bytes
    }
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }
    /// Memory that is held for them and for nothing else, in bytes.
    pub fn own_bytes(&self) -> usize {
        self.own_bytes
    }
    /// Adds a copy of these bytes at the end: each chunk is filled before the next is begun.
    pub fn push(&mut self, mut bytes: &[u8]) {
        self.bytes += bytes.len();
        while !bytes.is_empty() {
            let chunk = self.chunk_with_room();
            let before = chunk.capacity();
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK_BYTES_MAX - chunk.len()));
            let length = chunk.len() + now.len();
            if chunk.capacity() < length {
                // It grows by doubling, but not beyond what it may hold.
                let capacity = (chunk.len() * 2).clamp(length, CHUNK_BYTES_MAX);
                chunk.reserve_exact(capacity - chunk.len());
            }
            chunk.extend_from_slice(now);
            let grown = chunk.capacity() - before;
            self.own_bytes += grown;
            bytes = later;
        }
    }
    fn chunk_with_room(&mut self) -> &mut Vec<u8> {
        let has_room =
            |chunk: &Chunk| matches!(chunk, Chunk::Gathered(bytes) if bytes.len() < CHUNK_BYTES_MAX);
        if !self.chunks.back().is_some_and(has_room) {
            self.chunks.push_back(Chunk::Gathered(Vec::new()));
        }
        match self.chunks.back_mut() {
            Some(Chunk::Gathered(bytes)) => bytes,
            _ => unreachable!("the last chunk has room"),
        }
    }
    /// Adds these bytes at the end without copying them.
    pub fn push_shared(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.bytes += bytes.len();
            self.chunks.push_back(Chunk::Shared(bytes));
        }
    }
    /// Adds these bytes at the end without copying them: they are the only thing of use in a buffer of so much memory.
    pub fn push_taken(&mut self, bytes: Bytes, capacity: usize) {
        self.bytes += bytes.len();
        self.own_bytes += capacity;
        self.chunks.push_back(Chunk::Taken(bytes, capacity));
    }
    /// Fills `slices` from the front; says how many it filled.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut count = 0;
        let mut written = self.written;
        for (slice, chunk) in slices.iter_mut().zip(&self.chunks) {
            *slice = IoSlice::new(&chunk.bytes()[std::mem::take(&mut written)..]);
            count += 1;
        }
        count
    }
    /// So many bytes were written, from the front.
    pub fn forget(&mut self, count: usize) {
        self.bytes -= count;
        self.written += count;
        while let Some(chunk) = self.chunks.front()
            && self.written >= chunk.bytes().len()
        {
            self.written -= chunk.bytes().len();
            self.own_bytes -= chunk.own_bytes();
            self.chunks.pop_front();
        }
        if self.chunks.is_empty() {
            // After a long backlog, no room is kept for another.
            self.chunks = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    impl Backlog {
        fn capacity(&self) -> usize {
            let of = |chunk: &Chunk| match chunk {
                Chunk::Shared(bytes) => bytes.len(),
                own => own.own_bytes(),
            };
            self.chunks.iter().map(of).sum::<usize>() + self.chunks.capacity() * size_of::<Chunk>()
        }
        /// What would be written next, with so many slices.
        fn front(&self, slices: usize) -> Vec<u8> {
            let mut room = vec![IoSlice::new(&[]); slices];
            let count = self.slices(&mut room);
            room[..count].iter().flat_map(|slice| slice.iter().copied()).collect()
        }
    }

    #[test]
    fn many_small_replies_cost_little_more_than_their_bytes() {
        let mut backlog = Backlog::default();
        for _ in 0..1_000_000 {
            backlog.push(b"+PONG\r\n");
        }
        assert_eq!(backlog.len(), 7_000_000);
        assert!(backlog.capacity() < 7_200_000, "{}", backlog.capacity());
        let mut one = Backlog::default();
        one.push(b"+PONG\r\n");
        assert!(one.capacity() < 200, "{}", one.capacity());
    }

    #[test]
    fn a_chunk_that_is_full_stays_where_it_is() {
        let mut backlog = Backlog::default();
        let place = |backlog: &Backlog| backlog.chunks[0].bytes().as_ptr();
        backlog.push(&[b'x'; CHUNK_BYTES_MAX]);
        let before = place(&backlog);
        for _ in 0..1000 {
            backlog.push(&[b'y'; 1000]);
            backlog.forget(10);
        }
        assert_eq!(place(&backlog), before);
        backlog.forget(backlog.len());
        assert!(backlog.is_empty() && backlog.capacity() == 0);
    }

    #[derive(Clone, Debug)]
    enum Act {
        Push(usize),
        Share(usize),
        TakeOver(usize),
        /// So many slices are offered, and this part of them (of 256) is written.
        Write(usize, u8),
    }

    proptest! {
        #[test]
        fn it_is_a_queue_of_bytes(acts in prop::collection::vec(prop_oneof![
            (0..200_usize).prop_map(Act::Push),
            (0..200_000_usize).prop_map(Act::Push),
            (0..70_000_usize).prop_map(Act::Share),
            (1..70_000_usize).prop_map(Act::TakeOver),
            (1..8_usize, any::<u8>()).prop_map(|(slices, part)| Act::Write(slices, part)),
            Just(Act::Write(64, 255)),
        ], 0..40)) {
            let (mut backlog, mut model) = (Backlog::default(), VecDeque::new());
            let mut next = 0_u8;
            let mut some = |count: usize| -> Vec<u8> {
                (0..count).map(|_| { next = next.wrapping_mul(5).wrapping_add(3); next }).collect()
            };
            for act in acts {
                match act {
                    Act::Push(count) => {
                        let bytes = some(count);
                        backlog.push(&bytes);
                        model.extend(bytes);
                    }
                    Act::Share(count) => {
                        let bytes = some(count);
                        backlog.push_shared(bytes.clone().into());
                        model.extend(bytes);
                    }
                    Act::TakeOver(count) => {
                        let bytes = some(count);
                        backlog.push_taken(bytes.clone().into(), count);
                        model.extend(bytes);
                    }
                    Act::Write(slices, part) => {
                        let front = backlog.front(slices);
                        prop_assert_eq!(front.is_empty(), model.is_empty());
                        let count = front.len() * usize::from(part) / 255;
                        let expected: Vec<u8> = model.drain(..count).collect();
                        prop_assert!(front[..count] == expected);
                        backlog.forget(count);
                    }
                }
                prop_assert_eq!((backlog.len(), backlog.is_empty()), (model.len(), model.is_empty()));
                let own: usize = backlog.chunks.iter().map(Chunk::own_bytes).sum();
                prop_assert_eq!(backlog.own_bytes(), own);
            }
            prop_assert!(model == backlog.front(1000));
        }
    }
}
