//! The replication backlog: the latest part of the stream, for replicas that come back.
//!
//! It is a row of pieces of bytes, and the very pieces that are sent to those who follow: however many there are, the
//! stream is there once. A large commit is a piece as it is. Small ones are copied behind each other into a block, and
//! each is a view into that. When a block is full its many views are replaced by a single copy of them all, so that what
//! a piece costs by itself does not add up.
//!
//! Bytes that are views hold all of what they are views into. So of a piece that is much larger than what is kept of it, that
//! is copied, and the piece let go.
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;

/// A block holds so much, bytes.
const BLOCK_BYTES: usize = 64 * 1024;
/// A commit from this length on is not copied.
const OWN_PIECE_BYTES_MIN: usize = 16 * 1024;
/// So few views into a block are left as they are.
const VIEWS_KEPT_MAX: usize = 16;
/// A piece is cut down if it is at least so long, and so many times what is kept of it.
const CUT_BYTES_MIN: usize = 64 * 1024;
const CUT_FROM: usize = 2;

/// A part of the stream.
struct Piece {
    bytes: Bytes,
    /// What it holds in memory, as far as that is known: bytes in front of it that are forgotten, too.
    held: usize,
}
impl Piece {
    fn new(bytes: Bytes) -> Piece {
        let held = bytes.len();
        Piece { bytes, held }
    }
}

pub struct Backlog {
    /// Offset of the first byte.
    first: u64,
    bytes: usize,
    /// What the pieces hold in memory.
    held: usize,
    pieces: VecDeque<Piece>,
    /// The room that is left in the block.
    room: BytesMut,
    /// How many of the last pieces are views into it.
    views: usize,
}

impl Backlog {
    /// An empty one, whose first byte will be that at `offset`.
    pub fn at(offset: u64) -> Backlog {
        let (pieces, room) = (VecDeque::new(), BytesMut::new());
        Backlog { first: offset, bytes: 0, held: 0, pieces, room, views: 0 }
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
        self.held + self.room.capacity()
    }
    /// Adds what comes next in the stream; gives it back as it is to be sent.
    pub fn push(&mut self, bytes: Bytes) -> Bytes {
        let piece = if bytes.len() >= OWN_PIECE_BYTES_MIN {
            self.seal();
            bytes
        } else {
            if self.room.capacity() < bytes.len() {
                self.seal();
                self.room = BytesMut::with_capacity(BLOCK_BYTES);
            }
            self.room.extend_from_slice(&bytes);
            self.views += 1;
            self.room.split().freeze()
        };
        self.bytes += piece.len();
        self.held += piece.len();
        self.pieces.push_back(Piece::new(piece.clone()));
        piece
    }
    /// Nothing more is put into the block behind the views that there are.
    fn seal(&mut self) {
        // Those in front may have been trimmed away.
        let views = std::mem::take(&mut self.views).min(self.pieces.len());
        if views > VIEWS_KEPT_MAX {
            let views = self.pieces.split_off(self.pieces.len() - views);
            self.held -= views.iter().map(|view| view.held).sum::<usize>();
            let mut whole = Vec::with_capacity(views.iter().map(|view| view.bytes.len()).sum());
            views.iter().for_each(|view| whole.extend_from_slice(&view.bytes));
            self.held += whole.len();
            self.pieces.push_back(Piece::new(whole.into()));
        }
    }
    /// Forgets the oldest bytes, if there are more than this.
    pub fn trim(&mut self, bytes_max: usize) {
        let mut excess = self.bytes.saturating_sub(bytes_max);
        self.bytes -= excess;
        self.first += excess as u64;
        while excess > 0
            && let Some(Piece { bytes, held }) = self.pieces.front_mut()
        {
            if excess < bytes.len() {
                let _ = bytes.split_to(excess);
                // What is copied is less than what was forgotten since the last time.
                if *held >= CUT_BYTES_MIN && *held >= CUT_FROM * bytes.len() {
                    self.held -= *held - bytes.len();
                    (*bytes, *held) = (Bytes::copy_from_slice(bytes), bytes.len());
                }
                return;
            }
            excess -= bytes.len();
            self.held -= *held;
            self.pieces.pop_front();
        }
    }
    pub fn has(&self, offset: u64) -> bool {
        (self.first..=self.end()).contains(&offset)
    }
    /// All from this offset on, if it is there.
    pub fn from(&self, offset: u64) -> Option<Vec<Bytes>> {
        if !self.has(offset) {
            return None;
        }
        let mut skipped = (offset - self.first) as usize;
        let mut rest = Vec::new();
        for Piece { bytes, .. } in &self.pieces {
            if skipped >= bytes.len() {
                skipped -= bytes.len();
            } else {
                rest.push(bytes.slice(std::mem::take(&mut skipped)..));
            }
        }
        Some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn many_small_commits_are_few_pieces() {
        let mut backlog = Backlog::at(0);
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
            let mut backlog = Backlog::at(7);
            let sent = backlog.push(vec![1; length].into());
            assert_eq!(backlog.from(7).expect("its beginning")[0].as_ptr(), sent.as_ptr());
        }
    }

    #[test]
    fn a_long_piece_is_not_kept_for_its_end() {
        let mut backlog = Backlog::at(0);
        let whole = backlog.push((0..100_000_000_u32).map(|n| n as u8).collect::<Vec<u8>>().into());
        assert_eq!(backlog.held_bytes(), 100_000_000, "as long as all of it is kept");
        backlog.trim(1_000_000);
        assert_eq!((backlog.first(), backlog.len()), (99_000_000, 1_000_000));
        assert!(whole.is_unique(), "nothing of it is held any more");
        assert_eq!(backlog.held_bytes(), 1_000_000);
        assert!(backlog.from(99_000_000).expect("its end").concat() == whole[99_000_000..]);
    }

    #[derive(Clone, Debug)]
    enum Act {
        Push(usize),
        Trim(usize),
        /// From this part (of 255) of it on.
        Read(u8),
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
                4 => any::<u8>().prop_map(Act::Read),
            ], 0..200),
        ) {
            let (mut backlog, mut model, mut first) = (Backlog::at(start), Vec::new(), start);
            let mut next = 0_u8;
            for act in acts {
                match act {
                    Act::Push(count) => {
                        let bytes: Vec<u8> =
                            (0..count).map(|_| { next = next.wrapping_mul(5).wrapping_add(3); next }).collect();
                        model.extend_from_slice(&bytes);
                        let piece = backlog.push(bytes.clone().into());
                        prop_assert!(piece == bytes);
                    }
                    Act::Trim(most) => {
                        let excess = model.len().saturating_sub(most);
                        model.drain(..excess);
                        first += excess as u64;
                        backlog.trim(most);
                    }
                    Act::Read(part) => {
                        let skipped = model.len() * usize::from(part) / 255;
                        let read = backlog.from(first + skipped as u64).expect("within").concat();
                        prop_assert!(read == model[skipped..]);
                    }
                }
                prop_assert_eq!(backlog.first(), first);
                prop_assert_eq!(backlog.end(), first + model.len() as u64);
                prop_assert_eq!(backlog.len(), model.len());
                let held: usize = backlog.pieces.iter().map(|piece| piece.held).sum();
                prop_assert_eq!(backlog.held, held);
                prop_assert!(held >= model.len() && held <= CUT_FROM * model.len() + CUT_BYTES_MIN);
                prop_assert!(!backlog.has(backlog.end() + 1) && backlog.from(backlog.end() + 1).is_none());
                prop_assert!(first == 0 || backlog.from(first - 1).is_none());
            }
        }
    }
}
