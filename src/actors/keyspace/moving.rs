//! Keys on their way to another server (MIGRATE). Who reads them is served; who would change one of them waits until it
//! has arrived, and is gone from here, or has not.
use super::{
    Execute, Keyspace,
    held::{Held, writes},
};
use crate::{
    actors::{
        courier::messages::Run,
        migration::{Carry, Migration},
        now_ms,
    },
    commands::{
        Task,
        key_positions::keys_asked_for,
        shipment::{Delivery, Shipment},
    },
    data::room::Room,
};
use actix::prelude::*;
use bytes::Bytes;
use std::collections::{HashMap, HashSet};

/// From Migration: what became of a client's shipment.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Landed {
    pub client: u64,
    pub delivery: Delivery,
}

pub struct Moving {
    migration: Addr<Migration>,
    home: Recipient<Landed>,
    /// Database and key of all that must not change.
    keys: HashSet<(usize, Bytes)>,
    /// Whose they are.
    of_client: HashMap<u64, Vec<(usize, Bytes)>>,
    /// Those who wait.
    pub(super) held: Held,
}
impl Moving {
    pub fn new(migration: Addr<Migration>, home: Recipient<Landed>) -> Moving {
        Moving { migration, home, keys: HashSet::new(), of_client: HashMap::new(), held: Held::default() }
    }
    /// Whether this command must wait.
    #[inline]
    pub fn holds(&self, run: &Run) -> bool {
        !self.keys.is_empty() && self.would_be_changed_by(run)
    }
    fn would_be_changed_by(&self, run: &Run) -> bool {
        if !writes(run) {
            return false;
        }
        if let Task::Transaction(transaction) = &run.task {
            return transaction
                .would_change(run.db, |db, key| self.keys.contains(&(db, Bytes::copy_from_slice(key))));
        }
        let positions = keys_asked_for(run.node, &run.request).unwrap_or_default();
        // Who names no key may mean any (FLUSHALL).
        positions.is_empty()
            || positions
                .iter()
                .filter_map(|position| run.request.share(position.index))
                .any(|key| self.keys.contains(&(run.db, key)))
    }
    pub fn begin(&mut self, client: u64, db: usize, shipment: Shipment) {
        let places: Vec<_> = shipment.keys.iter().map(|key| (db, key.clone())).collect();
        self.keys.extend(places.iter().cloned());
        self.of_client.insert(client, places);
        let home = self.home.clone();
        let tell = Box::new(move |delivery| home.do_send(Landed { client, delivery }));
        self.send(Carry { shipment, tell });
    }
    pub fn send(&self, carry: Carry) {
        self.migration.do_send(carry);
    }
    fn end(&mut self, client: u64) {
        for place in self.of_client.remove(&client).unwrap_or_default() {
            self.keys.remove(&place);
        }
        self.keys.fit();
    }
}

impl Handler<Landed> for Keyspace {
    type Result = ();
    fn handle(&mut self, Landed { client, delivery }: Landed, ctx: &mut Self::Context) {
        self.stage.begin(now_ms());
        self.moving.end(client);
        self.stage.hear(client, delivery);
        self.stage.serve_waiting();
        self.deliver_served(ctx);
        for (reply_to, batch) in self.moving.held.release(&self.stage.board) {
            ctx.notify(Execute::at_last(batch, reply_to));
        }
        self.post_pushes(ctx);
        self.note_changes(ctx);
    }
}
