//! Small hashes: all fields in one listpack, as pairs of field and value, or as triples with a deadline.
//!
//! Triples stand in the order of their deadlines, those without one at the end, in the layout of Redis' `listpackex`:
//! so what is due stands at the beginning. A deadline is an integer in ms since 1970, 0 where there is none.
use super::Field;
use crate::data::listpack::{Element, Listpack};
use bytes::Bytes;

const NO_DEADLINE: &[u8] = b"0";

/// Fields with their values, in the order in which they came.
#[derive(Clone, Default)]
pub struct Pairs(pub Listpack);

impl Pairs {
    const WIDTH: usize = 2;

    pub fn len(&self) -> usize {
        self.0.len() / Self::WIDTH
    }
    fn find(&self, name: &[u8]) -> Option<usize> {
        self.0.find(None, name, Self::WIDTH - 1)
    }
    pub fn get(&self, name: &[u8]) -> Option<Field<'_>> {
        let at = self.find(name)?;
        Some(Field { name: self.0.get(at), value: self.0.get(self.0.next(at)?), deadline: None })
    }
    /// Whether the field is a new one.
    pub fn set(&mut self, name: &[u8], value: &[u8]) -> bool {
        let old = self.find(name).and_then(|at| self.0.next(at));
        match old {
            Some(at) => _ = self.0.replace(at, value),
            None => self.0.extend([name, value]),
        }
        old.is_none()
    }
    pub fn remove(&mut self, name: &[u8]) -> bool {
        let Some(at) = self.find(name) else { return false };
        self.0.remove_run(at, Self::WIDTH);
        true
    }
    pub fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        self.0.pairs().map(|(name, value)| Field { name, value, deadline: None })
    }
    pub fn nth(&self, index: usize) -> Option<Field<'_>> {
        let at = self.0.seek((index * Self::WIDTH) as isize)?;
        Some(Field { name: self.0.get(at), value: self.0.get(self.0.next(at)?), deadline: None })
    }
    /// The same fields, none with a deadline yet.
    pub fn to_triples(&self) -> Triples {
        let mut list = Listpack::new();
        let (mut names, mut values) = (itoa::Buffer::new(), itoa::Buffer::new());
        for (name, value) in self.0.pairs() {
            list.extend([name.bytes(&mut names), value.bytes(&mut values), NO_DEADLINE]);
        }
        Triples(list)
    }
}

/// Fields with their values and deadlines, the first deadline first.
#[derive(Clone, Default)]
pub struct Triples(pub Listpack);

impl Triples {
    const WIDTH: usize = 3;

    pub fn len(&self) -> usize {
        self.0.len() / Self::WIDTH
    }
    fn find(&self, name: &[u8]) -> Option<usize> {
        self.0.find(None, name, Self::WIDTH - 1)
    }
    /// The field whose name stands at this position.
    fn at(&self, at: usize) -> Option<Field<'_>> {
        let value = self.0.next(at)?;
        let deadline = deadline_of(self.0.get(self.0.next(value)?));
        Some(Field { name: self.0.get(at), value: self.0.get(value), deadline })
    }
    pub fn get(&self, name: &[u8]) -> Option<Field<'_>> {
        self.at(self.find(name)?)
    }
    /// Sets a field, which has no deadline then. Whether it is a new one.
    pub fn set(&mut self, name: &[u8], value: &[u8]) -> bool {
        let old = self.find(name);
        match old.map(|at| (at, self.at(at).is_some_and(|field| field.deadline.is_some()))) {
            Some((at, false)) => self.replace_value(at, value),
            Some((at, true)) => {
                self.0.remove_run(at, Self::WIDTH);
                self.insert(name, value, None);
            }
            None => self.insert(name, value, None),
        }
        old.is_none()
    }
    /// Sets a field, whose deadline stays.
    pub fn set_in_place(&mut self, name: &[u8], value: &[u8]) -> bool {
        let old = self.find(name);
        match old {
            Some(at) => self.replace_value(at, value),
            None => self.insert(name, value, None),
        }
        old.is_none()
    }
    fn replace_value(&mut self, at: usize, value: &[u8]) {
        if let Some(at) = self.0.next(at) {
            self.0.replace(at, value);
        }
    }
    /// Puts a field that is not there yet where its deadline belongs: before all that are not earlier.
    fn insert(&mut self, name: &[u8], value: &[u8], deadline: Option<i64>) {
        let Some(deadline) = deadline else { return self.0.extend([name, value, NO_DEADLINE]) };
        let mut digits = itoa::Buffer::new();
        let words = [name, value, digits.format(deadline).as_bytes()];
        match self.not_before(deadline) {
            Some(at) => words.iter().rev().for_each(|word| self.0.insert(at, word)),
            None => self.0.extend(words),
        }
    }
    /// The position of the first field that lives until this moment, or longer.
    fn not_before(&self, moment: i64) -> Option<usize> {
        let mut at = self.0.first();
        while let Some(deadline) =
            at.and_then(|at| self.at(at)?.deadline).filter(|&deadline| deadline < moment)
        {
            debug_assert!(deadline > 0);
            at = at.and_then(|at| (0..Self::WIDTH).try_fold(at, |at, _| self.0.next(at)));
        }
        at
    }
    /// Gives a field another deadline, or takes it away; false if there is no such field.
    pub fn set_deadline(&mut self, name: &[u8], deadline: Option<i64>) -> bool {
        let Some(at) = self.find(name) else { return false };
        let Some(value) = self.at(at).map(|field| field.value.to_bytes()) else { return false };
        self.0.remove_run(at, Self::WIDTH);
        self.insert(name, &value, deadline);
        true
    }
    pub fn remove(&mut self, name: &[u8]) -> bool {
        let Some(at) = self.find(name) else { return false };
        self.0.remove_run(at, Self::WIDTH);
        true
    }
    pub fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        let mut elements = self.0.iter();
        std::iter::from_fn(move || {
            let (name, value) = (elements.next()?, elements.next()?);
            Some(Field { name, value, deadline: deadline_of(elements.next()?) })
        })
    }
    pub fn nth(&self, index: usize) -> Option<Field<'_>> {
        self.at(self.0.seek((index * Self::WIDTH) as isize)?)
    }
    pub fn next_deadline(&self) -> Option<i64> {
        self.at(self.0.first()?)?.deadline
    }
    /// Removes fields that are due, `limit` of them at the most, and tells their names.
    pub fn remove_due(&mut self, now_ms: i64, limit: usize) -> Vec<Bytes> {
        let due = self.iter().take_while(|field| field.is_due(now_ms)).take(limit);
        let names: Vec<Bytes> = due.map(|field| field.name.to_bytes()).collect();
        self.0.remove_range(0, names.len() * Self::WIDTH);
        names
    }
}

fn deadline_of(element: Element) -> Option<i64> {
    element.integer().filter(|&deadline| deadline != 0)
}
