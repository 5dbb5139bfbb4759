//! A store to write from and to read into, and what can be seen of a value.
use crate::{
    data::stream::StreamId,
    store::{
        AccessClock, AccessPolicy, Changes, Content, Deadline, EncodingLimits, End, EntryRef, ObjectRef,
        Record, Store, Stream, Text, Wants,
    },
};
use bytes::Bytes;
use std::ops::ControlFlow;

pub const NOW_MS: i64 = 1_700_000_000_000;

pub struct World {
    pub store: Store,
    record: Record,
}

impl World {
    pub fn new() -> World {
        let mut store = Store::new(16, 7);
        store.set_now_ms(NOW_MS);
        World { store, record: Record::new(Wants::default()) }
    }
    pub fn with(limits: EncodingLimits) -> World {
        let mut world = World::new();
        world.store.limits = limits;
        world
    }
    pub fn changes(&mut self) -> Changes<'_> {
        Changes { store: &mut self.store, db: 0, touches: true, record: &mut self.record }
    }
    pub fn clock(&self) -> AccessClock {
        AccessClock::new(AccessPolicy::Recency, NOW_MS)
    }
    pub fn set(&mut self, key: &str, text: &[u8]) {
        let text = Bytes::copy_from_slice(text);
        self.changes().set_string(key.as_bytes(), Text::smallest(&text), Deadline::Clear);
    }
    pub fn load(&mut self, key: &[u8], content: Content, deadline: Option<i64>) {
        assert!(self.changes().load(key, content, deadline, None), "it is a new key");
    }
    pub fn get(&self, key: &str) -> EntryRef<'_> {
        self.store.database(0).find(key.as_bytes()).expect("the key is there")
    }
}

/// All that a value says, in an order that does not depend on how it is held.
pub fn shown(entry: EntryRef) -> Vec<String> {
    let mut lines = vec![format!("{} {:?}", entry.kind().name(), entry.deadline())];
    let mut items = Vec::new();
    match entry.object() {
        None => items.push(format!("{:?}", entry.text().to_bytes())),
        Some(ObjectRef::List(list)) => {
            list.walk(0, End::Tail, |element| {
                lines.push(format!("{:?}", element.to_bytes()));
                ControlFlow::Continue(())
            });
        }
        Some(ObjectRef::Set(set)) => {
            items.extend(set.iter().map(|member| format!("{:?}", member.to_bytes())))
        }
        Some(ObjectRef::SortedSet(set)) => {
            lines.extend(set.iter().map(|(member, score)| format!("{:?} {score:?}", member.to_bytes())))
        }
        Some(ObjectRef::Hash(hash)) => hash.for_each(|field| {
            let (name, value) = (field.name.to_bytes(), field.value.to_bytes());
            items.push(format!("{name:?} {value:?} {:?}", field.deadline))
        }),
        Some(ObjectRef::Stream(stream)) => show_stream(stream, &mut lines),
    }
    items.sort();
    lines.extend(items);
    lines
}

fn show_stream(stream: &Stream, lines: &mut Vec<String>) {
    let log = &stream.log;
    lines.push(format!("{} {} {}", log.len(), log.first_id(), log.last_id()));
    lines.push(format!("{} {} {}", log.max_deleted_id(), log.entries_added(), log.nodes().len()));
    for entry in log.range(StreamId::MIN, StreamId::MAX) {
        let pairs: Vec<_> =
            entry.pairs().map(|(field, value)| (field.to_bytes(), value.to_bytes())).collect();
        lines.push(format!("{} {pairs:?}", entry.id));
    }
    for (name, group) in &stream.groups {
        lines.push(format!("group {name:?} {} {:?}", group.last_id, group.entries_read));
        for (id, pending) in group.pending() {
            let owner = group.consumer(pending.consumer).name();
            lines.push(format!("{id} {} {} {owner:?}", pending.delivered_ms, pending.deliveries));
        }
        for consumer in group.consumers() {
            let (name, seen, active) = (consumer.name(), consumer.seen_ms, consumer.active_ms);
            lines.push(format!("{name:?} {seen} {active:?} {:?}", consumer.pending()));
        }
    }
}
