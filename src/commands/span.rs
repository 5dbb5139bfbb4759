//! A stretch of indexes as clients give it: from one to another, both included, negative ones counted from the end.
use super::{args::Args, error::CommandError};
use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    start: i64,
    stop: i64,
}
impl Span {
    /// # Errors
    /// If the next two arguments are no integers.
    pub fn parse(args: &mut Args) -> Result<Span, CommandError> {
        Ok(Span { start: args.integer()?, stop: args.integer()? })
    }
    /// The indexes among `len` that it means.
    pub fn among(self, len: usize) -> Range<usize> {
        let len = len as i64;
        let from_end = |index: i64| if index < 0 { index.saturating_add(len) } else { index };
        let (start, stop) = (from_end(self.start).max(0), from_end(self.stop).min(len - 1));
        if start > stop { 0..0 } else { start as usize..stop as usize + 1 }
    }
}

/// The index among `len` that a client means by this one: negative ones are counted from the end.
pub fn index_among(index: i64, len: usize) -> Option<usize> {
    let index = if index < 0 { index.checked_add(len as i64)? } else { index };
    usize::try_from(index).ok().filter(|&index| index < len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_indexes_count_from_either_end() {
        for (start, stop, expected) in [
            (0, -1, 0..5),
            (1, 2, 1..3),
            (-2, -1, 3..5),
            (-100, 100, 0..5),
            (3, 2, 0..0),
            (5, 9, 0..0),
            (i64::MIN, i64::MAX, 0..5),
            (i64::MAX, i64::MIN, 0..0),
            (0, -6, 0..0),
        ] {
            assert_eq!(Span { start, stop }.among(5), expected, "{start} {stop}");
            assert_eq!(Span { start, stop }.among(0), 0..0);
        }
        for (index, expected) in
            [(0, Some(0)), (4, Some(4)), (5, None), (-1, Some(4)), (-5, Some(0)), (-6, None)]
        {
            assert_eq!(index_among(index, 5), expected, "{index}");
        }
        assert_eq!((index_among(i64::MIN, 5), index_among(i64::MAX, 5)), (None, None));
    }
}
