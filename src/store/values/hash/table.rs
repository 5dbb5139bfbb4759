//! Large hashes: a table of fields, and beside it the deadlines in order.
//!
//! A field with a deadline is marked in the table, and its value stands behind eight bytes of that deadline; so reading
//! a field takes one look. The set beside holds the same deadlines with copies of the names, to find the next one; a
//! hash without deadlines pays nothing for it.
use super::Field;
use crate::data::{
    listpack::Element,
    members::{Member, Members},
};
use bytes::Bytes;
use std::collections::BTreeSet;

#[derive(Clone)]
pub struct Table {
    fields: Members,
    deadlines: BTreeSet<(i64, Box<[u8]>)>,
}

const DEADLINE_BYTES: usize = size_of::<i64>();

impl Table {
    pub fn new(hasher: ahash::RandomState) -> Table {
        Table { fields: Members::new(hasher), deadlines: BTreeSet::new() }
    }
    pub fn len(&self) -> usize {
        self.fields.len()
    }
    /// Memory of all in it, its own place included, in bytes.
    pub fn memory_bytes(&self) -> usize {
        /// An item of the set with the name that it points at, and its share of the nodes' slack.
        const ITEM_BYTES: usize = 64;
        let beside = size_of::<Table>() - size_of::<Members>();
        self.fields.memory_bytes() + beside + self.deadlines.len() * ITEM_BYTES
    }
    /// Allocations that freeing it frees, about.
    pub fn weight(&self) -> usize {
        self.fields.allocations() + self.deadlines.len()
    }
    pub fn get(&self, name: &[u8]) -> Option<Field<'_>> {
        self.fields.get(name).map(field)
    }
    /// Sets a field, which has no deadline then. Whether it is a new one.
    pub fn set(&mut self, name: &[u8], value: &[u8]) -> bool {
        self.forget_deadline(name);
        self.fields.insert(name, value, false)
    }
    /// Sets a field with a deadline, or with none.
    pub fn set_with_deadline(&mut self, name: &[u8], value: &[u8], deadline: Option<i64>) -> bool {
        let Some(deadline) = deadline else { return self.set(name, value) };
        self.forget_deadline(name);
        self.deadlines.insert((deadline, name.into()));
        self.fields.insert(name, &[&deadline.to_le_bytes()[..], value].concat(), true)
    }
    /// Sets a field, whose deadline stays.
    pub fn set_in_place(&mut self, name: &[u8], value: &[u8]) -> bool {
        let deadline = self.deadline(name);
        self.set_with_deadline(name, value, deadline)
    }
    /// Gives a field another deadline, or takes it away; false if there is no such field.
    pub fn set_deadline(&mut self, name: &[u8], deadline: Option<i64>) -> bool {
        let Some(value) = self.get(name).map(|field| field.value.to_bytes()) else { return false };
        self.set_with_deadline(name, &value, deadline);
        true
    }
    pub fn remove(&mut self, name: &[u8]) -> bool {
        self.forget_deadline(name);
        self.fields.remove(name)
    }
    pub fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        self.fields.iter().map(field)
    }
    /// Visits fields in order of position from `cursor` on; see [`Members::scan`].
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, visit: &mut dyn FnMut(Field<'a>)) -> u64 {
        self.fields.scan(cursor, count, &mut |member| visit(field(member)))
    }
    pub fn random(&self, random: &mut dyn FnMut() -> u64) -> Option<Field<'_>> {
        self.fields.random(random).map(field)
    }
    pub fn next_deadline(&self) -> Option<i64> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }
    /// How many fields are due.
    pub fn count_due(&self, now_ms: i64) -> usize {
        self.deadlines.iter().take_while(|(deadline, _)| *deadline <= now_ms).count()
    }
    /// Removes fields that are due, `limit` of them at the most, and tells their names.
    pub fn remove_due(&mut self, now_ms: i64, limit: usize) -> Vec<Bytes> {
        let mut names = Vec::new();
        while names.len() < limit && self.next_deadline().is_some_and(|deadline| deadline <= now_ms) {
            let Some((_, name)) = self.deadlines.pop_first() else { break };
            self.fields.remove(&name);
            names.push(Bytes::from(name));
        }
        names
    }

    fn deadline(&self, name: &[u8]) -> Option<i64> {
        if self.deadlines.is_empty() { None } else { self.get(name)?.deadline }
    }
    fn forget_deadline(&mut self, name: &[u8]) {
        if let Some(deadline) = self.deadline(name) {
            self.deadlines.remove(&(deadline, name.into()));
        }
    }
}

fn field(Member { key, value, marked }: Member<'_>) -> Field<'_> {
    let name = Element::Bytes(key);
    match value.split_first_chunk::<DEADLINE_BYTES>() {
        Some((deadline, value)) if marked => {
            Field { name, value: Element::Bytes(value), deadline: Some(i64::from_le_bytes(*deadline)) }
        }
        _ => Field { name, value: Element::Bytes(value), deadline: None },
    }
}
