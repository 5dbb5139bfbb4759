//! Stands in for `data::members` until it is there.
use std::collections::BTreeMap;

#[derive(Clone)]
pub struct Members {
    hasher: ahash::RandomState,
    map: BTreeMap<(u64, Vec<u8>), (Vec<u8>, bool)>,
}
pub struct Member<'a> {
    pub key: &'a [u8],
    pub value: &'a [u8],
    pub marked: bool,
}
impl Members {
    pub fn new(hasher: ahash::RandomState) -> Members {
        Members { hasher, map: BTreeMap::new() }
    }
    fn at(&self, key: &[u8]) -> (u64, Vec<u8>) {
        (self.hasher.hash_one(key) >> 16, key.to_vec())
    }
    pub fn len(&self) -> usize {
        self.map.len()
    }
    pub fn memory_bytes(&self) -> usize {
        self.map.iter().map(|(key, value)| key.1.len() + value.0.len() + 60).sum()
    }
    pub fn get(&self, key: &[u8]) -> Option<Member<'_>> {
        let (key, value) = self.map.get_key_value(&self.at(key))?;
        Some(Member { key: &key.1, value: &value.0, marked: value.1 })
    }
    pub fn insert(&mut self, key: &[u8], value: &[u8], marked: bool) -> bool {
        let at = self.at(key);
        self.map.insert(at, (value.to_vec(), marked)).is_none()
    }
    pub fn remove(&mut self, key: &[u8]) -> bool {
        let at = self.at(key);
        self.map.remove(&at).is_some()
    }
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, visit: &mut dyn FnMut(Member<'a>)) -> u64 {
        let mut range = self.map.range((cursor, Vec::new())..);
        for (key, value) in range.by_ref().take(count) {
            visit(Member { key: &key.1, value: &value.0, marked: value.1 });
        }
        range.next().map_or(0, |(key, _)| key.0)
    }
    pub fn iter(&self) -> impl Iterator<Item = Member<'_>> {
        self.map.iter().map(|(key, value)| Member { key: &key.1, value: &value.0, marked: value.1 })
    }
    pub fn random(&self, random: &mut dyn FnMut() -> u64) -> Option<Member<'_>> {
        self.iter().nth(random() as usize % self.len().max(1))
    }
}
