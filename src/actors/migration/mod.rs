//! Migration: carries keys to other servers (MIGRATE), beside everything else that happens.
//!
//! Connections are kept for some seconds: whoever moves a slot or a range moves many keys to the same place.
mod carrier;

use crate::{
    board::Board,
    commands::shipment::{Delivery, Shipment, Trouble},
};
use actix::prelude::*;
use carrier::Carrier;
use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

/// From the Keyspace, for a client that waits there: carry this, and tell what became of it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Carry {
    pub shipment: Shipment,
    pub tell: Box<dyn FnOnce(Delivery) + Send>,
}

/// A place that things are carried to: host and port, and whether by TLS.
type Place = (String, u16, bool);

pub struct Migration {
    board: Arc<Board>,
    /// Those who know the way and are at hand, and since when.
    idle: HashMap<Place, (Carrier, Instant)>,
}

/// How long a connection is kept that nobody uses.
const KEPT: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Migration {
    pub fn new(board: Arc<Board>) -> Migration {
        Migration { board, idle: HashMap::new() }
    }
    fn post(&self) {
        self.board.vitals.migration_connections.store(self.idle.len() as u64, Relaxed);
    }
}

impl Actor for Migration {
    type Context = Context<Self>;
    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(LOOK_EVERY, |migration, _| {
            migration.idle.retain(|_, (_, since)| since.elapsed() < KEPT);
            migration.post();
        });
    }
}

impl Handler<Carry> for Migration {
    type Result = ();
    fn handle(&mut self, Carry { shipment, tell }: Carry, ctx: &mut Self::Context) {
        let wants_tls = self.board.config.load().tls_cluster;
        let place = (shipment.host.clone(), shipment.port, wants_tls);
        // Two at a time to one place have a connection each; the one that is done last is kept.
        let at_hand = self.idle.remove(&place).map(|(carrier, _)| carrier);
        let tls = self.board.tls_if(wants_tls);
        let journey = async move {
            match tls {
                Ok(tls) => carrier::carry(at_hand, &shipment, tls.as_deref()).await,
                Err(reason) => {
                    tracing::warn!("MIGRATE to {}:{}: {reason}", shipment.host, shipment.port);
                    (Delivery { trouble: Some(Trouble::Connecting), ..Delivery::default() }, None)
                }
            }
        };
        ctx.spawn(journey.into_actor(self).map(move |(delivery, carrier), migration, _| {
            if let Some(carrier) = carrier {
                migration.idle.insert(place, (carrier, Instant::now()));
            }
            migration.post();
            tell(delivery);
        }));
    }
}
