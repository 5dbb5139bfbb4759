//! How a command looks at data: one client's database at one moment.
use super::{Database, DueFields, EntryRef, Kind, Missed, Store, TextRef, values::Value};
use crate::error::CommandError;
use bytes::Bytes;

#[derive(Clone, Copy)]
pub struct View<'a> {
    pub store: &'a Store,
    /// Index of the client's database.
    pub db: usize,
    /// False for a client that asked not to move access clocks (CLIENT NO-TOUCH).
    pub touches: bool,
}

impl<'a> View<'a> {
    pub fn database(&self) -> &'a Database {
        self.store.database(self.db)
    }
    pub fn now_ms(&self) -> i64 {
        self.store.now_ms()
    }
    /// See [`Store::due_until_ms`].
    pub fn due_until_ms(&self) -> i64 {
        self.store.due_until_ms()
    }
    /// The entry of a key that lives, without counting or moving anything.
    pub fn peek(&self, key: &[u8]) -> Option<EntryRef<'a>> {
        self.alive(self.db, self.database().find(key)?)
    }
    /// The entry, unless its deadline has passed: then it is as good as gone, and noted to be deleted.
    pub fn alive(&self, db: usize, entry: EntryRef<'a>) -> Option<EntryRef<'a>> {
        if self.is_alive(entry) {
            return Some(entry);
        }
        self.store.expired_seen.borrow_mut().push((db, Bytes::copy_from_slice(entry.key())));
        None
    }
    /// Whether an entry's deadline is still to come, or there is none.
    #[inline]
    pub fn is_alive(&self, entry: EntryRef) -> bool {
        entry.deadline().is_none_or(|deadline| deadline > self.due_until_ms())
    }
    /// Looks a key up for reading: counts the hit or miss, and leaves the access clock alone.
    pub fn lookup_untouched(&self, key: &[u8]) -> Option<EntryRef<'a>> {
        let found = self.lookup_unheard(key);
        if found.is_none() {
            self.note_missed(key);
        }
        found
    }
    /// The same for a command that asks about a key, not for its value: that it is not there is no event.
    pub fn lookup_unheard(&self, key: &[u8]) -> Option<EntryRef<'a>> {
        let found = self.peek(key);
        self.count_lookup(found.is_some());
        found
    }
    fn count_lookup(&self, hit: bool) {
        let count = if hit { &self.store.counts.hits } else { &self.store.counts.misses };
        count.set(count.get() + 1);
    }
    fn note_missed(&self, key: &[u8]) {
        if self.store.notes_misses {
            let behind = self.store.expired_seen.borrow().len();
            let missed = Missed { db: self.db, key: Bytes::copy_from_slice(key), behind };
            self.store.missed.borrow_mut().push(missed);
        }
    }
    /// Counts and tells a lookup that was made otherwise, as one of a reader.
    pub fn note_lookup(&self, key: &[u8], hit: bool) {
        self.count_lookup(hit);
        if !hit {
            self.note_missed(key);
        }
    }
    /// Looks a key up for reading.
    #[inline]
    pub fn lookup(&self, key: &[u8]) -> Option<EntryRef<'a>> {
        let entry = self.lookup_untouched(key)?;
        self.touch(entry);
        Some(entry)
    }
    /// Moves the access clock of an entry that is used.
    #[inline]
    pub fn touch(&self, entry: EntryRef<'a>) {
        if self.touches {
            let clock = self.store.access_clock().touched(entry.clock(), || self.store.random_fraction());
            // Most uses fall into the second of the last one: the line need not become dirty.
            if clock != entry.clock() {
                entry.set_clock(clock)
            }
        }
    }
    /// States that a reader met these fields of a hash, and that they are due (all that are due, if none is named).
    pub fn note_due_fields(&self, key: &[u8], names: Vec<Bytes>) {
        let seen = DueFields { db: self.db, key: Bytes::copy_from_slice(key), names };
        self.store.due_fields_seen.borrow_mut().push(seen);
    }
    /// The string at a key.
    ///
    /// # Errors
    /// `WrongType` where something else stands.
    #[inline]
    pub fn string(&self, key: &[u8]) -> Result<Option<TextRef<'a>>, CommandError> {
        match self.lookup(key) {
            None => Ok(None),
            Some(entry) if entry.kind() == Kind::String => Ok(Some(entry.text())),
            Some(_) => Err(CommandError::WrongType),
        }
    }
    /// The value of this type at a key.
    ///
    /// # Errors
    /// `WrongType` where something else stands.
    #[inline]
    pub fn value<T: Value>(&self, key: &[u8]) -> Result<Option<&'a T>, CommandError> {
        match self.lookup(key) {
            None => Ok(None),
            Some(entry) => entry.value().map(Some).ok_or(CommandError::WrongType),
        }
    }
}
