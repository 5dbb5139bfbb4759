//! The lists of those who listen, and the fan-out: all that PubSub does, as plain calls.
//!
//! PubSub hands it the messages that come. Where the Keyspace shares its thread, it calls here itself: see [`Reach`](super::Reach).
use super::{
    messages::{Announce, Ask, Burden, Deliver, Wish},
    outbox::Outbox,
    subscribers::Subscribers,
};
use crate::{
    actors::courier::{Courier, messages::Answer},
    board::{Board, Tally, Topic},
    commands::{
        Broker, Task,
        error::CommandError,
        registry::{Node, Registry},
        stage::count_error,
    },
    resp::{Protocol, Reply},
    store::{Announcement, EventChannels},
};
use actix::Addr;
use bytes::Bytes;
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::Ordering::{Relaxed, SeqCst},
    },
    time::Instant,
};

pub struct Hub {
    board: Arc<Board>,
    tally: Arc<Tally>,
    couriers: Vec<Addr<Courier>>,
    subscribers: Subscribers,
    /// Number of the last list of announcements that came.
    heard: u64,
    /// What was asked too early.
    waiting: VecDeque<Ask>,
    /// Parts of a list whose rest is still to come, ready for their Couriers.
    kept: Vec<(usize, Deliver)>,
}

impl Hub {
    pub fn new(board: Arc<Board>) -> Hub {
        Hub {
            tally: board.tallies.join(Registry::get().count()),
            subscribers: Subscribers::new(board.clone()),
            board,
            couriers: Vec::new(),
            heard: 0,
            waiting: VecDeque::new(),
            kept: Vec::new(),
        }
    }
    /// The Couriers, by their numbers.
    pub fn cast(&mut self, couriers: Vec<Addr<Courier>>) {
        self.couriers = couriers;
    }
    pub fn ask(&mut self, ask: Ask) {
        match ask.after > self.heard {
            true => self.waiting.push_back(ask),
            false => self.serve(ask),
        }
    }
    pub fn announce(&mut self, Announce { number, announcements, burden }: Announce) {
        self.fan_out(&announcements, burden);
        let Some(number) = number else { return };
        for (courier, deliver) in self.kept.drain(..) {
            self.couriers[courier].do_send(deliver);
        }
        self.heard = number;
        // Those behind asked later, and wait for no earlier list.
        while let Some(ask) = self.waiting.pop_front_if(|ask| ask.after <= number) {
            self.serve(ask);
        }
    }
    /// A client has gone.
    pub fn forget(&mut self, client: u64) {
        self.subscribers.forget(client);
    }
    /// Forgets who was killed, also where the word of it is still under way.
    pub fn forget_killed(&mut self) {
        self.subscribers.killed().into_iter().for_each(|client| self.subscribers.forget(client));
    }
    fn serve(&mut self, ask: Ask) {
        let Ask { client, protocol, wish, answer, .. } = ask;
        if matches!(wish, Wish::Run { .. }) || self.subscribers.knows(client) {
            self.meet(client, protocol);
        }
        let said = match wish {
            Wish::Pass(said) => said,
            Wish::Unsubscribe(said) => {
                self.subscribers.forget(client);
                said
            }
            Wish::Run { node, task, muted } => {
                let is_in_transaction = matches!(answer, Answer::Directly(_));
                let said = self.run(client, protocol, is_in_transaction, node, task, muted);
                self.board.subscriptions.end_change();
                // In a transaction it is not the last command.
                if !is_in_transaction && let Some(record) = self.board.roster.get(client) {
                    record.last_command.store(node.index + 1, Relaxed);
                }
                said
            }
        };
        answer.give(said);
    }
    /// Makes the acquaintance of a client, so that its end will be told; unless it has gone already.
    fn meet(&mut self, client: u64, protocol: Protocol) {
        let Some(record) = self.board.roster.get(client) else { return };
        // In this order: who leaves the roster looks at this behind that.
        record.known_to_pubsub.store(true, SeqCst);
        if let (Some(record), Some(place)) = (self.board.roster.get(client), record.place()) {
            self.subscribers.meet(record, place, protocol);
        }
    }
    fn run(
        &mut self,
        client: u64,
        protocol: Protocol,
        is_in_transaction: bool,
        node: &Node,
        task: Task,
        muted: bool,
    ) -> Reply {
        let started = Instant::now();
        let mut reply = Reply::new(protocol);
        let mut desk = AtDesk { subscribers: &mut self.subscribers, client, is_in_transaction };
        let outcome = match task {
            Task::Broker(mut task) => task.run_broker(&mut desk, &mut reply),
            _ => Err(CommandError::fixed("ERR command not allowed here")),
        };
        if let Err(error) = &outcome {
            reply.truncate(0);
            // What it acknowledges are pushes, which are sent in any case.
            if !muted {
                reply.error(error);
            }
            count_error(&self.board, error);
        }
        self.tally.called(node.index, started.elapsed().as_nanos() as u64, outcome.is_err());
        reply
    }
    fn fan_out(&mut self, announcements: &[Announcement], burden: Burden) {
        let mut outbox = Outbox::new(self.couriers.len());
        for announcement in announcements {
            match announcement {
                Announcement::Message { channel, message } => self.tell(channel, message, &mut outbox),
                Announcement::ShardMessage { channel, message } => {
                    if let Some(audience) = self.subscribers.audience(Topic::ShardChannel, channel) {
                        outbox.add(audience, |reply| write_message(reply, "smessage", channel, message));
                    }
                }
                Announcement::Event { name, db, key, channels, .. } => {
                    self.tell_event(name, *db, key, *channels, &mut outbox)
                }
            }
        }
        let burden = Arc::new(burden);
        for (courier, parcels) in outbox.into_parcels() {
            self.kept.push((courier, Deliver { parcels, burden: burden.clone() }));
        }
    }
    fn tell_event(&self, name: &str, db: usize, key: &[u8], on: EventChannels, outbox: &mut Outbox) {
        let channel =
            |about: &str, what: &[u8]| [about.as_bytes(), db.to_string().as_bytes(), b"__:", what].concat();
        if on.of_key {
            self.tell(&channel("__keyspace@", key), name.as_bytes(), outbox);
        }
        if on.of_event {
            self.tell(&channel("__keyevent@", name.as_bytes()), key, outbox);
        }
    }
    /// To those who listen to the channel, then to those who listen to a pattern that it matches.
    fn tell(&self, channel: &[u8], message: &[u8], outbox: &mut Outbox) {
        if let Some(audience) = self.subscribers.audience(Topic::Channel, channel) {
            outbox.add(audience, |reply| write_message(reply, "message", channel, message));
        }
        self.subscribers.for_each_match(channel, |pattern, audience| {
            outbox.add(audience, |reply| {
                reply.push(4);
                reply.bulk(b"pmessage");
                [pattern, channel, message].iter().for_each(|word| reply.bulk(word));
            })
        });
    }
}
fn write_message(reply: &mut Reply, word: &str, channel: &[u8], message: &[u8]) {
    reply.push(3);
    [word.as_bytes(), channel, message].iter().for_each(|word| reply.bulk(word));
}

/// PubSub while it serves one client.
struct AtDesk<'a> {
    subscribers: &'a mut Subscribers,
    client: u64,
    is_in_transaction: bool,
}
impl Broker for AtDesk<'_> {
    fn is_in_transaction(&self) -> bool {
        self.is_in_transaction
    }
    fn subscribe(&mut self, topic: Topic, name: &Bytes) {
        self.subscribers.subscribe(self.client, topic, name)
    }
    fn unsubscribe(&mut self, topic: Topic, name: &Bytes) {
        self.subscribers.unsubscribe(self.client, topic, name)
    }
    fn subscribed(&self, topic: Topic) -> Vec<Bytes> {
        self.subscribers.names(self.client, topic)
    }
    fn count(&self, topic: Topic) -> usize {
        self.subscribers.count(self.client, topic)
    }
}
