//! Hashes: fields with values, each of which may have a deadline of its own.
//!
//! Small ones stand in a listpack, large ones in a table; see [`packed`] and [`table`]. A hash changes from one form to
//! the next as it grows, and never back.
//!
//! A field whose deadline has passed is hidden from whoever asks for it by name, but stands in the hash, and is counted
//! by [`Hash::len`], until somebody deletes it: the timing wheel at the moment of the deadline, or a command that meets
//! it first.
mod load;
mod packed;
mod table;
#[cfg(test)]
mod tests;

use super::Stored;
use crate::{
    data::listpack::{Element, Listpack},
    store::EncodingLimits,
};
use bytes::Bytes;
use packed::{Pairs, Triples};
use table::Table;

pub use load::HashBuilder;

pub enum Hash {
    Packed(Pairs),
    PackedWithDeadlines(Triples),
    Table(Box<Table>),
}
/// Every hash has one of these, and most are small.
const _: () = assert!(size_of::<Hash>() <= 16);

/// A field, looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Field<'a> {
    pub name: Element<'a>,
    pub value: Element<'a>,
    /// ms since 1970.
    pub deadline: Option<i64>,
}
impl Field<'_> {
    #[inline]
    pub fn is_due(&self, now_ms: i64) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now_ms)
    }
}

impl Default for Hash {
    fn default() -> Hash {
        Hash::Packed(Pairs::default())
    }
}

/// Reading.
impl Hash {
    /// The field of this name, due or not.
    #[inline]
    pub fn get(&self, name: &[u8]) -> Option<Field<'_>> {
        match self {
            Hash::Packed(pairs) => pairs.get(name),
            Hash::PackedWithDeadlines(triples) => triples.get(name),
            Hash::Table(table) => table.get(name),
        }
    }
    /// All fields, due or not.
    pub fn for_each<'a>(&'a self, visit: impl FnMut(Field<'a>)) {
        match self {
            Hash::Packed(pairs) => pairs.iter().for_each(visit),
            Hash::PackedWithDeadlines(triples) => triples.iter().for_each(visit),
            Hash::Table(table) => table.iter().for_each(visit),
        }
    }
    /// All fields that are not due.
    pub fn for_each_alive<'a>(&'a self, now_ms: i64, mut visit: impl FnMut(Field<'a>)) {
        self.for_each(|field| {
            if !field.is_due(now_ms) {
                visit(field)
            }
        })
    }
    /// How many fields are not due. Takes as long as there are due ones.
    pub fn count_alive(&self, now_ms: i64) -> usize {
        let due = match self {
            Hash::Packed(_) => 0,
            Hash::PackedWithDeadlines(triples) => {
                triples.iter().take_while(|field| field.is_due(now_ms)).count()
            }
            Hash::Table(table) => table.count_due(now_ms),
        };
        self.len() - due
    }
    pub fn has_due(&self, now_ms: i64) -> bool {
        self.next_deadline().is_some_and(|deadline| deadline <= now_ms)
    }
    /// Visits fields, due or not, from a cursor on (0: the beginning), `count` of them or some more; and tells where to
    /// go on, 0 at the end. A small hash is visited as a whole.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, visit: &mut dyn FnMut(Field<'a>)) -> u64 {
        match self {
            Hash::Table(table) => table.scan(cursor, count, visit),
            small => {
                small.for_each(visit);
                0
            }
        }
    }
    /// One field, due or not, each as likely as the others. `None` if there is none.
    pub fn random(&self, random: &mut dyn FnMut() -> u64) -> Option<Field<'_>> {
        let mut index = || ((u128::from(random()) * self.len() as u128) >> 64) as usize;
        match self {
            Hash::Packed(pairs) => pairs.nth(index()),
            Hash::PackedWithDeadlines(triples) => triples.nth(index()),
            Hash::Table(table) => table.random(random),
        }
    }
    /// The listpack of a small hash, and how many of its elements make a field: two, or three with the deadline.
    pub fn as_listpack(&self) -> Option<(&Listpack, usize)> {
        match self {
            Hash::Packed(Pairs(list)) => Some((list, 2)),
            Hash::PackedWithDeadlines(Triples(list)) => Some((list, 3)),
            Hash::Table(_) => None,
        }
    }
    pub fn is_packed(&self) -> bool {
        !matches!(self, Hash::Table(_))
    }
}

/// Changing.
impl Hash {
    /// Takes the form in which there is room for these fields with their values, before they are set.
    pub fn make_room<'a>(
        &mut self,
        fields: usize,
        mut words: impl Iterator<Item = &'a [u8]>,
        limits: &EncodingLimits,
    ) {
        let (Hash::Packed(Pairs(list)) | Hash::PackedWithDeadlines(Triples(list))) = self else { return };
        let mut bytes = 0;
        let long = words.any(|word| {
            bytes += word.len();
            word.len() > limits.hash_listpack_value_bytes_max
        });
        if long || fields > limits.hash_listpack_entries_max || !list.fits(bytes) {
            self.make_table(limits);
        }
    }
    /// Sets a field, which has no deadline then. Whether it is a new one.
    pub fn set(&mut self, name: &[u8], value: &[u8], limits: &EncodingLimits) -> bool {
        self.make_table_for(name, value, limits);
        let new = match self {
            Hash::Packed(pairs) => pairs.set(name, value),
            Hash::PackedWithDeadlines(triples) => triples.set(name, value),
            Hash::Table(table) => return table.set(name, value),
        };
        self.make_table_of_many(limits);
        new
    }
    /// Sets a field, whose deadline stays if it has one. Whether it is a new one.
    pub fn set_in_place(&mut self, name: &[u8], value: &[u8], limits: &EncodingLimits) -> bool {
        self.make_table_for(name, value, limits);
        let new = match self {
            Hash::Packed(pairs) => pairs.set(name, value),
            Hash::PackedWithDeadlines(triples) => triples.set_in_place(name, value),
            Hash::Table(table) => return table.set_in_place(name, value),
        };
        self.make_table_of_many(limits);
        new
    }
    pub fn remove(&mut self, name: &[u8]) -> bool {
        match self {
            Hash::Packed(pairs) => pairs.remove(name),
            Hash::PackedWithDeadlines(triples) => triples.remove(name),
            Hash::Table(table) => table.remove(name),
        }
    }
    /// Takes the form in which fields can have deadlines.
    pub fn admit_deadlines(&mut self) {
        if let Hash::Packed(pairs) = self {
            *self = Hash::PackedWithDeadlines(pairs.to_triples());
        }
    }
    /// Gives a field another deadline (ms since 1970), or takes it away; false if there is no such field.
    pub fn set_deadline(&mut self, name: &[u8], deadline: Option<i64>) -> bool {
        self.admit_deadlines();
        // In a listpack 0 stands for none. What was due in 1970 may be due a ms later.
        let deadline = deadline.map(|at| at.max(1));
        match self {
            Hash::Packed(_) => false,
            Hash::PackedWithDeadlines(triples) => triples.set_deadline(name, deadline),
            Hash::Table(table) => table.set_deadline(name, deadline),
        }
    }
    /// Removes fields that are due, the first deadline first, `limit` of them at the most; and tells their names.
    pub fn remove_due(&mut self, now_ms: i64, limit: usize) -> Vec<Bytes> {
        match self {
            Hash::Packed(_) => Vec::new(),
            Hash::PackedWithDeadlines(triples) => triples.remove_due(now_ms, limit),
            Hash::Table(table) => table.remove_due(now_ms, limit),
        }
    }

    /// Removes those of these fields that are due, and tells their names.
    pub fn remove_due_named(&mut self, names: &[Bytes], now_ms: i64) -> Vec<Bytes> {
        let mut gone = Vec::new();
        for name in names {
            if self.get(name).is_some_and(|field| field.is_due(now_ms)) && self.remove(name) {
                gone.push(name.clone());
            }
        }
        gone
    }

    fn make_table_for(&mut self, name: &[u8], value: &[u8], limits: &EncodingLimits) {
        if self.is_packed() && name.len().max(value.len()) > limits.hash_listpack_value_bytes_max {
            self.make_table(limits);
        }
    }
    fn make_table_of_many(&mut self, limits: &EncodingLimits) {
        if self.is_packed() && self.len() > limits.hash_listpack_entries_max {
            self.make_table(limits);
        }
    }
    fn make_table(&mut self, limits: &EncodingLimits) {
        let mut table = Table::new(limits.hasher());
        let (mut names, mut values) = (itoa::Buffer::new(), itoa::Buffer::new());
        self.for_each(|Field { name, value, deadline }| {
            table.set_with_deadline(name.bytes(&mut names), value.bytes(&mut values), deadline);
        });
        *self = Hash::Table(Box::new(table));
    }
}

impl Stored for Hash {
    fn len(&self) -> usize {
        match self {
            Hash::Packed(pairs) => pairs.len(),
            Hash::PackedWithDeadlines(triples) => triples.len(),
            Hash::Table(table) => table.len(),
        }
    }
    fn encoding(&self) -> &'static str {
        match self {
            Hash::Packed(_) => "listpack",
            Hash::PackedWithDeadlines(_) => "listpackex",
            Hash::Table(_) => "hashtable",
        }
    }
    fn memory_bytes(&self, _: usize) -> usize {
        match self {
            Hash::Packed(Pairs(list)) | Hash::PackedWithDeadlines(Triples(list)) => list.memory_bytes(),
            Hash::Table(table) => table.memory_bytes(),
        }
    }
    fn weight(&self) -> usize {
        match self {
            Hash::Table(table) => table.weight(),
            _ => 1,
        }
    }
    fn duplicate(&self) -> Hash {
        match self {
            Hash::Packed(pairs) => Hash::Packed(pairs.clone()),
            Hash::PackedWithDeadlines(triples) => Hash::PackedWithDeadlines(triples.clone()),
            Hash::Table(table) => Hash::Table(table.clone()),
        }
    }
    fn next_deadline(&self) -> Option<i64> {
        match self {
            Hash::Packed(_) => None,
            Hash::PackedWithDeadlines(triples) => triples.next_deadline(),
            Hash::Table(table) => table.next_deadline(),
        }
    }
}
