//! A replica comes, and goes.
use super::{
    Follower, Place, Primary,
    decision::{Refusal, resume_at},
    messages::{Attach, Detached, LeadNow},
};
use crate::{
    actors::{
        now_ms,
        replica::{
            Newcomer, Replica, delay_packets, dismiss,
            messages::{Resume, Say},
        },
    },
    board::ReplicaRecord,
    commands::replication::{Wish, ip_of, replica_name},
};
use actix::prelude::*;
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};

impl Handler<Attach> for Primary {
    type Result = ();
    fn handle(&mut self, attach: Attach, ctx: &mut Self::Context) {
        if attach.client.is_killed() {
            return dismiss(&self.board, &attach.client);
        }
        match &attach.wish {
            Wish::TakeOver { id, first } => self.take_over(id.clone(), *first, attach, ctx),
            Wish::Sync => self.sync_fully(attach, ctx),
            Wish::Resume { id, first } => {
                let history = self.board.replication.history.load();
                match resume_at(id, *first, &history, self.backlog.as_ref()) {
                    Ok(offset) => self.resume(attach, offset, ctx),
                    Err(refusal) => {
                        self.note_refusal(&refusal, &attach, *first);
                        self.sync_fully(attach, ctx);
                    }
                }
            }
        }
    }
}

impl Primary {
    /// We are to be the master, unless we have become it just now, and our history has another id therefore.
    fn take_over(&mut self, id: String, first: i64, mut attach: Attach, ctx: &mut Context<Self>) {
        let is_master = !self.board.replication.history.load().id.eq_ignore_ascii_case(&id);
        match &self.superior {
            Some(superior) if !is_master => {
                superior.leads.do_send(LeadNow { client: attach.client.id });
                self.heralds.push(attach);
            }
            _ => {
                attach.wish = Wish::Resume { id, first };
                ctx.notify(attach);
            }
        }
    }
    /// We are the master now: those who wanted that go on with it.
    pub(super) fn receive_heralds(&mut self, ctx: &mut Context<Self>) {
        for mut herald in std::mem::take(&mut self.heralds) {
            if let Wish::TakeOver { id, first } = herald.wish {
                herald.wish = Wish::Resume { id, first };
            }
            ctx.notify(herald);
        }
    }
    fn note_refusal(&self, refusal: &Refusal, attach: &Attach, first: i64) {
        let name = replica_name(&attach.announced, &attach.client);
        match refusal {
            Refusal::Asked => tracing::info!("{refusal} {name}"),
            refusal => {
                tracing::info!("{refusal} (replica {name})");
                self.board.replication.partial_refused.fetch_add(1, Relaxed);
            }
        }
        let end = self.board.replication.offset.load(Relaxed);
        if u64::try_from(first).is_ok_and(|first| first > end) && matches!(refusal, Refusal::NotKept { .. }) {
            tracing::warn!(
                "Warning: replica {name} tried to PSYNC with an offset that is greater than the master replication \
                 offset."
            );
        }
    }
    fn resume(&mut self, attach: Attach, offset: u64, ctx: &mut Context<Self>) {
        let missed = self.backlog.as_ref().and_then(|backlog| backlog.from(offset)).unwrap_or_default();
        let bytes: usize = missed.iter().map(|piece| piece.bytes.len()).sum();
        let line = match attach.announced.capa_psync2 {
            true => format!("+CONTINUE {}\r\n", self.board.replication.history.load().id),
            false => "+CONTINUE\r\n".into(),
        };
        let Some(follower) = self.take_in(attach, Place::InStep, ctx) else { return };
        follower.actor.do_send(Say(line.into()));
        follower.actor.do_send(Resume(missed));
        tracing::info!(
            "Partial resynchronization request from {} accepted. Sending {bytes} bytes of backlog starting from offset \
             {}.",
            follower.name,
            offset + 1
        );
        self.board.replication.partial.fetch_add(1, Relaxed);
        self.post_replicas();
    }
    fn sync_fully(&mut self, attach: Attach, ctx: &mut Context<Self>) {
        if self.board.config.load().repl_disable_tcp_nodelay {
            delay_packets(&attach.socket);
        }
        let place = Place::WaitsForSnapshot { since: Instant::now() };
        if self.take_in(attach, place, ctx).is_none() {
            return;
        }
        self.board.replication.full.fetch_add(1, Relaxed);
        self.post_replicas();
        self.prepare_history();
        self.schedule(ctx);
    }
    /// Starts an actor for a replica.
    fn take_in(&mut self, attach: Attach, place: Place, ctx: &mut Context<Self>) -> Option<&Follower> {
        let Attach { socket, client, wish, announced, unread } = attach;
        let ip = announced.ip.clone().unwrap_or_else(|| ip_of(&client));
        let mut record = ReplicaRecord::new(client.id, ip, announced.port, now_ms());
        record.acks_unasked = announced.capa_unasked_acks;
        let record = Arc::new(record);
        record.rdb_only.store(announced.rdb_only, Relaxed);
        let name = replica_name(&announced, &client);
        let speaks_psync = wish != Wish::Sync;
        let newcomer = Newcomer {
            socket,
            client: client.clone(),
            record: record.clone(),
            announced: announced.clone(),
            name: name.clone(),
            speaks_psync,
            unread,
        };
        match Replica::open(newcomer, self.board.clone(), ctx.address()) {
            Ok(replica) => {
                let actor = replica.start();
                self.followers.push(Follower { record, actor, announced, name, speaks_psync, place });
                self.followers.last()
            }
            Err(error) => {
                tracing::debug!("Replica {name} left before it was served: {error}");
                dismiss(&self.board, &client);
                None
            }
        }
    }
    pub(super) fn post_replicas(&self) {
        let records = self.followers.iter().map(|follower| follower.record.clone()).collect();
        self.board.replication.replicas.store(Arc::new(records));
        self.count_good();
    }
}

impl Handler<Detached> for Primary {
    type Result = ();
    fn handle(&mut self, Detached { record }: Detached, ctx: &mut Self::Context) {
        self.followers.retain(|follower| follower.client() != record.client);
        self.alone_since = Instant::now();
        self.post_replicas();
        self.leave_waves(record.client, ctx);
        self.tell_who_waits();
    }
}
