//! What is to be written to a replica: pieces of bytes, one behind the other, which others may hold, too.
use crate::actors::primary::stretch::{SMALL_PIECES_MAX, Stretch};
use std::{collections::VecDeque, io::IoSlice};

#[derive(Default)]
pub struct Queue {
    pieces: VecDeque<Stretch>,
    bytes: usize,
}
impl Queue {
    pub fn push(&mut self, piece: Stretch) {
        if !piece.bytes.is_empty() {
            self.bytes += piece.bytes.len();
            self.pieces.push_back(piece);
        }
    }
    /// The last bytes that were pushed are in this piece, too. It takes the place of those that are here still, if they are in
    /// many: a slow replica has millions of small commits to keep.
    pub fn gather(&mut self, whole: &Stretch) {
        let (mut pieces, mut left) = (0, whole.bytes.len());
        for piece in self.pieces.iter().rev() {
            let Some(rest) = left.checked_sub(piece.bytes.len()) else { break };
            (pieces, left) = (pieces + 1, rest);
        }
        if pieces > SMALL_PIECES_MAX {
            self.pieces.truncate(self.pieces.len() - pieces);
            self.pieces.push_back(whole.from(left));
        }
    }
    pub fn len(&self) -> usize {
        self.bytes
    }
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }
    /// Memory that the row itself takes, without what is in it, bytes.
    pub fn overhead_bytes(&self) -> usize {
        self.pieces.capacity() * size_of::<Stretch>()
    }
    /// Fills `slices` from the front; says how many it filled.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let filled =
            slices.iter_mut().zip(&self.pieces).map(|(slice, piece)| *slice = IoSlice::new(&piece.bytes));
        filled.count()
    }
    /// So many bytes were written, from the front.
    pub fn forget(&mut self, count: usize) {
        self.bytes -= count;
        let mut left = count;
        while left > 0
            && let Some(first) = self.pieces.front_mut()
        {
            if left < first.bytes.len() {
                let _ = first.bytes.split_to(left);
                return;
            }
            left -= first.bytes.len();
            self.pieces.pop_front();
        }
        if self.pieces.is_empty() {
            // After a long queue, no room is kept for another.
            self.pieces.shrink_to(16);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Gauge;
    use bytes::Bytes;
    use proptest::prelude::*;

    #[test]
    fn many_small_pieces_become_one() {
        let mut queue = Queue::default();
        let gauge = Gauge::default();
        for number in 0..100_u8 {
            queue.push(Stretch::new(Bytes::copy_from_slice(&[number; 3]), &gauge));
        }
        // One has begun to be written, and of what was gathered the front is gone.
        queue.forget(10);
        let whole: Vec<u8> = (0..100).flat_map(|number| [number; 3]).collect();
        queue.gather(&Stretch::new(whole.clone().into(), &gauge));
        assert_eq!((queue.pieces.len(), queue.len()), (1, 290));
        let mut slices = [IoSlice::new(&[])];
        assert_eq!(queue.slices(&mut slices), 1);
        assert_eq!(slices[0][..], whole[10..]);
        // Of what the backlog has forgotten a part the rest is gathered.
        queue.forget(290);
        for number in 0..100_u8 {
            queue.push(Stretch::new(Bytes::copy_from_slice(&[number; 3]), &gauge));
        }
        queue.gather(&Stretch::new(whole[20..].to_vec().into(), &gauge));
        assert_eq!((queue.pieces.len(), queue.len()), (8, 300));
        let mut slices = [IoSlice::new(&[]); 9];
        let count = queue.slices(&mut slices);
        let front: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.iter().copied()).collect();
        assert_eq!(front, whole);
        queue.forget(10);
        // What is all written is not brought back.
        queue.forget(290);
        queue.gather(&Stretch::new(whole.into(), &gauge));
        assert!(queue.is_empty() && queue.pieces.is_empty());
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(acts in prop::collection::vec((0..300_usize, 1..9_usize, 0..=255_usize), 0..60)) {
            let (mut queue, mut model) = (Queue::default(), VecDeque::new());
            let mut next = 0_u8;
            let mut pushed_last = Vec::new();
            for (pushed, slices, part) in acts {
                let piece: Vec<u8> = (0..pushed).map(|_| { next = next.wrapping_mul(5).wrapping_add(3); next }).collect();
                model.extend(piece.iter().copied());
                // Some come in small pieces, which are gathered behind that, or when more has come.
                let length = if pushed % 3 == 0 { 5 } else { 1000 };
                for small in piece.chunks(length) {
                    queue.push(Stretch::new(Bytes::copy_from_slice(small), &Gauge::default()));
                }
                pushed_last.extend(piece);
                if pushed % 2 == 0 {
                    let whole = std::mem::take(&mut pushed_last);
                    queue.gather(&Stretch::new(whole.into(), &Gauge::default()));
                }
                let mut room = vec![IoSlice::new(&[]); slices];
                let count = queue.slices(&mut room);
                let front: Vec<u8> = room[..count].iter().flat_map(|slice| slice.iter().copied()).collect();
                prop_assert_eq!(front.is_empty(), model.is_empty());
                let written = front.len() * part / 255;
                let expected: Vec<u8> = model.drain(..written).collect();
                prop_assert_eq!(&front[..written], &expected[..]);
                queue.forget(written);
                prop_assert_eq!((queue.len(), queue.is_empty()), (model.len(), model.is_empty()));
            }
        }
    }
}
