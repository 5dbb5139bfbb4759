//! Digests of keys and of the whole data set, computed as Redis computes them, so that the two can be compared.
//!
//! SHA-1 is used as a checksum only. Ordered parts are *mixed* (the digest is hashed again after each), unordered
//! ones are *joined* by exclusive or, so that the order of iteration does not matter.
use crate::{
    data::{number::shortest_text, stream::StreamId},
    store::{End, EntryRef, Hash, Kind, ObjectRef, Store, Stream},
};
use sha1::{Digest as _, Sha1};
use std::ops::ControlFlow;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Digest([u8; 20]);

/// What DEBUG DIGEST-VALUE says of an entry: equal for equal values.
pub fn value_digest(entry: EntryRef) -> String {
    Digest::of_value(entry).to_hex()
}

impl Digest {
    /// Of all databases, whether keys have expired or not.
    pub fn of_store(store: &Store) -> Digest {
        let mut whole = Digest::default();
        for (index, database) in store.databases().iter().enumerate().filter(|(_, db)| !db.is_empty()) {
            whole.mix(&(index as u32).to_be_bytes());
            database.scan_all(&mut |entry| {
                let mut one = Digest::default();
                one.mix(entry.key());
                one.mix_value(entry);
                whole.join(&one.0);
            });
        }
        whole
    }
    /// Of one key's value, type and being volatile.
    pub fn of_value(entry: EntryRef) -> Digest {
        let mut digest = Digest::default();
        digest.mix_value(entry);
        digest
    }
    pub fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn mix_value(&mut self, entry: EntryRef) {
        self.mix(&type_number(entry.kind()).to_be_bytes());
        match entry.object() {
            None => self.mix(entry.text().bytes(&mut itoa::Buffer::new())),
            Some(ObjectRef::List(list)) => list.walk(0, End::Tail, |element| {
                self.mix(element.bytes(&mut itoa::Buffer::new()));
                ControlFlow::Continue(())
            }),
            Some(ObjectRef::Stream(stream)) => self.mix_stream(stream),
            Some(ObjectRef::SortedSet(set)) => {
                for (member, score) in set.iter() {
                    let mut one = Digest::default();
                    one.mix(member.bytes(&mut itoa::Buffer::new()));
                    one.mix(shortest_text(score).as_bytes());
                    self.join(&one.0);
                }
            }
            Some(ObjectRef::Hash(hash)) => self.join_fields(hash),
            Some(ObjectRef::Set(set)) => {
                set.iter().for_each(|member| self.join(member.bytes(&mut itoa::Buffer::new())));
            }
        }
        if entry.deadline().is_some() {
            self.join(b"!!expire!!");
        }
    }
    /// The entries; of groups Redis' digest says nothing either.
    fn mix_stream(&mut self, stream: &Stream) {
        let mut digits = itoa::Buffer::new();
        for entry in stream.log.range(StreamId::MIN, StreamId::MAX) {
            self.mix(format!("{}.{}", entry.id.ms, entry.id.seq).as_bytes());
            for part in entry.pairs().flat_map(|(field, value)| [field, value]) {
                self.mix(part.bytes(&mut digits));
            }
        }
    }
    /// Joins the fields of a hash: name, value, and being volatile.
    fn join_fields(&mut self, hash: &Hash) {
        let mut digits = itoa::Buffer::new();
        hash.for_each(|field| {
            let mut one = Digest::default();
            one.mix(field.name.bytes(&mut digits));
            one.mix(field.value.bytes(&mut digits));
            if field.deadline.is_some() {
                one.join(b"!!hexpire!!");
            }
            self.join(&one.0);
        });
    }
    fn join(&mut self, part: &[u8]) {
        self.0.iter_mut().zip(Sha1::digest(part)).for_each(|(mine, theirs)| *mine ^= theirs);
    }
    fn mix(&mut self, part: &[u8]) {
        self.join(part);
        self.0 = Sha1::digest(self.0).into();
    }
}

/// Number of a type, as Redis counts them.
fn type_number(kind: Kind) -> u32 {
    match kind {
        Kind::String => 0,
        Kind::List => 1,
        Kind::Set => 2,
        Kind::SortedSet => 3,
        Kind::Hash => 4,
        Kind::Stream => 6,
    }
}
