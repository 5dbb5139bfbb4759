//! What the log is told, and who has to wait for it.
//!
//! With `appendfsync always` the reply to a write goes out when the write is synced. Reads do not wait for the disk: but
//! for those of the very keys whose writes are not synced yet, or else a client could be shown a value that a crash
//! takes back.
use super::{Flush, Keyspace};
use crate::{
    actors::{
        courier::messages::{End, LineId, Replies, Then},
        now_ms,
        persistence::messages::{Commit, Drain, Held, LogEnds, PutLogAside},
    },
    board::Share,
    commands::{Access, key_positions::keys_asked_for, registry::Node, spec::Begin},
    config::AppendFsync,
    resp::{Reply, Request},
};
use actix::prelude::*;
use bytes::Bytes;
use futures::channel::oneshot;
use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::atomic::Ordering::Relaxed,
    time::Duration,
};

/// What becomes of effects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogMode {
    /// Nobody wants them.
    #[default]
    Off,
    /// They are logged, and replies do not wait.
    Written,
    /// Replies wait until they are synced.
    Synced,
}

/// From Persistence: what becomes of effects from here on.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SetLogMode {
    pub mode: LogMode,
    /// The one in which it was said: see [`Commits`].
    pub era: u64,
}

/// From Persistence: all commits up to this number are on the medium.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Synced {
    pub number: u64,
}

/// Keys that were written and are not synced, by their hashes.
#[derive(Default)]
struct Keys {
    hashes: HashSet<u64>,
    /// Whole databases were changed.
    all: bool,
}
impl Keys {
    fn is_empty(&self) -> bool {
        self.hashes.is_empty() && !self.all
    }
}

#[derive(Default)]
pub struct Commits {
    pub mode: LogMode,
    /// It counts beginnings and ends of logging, which are the Keyspace's to decide, and it tells Persistence each. What that
    /// says of the log is heeded in the era in which it was said: a log that has ended since is not the one that began behind it.
    pub era: u64,
    held: Vec<Held>,
    /// A commit comes by itself.
    is_coming: bool,
    /// Since then something has been on its way to Persistence, ms since 1970.
    underway_since_ms: i64,
    /// Written since the last commit.
    open: Keys,
    /// Committed, and not synced.
    unsynced: VecDeque<(u64, Keys)>,
    hasher: ahash::RandomState,
    /// Clients whose turn is not over, of whose replies so far some wait for this commit: what they are answered next must
    /// not overtake these.
    behind: HashMap<u64, u64>,
}

/// With `everysec` and `no` effects are gathered for so long, or until there are so many bytes of them.
const COMMIT_AFTER: Duration = Duration::from_millis(1);
const COMMIT_BYTES: usize = 64 * 1024;
/// While more than this is on its way to Persistence, the Keyspace does nothing: else a slow disk would fill the memory.
const UNDERWAY_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// So it does if something has been on its way for so long: with `everysec`, what is acknowledged and not even written when
/// the process is killed is no more than clients wrote in that time. (While a disk is slow to sync, Redis waits as long.)
const UNDERWAY_MS_MAX: i64 = 2000;

impl Commits {
    pub fn is_open(&self) -> bool {
        !self.held.is_empty()
    }
    /// These keys were written by nobody's command.
    pub fn note_written<'a>(&mut self, keys: impl Iterator<Item = &'a Bytes>) {
        let hashes = keys.map(|key| self.hasher.hash_one(&key[..]));
        self.open.hashes.extend(hashes);
    }
    pub fn hold(&mut self, held: Held) {
        self.held.push(held);
    }
    /// Whether the reply to a command that has just run must wait, because it wrote (`wrote`), or saw what others wrote.
    fn must_wait(&mut self, wrote: bool, node: &Node, request: &Request) -> bool {
        if !wrote && self.open.is_empty() && self.unsynced.is_empty() {
            return false;
        }
        let keys = keys_asked_for(node, request).unwrap_or_default();
        let hashes =
            keys.iter().filter_map(|key| request.get(key.index)).map(|key| self.hasher.hash_one(key));
        if wrote {
            match keys.is_empty() {
                true => self.open.all = true,
                false => self.open.hashes.extend(hashes),
            }
            return true;
        }
        // It looks at keys that nobody can tell from the request (SORT … GET).
        if node.spec().keys.iter().any(|key| matches!(key.begin, Begin::Unknown)) {
            return true;
        }
        let mut hashes = hashes;
        let groups = || self.unsynced.iter().map(|(_, keys)| keys).chain([&self.open]);
        match keys.is_empty() {
            // It looks at no key, or (DBSIZE, SCAN) at all.
            true => node.entry.access == Access::Read,
            false => hashes.any(|hash| groups().any(|keys| keys.all || keys.hashes.contains(&hash))),
        }
    }
}

impl Keyspace {
    /// To be called behind each command: whether its reply must wait for the disk.
    #[inline]
    pub(super) fn waits_for_disk(&mut self, node: &Node, request: &Request, effects_before: usize) -> bool {
        if self.commits.mode != LogMode::Synced {
            return false;
        }
        let wrote = self.stage.record.effects_bytes() > effects_before;
        self.commits.must_wait(wrote, node, request)
    }
    /// Keeps replies until what was written so far is synced.
    pub(super) fn hold_replies(
        &mut self,
        reply: Reply,
        line: LineId,
        then: Then,
        reply_to: Recipient<Replies>,
    ) {
        match then {
            Then::Settles => self.commits.behind.remove(&line.client),
            _ => self.commits.behind.insert(line.client, self.stage.record.log.committed + 1),
        };
        let end = End { line, at: reply.position(), then };
        let (bytes, grafts) = reply.into_parts();
        match self.commits.held.last_mut() {
            Some(Held::Replies { reply_to: to, replies }) if *to == reply_to => {
                replies.append(&bytes, grafts, end)
            }
            _ => {
                let replies = Replies { bytes, grafts, ends: vec![end], spent: None };
                self.commits.hold(Held::Replies { reply_to, replies });
            }
        }
    }
    /// Whether a client waits for the disk with an earlier part of its turn.
    #[inline]
    pub(super) fn is_behind(&self, client: u64) -> bool {
        let commits = &self.commits;
        !commits.behind.is_empty()
            && commits.behind.get(&client).is_some_and(|number| *number > self.stage.record.log.synced)
    }
    /// Replies wait until what was written is synced.
    pub(super) fn syncs_first(&self) -> bool {
        self.commits.mode == LogMode::Synced
    }
    /// Whether replies are waiting for the disk, here or there.
    pub(super) fn awaits_disk(&self) -> bool {
        let log = &self.stage.record.log;
        self.commits.mode == LogMode::Synced && (self.commits.is_open() || log.synced < log.committed)
    }
    /// Whether effects wait for a commit that does not come by itself.
    pub(super) fn has_effects_to_commit(&self) -> bool {
        let bytes = self.stage.record.effects_bytes();
        if self.place.hurries {
            return true;
        }
        let has_some = bytes > 0 || self.stage.record.has_asides();
        has_some && (!self.commits.is_coming || bytes >= COMMIT_BYTES)
    }
    /// Whether there is something for replicas that would wait for no others.
    pub(super) fn has_lone_effects(&self) -> bool {
        let record = &self.stage.record;
        let has_stream = record.stream.is_on && !record.stream.follows;
        self.is_lone && has_stream && record.untold_bytes() > 0
    }
    /// Where replies wait for a commit, it is sent at once. Where none does, many drains make one: waking the threads that
    /// write costs both more than a dozen commands. Where only one client has had its turn there is nothing to gather for
    /// replicas: they are told at once, and the log's thread is left asleep.
    pub(super) fn commit_in_time(&mut self, ctx: &mut Context<Self>) {
        let is_little = self.stage.record.effects_bytes() < COMMIT_BYTES;
        let hurries = self.place.hurries || self.has_lone_effects();
        match self.commits.mode {
            LogMode::Off if is_little && !hurries => {}
            LogMode::Written if is_little => {
                if hurries {
                    let told = self.stage.record.stream_ahead();
                    self.stream(&told.into());
                }
            }
            _ => return self.commit(ctx),
        }
        if self.has_effects_to_commit() && !std::mem::replace(&mut self.commits.is_coming, true) {
            ctx.run_later(COMMIT_AFTER, |keyspace, ctx| {
                keyspace.commits.is_coming = false;
                keyspace.commit(ctx);
            });
        }
    }
    /// Hands what commands did since the last time to the log, and to the stream. Mostly both are given the same bytes.
    pub(super) fn commit(&mut self, ctx: &mut Context<Self>) {
        let told = self.stage.record.take_told_to_replicas().map(Bytes::from);
        let effects = Bytes::from(self.stage.record.next_effects());
        self.stream(told.as_ref().unwrap_or(&effects));
        self.forget_writers();
        if self.commits.mode != LogMode::Off && !(effects.is_empty() && self.commits.held.is_empty()) {
            self.log(effects, ctx);
            self.note_on_way_to_medium();
        }
    }
    /// Many clients have written: of those whose writes are safe everywhere nothing need be known.
    fn forget_writers(&mut self) {
        let record = &mut self.stage.record;
        if record.writers.are_many() {
            let roster = &self.stage.board.roster;
            let synced = if self.commits.mode == LogMode::Off { u64::MAX } else { record.log.synced };
            let applied = match record.stream.is_on {
                true => record.stream.copies.iter().map(|(applied, _)| *applied).min().unwrap_or(0),
                false => u64::MAX,
            };
            record.writers.forget(synced, applied, |client| roster.get(client).is_some());
        }
    }
    fn log(&mut self, effects: Bytes, ctx: &mut Context<Self>) {
        let commits = &mut self.commits;
        let progress = &mut self.stage.record.log;
        progress.committed += 1;
        let number = progress.committed;
        let keys = std::mem::take(&mut commits.open);
        if !keys.is_empty() {
            commits.unsynced.push_back((number, keys));
        }
        let archive = &self.stage.board.archive;
        let bytes = effects.len() as u64;
        let underway = archive.log_underway_bytes.fetch_add(bytes, Relaxed) + bytes;
        let now_ms = now_ms();
        if underway == bytes {
            commits.underway_since_ms = now_ms;
        }
        let is_slow = now_ms - commits.underway_since_ms > UNDERWAY_MS_MAX;
        let held = std::mem::take(&mut commits.held);
        let memory = Share::of(effects.len(), &self.stage.board.passing);
        self.persistence.do_send(Commit { effects, memory, held, number });
        if underway > UNDERWAY_BYTES_MAX || is_slow {
            commits.underway_since_ms = now_ms;
            archive.log_delayed_syncs.fetch_add(1, Relaxed);
            let (done, drained) = oneshot::channel();
            self.persistence.do_send(Drain { done });
            // If Persistence is gone, the process ends.
            ctx.wait(drained.into_actor(self).map(|_, _, _| ()));
        }
    }
}

impl Handler<SetLogMode> for Keyspace {
    type Result = ();
    fn handle(&mut self, SetLogMode { mode, era }: SetLogMode, ctx: &mut Self::Context) {
        if era != self.commits.era {
            return;
        }
        if self.commits.mode != LogMode::Synced || mode == LogMode::Synced {
            return self.change_log_mode(mode, ctx);
        }
        // Replies that wait are sent before any that does not.
        self.commit(ctx);
        let (done, drained) = oneshot::channel();
        self.persistence.do_send(Drain { done });
        // If Persistence is gone, the process ends.
        ctx.wait(drained.into_actor(self).map(move |_, keyspace, ctx| keyspace.change_log_mode(mode, ctx)));
    }
}

impl Keyspace {
    fn change_log_mode(&mut self, mode: LogMode, ctx: &mut Context<Self>) {
        let was_on = self.commits.mode != LogMode::Off;
        if was_on {
            self.commit(ctx);
        }
        self.set_log_mode(mode);
        match (was_on, mode) {
            // It was found at the start, and goes on.
            (false, LogMode::Written | LogMode::Synced) => self.begin_commits(),
            (true, LogMode::Off) => {
                self.commits.era += 1;
                self.persistence.do_send(LogEnds { era: self.commits.era });
            }
            _ => {}
        }
        self.heed_log_mode(ctx);
    }
    fn heed_log_mode(&mut self, ctx: &mut Context<Self>) {
        if self.commits.mode != LogMode::Synced {
            self.commits.unsynced.clear();
            self.commits.behind.clear();
            self.commits.open = Keys::default();
            self.tell_held();
        }
        self.stage.record.log.is_wanted = self.stage.board.config.load().appendonly;
        self.post_synced_offset();
        self.serve_log_waiters(ctx);
    }
    /// The data are going to be others: the log of these ends, and is what a start loads until there is a base of the next.
    /// Where replies wait for the disk they must go out before any that does not: what is returned says when they have.
    pub(super) fn end_log(&mut self, ctx: &mut Context<Self>) -> Option<oneshot::Receiver<()>> {
        let had_replies = self.awaits_disk();
        if self.commits.mode != LogMode::Off {
            self.commit(ctx);
        }
        let (done, ended) = oneshot::channel();
        self.commits.era += 1;
        self.persistence.do_send(PutLogAside { era: self.commits.era, done });
        self.set_log_mode(LogMode::Off);
        self.heed_log_mode(ctx);
        had_replies.then_some(ended)
    }
}

impl Handler<Synced> for Keyspace {
    type Result = ();
    fn handle(&mut self, Synced { number }: Synced, ctx: &mut Self::Context) {
        self.stage.record.log.synced = number;
        while self.commits.unsynced.front().is_some_and(|(of, _)| *of <= number) {
            self.commits.unsynced.pop_front();
        }
        self.commits.behind.retain(|_, of| *of > number);
        self.post_synced_offset();
        self.tell_held();
        self.serve_log_waiters(ctx);
    }
}

impl Keyspace {
    /// CONFIG SET within a transaction: what comes behind it is under the new rule, although Persistence's word of that has
    /// still to come. (Under a rule that asks for less, nothing is lost by waiting for that word.)
    pub(super) fn heed_sync_policy(&mut self) {
        let syncs_always = self.stage.board.config.load().appendfsync == AppendFsync::Always;
        if syncs_always && self.commits.mode == LogMode::Written {
            self.set_log_mode(LogMode::Synced);
        }
    }
    pub(super) fn set_log_mode(&mut self, mode: LogMode) {
        if mode == LogMode::Synced {
            // A reply waits for the disk, or for what is being freed: not for both, one behind the other.
            self.dropper.settle();
        }
        if self.commits.mode == LogMode::Off {
            // What was done before belongs to no log.
            let told = self.stage.record.take_told_to_replicas().map(Bytes::from);
            let effects = Bytes::from(self.stage.record.take_effects());
            self.stream(told.as_ref().unwrap_or(&effects));
        }
        self.commits.mode = mode;
        self.stage.record.log.is_on = mode != LogMode::Off;
        self.heed_readers();
    }
    /// Effects are written down while somebody reads them.
    pub(super) fn heed_readers(&mut self) {
        let record = &mut self.stage.record;
        let streams = record.stream.is_on && !record.stream.follows;
        record.wants.effects = self.commits.mode != LogMode::Off || streams;
    }
    /// The log begins. What there was before is in its base: that it is on the medium is told by the first commit, which
    /// holds nothing.
    pub(super) fn begin_commits(&mut self) {
        let progress = &mut self.stage.record.log;
        progress.committed += 1;
        let number = progress.committed;
        progress.begun = number;
        let memory = Share::of(0, &self.stage.board.passing);
        self.persistence.do_send(Commit { effects: Bytes::new(), memory, held: Vec::new(), number });
        self.note_on_way_to_medium();
    }
    pub(super) fn serve_log_waiters(&mut self, ctx: &mut Context<Self>) {
        if self.stage.waiting.is_empty() {
            return;
        }
        self.stage.serve_log_waiters();
        self.deliver_served(ctx);
        self.post_pushes(ctx);
        self.note_changes(ctx);
    }
    /// Has a [`Flush`] come once the mailbox is drained of what is in it now.
    pub(super) fn ask_for_flush(&mut self, ctx: &mut Context<Self>) {
        if !std::mem::replace(&mut self.flushing, true) {
            ctx.address().do_send(Flush);
        }
    }
}
