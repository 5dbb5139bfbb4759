//! Snapshots without fork: the data as it was at one moment, told in chunks while clients go on writing.
//!
//! A snapshot walks all keys by *position*, as SCAN does; its cursor says what it has told. Whoever is about to change an
//! entry that the cursor has not reached yet calls [`Store::preserve`]: the entry is told first, as it is. So each
//! entry is told once, as it was at the beginning, and nothing is copied but what is told.
//!
//! Each snapshot has one *mark*, a bit in the header of every entry: "beyond the cursor, and yet not to be told any
//! more", because it was told before its change, or came to be only afterwards. The cursor takes the mark away as it
//! passes. So when the walk is over no mark is left and the bit can serve the next snapshot; one that is given up is
//! walked to its end all the same, without telling anything.
//!
//! What is told is written by a [`Scribe`], in whatever format its consumer wants: the store knows none. A very large
//! value is written in pieces. What has to be told while one is half written is put *aside*, and follows it.
use super::{Database, Entry, EntryRef, Store};
use crate::allocator;
use std::{collections::VecDeque, ptr::NonNull};

/// Writes what a snapshot tells.
pub trait Scribe: Send {
    /// Begins: what stands before the first entry.
    fn begin(&mut self, facts: &Facts, out: &mut Vec<u8>);
    /// The walk comes to this database.
    fn database(&mut self, size: &DatabaseSize, out: &mut Vec<u8>);
    /// Writes an entry as a whole. It may come from another database than the walk is in.
    fn entry(&mut self, db: usize, entry: EntryRef, out: &mut Vec<u8>);
    /// Begins to write an entry, about `bytes_max` of it; false if that was not all.
    fn begin_entry(&mut self, db: usize, entry: EntryRef, bytes_max: usize, out: &mut Vec<u8>) -> bool;
    /// Goes on with the entry that was begun last, which has not changed; true at its end. Others may have been written
    /// as a whole since.
    fn go_on(&mut self, entry: EntryRef, bytes_max: usize, out: &mut Vec<u8>) -> bool;
    /// What stands behind the last entry.
    fn end(&mut self, out: &mut Vec<u8>);
}

/// What is known of the data when a snapshot begins.
#[derive(Clone, Debug)]
pub struct Facts {
    /// ms since 1970.
    pub now_ms: i64,
    /// Keys of whose values parts have deadlines.
    pub parted: usize,
    pub databases: Vec<DatabaseSize>,
}
#[derive(Clone, Copy, Debug)]
pub struct DatabaseSize {
    pub index: usize,
    pub keys: usize,
    /// Those with a deadline.
    pub volatile: usize,
}

/// Behind every position.
const END: u64 = u64::MAX;

/// Names a snapshot that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotId(u64);

/// A piece of a snapshot.
pub struct Piece {
    pub bytes: Vec<u8>,
    /// About so many entries were visited for it.
    pub entries: usize,
    pub last: bool,
}

/// When a piece is complete.
#[derive(Clone, Copy, Debug)]
pub struct PieceSize {
    /// With so many bytes. A value that is longer is cut.
    pub bytes: usize,
    /// When so many entries were visited.
    pub entries: usize,
}
/// Entries that are visited at one go within a piece.
const STRIDE: usize = 16;
/// What a call of [`Store::clean_up`] does.
const CLEANED_AT_ONCE: PieceSize = PieceSize { bytes: 1, entries: 2000 };
/// Snapshots at the same time: each needs a bit.
const SNAPSHOTS_MAX: usize = 8;

pub(super) struct Snapshot {
    id: SnapshotId,
    mark: u8,
    /// `None` if it was given up: then the walk only takes marks away.
    scribe: Option<Box<dyn Scribe>>,
    /// The databases of the beginning: what the walk has to go through, in this order.
    route: Vec<Stop>,
    /// Where in the route the walk is, and how far in that database.
    at: usize,
    cursor: u64,
    /// The database at hand was begun, and was walked to its end.
    entered: bool,
    walked: bool,
    half: Option<Half>,
    /// Entries that the walk has met meanwhile: a few, to be told next.
    met: VecDeque<Half>,
    out: Vec<u8>,
    aside: Vec<u8>,
}
/// A database that was emptied, and is still needed.
pub(super) struct Detached {
    database: Database,
    /// Memory that it takes, as far as its entries were weighed: those up to this place.
    bytes: usize,
    weighed_to: u64,
}
impl Detached {
    fn new(database: Database) -> Detached {
        let bytes = database.table_bytes();
        Detached { database, bytes, weighed_to: 0 }
    }
    fn is_weighed(&self) -> bool {
        self.weighed_to == END
    }
    /// Goes on weighing, for some tenths of a millisecond.
    fn weigh(&mut self) {
        const ENTRIES: usize = 2048;
        const PARTS: usize = 5;
        let Detached { database, bytes, weighed_to } = self;
        let next = database.scan(*weighed_to, ENTRIES, &mut |entry| {
            // As where it is told: groups of entries are seen as a whole.
            if database.hash(entry.key()) >> 16 >= *weighed_to {
                *bytes += entry.size_bytes(PARTS);
            }
        });
        *weighed_to = if next == 0 { END } else { next };
    }
}
struct Stop {
    generation: u64,
    size: DatabaseSize,
}
/// An entry that is told in pieces, or soon. It neither moves nor changes without `preserve` being called first.
struct Half(NonNull<u8>);
// SAFETY: only the owner of the store, in which the entry is, uses the address.
unsafe impl Send for Half {}

impl Snapshot {
    fn is_over(&self) -> bool {
        self.at == self.route.len() && self.half.is_none() && self.met.is_empty()
    }
    /// Whether the walk still has to come to this place.
    fn comes_to(&self, generation: u64, hash: u64) -> bool {
        match self.route.iter().position(|stop| stop.generation == generation) {
            Some(stop) if stop == self.at => hash >> 16 >= self.cursor,
            Some(stop) => stop > self.at,
            None => false,
        }
    }
    fn needs(&self, generation: u64) -> bool {
        self.route.iter().skip(self.at).any(|stop| stop.generation == generation)
    }
    /// Tells an entry that is about to change, if it was to be told later.
    fn preserve(&mut self, generation: u64, hash: u64, entry: EntryRef) {
        if self.half.as_ref().is_some_and(|half| half.0 == entry.address()) {
            return self.go_on(usize::MAX);
        }
        let met = self.met.iter().position(|met| met.0 == entry.address());
        match met {
            Some(index) => {
                self.met.remove(index);
            }
            None if entry.marks() & self.mark != 0 || !self.comes_to(generation, hash) => return,
            None => entry.set_marks(entry.marks() | self.mark),
        }
        let stop = self.route.iter().find(|stop| stop.generation == generation);
        if let (Some(scribe), Some(stop)) = (&mut self.scribe, stop) {
            let out = if self.half.is_some() { &mut self.aside } else { &mut self.out };
            scribe.entry(stop.size.index, entry, out);
        }
    }
    /// The walk meets an entry: tells it, unless it is marked.
    fn meet(&mut self, hash: u64, entry: EntryRef, bytes_max: usize) {
        // The walk sees groups of entries as a whole: what lies before the cursor was told by an earlier piece.
        if hash >> 16 < self.cursor {
            return;
        }
        if entry.marks() & self.mark != 0 {
            return entry.set_marks(entry.marks() & !self.mark);
        }
        if self.half.is_some() {
            self.met.push_back(Half(entry.address()));
        } else {
            self.begin(entry, bytes_max);
        }
    }
    /// Goes on to the next database.
    fn leave(&mut self) {
        self.at += 1;
        (self.cursor, self.entered, self.walked) = (0, false, false);
    }
    fn begin(&mut self, entry: EntryRef, bytes_max: usize) {
        let Some(scribe) = &mut self.scribe else { return };
        let db = self.route[self.at].size.index;
        if !scribe.begin_entry(db, entry, bytes_max, &mut self.out) {
            self.half = Some(Half(entry.address()));
        }
    }
    /// Goes on with the entry that is half told.
    fn go_on(&mut self, bytes_max: usize) {
        let (Some(half), Some(scribe)) = (&self.half, &mut self.scribe) else { return };
        // SAFETY: the entry is in the store, and unchanged: who wants to change or take it calls `preserve` first.
        let entry = unsafe { EntryRef::from_raw(half.0) };
        if scribe.go_on(entry, bytes_max, &mut self.out) {
            self.half = None;
            self.out.append(&mut self.aside);
        }
    }
}

impl Store {
    /// Begins a snapshot of the data as it is now; `None` if too many are under way.
    pub fn begin_snapshot(&mut self, mut scribe: Box<dyn Scribe>) -> Option<SnapshotId> {
        let taken = self.snapshots.iter().fold(0_u8, |marks, snapshot| marks | snapshot.mark);
        let mark = (0..SNAPSHOTS_MAX).map(|bit| 1_u8 << bit).find(|mark| taken & mark == 0)?;
        self.snapshots_begun += 1;
        let id = SnapshotId(self.snapshots_begun);
        let stops = self.databases.iter().enumerate().filter(|(_, database)| !database.is_empty());
        let route: Vec<Stop> = stops
            .map(|(index, database)| Stop {
                generation: database.generation,
                size: DatabaseSize { index, keys: database.len(), volatile: database.volatile() },
            })
            .collect();
        let facts = Facts {
            now_ms: self.now_ms,
            parted: self.parted(),
            databases: route.iter().map(|stop| stop.size).collect(),
        };
        let mut out = Vec::new();
        scribe.begin(&facts, &mut out);
        self.snapshots.push(Snapshot {
            id,
            mark,
            scribe: Some(scribe),
            route,
            at: 0,
            cursor: 0,
            entered: false,
            walked: false,
            half: None,
            met: VecDeque::new(),
            out,
            aside: Vec::new(),
        });
        Some(id)
    }
    /// The next piece of a snapshot; `None` if it is over or was given up. After the last piece it is over.
    pub fn next_piece(&mut self, id: SnapshotId, size: PieceSize) -> Option<Piece> {
        let index = self.snapshots.iter().position(|snapshot| snapshot.id == id)?;
        self.snapshots[index].scribe.as_ref()?;
        let entries = self.walk(index, size);
        let snapshot = &mut self.snapshots[index];
        let last = snapshot.is_over();
        if last && let Some(scribe) = &mut snapshot.scribe {
            scribe.end(&mut snapshot.out);
        }
        let bytes = std::mem::take(&mut snapshot.out);
        if last {
            self.snapshots.swap_remove(index);
        }
        Some(Piece { bytes, entries, last })
    }
    /// Gives a snapshot up. Its marks have still to be taken away: see [`Store::clean_up`].
    pub fn abandon_snapshot(&mut self, id: SnapshotId) {
        if let Some(snapshot) = self.snapshots.iter_mut().find(|snapshot| snapshot.id == id) {
            snapshot.scribe = None;
            snapshot.half = None;
            snapshot.met.clear();
            (snapshot.out, snapshot.aside) = (Vec::new(), Vec::new());
        }
    }
    /// Takes marks of abandoned snapshots away, some at a time; true if there is more to do.
    pub fn clean_up(&mut self) -> bool {
        let abandoned = |snapshot: &Snapshot| snapshot.scribe.is_none();
        if let Some(index) = self.snapshots.iter().position(abandoned) {
            self.walk(index, CLEANED_AT_ONCE);
            if self.snapshots[index].is_over() {
                self.snapshots.swap_remove(index);
            }
        }
        self.snapshots.iter().any(abandoned)
    }
    /// To be called before an entry changes or goes: tells it to the snapshots that have not come to it yet.
    #[inline]
    pub(super) fn preserve(&mut self, db: usize, hash: u64, entry: NonNull<u8>) {
        if !self.snapshots.is_empty() {
            let generation = self.databases[db].generation;
            // SAFETY: the caller has it from the table, which has not changed since.
            let entry = unsafe { EntryRef::from_raw(entry) };
            self.snapshots.iter_mut().for_each(|snapshot| snapshot.preserve(generation, hash, entry));
        }
    }
    /// The same, of the entry of a key, if there is one.
    pub(super) fn preserve_key(&mut self, db: usize, hash: u64, key: &[u8]) {
        if !self.snapshots.is_empty()
            && let Some(raw) = self.databases[db].raw(hash, key)
        {
            self.preserve(db, hash, raw);
        }
    }
    /// To be called for an entry that comes to be: no snapshot that is under way may tell it.
    #[inline]
    pub(super) fn mark_newborn(&self, db: usize, hash: u64, entry: &Entry) {
        let generation = self.databases[db].generation;
        let later = self.snapshots.iter().filter(|snapshot| snapshot.comes_to(generation, hash));
        // An entry that comes from another place brings no marks of that with it.
        entry.get().set_marks(later.fold(0, |marks, snapshot| marks | snapshot.mark));
    }
    /// Gives a database away that has left its place: to be freed, or kept for snapshots that need it.
    pub(super) fn detach(&mut self, database: Database) {
        self.let_go(Detached::new(database));
    }
    fn let_go(&mut self, detached: Detached) {
        if self.snapshots.iter().any(|snapshot| snapshot.needs(detached.database.generation)) {
            self.detached.push(detached);
            return;
        }
        self.counts.dropped_elsewhere += detached.database.len() as u64;
        match detached.is_weighed() {
            true => self.discard_weighed(detached.database, detached.bytes),
            false => self.discard_database(detached.database),
        }
    }
    /// Goes on weighing what is detached, if something is left of that.
    pub fn weigh_detached(&mut self) {
        let mut unweighed = self.detached.iter_mut().filter(|detached| !detached.is_weighed());
        if let Some(detached) = unweighed.next() {
            detached.weigh();
        }
    }
    /// Nobody knows yet how much memory is there for snapshots only.
    pub fn is_to_weigh(&self) -> bool {
        !self.detached.iter().all(Detached::is_weighed)
    }

    /// Goes on with a snapshot's walk until a piece is complete. Says how many entries it visited, about.
    fn walk(&mut self, index: usize, piece: PieceSize) -> usize {
        let Store { databases, detached, snapshots, .. } = self;
        let snapshot = &mut snapshots[index];
        let mut left = piece.entries;
        while !snapshot.is_over() && left > 0 && snapshot.out.len() < piece.bytes {
            if snapshot.half.is_some() {
                snapshot.go_on(piece.bytes);
                continue;
            }
            if let Some(met) = snapshot.met.pop_front() {
                // SAFETY: as in `go_on`: it would have been taken out of `met` otherwise.
                snapshot.begin(unsafe { EntryRef::from_raw(met.0) }, piece.bytes);
                continue;
            }
            if snapshot.walked {
                // What was met belongs to the database at hand, so it is left only now.
                snapshot.leave();
                continue;
            }
            let stride = left.min(STRIDE);
            left -= stride;
            let Stop { generation, size } = snapshot.route[snapshot.at];
            let found = databases
                .iter()
                .chain(detached.iter().map(|detached| &detached.database))
                .find(|database| database.generation == generation);
            let next = found.map_or(0, |database| {
                if !std::mem::replace(&mut snapshot.entered, true)
                    && let Some(scribe) = &mut snapshot.scribe
                {
                    scribe.database(&size, &mut snapshot.out);
                }
                database.scan(snapshot.cursor, stride, &mut |entry| {
                    snapshot.meet(database.hash(entry.key()), entry, piece.bytes);
                })
            });
            snapshot.cursor = if next == 0 { END } else { next };
            snapshot.walked = next == 0;
        }
        if !self.detached.is_empty() {
            self.let_detached_go();
        }
        piece.entries - left
    }
    /// Memory that is there for snapshots only, bytes: what is told already and not taken yet, and databases that are gone, as far as
    /// they were weighed. What is deleted while a snapshot still needs it is told before.
    pub fn snapshot_bytes(&self) -> usize {
        let detached: usize = self.detached.iter().map(|detached| detached.bytes).sum();
        let buffers = self.snapshots.iter().flat_map(|snapshot| [&snapshot.out, &snapshot.aside]);
        detached + buffers.map(|buffer| allocator::held_bytes(buffer.capacity())).sum::<usize>()
    }
    /// Frees detached databases that no snapshot needs any more.
    fn let_detached_go(&mut self) {
        for detached in std::mem::take(&mut self.detached) {
            self.let_go(detached);
        }
    }
}
