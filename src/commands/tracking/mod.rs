//! Server-assisted client-side caching: which clients keep what they read, and telling them when it changes.
//!
//! A client that *tracks* is remembered for every key that it reads, and told once when that key changes; or it names
//! prefixes, and is told of every change under them (*broadcasting*). What is told goes to the client itself, as a RESP3
//! push, or to another that it names (REDIRECT): as a push too, or as a message of Pub/Sub where that one speaks RESP2.
//!
//! Of what changes, the [`Record`](crate::store::Record) tells. Nobody pays for that while nobody tracks.
mod broadcast;
mod table;
#[cfg(test)]
mod tests;

use super::{pushes::Mail, registry::Node};
use crate::{
    board::{ClientRecord, TrackingMode},
    resp::Reply,
};
use broadcast::{Broadcast, Bulletin};
use bytes::Bytes;
use std::collections::{BTreeSet, HashMap, HashSet};
use table::Table;

/// Which of the keys that a client reads it wants to hear of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    #[default]
    All,
    /// Of those that the command behind CLIENT CACHING YES reads.
    OptIn,
    /// Of all but those that the command behind CLIENT CACHING NO reads.
    OptOut,
}

/// How a client tracks.
#[derive(Clone, Debug, Default)]
pub struct Tracker {
    /// Who is told in its place; 0: nobody.
    pub redirect: u64,
    pub broadcasts: bool,
    pub choice: Choice,
    /// It is not told of what it changes itself.
    pub no_loop: bool,
    /// With `broadcasts`.
    pub prefixes: BTreeSet<Bytes>,
    /// The one who was to be told is gone.
    pub is_broken: bool,
}

#[derive(Default)]
pub struct Tracking {
    trackers: HashMap<u64, Tracker>,
    /// Who has said CLIENT CACHING, and nothing since.
    caching: HashSet<u64>,
    table: Table,
    broadcast: Broadcast,
    /// Passes in a row that left too much in the table.
    crowded: usize,
}

/// What is invalid.
#[derive(Clone, Copy)]
enum Invalid<'a> {
    Keys(&'a [&'a Bytes]),
    All,
}

/// Keys that are forgotten at one go where there are too many; more of them the more often there were.
const FORGET_AT_ONCE: usize = 100;

impl Tracking {
    /// Somebody tracks.
    #[inline]
    pub fn is_active(&self) -> bool {
        !self.trackers.is_empty()
    }
    pub fn clients(&self) -> usize {
        self.trackers.len()
    }
    /// Keys that are remembered, and for how many clients each: together.
    pub fn remembered(&self) -> (usize, usize) {
        (self.table.keys(), self.table.items())
    }
    pub fn prefixes(&self) -> usize {
        self.broadcast.prefixes()
    }
    pub fn of(&self, client: u64) -> Option<&Tracker> {
        self.trackers.get(&client)
    }
    pub fn has_said_caching(&self, client: u64) -> bool {
        self.caching.contains(&client)
    }
    /// The client tracks so from here on; it keeps the prefixes that it has.
    pub fn begin(&mut self, record: &ClientRecord, mut tracker: Tracker) {
        tracker.prefixes.iter().for_each(|prefix| self.broadcast.join(record.id, prefix));
        if let Some(before) = self.trackers.remove(&record.id) {
            tracker.prefixes.extend(before.prefixes);
        }
        tracker.post(record);
        self.trackers.insert(record.id, tracker);
    }
    pub fn end(&mut self, client: u64, record: Option<&ClientRecord>) {
        self.caching.remove(&client);
        let Some(tracker) = self.trackers.remove(&client) else { return };
        self.broadcast.leave(client, tracker.prefixes.iter());
        if let Some(record) = record {
            record.tracking.store(TrackingMode::default());
        }
        if self.trackers.is_empty() {
            // There is nobody who could hold anything.
            self.table = Table::default();
        }
    }
    /// CLIENT CACHING: of the next command's keys the client does, or does not, want to hear.
    pub fn say_caching(&mut self, client: u64) {
        self.caching.insert(client);
    }
    /// That command is done; unless it was one about the client itself.
    #[inline]
    pub fn end_caching(&mut self, client: u64, node: Option<&Node>) {
        if !self.caching.is_empty() && !node.is_some_and(is_about_client) {
            self.caching.remove(&client);
        }
    }

    /// A client has read keys.
    pub fn remember<'a>(&mut self, client: u64, keys: impl FnOnce() -> Vec<&'a [u8]>) {
        let Some(tracker) = self.trackers.get(&client) else { return };
        let wanted = match tracker.choice {
            Choice::All => true,
            Choice::OptIn => self.has_said_caching(client),
            Choice::OptOut => !self.has_said_caching(client),
        };
        if !tracker.broadcasts && wanted {
            keys().into_iter().for_each(|key| self.table.add(key, client));
        }
    }
    /// A key has changed, by this client (0: by itself).
    pub fn note(&mut self, key: &Bytes, author: u64, mail: &mut Mail) {
        self.broadcast.note(key, author);
        for client in self.table.take(key) {
            self.invalidate(client, key, author, mail);
        }
    }
    /// Whole databases have changed.
    pub fn note_upheaval(&mut self, mail: &mut Mail) {
        self.table = Table::default();
        for (&client, tracker) in &mut self.trackers {
            tracker.tell(client, Invalid::All, mail);
        }
    }
    fn invalidate(&mut self, client: u64, key: &Bytes, author: u64, mail: &mut Mail) {
        let told = |tracker: &&mut Tracker| !(tracker.broadcasts || tracker.no_loop && client == author);
        if let Some(tracker) = self.trackers.get_mut(&client).filter(told) {
            tracker.tell(client, Invalid::Keys(&[key]), mail);
        }
    }
    /// Tells of what has changed under prefixes since the last call.
    pub fn broadcast(&mut self, mail: &mut Mail) {
        for Bulletin { clients, changed } in self.broadcast.take() {
            for client in clients {
                let Some(tracker) = self.trackers.get_mut(&client) else { continue };
                let by_others = changed.iter().filter(|(_, author)| !(tracker.no_loop && *author == client));
                let keys: Vec<&Bytes> = by_others.map(|(key, _)| key).collect();
                if !keys.is_empty() {
                    tracker.tell(client, Invalid::Keys(&keys), mail);
                }
            }
        }
    }
    /// Forgets keys where more than `keys_max` are remembered (0: however many), as if they had changed. True if there are
    /// still too many: then it wants to be called again soon.
    pub fn limit(&mut self, keys_max: usize, rng: impl FnOnce() -> fastrand::Rng, mail: &mut Mail) -> bool {
        if keys_max == 0 || self.table.keys() <= keys_max {
            self.crowded = 0;
            return false;
        }
        self.crowded += 1;
        let mut rng = rng();
        let count = (self.table.keys() - keys_max).min(FORGET_AT_ONCE * self.crowded);
        for _ in 0..count {
            let Some((key, holders)) = self.table.take_any(&mut rng) else { break };
            holders.into_iter().for_each(|client| self.invalidate(client, &key, 0, mail));
        }
        self.table.keys() > keys_max
    }
}

/// CLIENT and what belongs to it.
pub fn is_about_client(node: &Node) -> bool {
    node.full_name.starts_with("client")
}

impl Tracker {
    fn post(&self, record: &ClientRecord) {
        record.tracking.store(TrackingMode {
            on: true,
            broadcasts: self.broadcasts,
            is_broken: self.is_broken,
            redirect: self.redirect,
        });
    }
    fn tell(&mut self, client: u64, invalid: Invalid, mail: &mut Mail) {
        let Some(own) = mail.find(client) else { return };
        if self.redirect == 0 {
            if own.speaks_resp3() {
                mail.write(&own, |reply| write_push(invalid, reply));
            }
            return;
        }
        match mail.find(self.redirect) {
            Some(other) if other.speaks_resp3() => mail.write(&other, |reply| write_push(invalid, reply)),
            Some(other) if other.is_subscribed() => mail.write(&other, |reply| write_message(invalid, reply)),
            Some(_) => {}
            None => {
                self.is_broken = true;
                self.post(&own);
                if own.speaks_resp3() {
                    mail.write(&own, |reply| {
                        reply.push(2);
                        reply.bulk(b"tracking-redir-broken");
                        reply.integer(self.redirect as i64);
                    });
                }
            }
        }
    }
}

fn write_push(invalid: Invalid, reply: &mut Reply) {
    reply.push(2);
    reply.bulk(b"invalidate");
    write_keys(invalid, reply);
}
/// As a message of Pub/Sub, which RESP2 can carry beside replies.
fn write_message(invalid: Invalid, reply: &mut Reply) {
    reply.array(3);
    reply.bulk(b"message");
    reply.bulk(b"__redis__:invalidate");
    write_keys(invalid, reply);
}
fn write_keys(invalid: Invalid, reply: &mut Reply) {
    match invalid {
        Invalid::All => reply.null(),
        Invalid::Keys(keys) => {
            reply.array(keys.len());
            keys.iter().for_each(|key| reply.bulk(key));
        }
    }
}
