//! What Primary does each second: PINGs, signs of life, and looking after what nobody needs any more.
use super::{PING, Primary};
use crate::{
    actors::{keyspace::EndStream, now_ms},
    board::Failover,
};
use actix::prelude::*;
use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

pub const SECOND: Duration = Duration::from_secs(1);

impl Primary {
    pub(super) fn tick(&mut self, ctx: &mut Context<Self>) {
        // A process that was stopped gets all of them at once that it has missed.
        if self.last_tick.elapsed() < SECOND / 2 {
            return;
        }
        self.last_tick = Instant::now();
        // Counted from the start of the server, so that a long period means that none comes for long.
        self.seconds += 1;
        let period = u64::from(self.board.config.load().repl_ping_replica_period_seconds).max(1);
        if self.seconds.is_multiple_of(period) && self.may_ping() {
            self.feed(PING);
        }
        self.ask_for_pulse();
        self.begin_due(ctx);
        self.trim_backlog();
        self.free_backlog();
        self.count_good();
    }
    /// Our master's PINGs are ours, too; and while we give way to a replica nothing may be added that it has to catch up
    /// with.
    fn may_ping(&self) -> bool {
        let replication = &self.board.replication;
        let gives_way = replication.failover() != Failover::None && self.board.pause.at(now_ms()).is_some();
        !self.followers.is_empty() && self.backlog.is_some() && !replication.is_replica() && !gives_way
    }
    /// `repl-backlog-ttl`. With it the history ends, too: what happens from here on is not told, so no id may name it.
    fn free_backlog(&mut self) {
        let ttl = self.board.config.load().repl_backlog_ttl_seconds;
        let is_used =
            !self.followers.is_empty() || !self.asked.is_empty() || self.board.replication.is_replica();
        if is_used || ttl == 0 || self.backlog.is_none() || self.alone_since.elapsed().as_secs() <= ttl {
            return;
        }
        self.backlog = None;
        self.post_backlog();
        self.begin_history();
        self.tell_keyspace(EndStream);
        tracing::info!("Replication backlog freed after {ttl} seconds without connected replicas.");
    }
    /// Posts how many replicas are in step, and not silent for longer than `min-replicas-max-lag`.
    pub(super) fn count_good(&self) {
        let (now_ms, replication) = (now_ms(), &self.board.replication);
        let lag_ms = i64::from(self.board.config.load().min_replicas_max_lag_seconds) * 1000;
        let is_good = |follower: &&super::Follower| {
            let record = &follower.record;
            record.is_online() && now_ms - record.heard_at_ms.load(Relaxed) < lag_ms + 1000
        };
        replication.good_replicas.store(self.followers.iter().filter(is_good).count(), Relaxed);
    }
}
