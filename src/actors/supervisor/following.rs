//! Whom we follow: the Supervisor decides it, posts it, and sees to it that there is one Upstream for a master, or none.
//!
//! Each link has a number, by which the Keyspace knows what comes from the master of now. The Supervisor never waits for
//! the Keyspace here: that may be waiting for it, within a transaction.
use super::Supervisor;
use crate::{
    actors::{
        keyspace::{Follow, Lead},
        now_ms,
        primary::messages::LeadNow,
        upstream::{Ground, Peers, Upstream, messages::Unfollow},
    },
    board::{Failover, Link},
    commands::{Followed, Outcome, client_line, error::CommandError, stage::LOADS},
    config::{Config, Master},
};
use actix::prelude::*;
use std::sync::{Arc, atomic::Ordering::Relaxed};

#[derive(Default)]
pub struct Following {
    /// How many links there were.
    links: u64,
    upstream: Option<Addr<Upstream>>,
    /// Where it runs, if not here: as a client's connection, beside the data where clients are there.
    pub(super) near: Option<ArbiterHandle>,
    ground: Arc<Ground>,
}

impl Supervisor {
    /// Posts what the configuration says of our role, before anybody can ask.
    pub(super) fn post_role(&self) {
        self.post_wanted_replicas();
        if let Some(master) = &self.board.config.load().replicaof {
            self.post_link(master);
        }
    }
    fn post_link(&self, master: &Master) -> Arc<Link> {
        let link = Arc::new(Link::new(master.host.clone(), master.port));
        let replication = &self.board.replication;
        replication.link.store(Some(link.clone()));
        replication.follows.store(true, Relaxed);
        crate::log::set_role(true);
        link
    }
    pub(super) fn post_wanted_replicas(&self) {
        let config = self.board.config.load();
        let is_wanted = config.min_replicas_max_lag_seconds > 0;
        let wanted = if is_wanted { config.min_replicas_to_write as usize } else { 0 };
        self.board.replication.wanted_replicas.store(wanted, Relaxed);
    }
    /// At the start, when what was on disk is loaded.
    pub(super) fn follow_as_configured(&mut self) {
        // A client was quicker, and has been obeyed.
        if self.following.upstream.is_some() {
            return;
        }
        if let Some(master) = self.board.config.load().replicaof.clone() {
            // Without data of an earlier life there is nothing that a master could go on from.
            let has_past = self.board.replication.is_resumed.load(Relaxed);
            self.following.ground.set_whole(has_past);
            self.begin_to_follow(&master);
        }
    }
    /// REPLICAOF.
    pub(super) fn obey(&mut self, master: Option<Master>, client: u64) -> Result<Followed, CommandError> {
        let config = self.board.config.load_full();
        if config.cluster_enabled {
            return Err(CommandError::fixed("ERR REPLICAOF not allowed in cluster mode."));
        }
        if self.board.replication.failover() != Failover::None {
            return Err(CommandError::fixed("ERR REPLICAOF not allowed while failing over."));
        }
        let record = self.board.roster.get(client);
        if master.is_some() && record.as_ref().is_some_and(|record| record.monitors.load(Relaxed)) {
            // To Redis a monitor is a replica of a kind.
            return Err(CommandError::fixed("ERR Command is not valid when client is a replica."));
        }
        let who = record.map(|record| client_line(&record, now_ms())).unwrap_or_default();
        let who = who.trim_end();
        match master {
            None if config.replicaof.is_none() => {}
            None => {
                self.part()?;
                self.lead();
                tracing::info!("MASTER MODE enabled (user request from '{who}')");
            }
            Some(master) if is_same(&config, &master) => {
                tracing::info!(
                    "REPLICAOF would result into synchronization with the master we are already connected with. \
                     No operation performed."
                );
                return Ok(Followed::AsBefore);
            }
            Some(master) => {
                self.part()?;
                self.follow(&master);
                let Master { host, port } = master;
                tracing::info!("REPLICAOF {host}:{port} enabled (user request from '{who}')");
            }
        }
        Ok(Followed::Anew)
    }
    /// Clients are refused while data are being loaded; this is for who was admitted before.
    fn part(&self) -> Outcome {
        match self.following.ground.leave() {
            true => Ok(()),
            false => Err(LOADS.clone()),
        }
    }
    /// Follows another master from here on.
    pub(super) fn follow(&mut self, master: &Master) {
        if !self.board.replication.is_replica() {
            tracing::info!(
                "Before turning into a replica, using my own master parameters to synthesize a cached master: I may be \
                 able to synchronize with the new master with just a partial transfer."
            );
            self.following.ground.set_whole(true);
        }
        self.note_master(Some(master.clone()));
        self.begin_to_follow(master);
    }
    fn begin_to_follow(&mut self, master: &Master) {
        let (Some(keyspace), Some(primary), Some(own)) = (&self.keyspace, &self.primary, &self.own) else {
            return;
        };
        if let Some(old) = self.following.upstream.take() {
            old.do_send(Unfollow);
        }
        let link = self.post_link(master);
        self.following.links += 1;
        let number = self.following.links;
        self.following.ground.follow(number);
        let peers = Peers {
            board: self.board.clone(),
            link,
            number,
            keyspace: keyspace.clone(),
            primary: primary.clone(),
            supervisor: own.clone().recipient(),
            ground: self.following.ground.clone(),
        };
        let upstream = match &self.following.near {
            Some(near) => Upstream::start_in_arbiter(near, move |_| Upstream::new(peers)),
            None => Upstream::new(peers).start(),
        };
        keyspace.do_send(Follow { link: number, reply_to: upstream.clone().recipient() });
        self.following.upstream = Some(upstream);
    }
    /// Whether this is the link to the master of now.
    pub(super) fn is_link(&self, number: u64) -> bool {
        self.following.links == number && self.following.upstream.is_some()
    }
    /// Follows nobody any more.
    pub(super) fn lead(&mut self) {
        if let Some(old) = self.following.upstream.take() {
            old.do_send(Unfollow);
        }
        self.note_master(None);
        let replication = &self.board.replication;
        replication.follows.store(false, Relaxed);
        crate::log::set_role(false);
        replication.link.store(None);
        // Whatever there is are the data of the history that begins here.
        self.following.ground.follow(0);
        self.following.ground.set_whole(true);
        tracing::info!("Discarding previously cached master state.");
        if let Some(keyspace) = &self.keyspace {
            keyspace.do_send(Lead);
        }
    }
    /// CONFIG GET and CONFIG REWRITE tell whom we follow now.
    fn note_master(&self, master: Option<Master>) {
        let mut config = Config::clone(&self.board.config.load());
        config.replicaof = master;
        self.board.config.store(Arc::new(config));
    }
}

impl Handler<LeadNow> for Supervisor {
    type Result = ();
    fn handle(&mut self, LeadNow { client }: LeadNow, _: &mut Self::Context) {
        if self.board.replication.is_replica() && self.following.ground.leave() {
            self.lead();
            let record = self.board.roster.get(client);
            let who = record.map(|record| client_line(&record, now_ms())).unwrap_or_default();
            tracing::info!("MASTER MODE enabled (failover request from '{}')", who.trim_end());
        }
    }
}

fn is_same(config: &Config, master: &Master) -> bool {
    let is_it = |known: &Master| known.host.eq_ignore_ascii_case(&master.host) && known.port == master.port;
    config.replicaof.as_ref().is_some_and(is_it)
}
