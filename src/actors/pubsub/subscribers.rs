//! The lists: what each client listens to, and who listens to each name. Whatever changes here is posted on the board.
use super::audience::Audience;
use crate::{
    board::{Board, ClientRecord, Place, Topic},
    data::{patterns::Patterns, room::Room},
    resp::Protocol,
};
use bytes::Bytes;
use hashbrown::HashMap;
use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering::Relaxed},
};

type Audiences = HashMap<Bytes, Audience, ahash::RandomState>;

pub struct Subscribers {
    board: Arc<Board>,
    clients: HashMap<u64, Subscriber, ahash::RandomState>,
    channels: Audiences,
    shard_channels: Audiences,
    patterns: Patterns<Audience>,
}

struct Subscriber {
    record: Arc<ClientRecord>,
    place: Place,
    protocol: Protocol,
    channels: BTreeSet<Bytes>,
    patterns: BTreeSet<Bytes>,
    shard_channels: BTreeSet<Bytes>,
}
const TOPICS: [Topic; 3] = [Topic::Channel, Topic::Pattern, Topic::ShardChannel];

impl Subscriber {
    fn names(&self, topic: Topic) -> &BTreeSet<Bytes> {
        match topic {
            Topic::Channel => &self.channels,
            Topic::Pattern => &self.patterns,
            Topic::ShardChannel => &self.shard_channels,
        }
    }
    fn names_mut(&mut self, topic: Topic) -> &mut BTreeSet<Bytes> {
        match topic {
            Topic::Channel => &mut self.channels,
            Topic::Pattern => &mut self.patterns,
            Topic::ShardChannel => &mut self.shard_channels,
        }
    }
    fn listens(&self) -> bool {
        TOPICS.iter().any(|&topic| !self.names(topic).is_empty())
    }
    /// Tells the client's record what CLIENT LIST shows.
    fn post(&self) {
        self.record.channels.store(self.channels.len(), Relaxed);
        self.record.patterns.store(self.patterns.len(), Relaxed);
        self.record.shard_channels.store(self.shard_channels.len(), Relaxed);
    }
}

impl Subscribers {
    pub fn new(board: Arc<Board>) -> Subscribers {
        Subscribers {
            board,
            clients: HashMap::default(),
            channels: HashMap::default(),
            shard_channels: HashMap::default(),
            patterns: Patterns::default(),
        }
    }
    pub fn knows(&self, client: u64) -> bool {
        self.clients.contains_key(&client)
    }
    /// A client is there, and speaks this.
    pub fn meet(&mut self, record: Arc<ClientRecord>, place: Place, protocol: Protocol) {
        let client = record.id;
        let subscriber = self.clients.entry(client).or_insert_with(|| Subscriber {
            record,
            place,
            protocol,
            channels: BTreeSet::new(),
            patterns: BTreeSet::new(),
            shard_channels: BTreeSet::new(),
        });
        if std::mem::replace(&mut subscriber.protocol, protocol) != protocol {
            for topic in TOPICS {
                for name in self.names(client, topic) {
                    self.with_audience(topic, &name, |audience| {
                        audience.leave(client);
                        audience.join(client, place, protocol);
                    });
                }
            }
        }
    }
    pub fn subscribe(&mut self, client: u64, topic: Topic, name: &Bytes) {
        let Some(subscriber) = self.clients.get_mut(&client) else { return };
        if subscriber.names(topic).contains(name) {
            return;
        }
        // The name is a part of a larger buffer, which must not be kept for it. And where somebody listens already, all
        // share one copy.
        let name = match topic {
            Topic::Pattern => None,
            topic => self.audiences(topic).get_key_value(name).map(|(name, _)| name.clone()),
        }
        .unwrap_or_else(|| Bytes::copy_from_slice(name));
        let Some(subscriber) = self.clients.get_mut(&client) else { return };
        let is_first = !subscriber.listens();
        subscriber.names_mut(topic).insert(name.clone());
        subscriber.post();
        let (place, protocol) = (subscriber.place, subscriber.protocol);
        if is_first {
            self.board.subscriptions.clients.fetch_add(1, Relaxed);
        }
        self.with_audience(topic, &name, |audience| audience.join(client, place, protocol));
    }
    pub fn unsubscribe(&mut self, client: u64, topic: Topic, name: &Bytes) {
        let Some(subscriber) = self.clients.get_mut(&client) else { return };
        if !subscriber.names_mut(topic).remove(name) {
            return;
        }
        subscriber.post();
        if !subscriber.listens() {
            self.board.subscriptions.clients.fetch_sub(1, Relaxed);
        }
        self.with_audience(topic, name, |audience| audience.leave(client));
    }
    /// Ends all subscriptions of a client.
    pub fn forget(&mut self, client: u64) {
        for topic in TOPICS {
            for name in self.names(client, topic) {
                self.unsubscribe(client, topic, &name);
            }
        }
        self.clients.remove(&client);
        self.clients.fit();
    }
    /// Those who are known here, and have been killed.
    pub fn killed(&self) -> Vec<u64> {
        let killed = self.clients.iter().filter(|(_, subscriber)| subscriber.record.is_killed());
        killed.map(|(&client, _)| client).collect()
    }
    /// What a client listens to, in alphabetical order.
    pub fn names(&self, client: u64, topic: Topic) -> Vec<Bytes> {
        self.clients.get(&client).map_or_else(Vec::new, |it| it.names(topic).iter().cloned().collect())
    }
    pub fn count(&self, client: u64, topic: Topic) -> usize {
        self.clients.get(&client).map_or(0, |subscriber| subscriber.names(topic).len())
    }
    /// Those who listen to this very channel.
    pub fn audience(&self, topic: Topic, channel: &[u8]) -> Option<&Audience> {
        match topic {
            Topic::ShardChannel => self.shard_channels.get(channel),
            _ => self.channels.get(channel),
        }
    }
    /// Visits the patterns that a channel matches.
    pub fn for_each_match<'a>(&'a self, channel: &[u8], visit: impl FnMut(&'a Bytes, &'a Audience)) {
        self.patterns.for_each_match(channel, visit)
    }
    fn audiences(&mut self, topic: Topic) -> &mut Audiences {
        match topic {
            Topic::ShardChannel => &mut self.shard_channels,
            _ => &mut self.channels,
        }
    }
    /// Changes who listens to a name, and posts how many they are.
    fn with_audience(&mut self, topic: Topic, name: &Bytes, change: impl FnOnce(&mut Audience)) {
        let audience = match topic {
            Topic::Pattern => self.patterns.entry(name),
            topic => self.audiences(topic).entry(name.clone()).or_default(),
        };
        change(audience);
        let count = audience.len();
        if count == 0 {
            match topic {
                Topic::Pattern => drop(self.patterns.remove(name)),
                topic => drop(self.audiences(topic).remove(name)),
            }
        }
        self.board.subscriptions.post(topic, name, count);
        // The board has the same names.
        if count == 0 && topic != Topic::Pattern && self.audiences(topic).fit() {
            self.board.subscriptions.fit(topic);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn come(subscribers: &mut Subscribers, client: u64) {
        let record = ClientRecord::new(client, String::new(), String::new(), 0, false, 0);
        subscribers.meet(Arc::new(record), Place { courier: 0, slot: client as usize }, Protocol::Resp2);
    }

    #[test]
    fn who_listened_to_many_channels_leaves_no_room_behind() {
        let mut subscribers = Subscribers::new(Board::new(Config::default(), None, 1, 0));
        let names: Vec<Bytes> = (0..50_000).map(|number| Bytes::from(format!("c{number}"))).collect();
        come(&mut subscribers, 1);
        names.iter().for_each(|name| subscribers.subscribe(1, Topic::Channel, name));
        names.iter().for_each(|name| subscribers.unsubscribe(1, Topic::Channel, name));
        assert!(subscribers.channels.capacity() < 5000);
        // Nor do many clients that go, while one stays.
        for client in 1..1001 {
            come(&mut subscribers, client);
            let own = client as usize * 49..client as usize * 49 + 49;
            names[own].iter().for_each(|name| subscribers.subscribe(client, Topic::ShardChannel, name));
        }
        (2..1001).for_each(|client| subscribers.forget(client));
        assert!(subscribers.shard_channels.capacity() < 5000);
        assert_eq!(subscribers.count(1, Topic::ShardChannel), 49);
        assert_eq!(subscribers.board.subscriptions.names(Topic::ShardChannel), 49);
    }
}
