//! Strings: read, set and edited in their place.
use super::{Changes, Deadline};
use crate::{
    error::CommandError,
    store::{Entry, Kind, Text, TextRef, entry::EntryMut},
};
use bytes::{Bytes, BytesMut};

impl Changes<'_> {
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
            // SAFETY: as in `write_string`.
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
mod tests {
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
