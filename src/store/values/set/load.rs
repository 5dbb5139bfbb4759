//! Sets from what was saved.
use super::{Encoding::*, Set, integers_max};
use crate::{
    data::{Corrupt, intset::Intset, listpack::Listpack, members::Members},
    store::EncodingLimits,
};

impl Set {
    /// A set of these integers, as an intset unless there are too many.
    pub fn from_intset(integers: Intset, limits: &EncodingLimits) -> Set {
        let is_large = integers.len() > integers_max(limits);
        let mut set = Set(Integers(Box::new(integers)));
        if is_large {
            set.make_table(0, limits);
        }
        set
    }
    /// A set of these members, as a listpack unless there are too many.
    ///
    /// # Errors
    /// If one stands there twice.
    pub fn from_listpack(list: Listpack, limits: &EncodingLimits) -> Result<Set, Corrupt> {
        if list.has_duplicates(1, &limits.hasher()) {
            return Err(Corrupt);
        }
        let is_large = list.len() > limits.set_listpack_entries_max;
        let mut set = Set(Packed(list));
        if is_large {
            set.make_table(0, limits);
        }
        Ok(set)
    }
    /// An empty one, to which as many members will be added, of which nothing is known yet.
    pub fn for_members(members: usize, limits: &EncodingLimits) -> Set {
        match members <= integers_max(limits) {
            true => Set::of_integers(),
            false => Set(Table(Box::new(Members::with_capacity(limits.hasher(), members)))),
        }
    }
}
