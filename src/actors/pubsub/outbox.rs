//! From announcements to parcels: each message is written once per protocol, and what follows for the same lines goes into
//! the same parcel.
use super::{
    audience::{Audience, Group},
    messages::Parcel,
};
use crate::{
    actors::courier::messages::LineId,
    resp::{Protocol, Reply},
};
use bytes::Bytes;
use std::sync::Arc;

/// What is to go to each Courier, by its number.
pub struct Outbox {
    couriers: Vec<Vec<Draft>>,
    /// The message at hand, in RESP2 and in RESP3.
    scratch: [Reply; 2],
}
struct Draft {
    bytes: Reply,
    lines: Arc<[LineId]>,
}
/// A parcel that holds so much is not added to, bytes.
const PARCEL_BYTES: usize = 16 * 1024;

impl Outbox {
    pub fn new(couriers: usize) -> Outbox {
        Outbox {
            couriers: (0..couriers).map(|_| Vec::new()).collect(),
            scratch: [Protocol::Resp2, Protocol::Resp3].map(Reply::new),
        }
    }
    /// Adds one message, which `write` writes, for all who listen.
    pub fn add(&mut self, audience: &Audience, write: impl Fn(&mut Reply)) {
        if let [group] = audience.groups() {
            return self.with_draft(group, write);
        }
        let mut is_written = [false; 2];
        for group in audience.groups() {
            let protocol = usize::from(group.protocol == Protocol::Resp3);
            let mut message = std::mem::take(&mut self.scratch[protocol]);
            if !std::mem::replace(&mut is_written[protocol], true) {
                message.truncate(0);
                write(&mut message);
            }
            self.with_draft(group, |draft| draft.raw(message.as_bytes()));
            self.scratch[protocol] = message;
        }
    }
    /// Adds to what a group gets.
    fn with_draft(&mut self, group: &Group, write: impl FnOnce(&mut Reply)) {
        let Some(drafts) = self.couriers.get_mut(group.courier) else { return };
        let lines = group.lines();
        match drafts.last_mut() {
            Some(last) if Arc::ptr_eq(&last.lines, lines) && last.bytes.position() < PARCEL_BYTES => {
                write(&mut last.bytes)
            }
            _ => {
                let mut bytes = Reply::new(group.protocol);
                write(&mut bytes);
                drafts.push(Draft { bytes, lines: lines.clone() });
            }
        }
    }
    /// The parcels for each Courier that has any.
    pub fn into_parcels(self) -> impl Iterator<Item = (usize, Vec<Parcel>)> {
        let couriers = self.couriers.into_iter().enumerate().filter(|(_, drafts)| !drafts.is_empty());
        couriers.map(|(courier, drafts)| {
            let parcel =
                |Draft { bytes, lines }: Draft| Parcel { bytes: Bytes::from(bytes.into_whole()), lines };
            (courier, drafts.into_iter().map(parcel).collect())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::Place;

    fn audience(members: &[(u64, usize, Protocol)]) -> Audience {
        let mut audience = Audience::default();
        for &(client, courier, protocol) in members {
            audience.join(client, Place { courier, slot: client as usize }, protocol);
        }
        audience
    }
    fn shown(outbox: Outbox) -> Vec<String> {
        let parcels = outbox.into_parcels().flat_map(|(courier, parcels)| {
            parcels.into_iter().map(move |parcel| {
                let clients: Vec<String> = parcel.lines.iter().map(|line| line.client.to_string()).collect();
                let bytes = String::from_utf8_lossy(&parcel.bytes).replace("\r\n", " ");
                format!("{courier} to {}: {}", clients.join(","), bytes.trim_end())
            })
        });
        parcels.collect()
    }

    #[test]
    fn messages_for_the_same_lines_travel_together_and_others_keep_their_place() {
        use Protocol::*;
        let (a, b) = (audience(&[(1, 0, Resp2), (2, 1, Resp3)]), audience(&[(1, 0, Resp2)]));
        let mut outbox = Outbox::new(2);
        let say = |n: i64| {
            move |reply: &mut Reply| {
                reply.push(1);
                reply.integer(n)
            }
        };
        outbox.add(&a, say(1));
        outbox.add(&a, say(2));
        outbox.add(&b, say(3));
        outbox.add(&a, say(4));
        let expected = ["0 to 1: *1 :1 *1 :2", "0 to 1: *1 :3", "0 to 1: *1 :4", "1 to 2: >1 :1 >1 :2 >1 :4"];
        assert_eq!(shown(outbox), expected);
    }
}
