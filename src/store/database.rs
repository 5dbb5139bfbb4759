//! One numbered database: its key table and what is known of its deadlines.
use super::entry::{Armed, Entry, EntryRef};
use crate::data::table::Table;
use std::ptr::NonNull;

pub struct Database {
    table: Table<Entry>,
    /// Stays with the data when SWAPDB exchanges two databases: the timing wheel knows databases by it.
    pub(super) id: u16,
    /// Stays with the data, too, and is never given again: snapshots know databases by it.
    pub(super) generation: u64,
    volatile: usize,
    /// Keys of whose values parts have deadlines.
    parted: usize,
    /// Sum of all deadlines (ms since 1970), so that the mean time to live is exact without a walk.
    deadline_sum_ms: i128,
}

impl Database {
    pub(super) fn new(id: u16, generation: u64, hasher: ahash::RandomState) -> Database {
        Database { table: Table::new(hasher), id, generation, volatile: 0, parted: 0, deadline_sum_ms: 0 }
    }
    /// Keys, those included whose deadline has passed but which are not deleted yet.
    pub fn len(&self) -> usize {
        self.table.len()
    }
    pub fn is_empty(&self) -> bool {
        self.table.len() == 0
    }
    /// Keys with a deadline.
    pub fn volatile(&self) -> usize {
        self.volatile
    }
    /// Keys of whose values parts (fields of a hash) have deadlines.
    pub fn parted(&self) -> usize {
        self.parted
    }
    /// Whether the timing wheel may have to come to any key of it.
    pub fn has_deadlines(&self) -> bool {
        self.volatile > 0 || self.parted > 0
    }
    /// Mean time to live of the volatile keys, in ms.
    pub fn mean_ttl_ms(&self, now_ms: i64) -> i64 {
        match self.volatile as i128 {
            0 => 0,
            count => (self.deadline_sum_ms / count - now_ms as i128).max(0) as i64,
        }
    }
    /// Frees it, and says so after each part.
    pub fn drop_in_parts(self, gone: impl FnMut()) {
        self.table.drop_in_parts(gone)
    }
    pub fn table_bytes(&self) -> usize {
        self.table.memory_bytes()
    }
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.table.hash(key)
    }
    #[inline]
    pub(super) fn raw(&self, hash: u64, key: &[u8]) -> Option<NonNull<u8>> {
        self.table.find(hash, key)
    }
    /// The entry of a key, expired or not.
    #[inline]
    pub fn find(&self, key: &[u8]) -> Option<EntryRef<'_>> {
        // SAFETY: the table owns the entry, and cannot be changed while it is borrowed.
        self.raw(self.hash(key), key).map(|raw| unsafe { EntryRef::from_raw(raw) })
    }
    /// Visits entries in order of position from `cursor` on; see [`Table::scan`].
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, visit: &mut dyn FnMut(EntryRef<'a>)) -> u64 {
        // SAFETY: as for `find`.
        self.table.scan(cursor, count, &mut |raw| visit(unsafe { EntryRef::from_raw(raw) }))
    }
    /// Visits every entry.
    pub fn scan_all<'a>(&'a self, visit: &mut dyn FnMut(EntryRef<'a>)) {
        let mut cursor = 0;
        loop {
            cursor = self.scan(cursor, 1024, visit);
            if cursor == 0 {
                return;
            }
        }
    }
    /// Every entry at this position (the top 48 bits of its hash).
    pub fn at_position<'a>(&'a self, position: u64, visit: &mut dyn FnMut(EntryRef<'a>)) {
        // SAFETY: as for `find`.
        self.table.visit_position(position, &mut |raw| visit(unsafe { EntryRef::from_raw(raw) }))
    }
    pub fn random(&self, random: &mut dyn FnMut() -> u64) -> Option<EntryRef<'_>> {
        // SAFETY: as for `find`.
        self.table.random(random).map(|raw| unsafe { EntryRef::from_raw(raw) })
    }
    #[inline]
    pub fn prefetch_slots(&self, hash: u64) {
        self.table.prefetch_slots(hash)
    }
    #[inline]
    pub fn prefetch_entry(&self, hash: u64) {
        self.table.prefetch_entry(hash)
    }

    /// Prepares an empty database for so many keys.
    pub(super) fn reserve(&mut self, keys: usize) {
        self.table.reserve(keys)
    }
    /// Puts an entry in the place of the one with its key, or adds it.
    pub(super) fn put(&mut self, hash: u64, key: &[u8], entry: Entry) -> Option<Entry> {
        self.note_deadline(None, entry.get().deadline());
        self.note_parts(entry.get());
        let old = self.table.replace(hash, key, entry);
        if let Some(old) = &old {
            self.note_deadline(old.get().deadline(), None);
            self.forget_parts(old.get());
        }
        old
    }
    pub(super) fn remove(&mut self, hash: u64, key: &[u8]) -> Option<Entry> {
        let old = self.table.remove(hash, key)?;
        self.note_deadline(old.get().deadline(), None);
        self.forget_parts(old.get());
        Some(old)
    }
    /// Keeps the count true when the deadlines of a value's parts may have changed.
    pub(super) fn note_parts(&mut self, entry: EntryRef) {
        let has = Armed::Parts.deadline(entry).is_some();
        if has != entry.has_part_deadlines() {
            entry.set_part_deadlines(has);
            self.parted = self.parted + has as usize - !has as usize;
        }
    }
    /// The same when a value goes.
    pub(super) fn forget_parts(&mut self, entry: EntryRef) {
        if entry.has_part_deadlines() {
            entry.set_part_deadlines(false);
            self.parted -= 1;
        }
    }
    /// Keeps the counts true when a deadline was changed in place.
    pub(super) fn note_deadline(&mut self, old: Option<i64>, new: Option<i64>) {
        self.volatile = self.volatile + new.is_some() as usize - old.is_some() as usize;
        self.deadline_sum_ms += new.unwrap_or(0) as i128 - old.unwrap_or(0) as i128;
    }
}
