//! The replication backlog: the latest part of the stream, for replicas that come back.
//!
//! It is a row of pieces of bytes, and the very pieces that are sent to those who follow: however many there are, the
//! stream is there once. A large commit is a piece as it is. Small ones are copied behind each other into a block, and
//! each is a view into that. When a block is full its many views are replaced by a single copy of them all, so that what
//! a piece costs by itself does not add up.
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;

/// A block holds so much, bytes.
const BLOCK_BYTES: usize = 64 * 1024;
/// A commit from this length on is not copied.
const OWN_PIECE_BYTES_MIN: usize = 16 * 1024;
/// So few views into a block are left as they are.
const VIEWS_KEPT_MAX: usize = 16;

pub struct Backlog {
    /// Offset of the first byte.
    first: u64,
    bytes: usize,
    pieces: VecDeque<Bytes>,
    /// The room that is left in the block.
    room: BytesMut,
    /// How many of the last pieces are views into it.
    views: usize,
}

impl Backlog {
    /// An empty one, whose first byte will be that at `offset`.
    pub fn at(offset: u64) -> Backlog {
        Backlog { first: offset, bytes: 0, pieces: VecDeque::new(), room: BytesMut::new(), views: 0 }
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
        self.pieces.push_back(piece.clone());
        piece
    }
    /// Nothing more is put into the block behind the views that there are.
    fn seal(&mut self) {
        // Those in front may have been trimmed away.
        let views = std::mem::take(&mut self.views).min(self.pieces.len());
        if views > VIEWS_KEPT_MAX {
            let views = self.pieces.split_off(self.pieces.len() - views);
            let mut whole = Vec::with_capacity(views.iter().map(Bytes::len).sum());
            views.iter().for_each(|view| whole.extend_from_slice(view));
            self.pieces.push_back(whole.into());
        }
    }
    /// Forgets the oldest bytes, if there are more than this.
    pub fn trim(&mut self, bytes_max: usize) {
        let mut excess = self.bytes.saturating_sub(bytes_max);
        self.bytes -= excess;
        self.first += excess as u64;
        while excess > 0
            && let Some(piece) = self.pieces.front_mut()
        {
            if excess < piece.len() {
                let _ = piece.split_to(excess);
                return;
            }
            excess -= piece.len();
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
        for piece in &self.pieces {
            if skipped >= piece.len() {
                skipped -= piece.len();
            } else {
                rest.push(piece.slice(std::mem::take(&mut skipped)..));
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
                prop_assert!(!backlog.has(backlog.end() + 1) && backlog.from(backlog.end() + 1).is_none());
                prop_assert!(first == 0 || backlog.from(first - 1).is_none());
            }
        }
    }
}
