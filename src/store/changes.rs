//! The write context: the only way to change data. What was changed goes into the [`Record`].
use super::{
    Content, Database, DueKey, EncodingLimits, Entry, EntryRef, Garbage, Hash, Kind, Missed, Store, Text,
    TextRef, View,
    entry::{Armed, EntryMut},
    record::{Effect, Event, Record},
    values::{Object, Stored, Value},
};
use crate::{data::wheel::Item, error::CommandError};
use bytes::{Bytes, BytesMut};
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
    /// The string at a key that is about to be written.
    ///
    /// # Errors
    /// `WrongType` where something else stands.
    pub fn string(&mut self, key: &[u8]) -> Result<Option<TextRef<'_>>, CommandError> {
        match self.lookup(key) {
            None => Ok(None),
            Some(entry) if entry.kind() == Kind::String => Ok(Some(entry.text())),
            Some(_) => Err(CommandError::WrongType),
        }
    }
    /// The string at a key that a writing command only reads. One whose deadline has passed is deleted, not just hidden
    /// as from a reader: the effects must tell that it is gone before they tell of the command.
    ///
    /// # Errors
    /// `WrongType` where something else stands.
    pub fn source(&mut self, key: &[u8]) -> Result<Option<TextRef<'_>>, CommandError> {
        let _ = self.lookup(key);
        self.view().string(key)
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

    /// Sets a key to a string, whatever stood there.
    pub fn set_string(&mut self, key: &[u8], text: Text, deadline: Deadline) {
        self.write_string(key, text, deadline, true)
    }
    /// As [`Changes::set_string`], by a command that has not looked the key up: it counts as a use of the old value.
    pub fn overwrite_string(&mut self, key: &[u8], text: Text, deadline: Deadline) {
        self.write_string(key, text, deadline, false)
    }
    fn write_string(&mut self, key: &[u8], text: Text, deadline: Deadline, looked_up: bool) {
        let hash = self.store.database(self.db).hash(key);
        let clock = self.store.access_clock();
        let Some(raw) = self.store.database(self.db).raw(hash, key) else {
            let deadline = if let Deadline::At(at) = deadline { Some(at) } else { None };
            let entry = Entry::string(key, text, deadline, clock.birth());
            return self.put(self.db, hash, key, entry);
        };
        // SAFETY: the table owns the entry, and we own the table: nobody else looks at it meanwhile.
        let mut entry = unsafe { EntryMut::from_raw(raw) };
        let expired = entry.get().deadline().is_some_and(|deadline| deadline <= self.due_until_ms());
        if expired && !looked_up {
            // What stands there is gone already: nothing of it is kept.
            self.expire(self.db, key);
            return self.write_string(key, text, deadline, true);
        }
        self.store.preserve(self.db, hash, raw);
        if self.touches && !looked_up {
            let used = clock.touched(entry.get().clock(), || self.store.random_fraction());
            entry.get().set_clock(used);
        }
        let old = entry.get().deadline();
        let new = match deadline {
            Deadline::Keep => old,
            Deadline::Clear => None,
            Deadline::At(at) => Some(at),
        };
        if entry.get().is_big() || entry.get().has_part_deadlines() {
            let value = entry.moved(key, None);
            self.store.databases[self.db].forget_parts(entry.get());
            self.discard(value);
        }
        match entry.rewrite(text, new) {
            Ok(()) => self.note_deadline(self.db, hash, old, entry.get()),
            Err(text) => {
                let entry = Entry::string(key, text, new, entry.get().clock());
                self.put(self.db, hash, key, entry)
            }
        }
    }
    /// Edits the bytes of a string (an empty one where there was none); its deadline stays. A long one is edited where
    /// it lies, so that this takes no more time than `edit` itself; unless it must move to have room for `length` bytes,
    /// which is what `edit` is known to make of it (0 if nothing is known).
    pub fn edit_string<R>(&mut self, key: &[u8], length: usize, edit: impl FnOnce(&mut BytesMut) -> R) -> R {
        let hash = self.store.database(self.db).hash(key);
        let mut bytes = BytesMut::new();
        if let Some(raw) = self.store.database(self.db).raw(hash, key) {
            self.store.preserve(self.db, hash, raw);
            // SAFETY: as in `set_string`.
            let mut entry = unsafe { EntryMut::from_raw(raw) };
            if let Some(shared) = entry.shared_mut() {
                return edit_shared(shared, length, edit);
            }
            bytes.extend_from_slice(entry.get().text().bytes(&mut itoa::Buffer::new()));
        }
        let result = edit(&mut bytes);
        self.set_string(key, Text::Shared(bytes.freeze()), Deadline::Keep);
        result
    }
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
    /// Deletes parts of a value whose deadlines have passed (`limit` of them at the most), because the wheel said so. What
    /// is still due then is armed for now.
    fn expire_parts(&mut self, db: usize, key: &[u8], limit: usize) {
        let due_until_ms = self.due_until_ms();
        // Its item in the wheel has fired: whatever comes next needs a new one.
        self.expire_fields_by(db, key, |hash| (hash.remove_due(due_until_ms, limit), None));
    }
    /// Deletes those of these fields of a hash whose deadlines have passed; all that are due, if none is named.
    pub fn expire_fields(&mut self, db: usize, key: &[u8], names: &[Bytes]) {
        let due_until_ms = self.due_until_ms();
        self.expire_fields_by(db, key, |hash| {
            let before = hash.next_deadline();
            let gone = match names {
                [] => hash.remove_due(due_until_ms, usize::MAX),
                names => hash.remove_due_named(names, due_until_ms),
            };
            (gone, before)
        });
    }
    /// Deletes fields of a hash as expired ones, and says so to everyone; and the key, if nothing is left. `remove` tells
    /// the names, and which deadline the wheel still has an item for.
    fn expire_fields_by(
        &mut self,
        db: usize,
        key: &[u8],
        remove: impl FnOnce(&mut Hash) -> (Vec<Bytes>, Option<i64>),
    ) {
        let hash = self.store.database(db).hash(key);
        let Some(raw) = self.store.database(db).raw(hash, key) else { return };
        self.store.preserve(db, hash, raw);
        // SAFETY: as in `set_string`.
        let mut entry = unsafe { EntryMut::from_raw(raw) };
        let Some(value) = entry.value_mut::<Hash>() else { return };
        let (gone, armed_for) = remove(value);
        let empty = value.is_empty();
        if gone.is_empty() {
            return;
        }
        let client_db = std::mem::replace(&mut self.db, db);
        self.note_part_deadlines(key, armed_for);
        self.store.counts.expired_fields += gone.len() as u64;
        self.also_modified_in(db, Event::Hash, "hexpired", key);
        for field in &gone {
            self.record.log(db, [&b"HDEL"[..], key, field].into_iter());
        }
        if empty {
            self.remove_emptied(key);
        }
        self.db = client_db;
    }
    /// Keeps counts and wheel true when the first deadline of a value's parts was `before`.
    fn note_part_deadlines(&mut self, key: &[u8], before: Option<i64>) {
        let hash = self.store.database(self.db).hash(key);
        let database = &mut self.store.databases[self.db];
        let Some(raw) = database.raw(hash, key) else { return };
        // SAFETY: the table owns the entry, and is not changed while it is looked at.
        let entry = unsafe { EntryRef::from_raw(raw) };
        database.note_parts(entry);
        let old = before.map(|deadline| (deadline, entry.is_armed(Armed::Parts)));
        self.arm(Armed::Parts, self.db, hash, old, entry);
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
    /// Sets or takes away a deadline; false if there is no such key.
    pub fn set_deadline(&mut self, key: &[u8], deadline: Option<i64>) -> bool {
        let hash = self.store.database(self.db).hash(key);
        let Some(raw) = self.store.database(self.db).raw(hash, key) else { return false };
        self.store.preserve(self.db, hash, raw);
        // SAFETY: as in `set_string`.
        let mut entry = unsafe { EntryMut::from_raw(raw) };
        let old = entry.get().deadline();
        if entry.rewrite_deadline(deadline) {
            self.note_deadline(self.db, hash, old, entry.get());
        } else {
            let new = entry.moved(key, deadline);
            self.put(self.db, hash, key, new);
        }
        true
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
    /// Deletes what the timing wheel found due: a key, or the parts of its value that are (`parts_max` of them at the
    /// most).
    pub fn expire_due(&mut self, due: &DueKey, parts_max: usize) {
        if due.parts {
            self.expire_parts(due.db, &due.key, parts_max);
        } else {
            self.expire(due.db, &due.key);
        }
    }
    /// Deletes a key whose deadline has passed, and says so to everyone.
    pub fn expire(&mut self, db: usize, key: &[u8]) {
        let Some(entry) = self.take(db, key) else { return };
        self.discard(entry);
        self.tell_expired(db, key);
    }
    /// The command at hand did not do this, so it is not counted as a change of its, and is told by itself.
    fn tell_expired(&mut self, db: usize, key: &[u8]) {
        self.store.counts.expired += 1;
        self.also_modified_in(db, Event::Expired, "expired", key);
        self.record.log(db, [&b"DEL"[..], key].into_iter());
    }
    /// Empties a database.
    pub fn clear(&mut self, db: usize) {
        let count = self.store.databases[db].len() as u64;
        self.record.upheaval = true;
        if count > 0 {
            self.touch_all(db, db);
            let (id, hasher) = (self.store.databases[db].id, self.store.hasher.clone());
            let fresh = Database::new(id, self.store.generations, hasher);
            self.store.generations += 1;
            let old = std::mem::replace(&mut self.store.databases[db], fresh);
            self.record.dirty += count;
            self.store.detach(old);
        }
    }
    /// Exchanges the data of two databases. For clients of either, every key that stands in one of them has changed.
    pub fn swap(&mut self, a: usize, b: usize) {
        self.record.dirty += 1;
        if a != b {
            self.record.upheaval = true;
            for (db, seen_at) in [(a, a), (a, b), (b, a), (b, b)] {
                self.touch_all(db, seen_at);
            }
            self.store.databases.swap(a, b)
        }
    }
    /// Puts others in the place of all databases. For clients of each, every key that stands in either has changed.
    pub fn replace_databases(&mut self, fresh: Vec<Database>) {
        self.record.upheaval = true;
        for (db, mut database) in fresh.into_iter().enumerate() {
            self.touch_all(db, db);
            std::mem::swap(&mut self.store.databases[db], &mut database);
            self.touch_all(db, db);
            self.record.dirty += database.len() as u64;
            self.store.detach(database);
        }
    }
    /// States that every key of `db` changed, for clients of `seen_at`: however large the database is, only few keys are of
    /// interest.
    fn touch_all(&mut self, db: usize, seen_at: usize) {
        let database = &self.store.databases[db];
        let interests = self.record.interests.of(seen_at);
        let there = interests.filter(|key| database.find(key).is_some());
        self.record.touched.extend(there.map(|key| (seen_at, key.clone())));
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
    /// Keeps counts and wheel true when an entry's deadline was changed in place.
    fn note_deadline(&mut self, db: usize, hash: u64, old: Option<i64>, entry: EntryRef) {
        let new = entry.deadline();
        if old != new {
            self.store.databases[db].note_deadline(old, new);
            let old = old.map(|deadline| (deadline, entry.is_armed(Armed::Key)));
            self.arm(Armed::Key, db, hash, old, entry);
        }
    }
    /// Sees to it that the timing wheel will come to an entry in time. `old`: what deadline its key had, and whether
    /// an item in the wheel was for exactly that.
    ///
    /// A later deadline adds nothing: the old item fires, finds the entry *unarmed*, and is put back for the new
    /// one. An item that finds its entry armed is left over from another life of the key, and goes. Until then it
    /// stays; where such items gather, Expiry makes the wheel anew.
    fn arm(&mut self, what: Armed, db: usize, hash: u64, old: Option<(i64, bool)>, entry: EntryRef) {
        let Some(new) = what.deadline(entry) else { return };
        match old {
            Some((old, armed)) if old <= new => entry.set_armed(what, armed && old == new),
            _ => {
                entry.set_armed(what, true);
                let item = Item::new(hash >> 16, self.store.databases[db].id);
                self.store.deadlines.push((new.max(0) as u64, item));
            }
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

/// Edits bytes in their place; or in a copy, if a reply still holds them.
fn edit_shared<R>(shared: &mut Bytes, length: usize, edit: impl FnOnce(&mut BytesMut) -> R) -> R {
    let mut bytes = match std::mem::take(shared).try_into_mut() {
        Ok(bytes) if bytes.capacity() >= length => bytes,
        Ok(bytes) => with_room(&bytes, length + spare_bytes(length)),
        Err(held) => {
            let spare = if length > held.len() { length.min(SPARE_BYTES_MIN) } else { 0 };
            with_room(&held, length.max(held.len()) + spare)
        }
    };
    let result = edit(&mut bytes);
    *shared = bytes.freeze();
    result
}

/// Room that a string of at least this length has for more when it has grown, bytes.
const SPARE_BYTES_MIN: usize = 1024 * 1024;

/// The room that a string which has grown to this length is given for more. A shorter one doubles. A longer one gets
/// one MiB, as in Redis, or a sixteenth of what it has: as the allocator moves whatever grows, a fixed room would make
/// the time that a string takes to grow to hundreds of MiB go with the square of its length.
fn spare_bytes(length: usize) -> usize {
    if length < SPARE_BYTES_MIN { length } else { SPARE_BYTES_MIN.max(length / 16) }
}
fn with_room(bytes: &[u8], capacity: usize) -> BytesMut {
    let mut moved = BytesMut::with_capacity(capacity);
    moved.extend_from_slice(bytes);
    moved
}

#[cfg(test)]
mod string_tests {
    use super::*;

    fn appended(shared: &mut Bytes, more: &[u8]) -> usize {
        let length = shared.len() + more.len();
        edit_shared(shared, length, |bytes| {
            bytes.extend_from_slice(more);
            bytes.capacity()
        })
    }

    #[test]
    fn a_string_that_grows_has_little_room_to_spare() {
        let mut grown = Bytes::from(vec![b'x'; 5000]);
        while grown.len() < 25 << 20 {
            let capacity = appended(&mut grown, &[b'y'; 64 * 1024]);
            let most = grown.len() + grown.len().min((1 << 20).max(grown.len() / 16));
            assert!(capacity <= most, "{capacity} bytes for {}", grown.len());
        }
    }

    #[test]
    fn what_somebody_else_holds_is_copied_with_little_room() {
        let held = Bytes::from(vec![b'x'; 50 << 20]);
        let mut copy = held.clone();
        let capacity = appended(&mut copy, b"y");
        assert!(capacity <= 51 * (1 << 20) + 1, "{capacity}");
        assert_eq!((held.len(), copy.len()), (50 << 20, (50 << 20) + 1));
        // What only changes needs no room.
        let mut copy = held.clone();
        let capacity = edit_shared(&mut copy, 0, |bytes| {
            bytes[0] = b'z';
            bytes.capacity()
        });
        assert_eq!((capacity, held[0], copy[0]), (50 << 20, b'x', b'z'));
    }
}
