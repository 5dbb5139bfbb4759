//! The key table: from the hash of a key to its entry, ordered by hash.
//!
//! The table owns *entries*, allocations that hold a key and whatever else the caller wants, and knows them by one
//! pointer each. The *position* of a key is its 64-bit keyed hash, read from the top bit. The table is ordered by
//! position, and nothing about that order depends on the table's size or its history. Everything that walks the keys
//! (SCAN, snapshots, expiry) therefore needs no more than a number to say how far it came.
//!
//! Three layers, each its own file:
//! * `slot`: an entry pointer with 20 bits of the hash, in 8 bytes;
//! * `segment`: some hundred slots with a common prefix of their hashes, sorted, in one allocation;
//! * `directory`: extendible hashing over the segments.
//!
//! There is no big rehash: the work of one operation is bounded by one segment, but for the doubling of the directory,
//! an array of 16 bytes per segment. A key costs 9 to 11 bytes (8 for the slot, the rest is room to insert).
//!
//! The table takes hashes from its caller, who computes each once with [`Table::hash`] and uses it for prefetching,
//! finding and inserting. A wrong hash misplaces a key; it never endangers memory.

mod directory;
mod scan;
mod segment;
mod slot;
#[cfg(test)]
mod tests;

use std::hash::BuildHasher;
use std::marker::PhantomData;
use std::mem;
use std::ptr::NonNull;

use directory::{DEPTH_MAX, Directory, ENTRIES_AHEAD};
use slot::Slot;
pub(in crate::data) use slot::prefetch;

/// An owning pointer to one entry: what the table stores.
///
/// # Safety
/// * `into_raw` gives up ownership of the entry and returns its address, which is a multiple of 16, below 2^48, and
///   that of no other entry. The address stays good until `from_raw`.
/// * `from_raw` takes ownership back.
/// * `key` reads the key of an entry between the two. The key never changes meanwhile, whatever else does, and `key`
///   does not panic.
pub unsafe trait Entry: Sized {
    /// Gives the entry away as an address.
    fn into_raw(self) -> NonNull<u8>;

    /// Takes the entry back.
    ///
    /// # Safety
    /// `raw` comes from `into_raw`, and nobody uses it afterwards.
    unsafe fn from_raw(raw: NonNull<u8>) -> Self;

    /// The key of an entry that was given away.
    ///
    /// # Safety
    /// `raw` comes from `into_raw`, and the entry is not taken back while the key is borrowed.
    unsafe fn key<'a>(raw: NonNull<u8>) -> &'a [u8];
}

/// A table of entries by key. See the head of this module.
///
/// Entries are handed out as their raw addresses. Such an address is good until the entry leaves the table (by
/// [`replace`](Table::replace), [`remove`](Table::remove) or with the table) and does not move when the table
/// grows. The table itself reads an entry through [`Entry::key`] only, and only during its own calls.
pub struct Table<E: Entry, S: BuildHasher = ahash::RandomState> {
    directory: Directory,
    len: usize,
    hasher: S,
    entries: PhantomData<E>,
}

// SAFETY: the table owns its segments and its entries and shares neither, so it may go wherever both parts of it may.
unsafe impl<E: Entry + Send, S: BuildHasher + Send> Send for Table<E, S> {}

impl<E: Entry, S: BuildHasher> Table<E, S> {
    /// An empty table. Tables that are to agree on positions share a hasher.
    pub fn new(hasher: S) -> Self {
        Table { directory: Directory::new(), len: 0, hasher, entries: PhantomData }
    }

    /// The hash of `key`, which the other calls ask for.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key)
    }

    /// Entries in the table.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of the table itself, without its entries.
    pub fn memory_bytes(&self) -> usize {
        self.directory.memory_bytes()
    }

    /// The entry of `key`.
    #[inline]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<NonNull<u8>> {
        let segment = self.directory.locate(hash);
        segment.find::<E>(segment.tag(hash), key).map(|(_, slot)| slot.entry())
    }

    /// Adds an entry whose key is not in the table.
    pub fn insert(&mut self, hash: u64, entry: E) {
        let raw = entry.into_raw();
        // SAFETY: `raw` was given away just now.
        debug_assert!(self.find(hash, unsafe { E::key(raw) }).is_none(), "the key is already in the table");
        loop {
            let segment = self.directory.locate_mut(hash);
            if segment.insert(segment.tag(hash), raw) {
                break;
            }
            let hasher = &self.hasher;
            // SAFETY: the directory asks for entries in its slots only, and those were given away to it.
            self.directory.make_room(hash, |raw| hasher.hash_one(unsafe { E::key(raw) }));
        }
        self.len += 1;
    }

    /// Puts `entry` in the place of the entry of `key`, which is its own key too, and returns the former one; adds it
    /// if there was none.
    pub fn replace(&mut self, hash: u64, key: &[u8], entry: E) -> Option<E> {
        let segment = self.directory.locate_mut(hash);
        let Some((index, slot)) = segment.find::<E>(segment.tag(hash), key) else {
            self.insert(hash, entry);
            return None;
        };
        segment.replace(index, entry.into_raw());
        // SAFETY: the slot held what `into_raw` gave, and no longer does.
        Some(unsafe { E::from_raw(slot.entry()) })
    }

    /// Takes the entry of `key` out.
    pub fn remove(&mut self, hash: u64, key: &[u8]) -> Option<E> {
        let segment = self.directory.locate_mut(hash);
        let (index, slot) = segment.find::<E>(segment.tag(hash), key)?;
        segment.remove(index);
        self.len -= 1;
        self.directory.relax(hash);
        // SAFETY: the slot held what `into_raw` gave, and no longer does.
        Some(unsafe { E::from_raw(slot.entry()) })
    }

    /// Prepares an empty table for `additional` keys, so that filling it splits nothing. A table that holds keys
    /// already grows as it goes. Whoever has the number from a file sees to it that it can be true.
    pub fn reserve(&mut self, additional: usize) {
        const DEPTH_RESERVED_MAX: u8 = 17;
        const SEGMENT_KEYS: usize = 400;
        if !self.is_empty() {
            return;
        }
        let segments = additional.div_ceil(SEGMENT_KEYS).next_power_of_two();
        let depth = (segments.ilog2() as u8).min(DEPTH_RESERVED_MAX);
        let keys = (additional >> depth).min(SEGMENT_KEYS) as u32;
        // Hashes do not spread evenly: some segments get more than their share.
        self.directory = Directory::with_segments(depth, segment::class_for(keys + keys / 16));
    }

    /// Empties the table and returns all it held as a table of its own, to be dropped elsewhere.
    pub fn take(&mut self) -> Self
    where
        S: Clone,
    {
        let empty = Table::new(self.hasher.clone());
        mem::replace(self, empty)
    }

    /// Prefetches the slots that [`find`](Table::find) would look at. With a batch of keys at hand, call this for all
    /// of them, then [`prefetch_entry`](Table::prefetch_entry) for all, then find them.
    #[inline]
    pub fn prefetch_slots(&self, hash: u64) {
        let segment = self.directory.locate(hash);
        segment.prefetch(segment.tag(hash));
    }

    /// Prefetches the first line of the entries that [`find`](Table::find) would look at.
    #[inline]
    pub fn prefetch_entry(&self, hash: u64) {
        let segment = self.directory.locate(hash);
        segment.matches(segment.tag(hash)).for_each(|raw| prefetch(raw.as_ptr()));
    }

    /// Drops all entries as dropping the table does, and says after each some hundreds of them that these are gone.
    pub fn drop_in_parts(mut self, mut gone: impl FnMut()) {
        let mut place = 0;
        while let Some((_, is_first)) = self.directory.place(place) {
            if is_first {
                let slots = self.directory.segment_mut(place).slots_mut();
                drop_entries::<E>(slots);
                slots.fill(Slot::FREE);
                gone();
            }
            place += 1;
        }
    }
}

impl<E: Entry, S: BuildHasher> Drop for Table<E, S> {
    fn drop(&mut self) {
        for segment in self.directory.segments() {
            drop_entries::<E>(segment.slots());
        }
    }
}

/// Drops the entries of `slots`, which nobody looks at afterwards.
fn drop_entries<E: Entry>(slots: &[Slot]) {
    for (index, slot) in slots.iter().enumerate() {
        if let Some(ahead) = slots.get(index + ENTRIES_AHEAD).filter(|slot| !slot.is_free()) {
            prefetch(ahead.entry().as_ptr());
        }
        if !slot.is_free() {
            // SAFETY: an occupied slot holds what `into_raw` gave; each is taken back once.
            drop(unsafe { E::from_raw(slot.entry()) });
        }
    }
}

impl<E: Entry, S: BuildHasher> IntoIterator for Table<E, S> {
    type Item = E;
    type IntoIter = IntoIter<E, S>;

    /// All entries, in order of position.
    fn into_iter(self) -> IntoIter<E, S> {
        IntoIter { table: self, place: 0, slot: 0 }
    }
}

/// The entries of a table that is given up.
pub struct IntoIter<E: Entry, S: BuildHasher> {
    /// What is left: slots already passed are free.
    table: Table<E, S>,
    place: usize,
    slot: usize,
}

impl<E: Entry, S: BuildHasher> Iterator for IntoIter<E, S> {
    type Item = E;

    fn next(&mut self) -> Option<E> {
        while let Some((_, first)) = self.table.directory.place(self.place) {
            let slots = self.table.directory.segment_mut(self.place).slots_mut();
            if first && let Some(ahead) = slots[self.slot..].iter().position(|slot| !slot.is_free()) {
                let index = self.slot + ahead;
                let taken = mem::replace(&mut slots[index], Slot::FREE);
                self.slot = index + 1;
                self.table.len -= 1;
                // SAFETY: an occupied slot holds what `into_raw` gave, and this one no longer does.
                return Some(unsafe { E::from_raw(taken.entry()) });
            }
            self.place += 1;
            self.slot = 0;
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.table.len, Some(self.table.len))
    }
}
