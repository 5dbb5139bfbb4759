//! How far the writing of a value has come.
use super::{
    Encoder,
    scalar::{COMPRESSED_BYTES_MAX, put_length},
};

/// A place in a value. It is meaningful only together with the value, which must not change while it is in use.
///
/// Values are cut between their parts: between nodes, members, fields. Of the parts only long strings are cut
/// themselves, so a call may go beyond its budget by one part (of a set, by one bucket).
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// The length in front of the parts is written.
    begun: bool,
    /// Parts, or bytes of a string, that are written.
    pub(super) done: usize,
    /// Where the walk through a table goes on.
    cursor: u64,
    pub(super) groups: super::stream::GroupProgress,
}

/// Members or fields that are written between two looks at the budget.
const STEP_PARTS: usize = 16;

impl Progress {
    pub(in crate::formats::rdb) fn new() -> Progress {
        Progress::default()
    }
    /// Does what is to be done once, in front of all parts.
    pub(super) fn begin(&mut self, head: impl FnOnce()) {
        if !std::mem::replace(&mut self.begun, true) {
            head();
        }
    }
    /// Walks through a table by `step`, which is given a cursor and how many parts to write, and tells where to go on.
    pub(super) fn scan(
        &mut self,
        end: usize,
        out: &mut Vec<u8>,
        mut step: impl FnMut(u64, usize, &mut Vec<u8>) -> u64,
    ) -> bool {
        loop {
            self.cursor = step(self.cursor, STEP_PARTS, out);
            if self.cursor == 0 {
                return true;
            }
            if out.len() >= end {
                return false;
            }
        }
    }
    pub(super) fn long_string(
        &mut self,
        encoder: &mut Encoder,
        bytes: &[u8],
        end: usize,
        out: &mut Vec<u8>,
    ) -> bool {
        if bytes.len() <= COMPRESSED_BYTES_MAX {
            encoder.string(bytes, out);
            return true;
        }
        self.begin(|| put_length(bytes.len() as u64, out));
        let rest = &bytes[self.done..];
        let piece = &rest[..rest.len().min(end.saturating_sub(out.len()).max(1))];
        out.extend_from_slice(piece);
        self.done += piece.len();
        self.done == bytes.len()
    }
}
