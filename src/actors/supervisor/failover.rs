//! FAILOVER: a replica becomes the master in our place, and we follow it.
//!
//! Writers are paused until it has all there is; then we are its replica, and ask it to go on with the stream as the
//! master (`PSYNC … FAILOVER`). If it will not, we are the master again, and writers go on as if nothing had been.
use super::Supervisor;
use crate::{
    actors::{
        keyspace::{Fence, PauseOver},
        upstream::messages::TakenOver,
    },
    board::{Failover, PauseReason, ReplicaRecord},
    commands::{FailoverPlan, Outcome, error::CommandError},
    config::Master,
};
use actix::prelude::*;
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

/// The one under way.
#[derive(Debug)]
pub struct Handover {
    /// The replica, once it is known which.
    target: Option<(String, u16)>,
    force: bool,
    until: Option<Instant>,
    /// Writers stand still: what the stream has now is all.
    is_fenced: bool,
}
impl Handover {
    fn target_name(&self) -> String {
        self.target.as_ref().map_or("any replica".into(), |(host, port)| format!("{host}:{port}"))
    }
}

fn is_at(replica: &ReplicaRecord, host: &str, port: i64) -> bool {
    replica.ip.eq_ignore_ascii_case(host) && i64::from(replica.port) == port
}

impl Supervisor {
    pub(super) fn fail_over(&mut self, plan: &FailoverPlan) -> Outcome {
        let replication = &self.board.replication;
        let replicas = replication.replicas.load_full();
        if self.board.config.load().cluster_enabled {
            return Err(CommandError::fixed("ERR FAILOVER not allowed in cluster mode."));
        }
        if self.handover.is_some() {
            return Err(CommandError::fixed("ERR FAILOVER already in progress."));
        }
        if replication.is_replica() {
            return Err(CommandError::fixed("ERR FAILOVER is not valid when server is a replica."));
        }
        if replicas.is_empty() {
            return Err(CommandError::fixed("ERR FAILOVER requires connected replicas."));
        }
        if plan.force && (plan.timeout_ms.is_none() || plan.target.is_none()) {
            return Err(CommandError::fixed(
                "ERR FAILOVER with force option requires both a timeout and target HOST and IP.",
            ));
        }
        let target = match &plan.target {
            None => None,
            Some((host, port)) => Some(find_target(&replicas, host, *port)?),
        };
        let after = plan.timeout_ms.map(Duration::from_millis);
        let handover = Handover {
            target,
            force: plan.force,
            // So long a time that no clock shows its end is for ever.
            until: after.and_then(|after| Instant::now().checked_add(after)),
            is_fenced: false,
        };
        tracing::info!("FAILOVER requested to {}.", handover.target_name());
        self.handover = Some(handover);
        replication.set_failover(Failover::WaitsForReplica);
        replication.awaits_replicas.store(true, Relaxed);
        self.board.pause.begin(PauseReason::Failover);
        if let Some(keyspace) = &self.keyspace {
            keyspace.do_send(Fence { reason: PauseReason::Failover });
        }
        Ok(())
    }
    pub(super) fn abort_failover(&mut self) -> Outcome {
        if self.handover.is_none() {
            return Err(CommandError::fixed("ERR No failover in progress."));
        }
        self.undo_failover("Failover manually aborted");
        Ok(())
    }
    fn undo_failover(&mut self, why: &str) {
        let Some(handover) = &self.handover else { return };
        tracing::info!("FAILOVER to {} aborted: {why}", handover.target_name());
        if self.board.replication.failover() == Failover::InProgress {
            self.lead();
        }
        self.end_failover();
    }
    /// It is done, or undone: writers go on, and learn what we are now.
    fn end_failover(&mut self) {
        self.handover = None;
        self.board.replication.set_failover(Failover::None);
        self.mind_replicas();
        self.board.pause.end(PauseReason::Failover);
        if let Some(keyspace) = &self.keyspace {
            keyspace.do_send(PauseOver);
        }
    }
    /// Writers stand still.
    pub(super) fn note_failover_fence(&mut self) {
        if let Some(handover) = &mut self.handover {
            handover.is_fenced = true;
        }
        self.consider_failover();
    }
    /// Looks whether it can go on, or must end.
    pub(super) fn consider_failover(&mut self) {
        let Some(handover) = &mut self.handover else { return };
        let replication = &self.board.replication;
        if replication.failover() != Failover::WaitsForReplica {
            return;
        }
        if handover.until.is_some_and(|until| until <= Instant::now()) {
            match &handover.target {
                Some((host, port)) if handover.force => {
                    tracing::info!("FAILOVER to {host}:{port} time out exceeded, failing over.");
                    self.give_way();
                }
                _ => self.undo_failover("Replica never caught up before timeout"),
            }
            return;
        }
        if !handover.is_fenced {
            return;
        }
        let end = replication.offset.load(Relaxed);
        let replicas = replication.replicas.load();
        let is_target = |replica: &ReplicaRecord| match &handover.target {
            Some((host, port)) => is_at(replica, host, i64::from(*port)),
            // One that does not say where it listens cannot be followed.
            None => replica.port != 0,
        };
        let is_ready =
            |replica: &&Arc<ReplicaRecord>| is_target(replica) && replica.offset.load(Relaxed) == end;
        let Some(replica) = replicas.iter().filter(|replica| replica.is_online()).find(is_ready) else {
            return;
        };
        let (host, port) = (replica.ip.clone(), replica.port);
        tracing::info!("Failover target {host}:{port} is synced, failing over.");
        handover.target = Some((host, port));
        self.give_way();
    }
    fn give_way(&mut self) {
        let target = self.handover.as_ref().and_then(|handover| handover.target.clone());
        if let Some((host, port)) = target {
            self.board.replication.set_failover(Failover::InProgress);
            self.mind_replicas();
            self.follow(&Master { host, port });
        }
    }
}

fn find_target(
    replicas: &[Arc<ReplicaRecord>],
    host: &str,
    port: i64,
) -> Result<(String, u16), CommandError> {
    match replicas.iter().find(|replica| is_at(replica, host, port)) {
        None => Err(CommandError::fixed("ERR FAILOVER target HOST and PORT is not a replica.")),
        Some(replica) if !replica.is_online() => {
            Err(CommandError::fixed("ERR FAILOVER target replica is not online."))
        }
        Some(replica) => Ok((replica.ip.clone(), replica.port)),
    }
}

impl Handler<TakenOver> for Supervisor {
    type Result = ();
    fn handle(&mut self, TakenOver { link, agreed }: TakenOver, _: &mut Self::Context) {
        let is_it = self.is_link(link) && self.board.replication.failover() == Failover::InProgress;
        match agreed {
            _ if !is_it => {}
            true => self.end_failover(),
            false => self.undo_failover("Failover target rejected psync request"),
        }
    }
}
