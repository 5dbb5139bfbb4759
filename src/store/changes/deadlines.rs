//! Deadlines of keys and of fields: set, kept true in counts and wheel, and carried out.
use super::Changes;
use crate::{
    data::wheel::Item,
    store::{
        DueKey, EntryRef, Hash,
        entry::{Armed, EntryMut},
        record::Event,
        values::Stored,
    },
};
use bytes::Bytes;

impl Changes<'_> {
    /// Sets or takes away a deadline; false if there is no such key.
    pub fn set_deadline(&mut self, key: &[u8], deadline: Option<i64>) -> bool {
        let hash = self.store.database(self.db).hash(key);
        let Some(raw) = self.store.database(self.db).raw(hash, key) else { return false };
        self.store.preserve(self.db, hash, raw);
        // SAFETY: the table owns the entry, and we own the table: nobody else looks at it meanwhile.
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
    pub(super) fn tell_expired(&mut self, db: usize, key: &[u8]) {
        self.store.counts.expired += 1;
        self.also_modified_in(db, Event::Expired, "expired", key);
        self.record.log(db, [&b"DEL"[..], key].into_iter());
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
        // SAFETY: the table owns the entry, and we own the table: nobody else looks at it meanwhile.
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
    pub(super) fn note_part_deadlines(&mut self, key: &[u8], before: Option<i64>) {
        let hash = self.store.database(self.db).hash(key);
        let database = &mut self.store.databases[self.db];
        let Some(raw) = database.raw(hash, key) else { return };
        // SAFETY: the table owns the entry, and is not changed while it is looked at.
        let entry = unsafe { EntryRef::from_raw(raw) };
        database.note_parts(entry);
        let old = before.map(|deadline| (deadline, entry.is_armed(Armed::Parts)));
        self.arm(Armed::Parts, self.db, hash, old, entry);
    }
    /// Keeps counts and wheel true when an entry's deadline was changed in place.
    pub(super) fn note_deadline(&mut self, db: usize, hash: u64, old: Option<i64>, entry: EntryRef) {
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
    pub(super) fn arm(
        &mut self,
        what: Armed,
        db: usize,
        hash: u64,
        old: Option<(i64, bool)>,
        entry: EntryRef,
    ) {
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
}
