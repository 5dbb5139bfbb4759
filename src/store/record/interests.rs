//! Which keys somebody waits for or watches.
use crate::data::room::Room;
use bytes::Bytes;
use hashbrown::HashMap;

/// The keys of which somebody wants to hear when they change (WATCH, blocked clients). A write to any other key is
/// not written down: so who waits for one key costs the writers of others a look, and no allocation.
#[derive(Debug, Default)]
pub struct Interests {
    /// By database: how many are interested in a key.
    databases: Vec<HashMap<Bytes, usize, ahash::RandomState>>,
    count: usize,
}
impl Interests {
    pub fn add(&mut self, db: usize, key: &Bytes) {
        if self.databases.len() <= db {
            self.databases.resize_with(db + 1, HashMap::default);
        }
        *self.databases[db].entry_ref(key).or_insert(0) += 1;
        self.count += 1;
    }
    pub fn remove(&mut self, db: usize, key: &Bytes) {
        let Some(count) = self.databases.get_mut(db).and_then(|keys| keys.get_mut(key)) else { return };
        *count -= 1;
        self.count -= 1;
        if *count == 0 {
            self.databases[db].remove(key);
            self.databases[db].fit();
        }
    }
    #[inline]
    pub fn has(&self, db: usize, key: &[u8]) -> bool {
        self.count > 0 && self.databases.get(db).is_some_and(|keys| keys.contains_key(key))
    }
    pub fn of(&self, db: usize) -> impl Iterator<Item = &Bytes> {
        self.databases.get(db).into_iter().flat_map(HashMap::keys)
    }
    /// For how many keys there is room.
    #[cfg(test)]
    pub fn room(&self) -> usize {
        self.databases.iter().map(HashMap::capacity).sum()
    }
}
