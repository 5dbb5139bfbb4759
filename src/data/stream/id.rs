//! IDs of stream entries: a time in milliseconds and a number within it, ordered as that pair.

/// `ms-seq`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    pub ms: u64,
    pub seq: u64,
}

/// Longest text of an ID: twice the digits of a u64, and the dash.
pub const ID_TEXT_BYTES_MAX: usize = 41;

impl StreamId {
    /// Below every entry: no entry has this ID.
    pub const MIN: StreamId = StreamId { ms: 0, seq: 0 };
    pub const MAX: StreamId = StreamId { ms: u64::MAX, seq: u64::MAX };

    pub const fn new(ms: u64, seq: u64) -> StreamId {
        StreamId { ms, seq }
    }
    /// The next ID; `None` behind the last.
    pub fn next(self) -> Option<StreamId> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(StreamId { seq, ..self }),
            None => Some(StreamId { ms: self.ms.checked_add(1)?, seq: 0 }),
        }
    }
    /// The ID before; `None` before the first.
    pub fn previous(self) -> Option<StreamId> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(StreamId { seq, ..self }),
            None => Some(StreamId { ms: self.ms.checked_sub(1)?, seq: u64::MAX }),
        }
    }
    /// The ID of an entry that is added at `now_ms`, where this is the last one's. Time that goes backwards is ignored.
    pub fn following(self, now_ms: u64) -> Option<StreamId> {
        if now_ms > self.ms { Some(StreamId { ms: now_ms, seq: 0 }) } else { self.next() }
    }
    /// The difference to the ID that heads a node, as its listpack holds it. It wraps, as a later time may come with a
    /// smaller number.
    pub(super) fn delta(self, master: StreamId) -> (i64, i64) {
        (self.ms.wrapping_sub(master.ms) as i64, self.seq.wrapping_sub(master.seq) as i64)
    }
    /// Undoes [`StreamId::delta`].
    pub(super) fn with_delta(self, (ms, seq): (i64, i64)) -> StreamId {
        StreamId { ms: self.ms.wrapping_add(ms as u64), seq: self.seq.wrapping_add(seq as u64) }
    }
    /// The text `ms-seq`, written into `buffer`.
    pub fn text(self, buffer: &mut [u8; ID_TEXT_BYTES_MAX]) -> &[u8] {
        let mut digits = itoa::Buffer::new();
        let ms = digits.format(self.ms).as_bytes();
        let dash = ms.len();
        buffer[..dash].copy_from_slice(ms);
        buffer[dash] = b'-';
        let seq = digits.format(self.seq).as_bytes();
        let end = dash + 1 + seq.len();
        buffer[dash + 1..end].copy_from_slice(seq);
        &buffer[..end]
    }
}

impl std::fmt::Display for StreamId {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_cross_the_millisecond_and_end_at_the_ends() {
        let id = StreamId::new;
        assert_eq!(id(1, 5).next(), Some(id(1, 6)));
        assert_eq!(id(1, u64::MAX).next(), Some(id(2, 0)));
        assert_eq!(StreamId::MAX.next(), None);
        assert_eq!(id(2, 0).previous(), Some(id(1, u64::MAX)));
        assert_eq!(StreamId::MIN.previous(), None);
        assert_eq!(id(5, 7).following(5), Some(id(5, 8)));
        assert_eq!(id(5, 7).following(6), Some(id(6, 0)));
        assert_eq!(id(5, 7).following(4), Some(id(5, 8)));
    }

    #[test]
    fn text_and_differences() {
        let mut buffer = [0; ID_TEXT_BYTES_MAX];
        for id in [StreamId::MIN, StreamId::MAX, StreamId::new(1_526_919_030_474, 55)] {
            assert_eq!(id.text(&mut buffer), id.to_string().as_bytes());
            for master in [StreamId::MIN, StreamId::MAX, StreamId::new(7, u64::MAX)] {
                assert_eq!(master.with_delta(id.delta(master)), id);
            }
        }
    }
}
