//! Clients that want to hear of all keys with certain prefixes, whether they have read them or not.
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
struct Circle {
    clients: BTreeSet<u64>,
    /// Keys that have changed since the last broadcast, and who changed each last (0: the server itself).
    changed: BTreeMap<Bytes, u64>,
}

#[derive(Default)]
pub struct Broadcast {
    circles: BTreeMap<Bytes, Circle>,
    has_changed: bool,
}

/// What the clients of one prefix are to be told.
pub struct Bulletin {
    pub clients: Vec<u64>,
    pub changed: Vec<(Bytes, u64)>,
}

impl Broadcast {
    pub fn prefixes(&self) -> usize {
        self.circles.len()
    }
    pub fn join(&mut self, client: u64, prefix: &Bytes) {
        self.circles.entry(prefix.clone()).or_default().clients.insert(client);
    }
    pub fn leave<'a>(&mut self, client: u64, prefixes: impl Iterator<Item = &'a Bytes>) {
        for prefix in prefixes {
            let Some(circle) = self.circles.get_mut(prefix) else { continue };
            circle.clients.remove(&client);
            if circle.clients.is_empty() {
                self.circles.remove(prefix);
            }
        }
    }
    pub fn note(&mut self, key: &Bytes, author: u64) {
        for (_, circle) in self.circles.iter_mut().filter(|(prefix, _)| key.starts_with(prefix)) {
            circle.changed.insert(key.clone(), author);
            self.has_changed = true;
        }
    }
    /// What has changed since the last call.
    pub fn take(&mut self) -> Vec<Bulletin> {
        if !std::mem::take(&mut self.has_changed) {
            return Vec::new();
        }
        let told = self.circles.values_mut().filter(|circle| !circle.changed.is_empty());
        told.map(|circle| Bulletin {
            clients: circle.clients.iter().copied().collect(),
            changed: std::mem::take(&mut circle.changed).into_iter().collect(),
        })
        .collect()
    }
}
