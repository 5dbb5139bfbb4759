//! Sets: members without an order.
//!
//! A small set of integers is an intset, another small one a listpack, and what outgrows both a table of members. When
//! it changes from one to another is as in Redis: by `set-max-intset-entries`, `set-max-listpack-entries` and
//! `-value`. It never goes back, except that a command which makes a new set may make it smaller again.
mod load;
mod sample;
#[cfg(test)]
mod tests;

use super::Stored;
use crate::{
    data::{
        intset::Intset,
        listpack::{Element, Listpack},
        members::Members,
        number::parse_integer,
    },
    store::EncodingLimits,
};

pub struct Set(Encoding);

enum Encoding {
    Integers(Box<Intset>),
    Packed(Listpack),
    Table(Box<Members>),
}
use Encoding::{Integers, Packed, Table};

const _: () = assert!(size_of::<Set>() <= 16);

/// Intsets hold no more, whatever is configured.
const INTEGERS_MAX: usize = 1 << 30;

fn integers_max(limits: &EncodingLimits) -> usize {
    limits.set_intset_entries_max.min(INTEGERS_MAX)
}

/// Making.
impl Set {
    /// An empty one, to which about so many members will be added, the first of which is this.
    pub fn new(first: &[u8], members: usize, limits: &EncodingLimits) -> Set {
        if members <= limits.set_intset_entries_max && parse_integer(first).is_some() {
            Set::of_integers()
        } else if members <= limits.set_listpack_entries_max {
            Set::packed()
        } else {
            Set(Table(Box::new(Members::with_capacity(limits.hasher(), members))))
        }
    }
    /// An empty one that begins as an intset.
    pub fn of_integers() -> Set {
        Set(Integers(Box::default()))
    }
    /// An empty one that begins as a listpack.
    pub fn packed() -> Set {
        Set(Packed(Listpack::new()))
    }
    /// An empty one that begins as the sets that are made from this one do: as an intset if it is one.
    pub fn new_like(&self) -> Set {
        if let Integers(_) = self.0 { Set::of_integers() } else { Set::packed() }
    }

    /// Makes ready for a command that names so many members.
    pub fn expect(&mut self, members: usize, limits: &EncodingLimits) {
        let outgrown = match self.0 {
            Integers(_) => members > limits.set_intset_entries_max,
            Packed(_) => members > limits.set_listpack_entries_max,
            Table(_) => false,
        };
        if outgrown {
            self.make_table(members, limits);
        }
    }

    /// Turns a set of nothing but integers into an intset, unless there are too many for one.
    pub fn settle_integers(&mut self, limits: &EncodingLimits) {
        if matches!(self.0, Integers(_)) || self.len() > integers_max(limits) {
            return;
        }
        let mut integers = Intset::new();
        for integer in self.iter().filter_map(Element::integer) {
            integers.insert(integer);
        }
        debug_assert_eq!(integers.len(), self.len(), "all members are integers");
        self.0 = Integers(Box::new(integers));
    }

    /// Turns the set into a table, which has room for so many members.
    fn make_table(&mut self, members: usize, limits: &EncodingLimits) -> &mut Members {
        let mut table = Members::with_capacity(limits.hasher(), members.max(self.len()));
        let mut digits = itoa::Buffer::new();
        for member in self.iter() {
            table.add(member.bytes(&mut digits));
        }
        self.0 = Table(Box::new(table));
        match &mut self.0 {
            Table(table) => table,
            _ => unreachable!("it is one since the line above"),
        }
    }
}

/// How it is held.
impl Set {
    pub fn as_intset(&self) -> Option<&Intset> {
        if let Integers(integers) = &self.0 { Some(integers) } else { None }
    }
    pub fn as_listpack(&self) -> Option<&Listpack> {
        if let Packed(list) = &self.0 { Some(list) } else { None }
    }
}

/// Members by name.
impl Set {
    /// Adds a member; false if it is one already.
    #[inline]
    pub fn insert(&mut self, member: &[u8], limits: &EncodingLimits) -> bool {
        match &mut self.0 {
            Table(table) => table.add(member),
            Packed(list) => {
                if list.find(None, member, 0).is_some() {
                    return false;
                }
                if admits(limits, list.len(), member) && list.fits(member.len()) {
                    list.push(member);
                    return true;
                }
                let members = list.len() + 1;
                self.make_table(members, limits).add(member)
            }
            Integers(_) => match parse_integer(member) {
                Some(integer) => self.insert_integer(integer, limits),
                None => self.insert_first_text(member, limits),
            },
        }
    }
    /// The same for a member of another set.
    #[inline]
    pub fn insert_element(&mut self, member: Element, limits: &EncodingLimits) -> bool {
        match (&mut self.0, member) {
            (Integers(_), Element::Integer(integer)) => self.insert_integer(integer, limits),
            (_, member) => self.insert(member.bytes(&mut itoa::Buffer::new()), limits),
        }
    }
    /// Adds an integer to an intset.
    fn insert_integer(&mut self, integer: i64, limits: &EncodingLimits) -> bool {
        let Integers(integers) = &mut self.0 else { return false };
        let is_new = integers.insert(integer);
        if integers.len() > integers_max(limits) {
            let members = integers.len();
            self.make_table(members, limits);
        }
        is_new
    }
    /// Adds to an intset what is no integer: it becomes a listpack, or a table if not all members fit into one.
    fn insert_first_text(&mut self, member: &[u8], limits: &EncodingLimits) -> bool {
        let Integers(integers) = &self.0 else { return false };
        // The smallest and the largest have the most digits, the sign counted.
        let ends = [integers.first(), integers.last()].into_iter().flatten();
        let longest = ends.map(|end| Element::Integer(end).len()).max().unwrap_or(0);
        let fits = admits(limits, integers.len(), member) && longest <= limits.set_listpack_value_bytes_max;
        // What a listpack of the members takes, at the most.
        const INTEGER_BYTES_MAX: usize = 11;
        if fits && Listpack::new().fits(integers.len() * INTEGER_BYTES_MAX + member.len()) {
            let mut list = Listpack::new();
            integers.iter().for_each(|integer| list.push_integer(integer));
            list.push(member);
            self.0 = Packed(list);
            return true;
        }
        let members = integers.len() + 1;
        self.make_table(members, limits).add(member)
    }

    /// Removes a member; false if it is none.
    #[inline]
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.0 {
            Table(table) => table.remove(member),
            Packed(list) => match list.find(None, member, 0) {
                Some(position) => {
                    list.remove(position);
                    true
                }
                None => false,
            },
            Integers(integers) => parse_integer(member).is_some_and(|integer| integers.remove(integer)),
        }
    }
    /// The same for a member of another set.
    pub fn remove_element(&mut self, member: Element) -> bool {
        match (&mut self.0, member) {
            (Integers(integers), Element::Integer(integer)) => integers.remove(integer),
            (_, member) => self.remove(member.bytes(&mut itoa::Buffer::new())),
        }
    }

    #[inline]
    pub fn contains(&self, member: &[u8]) -> bool {
        match &self.0 {
            Table(table) => table.contains(member),
            Packed(list) => list.find(None, member, 0).is_some(),
            Integers(integers) => parse_integer(member).is_some_and(|integer| integers.contains(integer)),
        }
    }
    /// The same for a member of another set.
    #[inline]
    pub fn contains_element(&self, member: Element) -> bool {
        match (&self.0, member) {
            (Integers(integers), Element::Integer(integer)) => integers.contains(integer),
            (_, member) => self.contains(member.bytes(&mut itoa::Buffer::new())),
        }
    }
}

/// Whether a listpack of so many members may take in this one.
fn admits(limits: &EncodingLimits, members: usize, member: &[u8]) -> bool {
    members < limits.set_listpack_entries_max && member.len() <= limits.set_listpack_value_bytes_max
}

/// Walks.
impl Set {
    /// All members, each once.
    pub fn iter(&self) -> impl Iterator<Item = Element<'_>> {
        let (integers, list, table) = match &self.0 {
            Integers(integers) => (Some(integers), None, None),
            Packed(list) => (None, Some(list), None),
            Table(table) => (None, None, Some(table)),
        };
        let integers = integers.into_iter().flat_map(|integers| integers.iter()).map(Element::Integer);
        let list = list.into_iter().flat_map(|list| list.iter());
        let table = table.into_iter().flat_map(|table| table.iter());
        integers.chain(list).chain(table.map(|member| Element::Bytes(member.key)))
    }
    /// Visits members from a cursor on: a small set as a whole, a large one as [`Members::scan`] does. Returns the
    /// cursor to go on from, 0 at the end.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, visit: &mut dyn FnMut(Element<'a>)) -> u64 {
        match &self.0 {
            Table(table) => table.scan(cursor, count, &mut |member| visit(Element::Bytes(member.key))),
            _ => {
                self.iter().for_each(visit);
                0
            }
        }
    }
}

impl Stored for Set {
    #[inline]
    fn len(&self) -> usize {
        match &self.0 {
            Integers(integers) => integers.len(),
            Packed(list) => list.len(),
            Table(table) => table.len(),
        }
    }
    fn encoding(&self) -> &'static str {
        match self.0 {
            Integers(_) => "intset",
            Packed(_) => "listpack",
            Table(_) => "hashtable",
        }
    }
    fn memory_bytes(&self, _: usize) -> usize {
        match &self.0 {
            Integers(integers) => size_of::<Intset>() + integers.memory_bytes(),
            Packed(list) => list.memory_bytes(),
            Table(table) => size_of::<Members>() + table.memory_bytes(),
        }
    }
    fn weight(&self) -> usize {
        match &self.0 {
            Integers(_) | Packed(_) => 2,
            Table(table) => 2 + table.allocations(),
        }
    }
    fn duplicate(&self) -> Set {
        Set(match &self.0 {
            Integers(integers) => Integers(integers.clone()),
            Packed(list) => Packed(list.clone()),
            Table(table) => Table(table.clone()),
        })
    }
}
