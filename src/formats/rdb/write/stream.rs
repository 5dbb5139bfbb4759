//! Streams: nodes, then groups, each with what is pending and with its consumers.
use super::{
    super::Version,
    Encoder, Progress,
    scalar::{put_length, put_plain},
};
use crate::data::stream::{Consumer, Group, Log, Spot, Stream, StreamId};
use std::ops::Bound;

/// How far the writing of a stream has come behind its nodes.
#[derive(Clone, Debug, Default)]
pub(super) struct GroupProgress {
    /// The next node.
    node: Option<Spot>,
    nodes_done: bool,
    /// Groups that are complete; and what is done of the next one.
    groups: usize,
    begun: bool,
    pending: Pending,
    pending_done: bool,
    /// Consumers of it that are complete; and what is done of the next one.
    consumers: usize,
    consumer_begun: bool,
    owned: Pending,
}

/// The last ID that was written of those that are pending.
#[derive(Clone, Copy, Debug, Default)]
struct Pending(Option<StreamId>);

impl Pending {
    fn rest(self) -> (Bound<StreamId>, Bound<StreamId>) {
        (self.0.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
    }
}

fn put_id(id: StreamId, out: &mut Vec<u8>) {
    put_length(id.ms, out);
    put_length(id.seq, out);
}
fn raw(id: StreamId) -> [u8; 16] {
    (u128::from(id.ms) << 64 | u128::from(id.seq)).to_be_bytes()
}

impl Encoder {
    pub(super) fn stream(
        &mut self,
        progress: &mut Progress,
        stream: &Stream,
        end: usize,
        out: &mut Vec<u8>,
    ) -> bool {
        let log = &stream.log;
        progress.begin(|| put_length(log.nodes().len() as u64, out));
        let at = &mut progress.groups;
        if !at.nodes_done {
            if !self.nodes(at, log, end, out) {
                return false;
            }
            at.nodes_done = true;
            put_length(log.len(), out);
            put_id(log.last_id(), out);
            put_id(log.first_id(), out);
            put_id(log.max_deleted_id(), out);
            put_length(log.entries_added(), out);
            put_length(stream.groups.len() as u64, out);
        }
        for (name, group) in stream.groups.iter().skip(at.groups) {
            if out.len() >= end || !self.group(at, name, group, end, out) {
                return false;
            }
            let done = GroupProgress { nodes_done: true, groups: at.groups + 1, ..GroupProgress::default() };
            *at = done;
        }
        true
    }
    fn nodes(&mut self, at: &mut GroupProgress, log: &Log, end: usize, out: &mut Vec<u8>) -> bool {
        let mut spot = at.node.or(log.nodes().first());
        while let Some(here) = spot {
            let (master, node) = log.nodes().get(here);
            put_plain(&raw(master), out);
            self.string(node.listpack().as_bytes(), out);
            spot = log.nodes().next(here);
            if spot.is_some() && out.len() >= end {
                at.node = spot;
                return false;
            }
        }
        true
    }
    fn group(
        &mut self,
        at: &mut GroupProgress,
        name: &[u8],
        group: &Group,
        end: usize,
        out: &mut Vec<u8>,
    ) -> bool {
        if !std::mem::replace(&mut at.begun, true) {
            self.string(name, out);
            put_id(group.last_id, out);
            put_length(group.entries_read.map_or(u64::MAX, |read| read as u64), out);
            put_length(group.pending().len() as u64, out);
        }
        for (&id, pending) in group.pending().range(at.pending.rest()) {
            if out.len() >= end {
                return false;
            }
            out.extend_from_slice(&raw(id));
            out.extend_from_slice(&pending.delivered_ms.to_le_bytes());
            put_length(pending.deliveries, out);
            at.pending = Pending(Some(id));
        }
        if !std::mem::replace(&mut at.pending_done, true) {
            put_length(group.consumers().len() as u64, out);
        }
        for consumer in group.consumers().skip(at.consumers) {
            if !self.consumer(at, consumer, end, out) {
                return false;
            }
            (at.consumers, at.consumer_begun, at.owned) = (at.consumers + 1, false, Pending::default());
        }
        true
    }
    fn consumer(
        &mut self,
        at: &mut GroupProgress,
        consumer: &Consumer,
        end: usize,
        out: &mut Vec<u8>,
    ) -> bool {
        if !std::mem::replace(&mut at.consumer_begun, true) {
            self.string(consumer.name(), out);
            out.extend_from_slice(&consumer.seen_ms.to_le_bytes());
            if self.version >= Version::V11 {
                out.extend_from_slice(&consumer.active_ms.unwrap_or(-1).to_le_bytes());
            }
            put_length(consumer.pending().len() as u64, out);
        }
        for &id in consumer.pending().range(at.owned.rest()) {
            if out.len() >= end {
                return false;
            }
            out.extend_from_slice(&raw(id));
            at.owned = Pending(Some(id));
        }
        true
    }
}
