//! The data: databases of entries, and the two ways to reach them.
//!
//! * [`View`] looks. It hides keys whose deadline has passed, counts hits and misses, and moves access clocks.
//! * [`Changes`] writes. It is the only way to change data, and records what it did: touched keys, events, effects.
//!
//! Nothing here knows the time of day or has randomness of its own: both are handed in, so that the same commands
//! with the same inputs give the same data, byte for byte.
mod access;
mod changes;
mod database;
mod entry;
mod eviction;
mod record;
mod snapshot;
mod values;
mod view;
mod writers;

pub use access::{AccessClock, AccessPolicy};
pub use changes::{Changes, Deadline};
pub use database::Database;
use entry::Armed;
pub use entry::{Entry, EntryRef, INLINE_BYTES_MAX, Kind, Text, TextRef};
pub use eviction::{Choice, Evictor, Selection};
pub use record::{
    Announcement, Audience, Effect, EffectsMark, Event, EventChannels, EventsWanted, Interests, Record,
    StreamProgress, Wants,
};
pub use snapshot::{DatabaseSize, Facts, Piece, PieceSize, Scribe, SnapshotId};
pub use values::{
    Content, End, Field, Hash, HashBuilder, List, Object, ObjectRef, Set, SortedSet, Stored, Stream, Value,
    sorted_set,
};
pub use view::View;

use crate::{allocator, config::Config, data::wheel::Item};
use bytes::Bytes;
use smallvec::SmallVec;
use std::cell::{Cell, RefCell};

/// Counts that only the owner of the data can make.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    pub hits: Cell<u64>,
    pub misses: Cell<u64>,
    pub expired: u64,
    pub expired_fields: u64,
    pub evicted: u64,
    /// Values handed over to be freed elsewhere.
    pub dropped_elsewhere: u64,
}

/// Something large that is to be freed off the data's thread.
pub enum Garbage {
    Entry {
        entry: Entry,
        /// How much memory will be free then, as far as somebody wants to know: see [`Store::weighs_garbage`].
        bytes: usize,
    },
    Database {
        database: Box<Database>,
        /// As above.
        bytes: usize,
    },
}
impl Garbage {
    /// Memory that is going to be free, as it was estimated when it became garbage.
    pub fn bytes(&self) -> usize {
        match self {
            Garbage::Entry { bytes, .. } | Garbage::Database { bytes, .. } => *bytes,
        }
    }
    /// Values in it, as `lazyfreed_objects` counts them.
    pub fn objects(&self) -> usize {
        match self {
            Garbage::Entry { .. } => 1,
            Garbage::Database { database, .. } => database.len(),
        }
    }
    /// Frees it, and says after each part that this is done.
    pub fn drop_in_parts(self, mut gone: impl FnMut()) {
        match self {
            Garbage::Entry { entry, .. } => drop(entry),
            Garbage::Database { database, .. } => database.drop_in_parts(&mut gone),
        }
        gone();
    }
}

/// How large values may become in their compact encodings, as configured.
#[derive(Clone, Copy, Debug)]
pub struct EncodingLimits {
    /// `hll-sparse-max-bytes`, header included.
    pub hll_sparse_bytes_max: usize,
    /// `hash-max-listpack-entries` (fields) and `-value` (bytes of a field or value).
    pub hash_listpack_entries_max: usize,
    pub hash_listpack_value_bytes_max: usize,
    /// `list-max-listpack-size`: elements of a node, or a class of sizes if negative.
    pub list_listpack_size: i32,
    /// `list-compress-depth`: nodes at each end that are not compressed; 0: none is.
    pub list_compress_depth: u32,
    /// From how many bytes on an element of a list has a node of its own. No parameter: tests set it, by DEBUG.
    pub list_plain_from_bytes: Option<usize>,
    pub set_intset_entries_max: usize,
    pub set_listpack_entries_max: usize,
    pub set_listpack_value_bytes_max: usize,
    /// `zset-max-listpack-entries` (members) and `-value` (bytes of a member).
    pub sorted_set_listpack_entries_max: usize,
    pub sorted_set_listpack_value_bytes_max: usize,
    /// `stream-node-max-bytes` and `-entries`; 0: no limit.
    pub stream_node_bytes_max: usize,
    pub stream_node_entries_max: usize,
    /// What the hash tables of large values are keyed with: beside the limits, because whoever passes one makes a table.
    pub hash_seed: u64,
}
impl EncodingLimits {
    /// For a new hash table.
    pub fn hasher(&self) -> ahash::RandomState {
        let seed = self.hash_seed;
        ahash::RandomState::with_seeds(
            seed,
            !seed,
            seed.rotate_left(32),
            seed.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        )
    }
    pub fn of(config: &Config, hash_seed: u64) -> EncodingLimits {
        EncodingLimits {
            hash_seed,
            hll_sparse_bytes_max: config.hll_sparse_max_bytes,
            hash_listpack_entries_max: config.hash_max_listpack_entries,
            hash_listpack_value_bytes_max: config.hash_max_listpack_value,
            list_listpack_size: config.list_max_listpack_size,
            list_compress_depth: config.list_compress_depth,
            list_plain_from_bytes: None,
            set_intset_entries_max: config.set_max_intset_entries,
            set_listpack_entries_max: config.set_max_listpack_entries,
            set_listpack_value_bytes_max: config.set_max_listpack_value,
            sorted_set_listpack_entries_max: config.zset_max_listpack_entries,
            sorted_set_listpack_value_bytes_max: config.zset_max_listpack_value,
            stream_node_bytes_max: config.stream_node_max_bytes,
            stream_node_entries_max: config.stream_node_max_entries,
        }
    }
}
impl Default for EncodingLimits {
    fn default() -> EncodingLimits {
        EncodingLimits::of(&Config::default(), 0)
    }
}

/// How far a survey of all deadlines has come: the id of a database, and a cursor in it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SurveyPlace {
    id: u16,
    cursor: u64,
}

/// A key whose deadline has passed.
#[derive(Debug)]
pub struct DueKey {
    pub db: usize,
    pub key: Bytes,
    /// ms since 1970.
    pub deadline_ms: i64,
    /// The deadline is that of parts of the value.
    pub parts: bool,
}

/// Fields of a hash that a reader found due: they are deleted once it has run.
#[derive(Debug)]
pub struct DueFields {
    pub db: usize,
    pub key: Bytes,
    /// None: all that are due.
    pub names: Vec<Bytes>,
}

/// A key that a reader did not find.
#[derive(Debug)]
pub struct Missed {
    pub db: usize,
    pub key: Bytes,
    /// So many keys had been found expired before.
    pub behind: usize,
}

/// A deadline for the timing wheel: ms since 1970, and the key's place.
pub type WheelEntry = (u64, Item);

pub struct Store {
    databases: Vec<Database>,
    hasher: ahash::RandomState,
    /// Time of the message that is being handled, ms since 1970.
    now_ms: i64,
    /// What has a deadline at or before this moment is due: `now_ms`, but while a log is replayed.
    due_until_ms: i64,
    rng: RefCell<fastrand::Rng>,
    access: AccessPolicy,
    /// Set at the beginning of every batch.
    pub limits: EncodingLimits,
    pub counts: Counts,
    /// Keys that a reader found expired: they are deleted once it has run.
    expired_seen: RefCell<Vec<(usize, Bytes)>>,
    /// Somebody wants to hear which keys readers did not find.
    pub notes_misses: bool,
    /// A script runs: what it sees must not depend on the order that a table happens to have.
    pub in_script: bool,
    missed: RefCell<Vec<Missed>>,
    due_fields_seen: RefCell<Vec<DueFields>>,
    deadlines: Vec<WheelEntry>,
    garbage: Vec<Garbage>,
    /// What is in it, bytes, as far as it was weighed.
    garbage_bytes: usize,
    /// Somebody wants to know how much memory is going to be free. Set at the beginning of every batch.
    pub weighs_garbage: bool,
    /// Those under way.
    snapshots: Vec<snapshot::Snapshot>,
    /// Databases that were emptied while a snapshot still needs what was in them.
    detached: Vec<snapshot::Detached>,
    snapshots_begun: u64,
    /// Databases made so far.
    generations: u64,
    /// A command's client waits until the garbage is freed.
    pub awaits_garbage: bool,
    /// FLUSHDB and FLUSHALL do not wait unless they are told to. Set at the beginning of every batch.
    pub flushes_lazily: bool,
    /// DUMP compresses long strings. Set at the beginning of every batch.
    pub compresses_dumps: bool,
    /// RESTORE and DEBUG RELOAD take what has a wrong checksum (DEBUG SET-SKIP-CHECKSUM-VALIDATION).
    pub skips_checksums: bool,
    /// As `lazyfree-lazy-server-del` has it: what empties a key is told as UNLINK. Here both free alike; those who hear of it
    /// may tell them apart.
    pub unlinks: bool,
    /// Deletes what is due by the wheel (DEBUG SET-ACTIVE-EXPIRE turns it off).
    pub expires_actively: bool,
}

impl Store {
    /// An empty store. `seed` decides everything in it that is random.
    pub fn new(databases: usize, seed: u64) -> Store {
        let mut rng = fastrand::Rng::with_seed(seed);
        let hasher = ahash::RandomState::with_seeds(rng.u64(..), rng.u64(..), rng.u64(..), rng.u64(..));
        let limits = EncodingLimits { hash_seed: rng.u64(..), ..EncodingLimits::default() };
        Store {
            databases: (0..databases).map(|id| Database::new(id as u16, id as u64, hasher.clone())).collect(),
            hasher,
            now_ms: 0,
            due_until_ms: 0,
            rng: RefCell::new(rng),
            access: AccessPolicy::Recency,
            limits,
            counts: Counts::default(),
            expired_seen: RefCell::default(),
            notes_misses: false,
            in_script: false,
            missed: RefCell::default(),
            due_fields_seen: RefCell::default(),
            deadlines: Vec::new(),
            garbage: Vec::new(),
            garbage_bytes: 0,
            weighs_garbage: false,
            snapshots: Vec::new(),
            detached: Vec::new(),
            snapshots_begun: 0,
            generations: databases as u64,
            awaits_garbage: false,
            flushes_lazily: false,
            compresses_dumps: true,
            skips_checksums: false,
            unlinks: false,
            expires_actively: true,
        }
    }
    pub fn databases(&self) -> &[Database] {
        &self.databases
    }
    pub fn database(&self, index: usize) -> &Database {
        &self.databases[index]
    }
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }
    pub fn set_now_ms(&mut self, now_ms: i64) {
        self.now_ms = now_ms;
        self.due_until_ms = now_ms;
    }
    /// The clock has gone on, while commands ran.
    pub fn go_on_to_ms(&mut self, now_ms: i64) {
        self.now_ms = now_ms;
        if self.due_until_ms != i64::MIN {
            self.due_until_ms = now_ms;
        }
    }
    /// What has a deadline at or before this moment is due, ms since 1970.
    pub fn due_until_ms(&self) -> i64 {
        self.due_until_ms
    }
    /// Until the clock is set again nothing is due, however long ago its deadline was: a log tells of every deletion, and
    /// what its commands met when they ran first must be there when they are replayed.
    pub fn keep_what_is_due(&mut self) {
        self.due_until_ms = i64::MIN;
    }
    /// Prepares a database that is empty for so many keys.
    pub fn reserve(&mut self, db: usize, keys: usize) {
        self.databases[db].reserve(keys)
    }
    pub fn set_access_policy(&mut self, policy: AccessPolicy) {
        self.access = policy
    }
    pub fn access_clock(&self) -> AccessClock {
        AccessClock::new(self.access, self.now_ms)
    }
    /// Uniform over all of u64.
    pub fn random(&self) -> u64 {
        self.rng.borrow_mut().u64(..)
    }
    /// Uniform in 0..1.
    pub fn random_fraction(&self) -> f64 {
        self.rng.borrow_mut().f64()
    }
    /// Memory of the key tables, in bytes.
    pub fn table_bytes(&self) -> usize {
        self.databases.iter().map(Database::table_bytes).sum()
    }
    /// The index at which the database with this id stands now.
    pub fn index_of(&self, id: u16) -> Option<usize> {
        // Almost always it stands where it began: only SWAPDB moves one.
        match self.databases.get(id as usize) {
            Some(database) if database.id == id => Some(id as usize),
            _ => self.databases.iter().position(|database| database.id == id),
        }
    }
    /// New deadlines since the last call, for the timing wheel.
    pub fn take_deadlines(&mut self) -> Vec<WheelEntry> {
        std::mem::take(&mut self.deadlines)
    }
    pub fn has_deadlines(&self) -> bool {
        !self.deadlines.is_empty()
    }
    pub fn deadlines(&self) -> &[WheelEntry] {
        &self.deadlines
    }
    /// Empty databases, which others may be loaded into: see [`Store::exchange_databases`].
    pub fn fresh_databases(&mut self) -> Vec<Database> {
        let first = self.generations;
        self.generations += self.databases.len() as u64;
        let fresh = |(index, database): (usize, &Database)| {
            Database::new(database.id, first + index as u64, self.hasher.clone())
        };
        self.databases.iter().enumerate().map(fresh).collect()
    }
    /// Has these take the place of the databases for a while, and the other way round: nobody may look meanwhile.
    pub fn exchange_databases(&mut self, others: &mut Vec<Database>) {
        std::mem::swap(&mut self.databases, others);
    }
    /// A database that nobody needs.
    pub fn discard_database(&mut self, database: Database) {
        // It is freed faster than it could be weighed: until then all that is used may be its.
        let bytes = if self.weighs_garbage { allocator::used_bytes() } else { 0 };
        self.discard_weighed(database, bytes);
    }
    fn discard_weighed(&mut self, database: Database, bytes: usize) {
        self.garbage_bytes += bytes;
        self.garbage.push(Garbage::Database { database: Box::new(database), bytes });
    }
    /// Large values that were taken out since the last call, to be freed elsewhere.
    pub fn take_garbage(&mut self) -> Vec<Garbage> {
        self.garbage_bytes = 0;
        std::mem::take(&mut self.garbage)
    }
    /// Memory that will be free once it is freed, bytes, as far as it was weighed.
    pub fn garbage_bytes(&self) -> usize {
        self.garbage_bytes
    }
    pub fn has_garbage(&self) -> bool {
        !self.garbage.is_empty()
    }
    /// Keys that readers found expired since the last call.
    /// Randomness for one purpose.
    pub fn fork_rng(&self) -> fastrand::Rng {
        self.rng.borrow_mut().fork()
    }
    pub fn take_expired_seen(&mut self) -> Vec<(usize, Bytes)> {
        std::mem::take(self.expired_seen.get_mut())
    }
    /// Keys that readers did not find, since the last call.
    pub fn take_missed(&mut self) -> Vec<Missed> {
        std::mem::take(self.missed.get_mut())
    }
    pub fn has_expired_seen(&self) -> bool {
        !self.expired_seen.borrow().is_empty()
    }
    /// Fields that readers found due since the last call.
    pub fn take_due_fields_seen(&mut self) -> Vec<DueFields> {
        std::mem::take(self.due_fields_seen.get_mut())
    }
    /// Keys with a deadline, in all databases.
    pub fn volatile(&self) -> usize {
        self.databases.iter().map(Database::volatile).sum()
    }
    /// Keys in all databases.
    pub fn keys(&self) -> usize {
        self.databases.iter().map(Database::len).sum()
    }
    /// Keys of whose values parts have deadlines, in all databases.
    pub fn parted(&self) -> usize {
        self.databases.iter().map(Database::parted).sum()
    }
    /// Keys, with a deadline or not, in the databases that have any with one: what a survey has to look at.
    pub fn keys_to_survey(&self) -> usize {
        self.databases.iter().filter(|database| database.has_deadlines()).map(Database::len).sum()
    }
    /// The deadlines of some entries from this place on, and where to go on; `None` when all databases were seen.
    /// Whatever is armed meanwhile is told as any new deadline, so a wheel that is filled from both misses none.
    pub fn survey(
        &self,
        from: SurveyPlace,
        entries: usize,
        found: &mut Vec<WheelEntry>,
    ) -> Option<SurveyPlace> {
        let SurveyPlace { id, cursor } = from;
        let cursor = self.index_of(id).map_or(0, |index| {
            let database = &self.databases[index];
            let entries = if database.has_deadlines() { entries } else { 0 };
            if entries == 0 {
                return 0;
            }
            database.scan(cursor, entries, &mut |entry| {
                for deadline in [Armed::Key, Armed::Parts].iter().filter_map(|what| what.deadline(entry)) {
                    let position = database.hash(entry.key()) >> 16;
                    found.push((deadline.max(0) as u64, Item::new(position, id)));
                }
            })
        });
        match cursor {
            0 => (usize::from(id) + 1 < self.databases.len()).then(|| SurveyPlace { id: id + 1, cursor: 0 }),
            cursor => Some(SurveyPlace { id, cursor }),
        }
    }
    /// What of this wheel item is due, is not yet due, or is gone. Due keys are pushed to `due` with their database.
    pub fn check_item(&mut self, item: Item, due: &mut Vec<DueKey>) {
        let Some(index) = self.index_of(item.database()) else { return };
        let (due_until_ms, position) = (self.due_until_ms, item.position());
        let mut later = SmallVec::<[i64; 1]>::new();
        let mut check = |what: Armed, entry: EntryRef| match what.deadline(entry) {
            Some(deadline_ms) if deadline_ms <= due_until_ms => due.push(DueKey {
                db: index,
                key: Bytes::copy_from_slice(entry.key()),
                deadline_ms,
                parts: what == Armed::Parts,
            }),
            // The second condition holds if the clock was turned back.
            Some(deadline) if !entry.is_armed(what) || deadline as u32 == item.deadline_low_ms() => {
                entry.set_armed(what, true);
                later.push(deadline);
            }
            // The item is left over from an earlier life of the key: see `Changes::arm`.
            _ => {}
        };
        self.databases[index].at_position(position, &mut |entry| {
            check(Armed::Key, entry);
            if entry.has_part_deadlines() {
                check(Armed::Parts, entry);
            }
        });
        for deadline in later {
            self.deadlines.push((deadline as u64, Item::new(position, item.database())));
        }
    }
}
