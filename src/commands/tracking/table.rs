//! Which clients may hold a key in their cache.
//!
//! A client that is gone, or tracks no more, is not looked for in the table: it costs an entry here until its key changes.
use crate::data::room::Room;
use bytes::Bytes;
use indexmap::IndexMap;
use smallvec::SmallVec;

/// Mostly one.
type Holders = SmallVec<[u64; 2]>;

#[derive(Default)]
pub struct Table {
    /// Keys of all databases alike: a client is told of a key, not of its database.
    holders: IndexMap<Bytes, Holders, ahash::RandomState>,
    items: usize,
}

impl Table {
    pub fn keys(&self) -> usize {
        self.holders.len()
    }
    /// Pairs of a key and a client.
    pub fn items(&self) -> usize {
        self.items
    }
    pub fn add(&mut self, key: &[u8], client: u64) {
        let holders = match self.holders.get_mut(key) {
            Some(holders) => holders,
            None => self.holders.entry(Bytes::copy_from_slice(key)).or_default(),
        };
        if !holders.contains(&client) {
            holders.push(client);
            self.items += 1;
        }
    }
    /// Forgets a key, and tells who may hold it.
    pub fn take(&mut self, key: &[u8]) -> Holders {
        let holders = self.holders.swap_remove(key).unwrap_or_default();
        self.holders.fit();
        self.items -= holders.len();
        holders
    }
    /// Forgets some key.
    pub fn take_any(&mut self, rng: &mut fastrand::Rng) -> Option<(Bytes, Holders)> {
        let index = rng.usize(..self.holders.len().max(1));
        let (key, holders) = self.holders.swap_remove_index(index)?;
        self.holders.fit();
        self.items -= holders.len();
        Some((key, holders))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    proptest! {
        #[test]
        fn it_is_a_map_of_sets(acts in prop::collection::vec((0..4_u8, 0..8_u8, 0..4_u64), 0..200)) {
            let (mut table, mut model) = (Table::default(), BTreeMap::<Bytes, BTreeSet<u64>>::new());
            let mut rng = fastrand::Rng::with_seed(1);
            for (act, key, client) in acts {
                let key = Bytes::copy_from_slice(&[key]);
                let (key, taken) = match act {
                    0 => (key.clone(), table.take(&key)),
                    1 => table.take_any(&mut rng).unwrap_or((key, Holders::new())),
                    _ => {
                        table.add(&key, client);
                        model.entry(key).or_default().insert(client);
                        continue;
                    }
                };
                let expected = model.remove(&key).unwrap_or_default();
                prop_assert_eq!(taken.iter().copied().collect::<BTreeSet<_>>(), expected);
            }
            let items = model.values().map(BTreeSet::len).sum::<usize>();
            prop_assert_eq!((table.keys(), table.items()), (model.len(), items));
        }
    }
}
