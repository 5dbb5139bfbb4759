//! Consumer groups: who was given which entry, and has not acknowledged it yet.
//!
//! Every entry that is *pending* is filed twice: by its ID in the group, with its consumer, and in that consumer's set
//! of IDs. The group's record is the only one that says more than the ID, so the two cannot tell different stories.
//! Consumers have a number within their group, which pending entries refer to, and are found by name in byte order.
use super::StreamId;
use slab::Slab;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

/// The groups of a stream by name, in byte order.
pub type Groups = BTreeMap<Box<[u8]>, Group>;

/// A consumer's number in its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerNumber(u32);

/// An entry that was delivered and is not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pending {
    /// When it was delivered last, ms since 1970.
    pub delivered_ms: i64,
    pub deliveries: u64,
    pub consumer: ConsumerNumber,
}

#[derive(Clone, Debug)]
pub struct Consumer {
    name: Box<[u8]>,
    /// When it last asked for something, ms since 1970.
    pub seen_ms: i64,
    /// When it last got something.
    pub active_ms: Option<i64>,
    pending: BTreeSet<StreamId>,
}
impl Consumer {
    pub fn name(&self) -> &[u8] {
        &self.name
    }
    /// The IDs that are pending for it.
    pub fn pending(&self) -> &BTreeSet<StreamId> {
        &self.pending
    }
}

#[derive(Clone, Debug, Default)]
pub struct Group {
    /// The last entry that was delivered.
    pub last_id: StreamId,
    /// How many entries the stream had got up to `last_id`, where that is known.
    pub entries_read: Option<i64>,
    pending: BTreeMap<StreamId, Pending>,
    names: BTreeMap<Box<[u8]>, ConsumerNumber>,
    consumers: Slab<Consumer>,
}

impl Group {
    pub fn new(last_id: StreamId, entries_read: Option<i64>) -> Group {
        Group { last_id, entries_read, ..Group::default() }
    }
    /// All that is pending.
    pub fn pending(&self) -> &BTreeMap<StreamId, Pending> {
        &self.pending
    }
    /// What of it lies in a range, for one consumer or all of them.
    pub fn pending_within<'a>(
        &'a self,
        ids: RangeInclusive<StreamId>,
        consumer: Option<ConsumerNumber>,
    ) -> Box<dyn Iterator<Item = (StreamId, &'a Pending)> + 'a> {
        if ids.is_empty() {
            return Box::new(std::iter::empty());
        }
        match consumer.and_then(|number| self.consumers.get(number.0 as usize)) {
            Some(consumer) => Box::new(
                consumer
                    .pending
                    .range(ids)
                    .filter_map(|id| self.pending.get(id).map(|pending| (*id, pending))),
            ),
            None => Box::new(self.pending.range(ids).map(|(&id, pending)| (id, pending))),
        }
    }

    /// The consumers by name.
    pub fn consumers(&self) -> impl ExactSizeIterator<Item = &Consumer> {
        self.names.values().map(|&number| self.consumer(number))
    }
    pub fn find(&self, name: &[u8]) -> Option<ConsumerNumber> {
        self.names.get(name).copied()
    }
    /// The consumer with a number that this group gave out.
    pub fn consumer(&self, number: ConsumerNumber) -> &Consumer {
        &self.consumers[number.0 as usize]
    }
    pub fn consumer_mut(&mut self, number: ConsumerNumber) -> &mut Consumer {
        &mut self.consumers[number.0 as usize]
    }
    /// Adds a consumer; `None` if there is one of this name.
    pub fn add_consumer(&mut self, name: &[u8], now_ms: i64) -> Option<ConsumerNumber> {
        (!self.names.contains_key(name)).then(|| self.insert_consumer(name, now_ms))
    }
    /// The consumer of this name, who asks for something now, and whether it had to be added.
    pub fn see_consumer(&mut self, name: &[u8], now_ms: i64) -> (ConsumerNumber, bool) {
        match self.find(name) {
            Some(number) => {
                self.consumer_mut(number).seen_ms = now_ms;
                (number, false)
            }
            None => (self.insert_consumer(name, now_ms), true),
        }
    }
    fn insert_consumer(&mut self, name: &[u8], now_ms: i64) -> ConsumerNumber {
        let consumer =
            Consumer { name: name.into(), seen_ms: now_ms, active_ms: None, pending: BTreeSet::new() };
        let number = ConsumerNumber(self.consumers.insert(consumer) as u32);
        self.names.insert(name.into(), number);
        number
    }
    /// Removes a consumer with what is pending for it; returns how much that was.
    pub fn remove_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let number = self.names.remove(name)?;
        let consumer = self.consumers.remove(number.0 as usize);
        for id in &consumer.pending {
            self.pending.remove(id);
        }
        Some(consumer.pending.len())
    }

    /// Makes an entry pending as said, whoever had it before.
    pub fn assign(&mut self, id: StreamId, pending: Pending) {
        let before = self.pending.insert(id, pending);
        if before.is_none_or(|before| before.consumer != pending.consumer) {
            if let Some(before) = before {
                self.consumer_mut(before.consumer).pending.remove(&id);
            }
            self.consumer_mut(pending.consumer).pending.insert(id);
        }
    }
    /// Notes that a pending entry was shown to its consumer once more.
    pub fn redeliver(&mut self, id: StreamId, now_ms: i64) {
        if let Some(pending) = self.pending.get_mut(&id) {
            pending.delivered_ms = now_ms;
            pending.deliveries = pending.deliveries.wrapping_add(1);
        }
    }
    /// The entry is no longer pending; returns what it was.
    pub fn acknowledge(&mut self, id: StreamId) -> Option<Pending> {
        let pending = self.pending.remove(&id)?;
        self.consumer_mut(pending.consumer).pending.remove(&id);
        Some(pending)
    }
    /// Memory in bytes, roughly: the trees hold seven of eleven places on the average.
    pub fn memory_bytes(&self) -> usize {
        const PENDING_BYTES: usize = size_of::<(StreamId, Pending)>() * 11 / 7;
        const ID_BYTES: usize = size_of::<StreamId>() * 11 / 7;
        let consumers: usize = self.consumers().map(|consumer| 2 * consumer.name.len()).sum();
        self.consumers.capacity() * size_of::<Consumer>()
            + consumers
            + self.pending.len() * (PENDING_BYTES + ID_BYTES)
    }
}
