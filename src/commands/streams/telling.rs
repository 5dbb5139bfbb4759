//! What the append-only file and replicas are told of deliveries: who was given what, and how far the group has come.
//!
//! It is gathered while a group is worked on, and written down when its stream is let go.
use crate::{
    data::stream::{Group, ID_TEXT_BYTES_MAX, Pending, StreamId},
    store::{Changes, Event},
};
use bytes::Bytes;

/// An entry that was given to a consumer.
struct Claim {
    id: StreamId,
    consumer: Bytes,
    delivered_ms: i64,
    deliveries: u64,
}

pub struct Telling {
    /// Somebody listens.
    wanted: bool,
    claims: Vec<Claim>,
    /// The group's position, where that has to be told by itself.
    position: Option<(StreamId, Option<i64>)>,
    /// A consumer that came to be, where that has to be told by itself.
    new_consumer: Option<Bytes>,
}
impl Telling {
    pub fn new(changes: &Changes) -> Telling {
        Telling {
            wanted: changes.record.wants.effects,
            claims: Vec::new(),
            position: None,
            new_consumer: None,
        }
    }
    pub fn claim(&mut self, id: StreamId, consumer: &Bytes, pending: &Pending) {
        if self.wanted {
            let Pending { delivered_ms, deliveries, .. } = *pending;
            self.claims.push(Claim { id, consumer: consumer.clone(), delivered_ms, deliveries });
        }
    }
    /// An entry is no longer pending because it was deleted: claiming it once more has that effect elsewhere, too.
    pub fn forgotten(&mut self, group: &Group, id: StreamId, pending: &Pending) {
        if self.wanted {
            let name = Bytes::copy_from_slice(group.consumer(pending.consumer).name());
            self.claim(id, &name, pending);
        }
    }
    pub fn position(&mut self, group: &Group) {
        self.position = Some((group.last_id, group.entries_read));
    }
    /// A consumer came to be. The effects tell it unless a claim of its tells it, too.
    pub fn new_consumer(&mut self, changes: &mut Changes, key: &[u8], consumer: &Bytes) {
        changes.also_dirty(1);
        changes.event_in(changes.db, Event::Stream, "xgroup-createconsumer", key);
        self.new_consumer = Some(consumer.clone());
    }
    /// Writes all down. `last_id` is the group's.
    pub fn write(self, changes: &mut Changes, key: &[u8], group: &[u8], last_id: StreamId) {
        if !self.wanted {
            return;
        }
        let told_by_claim = |name: &Bytes| self.claims.iter().any(|claim| claim.consumer == name);
        if let Some(name) = self.new_consumer.as_ref().filter(|name| !told_by_claim(name)) {
            changes.rewrite(&[b"XGROUP", b"CREATECONSUMER", key, group, name]);
        }
        let mut last_text = [0; ID_TEXT_BYTES_MAX];
        let last_id = last_id.text(&mut last_text);
        for Claim { id, consumer, delivered_ms, deliveries } in &self.claims {
            let (mut text, mut time, mut count) =
                ([0; ID_TEXT_BYTES_MAX], itoa::Buffer::new(), itoa::Buffer::new());
            let (id, time) = (id.text(&mut text), time.format(*delivered_ms).as_bytes());
            let count = count.format(*deliveries).as_bytes();
            changes.rewrite(&[
                b"XCLAIM",
                key,
                group,
                consumer,
                b"0",
                id,
                b"TIME",
                time,
                b"RETRYCOUNT",
                count,
                b"FORCE",
                b"JUSTID",
                b"LASTID",
                last_id,
            ]);
        }
        if let Some((id, read)) = self.position {
            let (mut text, read) = ([0; ID_TEXT_BYTES_MAX], read.unwrap_or(-1).to_string());
            let id = id.text(&mut text);
            changes.rewrite(&[b"XGROUP", b"SETID", key, group, id, b"ENTRIESREAD", read.as_bytes()]);
        }
    }
}
