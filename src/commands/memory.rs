//! The gate "memory": before a command runs, keys go until no more memory is used than `maxmemory` says.
//!
//! What counts is what the allocator handed out, less what goes again by itself: effects on their way to the append-only file
//! and to slow replicas (or each DEL of a key that goes would be a reason for the next one), large values that are being freed
//! on another thread, and full buffers of requests that are just being run.
//!
//! Without a limit the gate is one branch. With one, the counters of all threads are read once per batch; within it only
//! this thread's own, which says how far the batch itself has come.
use super::{Caller, error::CommandError, stage::Stage};
use crate::{
    allocator,
    board::Board,
    config::{Config, MaxmemoryPolicy},
    data::wheel::Item,
    store::{Choice, Evictor, Record, Selection, Store, WheelEntry},
};
use bytes::Bytes;
use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

/// What those are told who would need more memory.
pub static OUT_OF_MEMORY: CommandError =
    CommandError::fixed("OOM command not allowed when used memory > 'maxmemory'.");
/// What those are told whose script does not say that it needs none.
pub static SCRIPT_NEEDS_MEMORY: CommandError = CommandError::fixed(
    "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'",
);

/// Time is looked at once for so many keys.
const KEYS_BETWEEN_LOOKS: usize = 16;

/// How much room there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    Enough,
    /// Not enough yet, but memory is being freed elsewhere.
    Coming,
    /// Not enough yet, but there is more to evict than there was time for.
    More,
    /// Not enough, and nothing that may go.
    None,
}

/// What the gate goes by.
#[derive(Default)]
pub struct Memory {
    /// `maxmemory`, bytes; 0: there is no limit.
    limit: usize,
    selection: Selection,
    /// Keys that go are told as UNLINK (`lazyfree-lazy-eviction`).
    unlinks: bool,
    /// How long keys go at one go; no end if there is none.
    patience: Option<Duration>,
    /// Nothing goes now, and nobody is refused.
    rests: bool,
    /// There is room until this thread's own counter shows more than this.
    own_bytes_max: isize,
    /// The last look found that nothing may go, and not enough room.
    is_exhausted: bool,
    evictor: Evictor,
    /// Somebody wants to know which keys went.
    pub notes_keys: bool,
    /// Those, since they were taken.
    pub evicted_keys: Vec<Bytes>,
}

impl Memory {
    #[inline]
    pub fn is_limited(&self) -> bool {
        self.limit != 0
    }
    /// Takes over what the configuration is now.
    pub fn heed(&mut self, config: &Config) {
        self.limit = limit(config);
        self.selection =
            Selection { policy: config.maxmemory_policy, samples: config.maxmemory_samples as usize };
        self.unlinks = config.lazyfree_lazy_eviction;
        self.patience = patience(config.maxmemory_eviction_tenacity);
    }
}

fn limit(config: &Config) -> usize {
    usize::try_from(config.maxmemory).unwrap_or(usize::MAX)
}

/// `maxmemory-eviction-tenacity` as a time: up to 10 by 50 µs each, beyond that by 15 % more each, and 100 has no end.
fn patience(tenacity: u32) -> Option<Duration> {
    match tenacity {
        0..=10 => Some(Duration::from_micros(50 * u64::from(tenacity))),
        11..100 => Some(Duration::from_secs_f64(500e-6 * 1.15_f64.powi(tenacity as i32 - 10))),
        _ => None,
    }
}

/// Memory that is used and does not count, because it goes again by itself, bytes; but for what the Keyspace still has of it.
pub fn uncounted_bytes(board: &Board) -> u64 {
    let outgrown = board.vitals.outgrown_buffers_bytes.load(Relaxed).max(0) as u64;
    board.passing.load(Relaxed)
        + board.replication.bytes_beyond_backlog()
        + outgrown
        + leaving_wheel_bytes(board)
}

/// Of the wheel, what will go when it is made anew: what is of no key, and the second one.
fn leaving_wheel_bytes(board: &Board) -> u64 {
    let vitals = &board.vitals;
    if !vitals.is_surveyed.load(Relaxed) {
        return 0;
    }
    let alive_bytes = vitals.volatile_keys.load(Relaxed) * size_of::<Item>();
    vitals.wheel_bytes.load(Relaxed).saturating_sub(alive_bytes) as u64
}

/// The part of it that the Keyspace has: what is to be told the log and replicas, and snapshots. (What goes before a snapshot
/// has come to it is copied there: more keys that went would not help.)
pub fn gathered_bytes(record: &Record, store: &Store) -> usize {
    record.effects_memory_bytes() + store.snapshot_bytes()
}

/// By how much more memory is used than there may be, bytes; or how much there is left. `aside_bytes` do not count, beside
/// those that nobody has to be told of.
fn balance(board: &Board, limit: usize, aside_bytes: usize) -> Balance {
    let used = allocator::used_bytes();
    if used <= limit {
        return Balance::Left(limit - used);
    }
    let going = board.vitals.lazyfree_pending_bytes.load(Relaxed).max(0) as usize;
    let counted = used.saturating_sub(uncounted_bytes(board) as usize + going + aside_bytes);
    if counted <= limit { Balance::Left(limit - counted) } else { Balance::Over(counted - limit) }
}
enum Balance {
    Left(usize),
    Over(usize),
}

/// Whether nothing goes now, and nobody is refused: while data are loaded, while they are to stay as they are (CLIENT PAUSE, a
/// failover), and on a replica, which is a copy of its master (`replica-ignore-maxmemory`).
fn rests(board: &Board, config: &Config, now_ms: i64) -> bool {
    board.archive.is_loading()
        || board.pause.at(now_ms).is_some()
        || board.replication.is_replica() && config.replica_ignore_maxmemory
}

/// Whether a command that may need memory can be queued in a transaction. It is refused where it is certain that there is no
/// room and nothing that may go; else that is seen when the transaction runs.
///
/// # Errors
/// What the client is told.
pub fn may_grow(board: &Board, now_ms: i64) -> Result<(), CommandError> {
    let config = board.config.load();
    let limit = limit(&config);
    if limit == 0 || rests(board, &config, now_ms) {
        return Ok(());
    }
    let may_go = match config.maxmemory_policy {
        MaxmemoryPolicy::NoEviction => 0,
        policy if policy.spares_lasting_keys() => board.vitals.expiring_keys.load(Relaxed),
        _ => board.vitals.keys.load(Relaxed),
    };
    match balance(board, limit, board.vitals.gathered_bytes.load(Relaxed)) {
        Balance::Over(_) if may_go == 0 => Err(OUT_OF_MEMORY.clone()),
        _ => Ok(()),
    }
}

impl Stage {
    /// To be called when a batch begins.
    pub(super) fn begin_to_count_memory(&mut self) {
        self.memory.own_bytes_max = isize::MIN;
        self.store.weighs_garbage = self.memory.is_limited();
        if self.memory.is_limited() {
            let config = self.board.config.load();
            self.memory.rests = rests(&self.board, &config, self.store.now_ms());
        }
    }
    /// A script may not need memory: there was none when it began.
    pub fn is_out_of_memory(&self) -> bool {
        self.memory.is_limited() && self.memory.is_exhausted && !self.obeys
    }
    /// Has keys go until there is room for the next command. Never to be called in the midst of a block: it would tell of
    /// them within that.
    pub fn make_room(&mut self) -> Room {
        let memory = &self.memory;
        let has_room = memory.rests || allocator::own_bytes() <= memory.own_bytes_max;
        let room = if has_room { Room::Enough } else { self.look_for_room() };
        self.memory.is_exhausted = room == Room::None;
        if !self.memory.rests {
            self.board.vitals.note_room(room == Room::Enough);
        }
        room
    }
    /// Keys were given these deadlines: where only such keys may go, they are found more easily now.
    pub fn note_deadlines(&mut self, entries: &[WheelEntry]) {
        let Memory { limit, selection, evictor, .. } = &mut self.memory;
        if *limit > 0 && selection.policy.spares_lasting_keys() {
            evictor.note_deadlines(&self.store, entries);
        }
    }
    /// What the Keyspace has that does not count, as far as it is known, bytes.
    pub fn aside_bytes(&self) -> usize {
        gathered_bytes(&self.record, &self.store) + self.store.garbage_bytes()
    }
    fn look_for_room(&mut self) -> Room {
        match self.weigh() {
            Balance::Left(bytes) => {
                self.memory.own_bytes_max = allocator::own_bytes().saturating_add_unsigned(bytes);
                Room::Enough
            }
            // Only then it is known whether anything has to go.
            Balance::Over(_) if self.store.is_to_weigh() => Room::More,
            Balance::Over(_) if self.memory.selection.policy == MaxmemoryPolicy::NoEviction => Room::None,
            Balance::Over(excess) => {
                // The time that it takes is not that of a command.
                self.settle_times();
                let room = self.evict(excess);
                self.skip_time();
                room
            }
        }
    }
    /// How it stands. Of what is there for snapshots only so much is weighed as has to be known for that: each bit of it is room.
    /// So this takes time in proportion to what is written, but for a limit that is new.
    fn weigh(&mut self) -> Balance {
        const TIME_MAX: Duration = Duration::from_millis(5);
        let mut balance = self.balance();
        if matches!(balance, Balance::Over(_)) && self.store.is_to_weigh() {
            // It is not that of a command.
            self.settle_times();
            let began = Instant::now();
            while matches!(balance, Balance::Over(_))
                && self.store.is_to_weigh()
                && began.elapsed() < TIME_MAX
            {
                self.store.weigh_detached();
                balance = self.balance();
            }
            self.skip_time();
        }
        balance
    }
    fn balance(&self) -> Balance {
        balance(&self.board, self.memory.limit, self.aside_bytes())
    }
    fn evict(&mut self, excess: usize) -> Room {
        let began = Instant::now();
        let (mut freed, mut keys) = (0, 0);
        let room = loop {
            if freed >= excess {
                break Room::Enough;
            }
            let looks = match self.memory.evictor.choose(&self.store, self.memory.selection) {
                Choice::Key { db, key } => {
                    freed += self.evict_key(db, key);
                    keys += 1;
                    keys % KEYS_BETWEEN_LOOKS == 0
                }
                Choice::NotYet => true,
                Choice::Nothing if self.is_freeing_elsewhere() => break Room::Coming,
                Choice::Nothing => break Room::None,
            };
            if looks && self.memory.patience.is_some_and(|patience| began.elapsed() > patience) {
                break Room::More;
            }
        };
        if keys > 0 {
            // By nobody in particular: those who have one of them in their cache are told, whoever's command is next.
            self.note_changed(0);
        }
        room
    }
    fn evict_key(&mut self, db: usize, key: Bytes) -> usize {
        self.record.begin();
        self.record.client = 0;
        let word: &[u8] = if self.memory.unlinks { b"UNLINK" } else { b"DEL" };
        let freed = self.changes(Caller { db, ..Caller::default() }).evict(db, &key, word);
        self.record.settle();
        if self.memory.notes_keys {
            self.memory.evicted_keys.push(key);
        }
        freed
    }
    /// Whether large values are being freed, or are about to be.
    fn is_freeing_elsewhere(&self) -> bool {
        self.store.has_garbage() || self.board.vitals.lazyfree_pending.load(Relaxed) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::PauseScope;

    #[test]
    fn tenacity_is_a_time() {
        let microseconds = |tenacity| patience(tenacity).map(|patience| patience.as_micros());
        assert_eq!([0, 1, 10].map(microseconds), [Some(0), Some(50), Some(500)]);
        assert!((Some(574)..=Some(575)).contains(&microseconds(11)));
        let seconds = patience(99).expect("an end").as_secs();
        assert!((100..=150).contains(&seconds), "{seconds}");
        assert_eq!(patience(100), None);
    }

    #[test]
    fn only_what_certainly_has_no_room_is_refused_when_it_is_queued() {
        use MaxmemoryPolicy::*;
        for (maxmemory, policy, keys, expiring, refused) in [
            (0, NoEviction, 1, 1, false),
            (1, NoEviction, 1, 1, true),
            (u64::MAX, NoEviction, 1, 1, false),
            (1, AllKeysLru, 1, 0, false),
            (1, AllKeysRandom, 0, 0, true),
            (1, VolatileTtl, 1, 0, true),
            (1, VolatileLfu, 1, 1, false),
        ] {
            let config = Config { maxmemory, maxmemory_policy: policy, ..Config::default() };
            let board = Board::new(config, None, 1, 0);
            board.vitals.keys.store(keys, Relaxed);
            board.vitals.expiring_keys.store(expiring, Relaxed);
            assert_eq!(may_grow(&board, 0).is_err(), refused, "{maxmemory} {policy:?} {keys} {expiring}");
        }
    }

    #[test]
    fn nobody_is_refused_where_nothing_may_go() {
        let refuses = |change: fn(&Board), ignores: bool| {
            let config = Config { maxmemory: 1, replica_ignore_maxmemory: ignores, ..Config::default() };
            let board = Board::new(config, None, 1, 0);
            change(&board);
            may_grow(&board, 0).is_err()
        };
        assert!(refuses(|_| (), true));
        assert!(!refuses(|board| board.pause.set(PauseScope::Writes, 100, 0), true));
        assert!(!refuses(|board| board.archive.loading.active.store(true, Relaxed), true));
        // What a snapshot keeps is in the way of nobody who queues a command.
        assert!(!refuses(|board| board.vitals.gathered_bytes.store(usize::MAX / 2, Relaxed), true));
        let follows = |board: &Board| board.replication.follows.store(true, Relaxed);
        assert!(!refuses(follows, true));
        assert!(refuses(follows, false));
    }
}
