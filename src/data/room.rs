//! Tables that were large once, and give their room back.
//!
//! A table keeps the room that it has grown to, whatever is removed from it. Where what comes from outside decides how many
//! entries there are, one large command would be paid for ever. Whoever removes entries there calls [`Room::fit`] behind
//! that.
use indexmap::IndexMap;
use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, Hash},
};

/// So much room is nothing to give back, entries.
const KEPT: usize = 4096;
/// Room is given back when there is so many times as much as is used: not so early that a table which goes up and down
/// would grow and shrink all the time.
const TIMES: usize = 8;

pub trait Room {
    fn used(&self) -> usize;
    fn room(&self) -> usize;
    fn shrink(&mut self, room: usize);

    /// Gives room back if there is far too much: whether there was. It leaves twice of what is used, so that many entries
    /// come or go until it costs something again.
    #[inline]
    fn fit(&mut self) -> bool {
        let is_wide = self.room() > KEPT && self.used() < self.room() / TIMES;
        if is_wide {
            self.shrink(self.used() * 2);
        }
        is_wide
    }
}

/// What all of them call by the same names.
macro_rules! has_room {
    ($([$($of:tt)*] $table:ty;)*) => {$(
        impl<$($of)*> Room for $table {
            fn used(&self) -> usize {
                self.len()
            }
            fn room(&self) -> usize {
                self.capacity()
            }
            fn shrink(&mut self, room: usize) {
                self.shrink_to(room)
            }
        }
    )*};
}
has_room! {
    [T] Vec<T>;
    [K: Eq + Hash, V, S: BuildHasher] HashMap<K, V, S>;
    [K: Eq + Hash, S: BuildHasher] HashSet<K, S>;
    [K: Eq + Hash, V, S: BuildHasher] hashbrown::HashMap<K, V, S>;
    [K: Eq + Hash, V, S: BuildHasher] IndexMap<K, V, S>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_empties_is_never_far_too_wide_and_shrinks_seldom() {
        let mut table: HashMap<u32, u64> = (0..200_000).map(|number| (number, 0)).collect();
        let mut shrunk = 0;
        for number in 0..200_000 {
            table.remove(&number);
            shrunk += usize::from(table.fit());
            assert!(table.capacity() <= (table.len() * TIMES).max(KEPT) * 2);
        }
        assert!(table.capacity() <= KEPT * 2);
        assert!((1..=6).contains(&shrunk), "{shrunk}");
    }
    #[test]
    fn what_is_small_or_in_use_keeps_its_room() {
        let mut set: HashSet<u32> = (0..2000).collect();
        set.clear();
        assert!(!set.fit() && set.capacity() >= 2000);
        let mut table: hashbrown::HashMap<u32, u32> = (0..100_000).map(|number| (number, 0)).collect();
        let room = table.capacity();
        table.retain(|number, _| *number < 20_000);
        assert!(!table.fit());
        assert!(table.capacity() >= 20_000);
        table.clear();
        assert!(table.fit() && table.capacity() < room / 4);
        // It goes up and down, and nothing happens.
        for _ in 0..3 {
            table.extend((0..3000).map(|number| (number, 0)));
            table.clear();
            assert!(!table.fit());
        }
    }
}
