//! What a Connection has to do with PubSub: its commands go there, and what it is told comes in its place among the replies.
use super::{Connection, requests::Deferred};
use crate::{
    actors::{
        courier::messages::{Answer, Batch},
        pubsub::messages::{Ask, Wish},
    },
    commands::{
        registry::Node,
        session::PubSubErrand,
        spec::{Flags, MAY_REPLICATE, PUBSUB},
    },
    resp::{Reply, Request},
};
use std::sync::atomic::Ordering::Relaxed;

impl Connection {
    /// With one thread, a client that asks something after another was answered about a PUBLISH has the message before its
    /// own reply. Here the message may still be on its way: a client that listens to anything lets PubSub catch up first.
    pub(super) fn must_hear_first(&mut self) -> bool {
        // Once for each turn: others may publish without end.
        if self.has_heard || self.must_not_wait() || !self.session.record.known_to_pubsub.load(Relaxed) {
            return false;
        }
        let announced = self.desk.board.subscriptions.announced();
        std::mem::replace(&mut self.heard, announced) != announced && self.session.record.is_subscribed()
    }
    pub(super) fn hear_first(&mut self) {
        self.has_heard = true;
        self.ask(Deferred::Broker(Wish::Pass(Reply::default())));
    }
    /// Whoever asked to listen, or to listen no more, before this client publishes, is to be counted so, acknowledged or not.
    /// And who is killed has got what was published before.
    pub(super) fn must_run_later(&self, node: &Node) -> bool {
        const PUBLISHES: Flags = PUBSUB | MAY_REPLICATE;
        let subscriptions = &self.desk.board.subscriptions;
        let publishes = node.spec().flags & PUBLISHES == PUBLISHES;
        let must = publishes && subscriptions.are_changing()
            || node.spec().acts_on_others && subscriptions.announced() != self.heard;
        must && !self.has_heard && !self.must_not_wait()
    }
    /// A script is slow, and who may end it must not wait: what was published before is told when the Keyspace comes to it,
    /// and PubSub may be on the same thread.
    fn must_not_wait(&self) -> bool {
        self.desk.board.busy.with().is_some()
    }
    /// Keeps a command until PubSub has got round to what others asked and published before.
    pub(super) fn run_later(&mut self, request: Request) {
        self.has_heard = true;
        self.heard = self.desk.board.subscriptions.announced();
        self.uncounted += 1;
        self.next = Some(request);
        self.deferred = Some(Deferred::Broker(Wish::Pass(Reply::default())));
    }
    /// The reply to the command at hand goes out when PubSub has done something for it.
    pub(super) fn defer_said(&mut self, start: usize, batch: &mut Batch, muted: bool, errand: PubSubErrand) {
        let mut said = batch.says.split_off(start);
        if muted {
            said.truncate(0);
        }
        let wish = match errand {
            PubSubErrand::CatchUp => Wish::Pass(said),
            PubSubErrand::Unsubscribe => Wish::Unsubscribe(said),
        };
        self.deferred = Some(Deferred::Broker(wish));
    }
    pub(super) fn ask_pubsub(&self, wish: Wish, answer: Answer) {
        if let Wish::Run { .. } = wish {
            self.desk.board.subscriptions.begin_change();
        }
        self.desk.pubsub.do_send(Ask {
            client: self.line.client,
            protocol: self.session.protocol,
            after: self.desk.board.subscriptions.announced(),
            wish,
            answer,
        });
    }
}
