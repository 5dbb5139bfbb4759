//! The replication backlog: the latest part of the stream, for replicas that come back.
//!
//! It is a row of pieces of bytes, and the very pieces that are sent to those who follow: however many there are, the
//! stream is there once. A large commit is a piece as it is. Small ones are copied behind each other into a block, and
//! each is a view into that. When a block is full its many views are replaced by a single copy of them all, so that what
//! a piece costs by itself does not add up: here, and with those who are slow to write it.
//!
//! Bytes that are views hold all of what they are views into. So of a piece that is much larger than what is kept of it, that
//! is copied, and the piece let go.
use super::stretch::{Memory, SMALL_PIECES_MAX, Stretch};
use crate::board::Gauge;
use bytes::{Bytes, BytesMut};
use std::{collections::VecDeque, sync::Arc};

/// A block holds so much, bytes.
const BLOCK_BYTES: usize = 16 * 1024;
/// A commit from this length on is not copied.
const OWN_PIECE_BYTES_MIN: usize = 4 * 1024;
/// A piece is cut down if it is at least so long, and so many times what is kept of it.
const CUT_BYTES_MIN: usize = 64 * 1024;
const CUT_FROM: usize = 2;

pub struct Backlog {
    /// Offset of the first byte.
    first: u64,
    bytes: usize,
    /// The memory that it needs.
    held: usize,
    pieces: VecDeque<Stretch>,
    block: Option<Block>,
    /// How many of the last pieces are views into it.
    views: usize,
    gauge: Gauge,
}
/// What was added, as it is to be sent.
pub struct Pushed {
    /// Many pieces that came just before are one now, which whoever has still to write them may hold in their place.
    pub gathered: Option<Stretch>,
    pub piece: Stretch,
}
/// Where small commits go.
struct Block {
    /// What is left of it.
    room: BytesMut,
    memory: Arc<Memory>,
}

impl Backlog {
    /// An empty one, whose first byte will be that at `offset`.
    pub fn at(offset: u64, gauge: &Gauge) -> Backlog {
        let pieces = VecDeque::new();
        Backlog { first: offset, bytes: 0, held: 0, pieces, block: None, views: 0, gauge: gauge.clone() }
    }
    pub fn first(&self) -> u64 {
        self.first
    }
    pub fn end(&self) -> u64 {
        self.first + self.bytes as u64
    }
    pub fn len(&self) -> usize {
        self.bytes
    }
    /// Memory that it holds, bytes.
    pub fn held_bytes(&self) -> usize {
        self.held + self.pieces.capacity() * size_of::<Stretch>()
    }
    /// Adds what comes next in the stream.
    pub fn push(&mut self, bytes: Bytes) -> Pushed {
        self.bytes += bytes.len();
        let (gathered, piece) = if bytes.len() >= OWN_PIECE_BYTES_MIN {
            (self.seal(), Stretch::new(bytes, &self.gauge))
        } else {
            self.write_into_block(&bytes)
        };
        self.keep(piece.clone());
        Pushed { gathered, piece }
    }
    fn keep(&mut self, piece: Stretch) {
        self.held += piece.memory.keep();
        self.pieces.push_back(piece);
    }
    fn write_into_block(&mut self, bytes: &[u8]) -> (Option<Stretch>, Stretch) {
        let mut gathered = None;
        if self.block.as_ref().is_none_or(|block| block.room.capacity() < bytes.len()) {
            gathered = self.seal();
            self.end_block();
        }
        let Backlog { block, held, gauge, .. } = self;
        let Block { room, memory } = block.get_or_insert_with(|| {
            let memory = Memory::new(BLOCK_BYTES, gauge);
            *held += memory.keep();
            Block { room: BytesMut::with_capacity(BLOCK_BYTES), memory }
        });
        room.extend_from_slice(bytes);
        self.views += 1;
        (gathered, Stretch { bytes: room.split().freeze(), memory: memory.clone() })
    }
    fn end_block(&mut self) {
        if let Some(block) = self.block.take() {
            self.held -= block.memory.release();
        }
    }
    /// The views at the end become one piece, if they are many.
    fn seal(&mut self) -> Option<Stretch> {
        // Those in front may have been trimmed away.
        let views = std::mem::take(&mut self.views).min(self.pieces.len());
        if views <= SMALL_PIECES_MAX {
            return None;
        }
        let views = self.pieces.split_off(self.pieces.len() - views);
        let mut bytes = Vec::with_capacity(views.iter().map(|view| view.bytes.len()).sum());
        for view in views {
            bytes.extend_from_slice(&view.bytes);
            self.held -= view.memory.release();
        }
        let whole = Stretch::new(bytes.into(), &self.gauge);
        self.keep(whole.clone());
        Some(whole)
    }
    /// Forgets the oldest bytes, if there are more than this.
    pub fn trim(&mut self, bytes_max: usize) {
        let mut excess = self.bytes.saturating_sub(bytes_max);
        self.bytes -= excess;
        self.first += excess as u64;
        while excess > 0
            && let Some(piece) = self.pieces.front_mut()
        {
            if excess < piece.bytes.len() {
                let _ = piece.bytes.split_to(excess);
                return self.cut_front();
            }
            excess -= piece.bytes.len();
            self.held -= piece.memory.release();
            self.pieces.pop_front();
        }
    }
    /// What is copied is less than what was forgotten since the last time.
    fn cut_front(&mut self) {
        let Some(piece) = self.pieces.front_mut() else { return };
        let (memory, left) = (&piece.memory, piece.bytes.len());
        if memory.len() >= CUT_BYTES_MIN && memory.len() >= CUT_FROM * left && memory.has_one_use() {
            let rest = Stretch::new(Bytes::copy_from_slice(&piece.bytes), &self.gauge);
            self.held += rest.memory.keep();
            self.held -= memory.release();
            *piece = rest;
        }
    }
    pub fn has(&self, offset: u64) -> bool {
        (self.first..=self.end()).contains(&offset)
    }
    /// All from this offset on, if it is there.
    pub fn from(&self, offset: u64) -> Option<Vec<Stretch>> {
        if !self.has(offset) {
            return None;
        }
        let mut skipped = (offset - self.first) as usize;
        let mut rest = Vec::new();
        for piece in &self.pieces {
            if skipped >= piece.bytes.len() {
                skipped -= piece.bytes.len();
            } else {
                rest.push(piece.from(std::mem::take(&mut skipped)));
            }
        }
        Some(rest)
    }
}
impl Drop for Backlog {
    fn drop(&mut self) {
        self.end_block();
        for piece in &self.pieces {
            piece.memory.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{collections::BTreeMap, sync::atomic::Ordering::Relaxed};

    #[test]
    fn many_small_commits_are_few_pieces() {
        let mut backlog = Backlog::at(0, &Gauge::default());
        for _ in 0..100_000 {
            backlog.push(Bytes::from_static(b"*1\r\n$4\r\nPING\r\n"));
            backlog.trim(1_000_000);
        }
        let in_block = BLOCK_BYTES / 14;
        assert!(
            backlog.pieces.len() <= 1_000_000 / (BLOCK_BYTES - 14) + 2 + in_block,
            "{}",
            backlog.pieces.len()
        );
        assert_eq!((backlog.first(), backlog.end()), (400_000, 1_400_000));
    }

    #[test]
    fn what_is_sent_and_what_is_kept_are_the_same_bytes() {
        for length in [1, 1000, 1_000_000] {
            let mut backlog = Backlog::at(7, &Gauge::default());
            let sent = backlog.push(vec![1; length].into()).piece;
            assert_eq!(backlog.from(7).expect("its beginning")[0].bytes.as_ptr(), sent.bytes.as_ptr());
        }
    }

    #[test]
    fn a_long_piece_is_not_kept_for_its_end() {
        let gauge = Gauge::default();
        let mut backlog = Backlog::at(0, &gauge);
        let long: Bytes = (0..100_000_000_u32).map(|n| n as u8).collect::<Vec<u8>>().into();
        let sent = backlog.push(long.clone()).piece;
        assert_eq!(backlog.held, memory_of(100_000_000), "as long as all of it is kept");
        backlog.trim(1_000_000);
        assert_eq!((backlog.first(), backlog.len()), (99_000_000, 1_000_000));
        assert_eq!(backlog.held, memory_of(1_000_000));
        assert_eq!(gauge.load(Relaxed) as usize, memory_of(100_000_000), "a replica waits for it");
        drop(sent);
        assert_eq!((backlog.held, gauge.load(Relaxed)), (memory_of(1_000_000), 0));
        assert!(concat(&backlog.from(99_000_000).expect("its end")) == long[99_000_000..]);
        assert!(long.is_unique(), "nothing of it is held any more");
    }

    fn memory_of(bytes: usize) -> usize {
        Memory::new(bytes, &Gauge::default()).len()
    }
    fn concat(stretches: &[Stretch]) -> Vec<u8> {
        stretches.iter().flat_map(|stretch| stretch.bytes.iter().copied()).collect()
    }
    /// The memory that these are in.
    fn memory_bytes<'a>(memories: impl Iterator<Item = &'a Arc<Memory>>) -> usize {
        let each: BTreeMap<_, _> =
            memories.map(|memory| (Arc::as_ptr(memory) as usize, memory.len())).collect();
        each.values().sum()
    }

    #[derive(Clone, Debug)]
    enum Act {
        Push(usize),
        Trim(usize),
        /// From this part (of 255) of it on. Or it comes to a replica that is slow.
        Read(u8, bool),
        /// A slow replica has been sent so many pieces.
        Send(usize),
    }

    proptest! {
        #[test]
        fn it_is_the_end_of_all_that_was_pushed(
            start in 0..1000_u64,
            acts in prop::collection::vec(prop_oneof![
                8 => (0..3000_usize).prop_map(Act::Push),
                8 => (0..60_usize).prop_map(Act::Push),
                1 => (0..100_000_usize).prop_map(Act::Push),
                4 => (0..200_000_usize).prop_map(Act::Trim),
                4 => (any::<u8>(), any::<bool>()).prop_map(|(part, slow)| Act::Read(part, slow)),
                4 => (0..20_usize).prop_map(Act::Send),
            ], 0..200),
            streams: bool,
        ) {
            let gauge = Gauge::default();
            let (mut backlog, mut model, mut first) = (Backlog::at(start, &gauge), Vec::new(), start);
            let mut queue = VecDeque::new();
            let mut next = 0_u8;
            for act in acts {
                match act {
                    Act::Push(count) => {
                        let bytes: Vec<u8> =
                            (0..count).map(|_| { next = next.wrapping_mul(5).wrapping_add(3); next }).collect();
                        model.extend_from_slice(&bytes);
                        let stretch = backlog.push(bytes.clone().into()).piece;
                        prop_assert!(stretch.bytes == bytes);
                        queue.extend(streams.then_some(stretch));
                    }
                    Act::Trim(most) => {
                        let excess = model.len().saturating_sub(most);
                        model.drain(..excess);
                        first += excess as u64;
                        backlog.trim(most);
                    }
                    Act::Read(part, is_slow) => {
                        let skipped = model.len() * usize::from(part) / 255;
                        let read = backlog.from(first + skipped as u64).expect("within");
                        prop_assert!(concat(&read) == model[skipped..]);
                        if is_slow {
                            queue.extend(read);
                        }
                    }
                    Act::Send(count) => {
                        queue.drain(..count.min(queue.len()));
                    }
                }
                prop_assert_eq!(backlog.first(), first);
                prop_assert_eq!(backlog.end(), first + model.len() as u64);
                prop_assert_eq!(backlog.len(), model.len());
                let kept: Vec<_> = backlog.pieces.iter().map(|piece| &piece.memory).chain(backlog.block.iter().map(|block| &block.memory)).collect();
                let held = memory_bytes(kept.iter().copied());
                prop_assert_eq!(backlog.held, held);
                prop_assert!(held >= model.len() && held <= memory_of(CUT_FROM * model.len() + CUT_BYTES_MIN + 3 * BLOCK_BYTES));
                let all = memory_bytes(kept.into_iter().chain(queue.iter().map(|stretch: &Stretch| &stretch.memory)));
                prop_assert_eq!(gauge.load(Relaxed) as usize, all - held);
                prop_assert!(!backlog.has(backlog.end() + 1) && backlog.from(backlog.end() + 1).is_none());
                prop_assert!(first == 0 || backlog.from(first - 1).is_none());
            }
            drop(backlog);
            let left = memory_bytes(queue.iter().map(|stretch: &Stretch| &stretch.memory));
            prop_assert_eq!(gauge.load(Relaxed) as usize, left);
            drop(queue);
            prop_assert_eq!(gauge.load(Relaxed), 0);
        }
    }
}
