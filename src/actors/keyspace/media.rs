//! Up to where our master's stream is on our own medium: what FACK tells it, and WAITAOF counts.
//!
//! Persistence knows commits by their numbers, our master knows offsets. So with each commit that is under way the offset
//! behind it is noted, and when the commit is synced the offset holds. But what a full sync brought is in no commit: it is
//! on the medium when the log has a new base, and until then nothing that follows is, whatever is synced.
use super::Keyspace;
use crate::actors::upstream::messages::Applied;
use actix::Recipient;
use std::{
    collections::VecDeque,
    sync::atomic::Ordering::{Relaxed, Release},
};

/// More commits than this are not noted one by one: with `appendfsync no` nobody knows when any is synced.
const COMMITS_NOTED_MAX: usize = 4096;
const _: () =
    assert!(COMMITS_NOTED_MAX.is_multiple_of(2), "the last one of too many stands at an even place");

/// Where the data are that came by a full sync.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Base {
    /// There are none, or the log's base has them.
    #[default]
    Whole,
    /// In memory. The log wants a new base.
    Wanted,
    /// They are being written. So many bases were whole before.
    Begun(u64),
}

#[derive(Default)]
pub struct Media {
    /// Commits that are not known to be synced, and the offsets behind them; both grow.
    commits: VecDeque<(u64, u64)>,
    /// Offset behind the last one that is.
    synced: u64,
    base: Base,
    /// Our master has asked how far we are, and is told once this offset is on the medium.
    asked: Option<(u64, Recipient<Applied>)>,
}

impl Media {
    /// All up to this offset is in commits up to this number.
    fn note(&mut self, number: u64, offset: u64) {
        match self.commits.back_mut() {
            Some((last, behind)) if *last == number => *behind = offset.max(*behind),
            _ => self.commits.push_back((number, offset)),
        }
        if self.commits.len() > COMMITS_NOTED_MAX {
            // Each second one is left out, which then holds when the one behind it does: never the last, nor the first.
            let mut keeps = false;
            self.commits.retain(|_| {
                keeps = !keeps;
                keeps
            });
        }
    }
    /// What is on the medium, if commits are up to this number and so many bases are whole.
    fn settle(&mut self, number: u64, bases: u64) -> u64 {
        while let Some((_, offset)) = self.commits.pop_front_if(|(commit, _)| *commit <= number) {
            self.synced = offset;
        }
        if matches!(self.base, Base::Begun(before) if bases > before) {
            self.base = Base::Whole;
        }
        if self.base == Base::Whole { self.synced } else { 0 }
    }
}

impl Keyspace {
    /// What was committed by now is all of the stream up to here.
    pub(super) fn note_on_way_to_medium(&mut self) {
        let record = &self.stage.record;
        if record.stream.follows && record.log.is_on && record.effects_bytes() == 0 {
            self.media.note(record.log.committed, record.stream.end);
            self.post_synced_offset();
        }
    }
    /// To be called when the log may have got further.
    pub(super) fn post_synced_offset(&mut self) {
        let board = &self.stage.board;
        if !self.stage.record.stream.follows {
            return;
        }
        let number = self.stage.record.log.synced;
        let offset = self.media.settle(number, board.archive.bases.load(Relaxed));
        board.replication.synced_offset.store(offset, Release);
        if let Some((_, reply_to)) = self.media.asked.take_if(|(awaited, _)| *awaited <= offset) {
            reply_to.do_send(Applied { offset: 0, has_log: true, asked: true });
        }
    }
    /// Our master has asked, and was told. If not all is on the medium yet, it is told again when it is: whoever waits for
    /// that there (WAITAOF) need not wait for the next time that we speak.
    pub(super) fn tell_when_synced(&mut self, reply_to: &Recipient<Applied>) {
        let (record, replication) = (&self.stage.record, &self.stage.board.replication);
        if record.log.is_on && replication.synced_offset.load(Relaxed) < record.stream.end {
            self.media.asked = Some((record.stream.end, reply_to.clone()));
        }
    }
    /// The data are going to be others.
    pub(super) fn forget_media(&mut self) {
        self.media = Media::default();
        self.stage.board.replication.synced_offset.store(0, Release);
    }
    /// The data came by no commit.
    pub(super) fn want_base(&mut self) {
        self.media.base = Base::Wanted;
    }
    /// A base with all there is now is going to be written.
    pub(super) fn note_base_begun(&mut self) {
        if self.media.base != Base::Whole {
            self.media.base = Base::Begun(self.stage.board.archive.bases.load(Relaxed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_holds_when_its_commit_is_synced() {
        let mut media = Media::default();
        media.note(1, 100);
        media.note(2, 200);
        // What has no effects (PING) belongs to the commit before it.
        media.note(2, 214);
        media.note(3, 300);
        assert_eq!([0, 1, 1, 2, 3, 3].map(|number| media.settle(number, 0)), [0, 100, 100, 214, 300, 300]);
        media.note(3, 314);
        assert_eq!(media.settle(3, 0), 314);
    }

    #[test]
    fn what_a_full_sync_brought_must_be_in_a_base() {
        let mut media = Media { base: Base::Wanted, ..Media::default() };
        media.note(1, 100);
        assert_eq!(media.settle(1, 7), 0);
        media.base = Base::Begun(7);
        media.note(2, 200);
        assert_eq!(media.settle(2, 7), 0);
        assert_eq!(media.settle(2, 8), 200);
    }

    #[test]
    fn commits_that_are_never_synced_take_no_room() {
        let mut media = Media::default();
        for number in 1..=100_000 {
            media.note(number, number * 10);
            assert!(media.commits.len() <= COMMITS_NOTED_MAX);
            assert_eq!(media.commits.back(), Some(&(number, number * 10)));
        }
        let some = media.settle(50_000, 0);
        assert!((1..=500_000).contains(&some), "{some}");
        assert_eq!(media.settle(100_000, 0), 1_000_000);
    }
}
