//! Which version of the format is written.
//!
//! A server refuses files above its own version (10 is Redis 7.0's, 11 that of 7.2 and Valkey 8, 12 that of 7.4), so the
//! lowest that holds the data is the best one. What a file of version 10 does not hold as it is:
//!
//! * Fields of hashes with deadlines need version 12: [`Version::of_store`] knows whether there are any.
//! * When a consumer of a stream last *got* something: a reader takes the time when it last asked. Version 11 holds both.
//! * That a small set is a listpack: it is written member by member, and becomes one again when it is read.
use crate::store::{EntryRef, ObjectRef, Store, Stream};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    V10 = 10,
    V11 = 11,
    V12 = 12,
}

impl Version {
    /// For a file of all that is in a store.
    pub fn of_store(store: &Store) -> Version {
        if store.parted() > 0 { Version::V12 } else { Version::V10 }
    }
    /// For this value alone, so that nothing of it is lost.
    pub fn of_value(entry: EntryRef) -> Version {
        match entry.object() {
            Some(ObjectRef::Hash(_)) if entry.has_part_deadlines() => Version::V12,
            Some(ObjectRef::Stream(stream)) if has_idle_consumers(stream) => Version::V11,
            _ => Version::V10,
        }
    }
    pub fn number(self) -> u16 {
        self as u16
    }
}

/// Whether a consumer asked, and got nothing, after it last got something.
fn has_idle_consumers(stream: &Stream) -> bool {
    let mut consumers = stream.groups.values().flat_map(|group| group.consumers());
    consumers.any(|consumer| consumer.active_ms != Some(consumer.seen_ms))
}
