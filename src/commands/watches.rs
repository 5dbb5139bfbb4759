//! Who watches which keys (WATCH), and whose keys have changed since.
use crate::{
    data::room::Room,
    store::{Interests, Store},
};
use bytes::Bytes;
use std::collections::HashMap;

/// A key that a client watches.
struct Watched {
    db: usize,
    key: Bytes,
    /// Something stood there when it was last looked at.
    present: bool,
    /// Its deadline had passed then: that it goes changes nothing for the client.
    expired: bool,
}
impl Watched {
    /// It was touched: whether it is another one now for its client, to whom what is over is not there.
    fn has_changed(&mut self, store: &Store) -> bool {
        let (was_there, was_over) = (self.present, self.expired);
        self.present = store.database(self.db).find(&self.key).is_some();
        self.expired = is_expired(store, self.db, &self.key);
        let was_nothing = was_over || !was_there;
        let is_nothing = self.expired || !self.present;
        // What comes and goes has changed, but for what went by itself, or comes when it is over (SWAPDB).
        !(was_nothing && is_nothing && (was_over || self.expired))
    }
}
#[derive(Default)]
struct Watcher {
    keys: Vec<Watched>,
    /// One of them has changed.
    alarmed: bool,
}

#[derive(Default)]
pub struct Watches {
    watchers: HashMap<u64, Watcher>,
    /// Who watches a key (of a database).
    of_key: HashMap<(usize, Bytes), Vec<u64>>,
}

impl Watches {
    pub fn is_empty(&self) -> bool {
        self.watchers.is_empty()
    }
    /// How many clients watch, and how many keys: one that two clients watch counts twice.
    pub fn count(&self) -> (usize, usize) {
        (self.watchers.len(), self.watchers.values().map(|watcher| watcher.keys.len()).sum())
    }
    /// How many keys a client watches.
    pub fn count_of(&self, client: u64) -> usize {
        self.watchers.get(&client).map_or(0, |watcher| watcher.keys.len())
    }
    pub fn watch(&mut self, client: u64, db: usize, key: &Bytes, store: &Store, interests: &mut Interests) {
        let watchers = self.of_key.entry((db, key.clone())).or_default();
        if watchers.contains(&client) {
            return;
        }
        watchers.push(client);
        let (present, expired) = (store.database(db).find(key).is_some(), is_expired(store, db, key));
        let watched = Watched { db, key: key.clone(), present, expired };
        self.watchers.entry(client).or_default().keys.push(watched);
        interests.add(db, key);
    }
    /// The client watches nothing any more.
    pub fn unwatch(&mut self, client: u64, interests: &mut Interests) {
        let Some(watcher) = self.watchers.remove(&client) else { return };
        for Watched { db, key, .. } in watcher.keys {
            interests.remove(db, &key);
            let place = (db, key);
            if let Some(watchers) = self.of_key.get_mut(&place) {
                watchers.retain(|other| *other != client);
                if watchers.is_empty() {
                    self.of_key.remove(&place);
                }
            }
        }
        self.of_key.fit();
        self.watchers.fit();
    }
    /// Whether a key that the client watches has changed: or is due since, and only not yet deleted.
    pub fn is_alarmed(&self, client: u64, store: &Store) -> bool {
        self.watchers.get(&client).is_some_and(|watcher| {
            let is_due = |watched: &Watched| !watched.expired && is_expired(store, watched.db, &watched.key);
            watcher.alarmed || watcher.keys.iter().any(is_due)
        })
    }
    /// A key has changed, or is gone.
    pub fn note(&mut self, db: usize, key: &Bytes, store: &Store) {
        if self.of_key.is_empty() {
            return;
        }
        let place = (db, key.clone());
        for client in self.of_key.get(&place).into_iter().flatten() {
            let Some(watcher) = self.watchers.get_mut(client) else { continue };
            let watched = watcher.keys.iter_mut().find(|watched| watched.db == db && watched.key == *key);
            watcher.alarmed |= watched.is_none_or(|watched| watched.has_changed(store));
        }
    }
}

fn is_expired(store: &Store, db: usize, key: &[u8]) -> bool {
    let deadline = store.database(db).find(key).and_then(|entry| entry.deadline());
    deadline.is_some_and(|deadline| deadline <= store.now_ms())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::testing::Prompt;

    #[test]
    fn who_watched_many_keys_leaves_no_room_behind() {
        let mut prompt = Prompt::new();
        for client in [1, 2] {
            prompt.ask_as(client, "PING");
        }
        let keys: Vec<Bytes> = (0..50_000).map(|number| Bytes::from(format!("k{number}"))).collect();
        prompt.stage.watch(1, 0, &keys);
        prompt.stage.watch(2, 0, &keys[..3]);
        assert!(prompt.stage.watches.of_key.capacity() >= 50_000);
        prompt.stage.unwatch(1);
        assert_eq!(prompt.stage.watches.count(), (1, 3));
        assert!(prompt.stage.watches.of_key.capacity() < 5000);
        assert!(prompt.stage.record.interests.room() < 5000);
        assert!(prompt.stage.record.interests.has(0, b"k2") && !prompt.stage.record.interests.has(0, b"k3"));
    }
}
