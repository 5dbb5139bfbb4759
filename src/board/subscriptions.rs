//! How many clients listen to what: the counts of the subscriptions, of which PubSub keeps the lists.
//!
//! PubSub posts a change before it acknowledges it, and takes publications in the order in which they were announced. So
//! PUBLISH can tell its receivers without asking, and nothing needs to be announced that nobody hears.
use crate::data::{
    glob::{literal_prefix, matches},
    patterns::Patterns,
};
use bytes::Bytes;
use dashmap::DashMap;
use std::sync::{
    RwLock, RwLockReadGuard, RwLockWriteGuard,
    atomic::{
        AtomicU64, AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
    },
};

/// What a client can be subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    Channel,
    Pattern,
    ShardChannel,
}

type Counts = DashMap<Bytes, usize, ahash::RandomState>;

/// Writer: PubSub, but for `announced` and `underway_bytes`, which the Keyspace counts up.
#[derive(Debug, Default)]
pub struct Subscriptions {
    channels: Counts,
    shard_channels: Counts,
    patterns: RwLock<Patterns<usize>>,
    /// Names that anybody is subscribed to.
    names: AtomicUsize,
    /// Those of them that are patterns.
    pattern_names: AtomicUsize,
    /// Those that a keyspace event may reach.
    event_names: AtomicUsize,
    /// Clients that are subscribed to anything.
    pub clients: AtomicUsize,
    /// Number of the last list of announcements that was begun.
    announced: AtomicU64,
    /// Commands that change subscriptions and are on their way to PubSub: Connections count up, PubSub counts down.
    changes_underway: AtomicUsize,
    /// Bytes of announcements that are not with all their Couriers yet.
    underway_bytes: AtomicU64,
}

/// What the channels of all keyspace events begin with.
const EVENT_PREFIX: &[u8] = b"__key";

impl Subscriptions {
    /// Nobody listens to anything.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.names.load(Relaxed) == 0
    }
    /// Somebody may listen to keyspace events.
    #[inline]
    pub fn hear_events(&self) -> bool {
        self.event_names.load(Relaxed) > 0
    }
    /// How many clients hear what is published there. Who listens by several names counts for each.
    pub fn receivers(&self, channel: &[u8]) -> usize {
        if self.is_empty() {
            return 0;
        }
        let mut count = self.count(Topic::Channel, channel);
        if self.pattern_names.load(Relaxed) > 0 {
            self.read().for_each_match(channel, |_, clients| count += clients);
        }
        count
    }
    /// How many clients are subscribed to this very channel.
    pub fn count(&self, topic: Topic, name: &[u8]) -> usize {
        self.counts(topic).get(name).map_or(0, |count| *count)
    }
    /// How many names of this kind there are.
    pub fn names(&self, topic: Topic) -> usize {
        match topic {
            Topic::Pattern => self.read().len(),
            topic => self.counts(topic).len(),
        }
    }
    /// The channels that match a pattern (all, if there is none), in no order.
    pub fn channels(&self, topic: Topic, pattern: Option<&[u8]>) -> Vec<Bytes> {
        let wanted = |name: &Bytes| pattern.is_none_or(|pattern| matches(pattern, name, false));
        let all = self.counts(topic).iter();
        all.map(|entry| entry.key().clone()).filter(wanted).collect()
    }
    /// Posts how many clients are subscribed to this now.
    pub fn post(&self, topic: Topic, name: &Bytes, count: usize) {
        let before = match (topic, count) {
            (Topic::Pattern, 0) => self.write().remove(name).unwrap_or(0),
            (Topic::Pattern, _) => std::mem::replace(self.write().entry(name), count),
            (_, 0) => self.counts(topic).remove(name).map_or(0, |(_, before)| before),
            _ => self.counts(topic).insert(name.clone(), count).unwrap_or(0),
        };
        let step = |counter: &AtomicUsize| match (before, count) {
            (0, 1..) => drop(counter.fetch_add(1, Relaxed)),
            (1.., 0) => drop(counter.fetch_sub(1, Relaxed)),
            _ => {}
        };
        step(&self.names);
        if topic == Topic::Pattern {
            step(&self.pattern_names);
        }
        if may_hear_events(topic, name) {
            step(&self.event_names);
        }
    }
    /// Many names of this kind have gone: their room goes, too.
    pub fn fit(&self, topic: Topic) {
        if topic != Topic::Pattern {
            self.counts(topic).shrink_to_fit();
        }
    }
    pub fn underway_bytes(&self) -> u64 {
        self.underway_bytes.load(Relaxed)
    }
    /// So much more is under way.
    pub fn take_on(&self, bytes: u64) {
        self.underway_bytes.fetch_add(bytes, Relaxed);
    }
    /// So much is not under way any more.
    pub fn lay_down(&self, bytes: u64) {
        self.underway_bytes.fetch_sub(bytes, Relaxed);
    }
    /// Somebody has asked for a subscription, or for the end of one, and PubSub has not got round to it.
    #[inline]
    pub fn are_changing(&self) -> bool {
        self.changes_underway.load(Relaxed) > 0
    }
    pub fn begin_change(&self) {
        self.changes_underway.fetch_add(1, Relaxed);
    }
    pub fn end_change(&self) {
        self.changes_underway.fetch_sub(1, Relaxed);
    }
    /// Number of the last list of announcements. Who has seen a reply, and asks this then, learns the number of a list
    /// that holds all which was published before that reply.
    pub fn announced(&self) -> u64 {
        self.announced.load(Acquire)
    }
    /// A list has begun; returns its number. To be called before the replies go out of whoever wrote in it.
    pub fn announce(&self) -> u64 {
        self.announced.fetch_add(1, Release) + 1
    }
    fn counts(&self, topic: Topic) -> &Counts {
        match topic {
            Topic::ShardChannel => &self.shard_channels,
            _ => &self.channels,
        }
    }
    // A panic while a count is changed leaves counts.
    fn read(&self) -> RwLockReadGuard<'_, Patterns<usize>> {
        self.patterns.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
    fn write(&self) -> RwLockWriteGuard<'_, Patterns<usize>> {
        self.patterns.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn may_hear_events(topic: Topic, name: &[u8]) -> bool {
    match topic {
        Topic::Channel => name.starts_with(EVENT_PREFIX),
        Topic::Pattern => {
            let prefix = literal_prefix(name);
            let common = prefix.len().min(EVENT_PREFIX.len());
            prefix[..common] == EVENT_PREFIX[..common]
        }
        Topic::ShardChannel => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_are_counted_by_every_name() {
        let post = Subscriptions::default();
        let is = |topic, name: &'static str, count| post.post(topic, &Bytes::from(name), count);
        is(Topic::Channel, "news", 2);
        is(Topic::Pattern, "n*", 1);
        is(Topic::Pattern, "*s", 3);
        is(Topic::ShardChannel, "news", 7);
        assert_eq!([post.receivers(b"news"), post.receivers(b"nothing"), post.receivers(b"x")], [6, 1, 0]);
        assert_eq!(post.count(Topic::ShardChannel, b"news"), 7);
        assert_eq!([Topic::Channel, Topic::Pattern, Topic::ShardChannel].map(|t| post.names(t)), [1, 2, 1]);
        is(Topic::Pattern, "n*", 0);
        is(Topic::Pattern, "*s", 2);
        assert_eq!(post.receivers(b"news"), 4);
        is(Topic::Pattern, "*s", 0);
        is(Topic::Channel, "news", 0);
        assert!(!post.is_empty() && post.receivers(b"news") == 0);
        is(Topic::ShardChannel, "news", 0);
        assert!(post.is_empty());
    }

    #[test]
    fn the_room_of_many_names_goes_with_them() {
        let post = Subscriptions::default();
        let names: Vec<Bytes> = (0..50_000).map(|number| Bytes::from(format!("c{number}"))).collect();
        names.iter().for_each(|name| post.post(Topic::Channel, name, 1));
        names[5..].iter().for_each(|name| post.post(Topic::Channel, name, 0));
        post.fit(Topic::Channel);
        assert!(post.channels.capacity() < 1000);
        assert_eq!((post.names(Topic::Channel), post.receivers(b"c4")), (5, 1));
    }

    #[test]
    fn events_are_told_only_where_a_name_may_hear_them() {
        for (topic, name, hears) in [
            (Topic::Channel, "__keyevent@0__:set", true),
            (Topic::Channel, "key", false),
            (Topic::Pattern, "*", true),
            (Topic::Pattern, "__*", true),
            (Topic::Pattern, "__keyspace@*:k", true),
            (Topic::Pattern, "_[_]key*", true),
            (Topic::Pattern, "_x*", false),
            (Topic::Pattern, "socket.io#*", false),
            (Topic::ShardChannel, "__keyevent@0__:set", false),
        ] {
            let post = Subscriptions::default();
            post.post(topic, &Bytes::from(name), 1);
            assert_eq!(post.hear_events(), hears, "{name}");
            post.post(topic, &Bytes::from(name), 2);
            post.post(topic, &Bytes::from(name), 0);
            assert!(!post.hear_events(), "{name}");
        }
    }
}
