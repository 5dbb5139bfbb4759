//! Which key goes when there is no room: an approximation of LRU, LFU and the nearest deadline, by samples.
//!
//! No order is kept over all keys. Whenever a key has to go, some keys of each database are looked at, and the best
//! candidates so far are kept in a small *pool* for the next time, so that what is chosen is close to the best of
//! many samples. (The way of Redis' `evict.c`, of which it is known how close; its pool has 16 places, too.)
//!
//! * A candidate is known by its database and hash. It is looked up before it goes: it may be gone, or have been used
//!   since, and then it is no candidate any more.
//! * Samples are not drawn: a cursor walks round the key table of each database, from a random place on, in the order of
//!   hashes, which has nothing to do with the age of keys or their use. So one round sees every key once, and neighbours are
//!   in the processor's cache.
//! * Where only keys with a deadline may go, there is no table of those alone. The walk passes over others, and looks at so
//!   many entries per call at the most: a call takes no longer where such keys are rare. Then those that come to be are
//!   remembered besides, and found among these.
use super::{AccessClock, Changes, Database, EntryRef, Event, Store, WheelEntry};
use crate::{allocator, config::MaxmemoryPolicy, data::wheel::Item};
use bytes::Bytes;

/// Candidates that are kept.
const POOL_SIZE: usize = 16;
/// Entries of a database that one call looks at, in search of keys with a deadline.
const ENTRIES_MAX: usize = 1000;
/// Entries that one step of such a search looks at.
const STEP_ENTRIES_MAX: usize = 64;
/// So many keys without a deadline for one with it: then those with it are rare.
const RARE: usize = 32;
/// So many of them are remembered.
const RECENT_MAX: usize = 8192;
/// Entries that a call looks at all the same: not all of them came lately.
const ENTRIES_BESIDE_MAX: usize = 64;
/// The cursor of a scan is so many bits of a hash less: see [`Database::scan`].
const CURSOR_SHIFT: u32 = 16;

/// By what keys are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    pub policy: MaxmemoryPolicy,
    /// Keys of each database that are looked at for each that goes.
    pub samples: usize,
}
impl Default for Selection {
    fn default() -> Selection {
        Selection { policy: MaxmemoryPolicy::NoEviction, samples: 5 }
    }
}

/// What is to go.
#[derive(Debug, PartialEq, Eq)]
pub enum Choice {
    Key {
        db: usize,
        key: Bytes,
    },
    /// There are keys that may go, but none was found yet.
    NotYet,
    /// No key may go.
    Nothing,
}

/// The higher the score, the better is it to do without the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Candidate {
    score: u64,
    db: usize,
    hash: u64,
}

#[derive(Default)]
pub struct Evictor {
    policy: Option<MaxmemoryPolicy>,
    /// The best one is the last.
    pool: Vec<Candidate>,
    /// Where the walk round each database goes on.
    cursors: Vec<Option<u64>>,
    /// Where any key will do, databases take turns.
    last_db: usize,
    /// Keys that were given a deadline lately, where those are rare. The next one takes the place of `next_recent`, if there are
    /// as many as are kept.
    recent: Vec<Item>,
    next_recent: usize,
}

impl Evictor {
    /// Chooses a key that is to go next.
    pub fn choose(&mut self, store: &Store, selection: Selection) -> Choice {
        let Selection { policy, samples } = selection;
        if self.policy.replace(policy) != Some(policy) {
            // Scores of one policy say nothing under another.
            self.pool.clear();
        }
        self.cursors.resize(store.databases().len(), None);
        if policy == MaxmemoryPolicy::NoEviction || store.databases().iter().all(|db| count(db, policy) == 0)
        {
            return Choice::Nothing;
        }
        if !policy.spares_lasting_keys() || !is_rare(store) {
            self.recent = Vec::new();
        }
        if policy.is_random() {
            return self.choose_any(store, policy);
        }
        for _ in 0..samples {
            if let Some((db, entry)) = self.draw_recent(store) {
                self.judge(store, db, policy, entry);
            }
        }
        for db in 0..store.databases().len() {
            self.sample(store, db, policy, samples);
        }
        while let Some(candidate) = self.pool.pop() {
            if let Some(key) = still_a_candidate(store, policy, candidate) {
                return Choice::Key { db: candidate.db, key };
            }
        }
        Choice::NotYet
    }
    /// Any key of the next database that has one.
    fn choose_any(&mut self, store: &Store, policy: MaxmemoryPolicy) -> Choice {
        let databases = store.databases();
        // Each has the same chance, whether it is remembered or not.
        let is_recent = (store.random() as usize).checked_rem(store.volatile()) < Some(self.recent.len());
        if is_recent && let Some(recent) = self.choose_recent(store) {
            return recent;
        }
        for _ in 0..databases.len() {
            self.last_db = (self.last_db + 1) % databases.len();
            let db = self.last_db;
            let mut found = None;
            if count(&databases[db], policy) == 0 {
                continue;
            } else if policy.spares_lasting_keys() {
                self.walk(store, db, 1, policy, |entry| found = found.or(Some(entry)));
            } else {
                found = databases[db].random(&mut || store.random());
            }
            if let Some(entry) = found {
                return Choice::Key { db, key: Bytes::copy_from_slice(entry.key()) };
            }
        }
        self.choose_recent(store).unwrap_or(Choice::NotYet)
    }
    fn choose_recent(&mut self, store: &Store) -> Option<Choice> {
        while !self.recent.is_empty() {
            if let Some((db, entry)) = self.draw_recent(store) {
                return Some(Choice::Key { db, key: Bytes::copy_from_slice(entry.key()) });
            }
        }
        None
    }
    /// Looks at some keys of a database, and keeps those that are better candidates than what there is.
    fn sample(&mut self, store: &Store, db: usize, policy: MaxmemoryPolicy, samples: usize) {
        let database = store.database(db);
        if count(database, policy) == 0 {
            return;
        }
        // First where they are, then what is there: the processor fetches all of them at once.
        let mut found = smallvec::SmallVec::<[EntryRef; STEP_ENTRIES_MAX]>::new();
        self.walk(store, db, samples, policy, |entry| found.push(entry));
        found.into_iter().for_each(|entry| self.judge(store, db, policy, entry));
    }
    fn judge(&mut self, store: &Store, db: usize, policy: MaxmemoryPolicy, entry: EntryRef) {
        let score = score(policy, store.access_clock(), entry);
        if self.wants(score) {
            self.keep(Candidate { score, db, hash: store.database(db).hash(entry.key()) });
        }
    }
    /// Keys have been given these deadlines.
    pub fn note_deadlines(&mut self, store: &Store, entries: &[WheelEntry]) {
        if !is_rare(store) {
            return;
        }
        for (_, item) in entries {
            if self.recent.len() < RECENT_MAX {
                self.recent.push(*item);
            } else {
                self.recent[self.next_recent] = *item;
                self.next_recent = (self.next_recent + 1) % RECENT_MAX;
            }
        }
    }
    /// Any of those that were given a deadline lately; `None` if there is none, or it is gone, or has no deadline any more.
    fn draw_recent<'a>(&mut self, store: &'a Store) -> Option<(usize, EntryRef<'a>)> {
        let index = (store.random() as usize).checked_rem(self.recent.len())?;
        let item = self.recent[index];
        let mut found = None;
        if let Some(db) = store.index_of(item.database()) {
            store.database(db).at_position(item.position(), &mut |entry| {
                if entry.deadline().is_some() {
                    found = Some((db, entry));
                }
            });
        }
        if found.is_none() {
            self.recent.swap_remove(index);
            self.next_recent = 0;
        }
        found
    }
    /// Goes on with the walk round a database until it has met so many keys that may go, or has looked at enough.
    fn walk<'a>(
        &mut self,
        store: &'a Store,
        db: usize,
        wanted: usize,
        policy: MaxmemoryPolicy,
        mut visit: impl FnMut(EntryRef<'a>),
    ) {
        let spares = policy.spares_lasting_keys();
        let database = store.database(db);
        let cursor = &mut self.cursors[db];
        let mut position = cursor.unwrap_or_else(|| store.random() >> CURSOR_SHIFT);
        let (mut met, mut looked_at) = (0, 0);
        // A small database is not looked at twice.
        let is_helped = !self.recent.is_empty() && !self.pool.is_empty();
        let most = if is_helped { ENTRIES_BESIDE_MAX } else { ENTRIES_MAX };
        let entries_max = database.len().min(most);
        while met < wanted && looked_at < entries_max {
            let likely = (wanted - met) * database.len() / count(database, policy).max(1);
            position = database.scan(position, likely.clamp(1, STEP_ENTRIES_MAX), &mut |entry| {
                looked_at += 1;
                if !spares || entry.deadline().is_some() {
                    met += 1;
                    visit(entry);
                }
            });
        }
        *cursor = Some(position);
    }
    /// Whether one with this score would be among the best.
    fn wants(&self, score: u64) -> bool {
        self.pool.len() < POOL_SIZE || score > self.pool[0].score
    }
    fn keep(&mut self, candidate: Candidate) {
        let is_same = |other: &Candidate| (other.db, other.hash) == (candidate.db, candidate.hash);
        self.pool.retain(|other| !is_same(other));
        if self.pool.len() == POOL_SIZE {
            self.pool.remove(0);
        }
        let place = self.pool.partition_point(|other| other.score < candidate.score);
        self.pool.insert(place, candidate);
    }
}

/// Whether there are few keys with a deadline, for as many as there are.
fn is_rare(store: &Store) -> bool {
    store.volatile() * RARE < store.keys()
}

/// Keys of a database that may go.
fn count(database: &Database, policy: MaxmemoryPolicy) -> usize {
    if policy.spares_lasting_keys() { database.volatile() } else { database.len() }
}

fn score(policy: MaxmemoryPolicy, clock: AccessClock, entry: EntryRef) -> u64 {
    if policy.is_lfu() {
        u64::from(u8::MAX) - u64::from(clock.frequency(entry.clock()))
    } else if policy.is_lru() {
        clock.idle_seconds(entry.clock()).into()
    } else {
        u64::MAX - entry.deadline().map_or(u64::MAX, |deadline| deadline.max(0) as u64)
    }
}

/// The key of a candidate, unless it is gone, may not go any more, or has been used.
fn still_a_candidate(store: &Store, policy: MaxmemoryPolicy, candidate: Candidate) -> Option<Bytes> {
    let clock = store.access_clock();
    let mut found = None;
    store.database(candidate.db).at_position(candidate.hash >> CURSOR_SHIFT, &mut |entry| {
        let may_go = entry.deadline().is_some() || !policy.spares_lasting_keys();
        if may_go && score(policy, clock, entry) >= candidate.score {
            found = Some(Bytes::copy_from_slice(entry.key()));
        }
    });
    found
}

impl Changes<'_> {
    /// Deletes a key to make room, and says so to everyone, as `word` (DEL or UNLINK). Tells how much memory is free by
    /// that, or will be once it is freed elsewhere, in bytes.
    pub fn evict(&mut self, db: usize, key: &[u8], word: &[u8]) -> usize {
        let told = self.store.snapshot_bytes();
        let before = (allocator::own_bytes(), self.store.garbage_bytes());
        let Some(entry) = self.take(db, key) else { return 0 };
        self.discard(entry);
        // What it takes to tell of it is not counted: it comes and goes.
        let told = self.store.snapshot_bytes() as isize - told as isize;
        let here = (before.0 - allocator::own_bytes() + told).max(0) as usize;
        let elsewhere = self.store.garbage_bytes() - before.1;
        self.store.counts.evicted += 1;
        // It is no change of the command at hand.
        self.also_modified_in(db, Event::Evicted, "evicted", key);
        self.record.log(db, [word, key].into_iter());
        here + elsewhere
    }
}

#[cfg(test)]
mod tests;
