//! Hashes from what was saved.
use super::{
    Hash,
    packed::{Pairs, Triples},
    table::Table,
};
use crate::{
    data::{Corrupt, listpack::Listpack},
    store::EncodingLimits,
};

/// No deadline of a field is later (ms since 1970): Redis keeps them in 48 bits.
const DEADLINE_MAX: i64 = (1 << 48) - 2;

impl Hash {
    /// A hash of these fields, each followed by its value; a table if there are too many for a listpack.
    ///
    /// # Errors
    /// If a field stands there twice, or has no value.
    pub fn from_listpack(list: Listpack, limits: &EncodingLimits) -> Result<Hash, Corrupt> {
        if !list.len().is_multiple_of(2) || list.has_duplicates(2, &limits.hasher()) {
            return Err(Corrupt);
        }
        Ok(Hash::Packed(Pairs(list)).settled(limits))
    }
    /// The same, each followed by its value and its deadline (0: none), the first deadline first.
    ///
    /// # Errors
    /// As above, or if a deadline is none, or they are not in order.
    pub fn from_triples(list: Listpack, limits: &EncodingLimits) -> Result<Hash, Corrupt> {
        if !list.len().is_multiple_of(3) || list.has_duplicates(3, &limits.hasher()) {
            return Err(Corrupt);
        }
        let mut before = 1;
        for deadline in list.iter().skip(2).step_by(3) {
            let deadline = deadline.integer().filter(|deadline| (0..=DEADLINE_MAX).contains(deadline));
            // Those without one come last.
            let order = match deadline.ok_or(Corrupt)? {
                0 => i64::MAX,
                deadline => deadline,
            };
            if order < before {
                return Err(Corrupt);
            }
            before = order;
        }
        Ok(Hash::PackedWithDeadlines(Triples(list)).settled(limits))
    }
    /// The fields with their values alone.
    pub fn to_pairs(&self) -> Listpack {
        let mut list = Listpack::new();
        let (mut names, mut values) = (itoa::Buffer::new(), itoa::Buffer::new());
        self.for_each(|field| list.extend([field.name.bytes(&mut names), field.value.bytes(&mut values)]));
        list
    }
    fn settled(mut self, limits: &EncodingLimits) -> Hash {
        self.make_table_of_many(limits);
        self
    }
}

/// Gathers the fields of a hash. While it is small it does not look for each whether it is there already, which would
/// take the square of their number, but in the end for all at once.
pub struct HashBuilder<'a> {
    limits: &'a EncodingLimits,
    form: Form,
    with_deadlines: bool,
}
/// Name, value, deadline.
type Small = (Box<[u8]>, Box<[u8]>, i64);
enum Form {
    Small(Vec<Small>),
    Table(Box<Table>),
}

impl<'a> HashBuilder<'a> {
    /// For about so many fields, which may have deadlines.
    pub fn new(fields: usize, with_deadlines: bool, limits: &'a EncodingLimits) -> HashBuilder<'a> {
        let form = match fields <= limits.hash_listpack_entries_max {
            true => Form::Small(Vec::new()),
            false => Form::Table(Box::new(Table::new(limits.hasher()))),
        };
        HashBuilder { limits, form, with_deadlines }
    }
    /// Adds a field, whose deadline is in ms since 1970; 0: none.
    ///
    /// # Errors
    /// If it is there already, or its deadline is none.
    pub fn add(&mut self, name: &[u8], value: &[u8], deadline: i64) -> Result<(), Corrupt> {
        if !(0..=DEADLINE_MAX).contains(&deadline) {
            return Err(Corrupt);
        }
        if name.len().max(value.len()) > self.limits.hash_listpack_value_bytes_max {
            self.make_table()?;
        }
        match &mut self.form {
            Form::Small(fields) => {
                fields.push((name.into(), value.into(), deadline));
                match fields.len() > self.limits.hash_listpack_entries_max {
                    true => self.make_table(),
                    false => Ok(()),
                }
            }
            Form::Table(table) => add_to(table, name, value, deadline),
        }
    }
    fn make_table(&mut self) -> Result<(), Corrupt> {
        let Form::Small(fields) = &self.form else { return Ok(()) };
        let mut table = Table::new(self.limits.hasher());
        for (name, value, deadline) in fields {
            add_to(&mut table, name, value, *deadline)?;
        }
        self.form = Form::Table(Box::new(table));
        Ok(())
    }
    /// The hash.
    ///
    /// # Errors
    /// If a field was added twice.
    pub fn finish(mut self) -> Result<Hash, Corrupt> {
        if let Form::Small(fields) = &self.form
            && !Listpack::new().fits(fields.iter().map(|(name, value, _)| name.len() + value.len()).sum())
        {
            self.make_table()?;
        }
        let mut fields = match self.form {
            Form::Table(table) => return Ok(Hash::Table(table)),
            Form::Small(fields) => fields,
        };
        let mut list = Listpack::new();
        if !self.with_deadlines {
            list.extend(fields.iter().flat_map(|(name, value, _)| [&name[..], &value[..]]));
            return Hash::from_listpack(list, self.limits);
        }
        fields.sort_by_key(|(.., deadline)| deadline.wrapping_sub(1) as u64);
        let mut digits = itoa::Buffer::new();
        for (name, value, deadline) in &fields {
            list.extend([name, value, digits.format(*deadline).as_bytes()]);
        }
        Hash::from_triples(list, self.limits)
    }
}

fn add_to(table: &mut Table, name: &[u8], value: &[u8], deadline: i64) -> Result<(), Corrupt> {
    let deadline = (deadline != 0).then_some(deadline);
    if table.set_with_deadline(name, value, deadline) { Ok(()) } else { Err(Corrupt) }
}
