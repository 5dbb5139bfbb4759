//! The write context: the only way to change data. What was changed goes into the [`Record`].
mod databases;
mod deadlines;
mod strings;

use super::{
    Content, EncodingLimits, Entry, EntryRef, Garbage, Missed, Store, Text, View,
    entry::{Armed, EntryMut},
    record::{Effect, Event, Record},
    values::{Object, Value},
};
use crate::error::CommandError;
use bytes::Bytes;
use std::ptr::NonNull;

/// What becomes of a key's deadline when its value is set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Deadline {
    /// As it was; none for a new key.
    Keep,
    Clear,
    /// ms since 1970.
    At(i64),
}

pub struct Changes<'a> {
    pub store: &'a mut Store,
    /// Index of the client's database.
    pub db: usize,
    pub touches: bool,
    pub record: &'a mut Record,
}

impl Changes<'_> {
    pub fn view(&self) -> View<'_> {
        View { store: self.store, db: self.db, touches: self.touches }
    }
    pub fn now_ms(&self) -> i64 {
        self.store.now_ms()
    }
    /// See [`Store::due_until_ms`].
    pub fn due_until_ms(&self) -> i64 {
        self.store.due_until_ms()
    }

    // What happened, for whoever listens.

    /// States that the value or the deadline at a key of the client's database changed, by which event.
    #[inline]
    pub fn modified(&mut self, class: Event, name: &'static str, key: &[u8]) {
        self.modified_in(self.db, class, name, key)
    }
    pub fn modified_in(&mut self, db: usize, class: Event, name: &'static str, key: &[u8]) {
        self.note_modified(db, key);
        self.event_in(db, class, name, key);
    }
    /// As [`Changes::modified`], for a change that has no event of its own.
    pub fn modified_quietly(&mut self, key: &[u8]) {
        self.note_modified(self.db, key)
    }
    fn note_modified(&mut self, db: usize, key: &[u8]) {
        self.record.dirty += 1;
        self.note_touched(db, key);
    }
    /// A further key that the same change reached (RENAME's new name): it is not counted a second time.
    pub fn also_modified_in(&mut self, db: usize, class: Event, name: &'static str, key: &[u8]) {
        self.note_touched(db, key);
        self.event_in(db, class, name, key);
    }
    fn note_touched(&mut self, db: usize, key: &[u8]) {
        if self.record.wants.touched || self.record.interests.has(db, key) {
            self.record.touched.push((db, Bytes::copy_from_slice(key)));
        }
    }
    /// An event beside the one of [`Changes::modified`].
    pub fn event_in(&mut self, db: usize, class: Event, name: &'static str, key: &[u8]) {
        if self.store.notes_misses {
            self.tell_missed();
        }
        self.record.event(class, name, db, key);
    }
    /// Tells which keys were not found so far, in their place among the events.
    pub fn tell_missed(&mut self) {
        for missed in self.store.take_missed() {
            self.tell_one_missed(missed);
        }
    }
    fn tell_one_missed(&mut self, Missed { db, key, .. }: Missed) {
        self.record.event(Event::Missed, "keymiss", db, &key);
    }
    /// Deletes what a reader found expired: it hides such keys, but cannot delete them. Where one that was not found had
    /// expired, that is told first.
    pub fn bury_expired(&mut self, expired: Vec<(usize, Bytes)>) {
        let mut missed = self.store.take_missed().into_iter().peekable();
        for (index, (db, key)) in expired.into_iter().enumerate() {
            while let Some(missed) = missed.next_if(|missed| missed.behind <= index) {
                self.tell_one_missed(missed);
            }
            // Looking it up for writing deletes it, unless the command itself has replaced it meanwhile.
            let _ = self.lookup_in(db, &key);
        }
        missed.for_each(|missed| self.tell_one_missed(missed));
    }
    /// Replaces the command, in the append-only file and for replicas, by this one (by these, if called again).
    pub fn rewrite(&mut self, args: &[&[u8]]) {
        self.record.effect = Effect::Rewritten;
        self.record.log(self.db, args.iter().copied());
    }
    /// The command has no effect worth telling, whatever it counted as dirty.
    pub fn rewrite_as_nothing(&mut self) {
        self.record.effect = Effect::Rewritten;
    }

    // Looking before writing.

    /// The entry of a key that is about to be written. A key whose deadline has passed is deleted first.
    #[inline]
    pub fn lookup(&mut self, key: &[u8]) -> Option<EntryRef<'_>> {
        self.lookup_in(self.db, key)
    }
    pub fn lookup_in(&mut self, db: usize, key: &[u8]) -> Option<EntryRef<'_>> {
        let deadline = self.store.database(db).find(key)?.deadline();
        if deadline.is_some_and(|deadline| deadline <= self.due_until_ms()) {
            self.expire(db, key);
            return None;
        }
        let view = View { store: self.store, db, touches: self.touches };
        let entry = view.database().find(key)?;
        view.touch(entry);
        Some(entry)
    }

    /// The value of this type at a key that a writing command only reads; see [`Changes::source`].
    ///
    /// # Errors
    /// `WrongType` where something else stands.
    pub fn source_value<T: Value>(&mut self, key: &[u8]) -> Result<Option<&T>, CommandError> {
        let _ = self.lookup(key);
        self.view().value(key)
    }
    /// Thresholds of the compact encodings.
    pub fn limits(&self) -> EncodingLimits {
        self.store.limits
    }
    /// Randomness of its own for one command, that can be used while a value is borrowed.
    pub fn rng(&self) -> fastrand::Rng {
        self.store.fork_rng()
    }
    /// Counts further changes beside that of [`Changes::modified`]: of a command that changed several items.
    pub fn also_dirty(&mut self, count: u64) {
        self.record.dirty += count
    }

    // Writing. These change data only; the command states the event by `modified`.

    /// The value of this type at a key, to be changed where it lies. Whoever leaves it empty calls
    /// [`Changes::remove_emptied`]; whoever may change deadlines of its parts uses [`Changes::edit`] instead.
    ///
    /// # Errors
    /// `WrongType` where something else stands.
    pub fn value_mut<T: Value>(&mut self, key: &[u8]) -> Result<Option<&mut T>, CommandError> {
        let hash = self.store.database(self.db).hash(key);
        let Some(raw) = self.living(hash, key) else { return Ok(None) };
        // SAFETY: the table owns the entry, and we own the table for as long as the result is borrowed.
        typed(unsafe { EntryMut::from_raw(raw) }).map(Some)
    }
    /// The same for a command that looks for its value as readers do, so that the lookup counts and a miss is told.
    ///
    /// # Errors
    /// `WrongType` where something else stands.
    pub fn value_read_mut<T: Value>(&mut self, key: &[u8]) -> Result<Option<&mut T>, CommandError> {
        let hash = self.store.database(self.db).hash(key);
        let found = self.living(hash, key);
        self.view().note_lookup(key, found.is_some());
        let Some(raw) = found else { return Ok(None) };
        // SAFETY: as in `value_mut`.
        typed(unsafe { EntryMut::from_raw(raw) }).map(Some)
    }
    /// The same as [`Changes::value_mut`]; where there is none, it is made.
    ///
    /// # Errors
    /// `WrongType` where something else stands.
    pub fn value_or_insert_with<T: Value>(
        &mut self,
        key: &[u8],
        make: impl FnOnce() -> T,
    ) -> Result<&mut T, CommandError> {
        let hash = self.store.database(self.db).hash(key);
        let raw = self.living(hash, key).unwrap_or_else(|| {
            let clock = self.store.access_clock().birth();
            self.put(self.db, hash, key, Entry::object(key, make().into_object(), None, clock));
            let made = self.store.database(self.db).raw(hash, key);
            made.unwrap_or_else(|| unreachable!("it was put there just now"))
        });
        // SAFETY: as in `value_mut`.
        typed(unsafe { EntryMut::from_raw(raw) })
    }
    /// Changes a value whose parts may have deadlines; `None` where there is none.
    ///
    /// # Errors
    /// `WrongType` where something else stands.
    pub fn edit<T: Value, R>(
        &mut self,
        key: &[u8],
        edit: impl FnOnce(&mut T) -> R,
    ) -> Result<Option<R>, CommandError> {
        let Some(value) = self.value_mut::<T>(key)? else { return Ok(None) };
        let before = value.next_deadline();
        let result = edit(value);
        if before != value.next_deadline() {
            self.note_part_deadlines(key, before);
        }
        Ok(Some(result))
    }
    /// The same; where there is none, it is made, and kept unless it is left empty.
    ///
    /// # Errors
    /// `WrongType` where something else stands.
    pub fn edit_or_insert_with<T: Value, R>(
        &mut self,
        key: &[u8],
        make: impl FnOnce() -> T,
        edit: impl FnOnce(&mut T) -> R,
    ) -> Result<R, CommandError> {
        let hash = self.store.database(self.db).hash(key);
        let (result, before, after) = match self.living(hash, key) {
            Some(raw) => {
                // SAFETY: as in `value_mut`.
                let value = typed::<T>(unsafe { EntryMut::from_raw(raw) })?;
                let before = value.next_deadline();
                (edit(value), before, value.next_deadline())
            }
            None => {
                let mut value = make();
                let result = edit(&mut value);
                if !value.is_empty() {
                    let clock = self.store.access_clock().birth();
                    self.put(self.db, hash, key, Entry::object(key, value.into_object(), None, clock));
                }
                return Ok(result);
            }
        };
        if before != after {
            self.note_part_deadlines(key, before);
        }
        Ok(result)
    }
    /// Sets a key to a value that is not a string, whatever stood there.
    pub fn set_value(&mut self, key: &[u8], value: impl Value, deadline: Deadline) {
        self.set_object(key, value.into_object(), deadline)
    }
    pub fn set_object(&mut self, key: &[u8], object: Object, deadline: Deadline) {
        let old = self.lookup(key).and_then(EntryRef::deadline);
        let deadline = match deadline {
            Deadline::Keep => old,
            Deadline::Clear => None,
            Deadline::At(at) => Some(at),
        };
        let hash = self.store.database(self.db).hash(key);
        let clock = self.store.access_clock().birth();
        self.put(self.db, hash, key, Entry::object(key, object, deadline, clock));
    }
    /// Puts what was saved at a key that is not there, with its deadline (ms since 1970) and access clock (as one that is
    /// born now, if none is given). Whoever does this states the event. False if the key is there, due or not: then
    /// nothing has changed.
    pub fn load(&mut self, key: &[u8], content: Content, deadline: Option<i64>, clock: Option<u32>) -> bool {
        let hash = self.store.database(self.db).hash(key);
        if self.store.database(self.db).raw(hash, key).is_some() {
            return false;
        }
        let clock = clock.unwrap_or_else(|| self.store.access_clock().birth());
        let entry = match content {
            Content::Integer(integer) => Entry::string(key, Text::Integer(integer), deadline, clock),
            Content::Text(bytes) => Entry::string(key, Text::smallest(&bytes), deadline, clock),
            Content::Object(object) => Entry::object(key, object, deadline, clock),
        };
        self.put(self.db, hash, key, entry);
        true
    }
    /// Deletes a key whose value the command has emptied, and tells that too.
    pub fn remove_emptied(&mut self, key: &[u8]) {
        if self.remove(key) {
            self.event_in(self.db, Event::Generic, "del", key);
        }
    }
    /// The entry of a key that is about to change; if its deadline has passed, it is deleted first. It counts as a use.
    #[inline]
    fn living(&mut self, hash: u64, key: &[u8]) -> Option<NonNull<u8>> {
        let view = View { store: self.store, db: self.db, touches: self.touches };
        let raw = view.database().raw(hash, key)?;
        // SAFETY: the table owns the entry, and is not changed while it is looked at.
        let entry = unsafe { EntryRef::from_raw(raw) };
        if !view.is_alive(entry) {
            self.expire(self.db, key);
            return None;
        }
        view.touch(entry);
        self.store.preserve(self.db, hash, raw);
        Some(raw)
    }
    /// Deletes a key of the client's database; false if there is none.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        match self.take(self.db, key) {
            Some(entry) => {
                self.discard(entry);
                true
            }
            None => false,
        }
    }
    /// Deletes a key as a client asks for it: if its deadline has passed, it has expired before. False if there is
    /// none that lives.
    pub fn delete(&mut self, key: &[u8]) -> bool {
        let Some(entry) = self.take(self.db, key) else { return false };
        let lived = self.view().is_alive(entry.get());
        self.discard(entry);
        if !lived {
            self.tell_expired(self.db, key);
        }
        lived
    }
    /// Takes an entry out of a database.
    pub fn take(&mut self, db: usize, key: &[u8]) -> Option<Entry> {
        let hash = self.store.database(db).hash(key);
        self.store.preserve_key(db, hash, key);
        self.store.databases[db].remove(hash, key)
    }
    /// Gives a key of the client's database another name, whatever stood there. However large the value is, this
    /// takes no longer: it is moved.
    pub fn rename(&mut self, key: &[u8], to: &[u8]) {
        let Some(mut entry) = self.take(self.db, key) else { return };
        let deadline = entry.get().deadline();
        let renamed = entry.get_mut().moved(to, deadline);
        self.place(self.db, to, renamed);
    }
    /// Moves a key of the client's database to another one, whatever stood there.
    pub fn carry(&mut self, key: &[u8], to_db: usize) {
        if let Some(entry) = self.take(self.db, key) {
            self.place(to_db, key, entry);
        }
    }
    /// Copies a key of the client's database, with its deadline, to another name or database, whatever stood there.
    pub fn copy(&mut self, key: &[u8], to_db: usize, to: &[u8]) {
        let clock = self.store.access_clock().birth();
        if let Some(entry) = self.store.database(self.db).find(key) {
            let copy = entry.copied(to, clock);
            self.place(to_db, to, copy);
        }
    }

    /// Puts an entry at its key as a new one: what stood there is gone before.
    fn place(&mut self, db: usize, key: &[u8], entry: Entry) {
        if let Some(old) = self.take(db, key) {
            self.discard(old);
        }
        let hash = self.store.database(db).hash(key);
        self.put(db, hash, key, entry);
    }
    fn put(&mut self, db: usize, hash: u64, key: &[u8], entry: Entry) {
        if entry.get().deadline().is_some() {
            let old = self.store.database(db).find(key);
            let old = old.and_then(|old| old.deadline().map(|deadline| (deadline, old.is_armed(Armed::Key))));
            self.arm(Armed::Key, db, hash, old, entry.get());
        }
        // Seldom: a hash whose fields have deadlines comes to be by COPY, RENAME and their like.
        self.arm(Armed::Parts, db, hash, None, entry.get());
        self.store.preserve_key(db, hash, key);
        self.store.mark_newborn(db, hash, &entry);
        match self.store.databases[db].put(hash, key, entry) {
            Some(old) => self.discard(old),
            None => self.event_in(db, Event::New, "new", key),
        }
    }
    /// Frees an entry: here if that is quick, elsewhere if it is big.
    pub(super) fn discard(&mut self, entry: Entry) {
        /// Of a value with many parts so many are weighed.
        const PARTS_WEIGHED: usize = 5;
        if entry.get().is_big() {
            self.store.counts.dropped_elsewhere += 1;
            let bytes = if self.store.weighs_garbage { entry.get().size_bytes(PARTS_WEIGHED) } else { 0 };
            self.store.garbage_bytes += bytes;
            self.store.garbage.push(Garbage::Entry { entry, bytes });
        }
    }
}

/// # Errors
/// `WrongType` where something else stands.
fn typed<'a, T: Value>(entry: EntryMut<'a>) -> Result<&'a mut T, CommandError> {
    entry.into_value_mut().ok_or(CommandError::WrongType)
}
