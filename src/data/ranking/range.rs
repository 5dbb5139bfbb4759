//! Walking along the items, in both directions.
use super::{node::Child, run::Run};
use std::ops::Range;

/// Items by their ranks. From one run to the next it goes by way of the root: that is a short way, made once for some
/// dozens of items, and the runs need no pointers to one another.
#[derive(Clone)]
pub struct Items<'a> {
    root: &'a Child,
    ranks: Range<usize>,
    front: Option<Cursor<'a>>,
    back: Option<Cursor<'a>>,
}
/// A run, and the index in it of the item that was given last.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    run: &'a Run,
    index: usize,
}

impl<'a> Items<'a> {
    pub(super) fn new(root: &'a Child, ranks: Range<usize>) -> Items<'a> {
        Items { root, ranks, front: None, back: None }
    }
    fn cursor_at(&self, rank: usize) -> Cursor<'a> {
        let (run, index) = self.root.select(rank);
        Cursor { run, index }
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = (f64, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let rank = self.ranks.next()?;
        let cursor = match self.front {
            Some(Cursor { run, index }) if index + 1 < run.len() => Cursor { run, index: index + 1 },
            _ => self.cursor_at(rank),
        };
        self.front = Some(cursor);
        Some(cursor.run.get(cursor.index))
    }
    fn nth(&mut self, skipped: usize) -> Option<Self::Item> {
        if skipped > 0 {
            self.ranks.start = self.ranks.start.saturating_add(skipped).min(self.ranks.end);
            self.front = None;
        }
        self.next()
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ranks.size_hint()
    }
}
impl DoubleEndedIterator for Items<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let rank = self.ranks.next_back()?;
        let cursor = match self.back {
            Some(Cursor { run, index }) if index > 0 => Cursor { run, index: index - 1 },
            _ => self.cursor_at(rank),
        };
        self.back = Some(cursor);
        Some(cursor.run.get(cursor.index))
    }
}
impl ExactSizeIterator for Items<'_> {}
