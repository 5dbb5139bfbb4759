//! The end of the server. If replicas lag behind, those who write are paused, and the replicas are waited for
//! (`shutdown-timeout`); then data are put away, and that is it. Until then the end can be called off.
use super::{PutAwayDone, Supervisor};
use crate::{
    actors::{
        courier::messages::{Answer, Close},
        keyspace::{Fence, PauseOver, PutAway},
        now_ms, primary,
    },
    board::{PauseReason, ReplicaRecord},
    commands::{Outcome, Shutdown, error::CommandError, stage::count_error},
    resp::{Protocol, Reply},
};
use actix::prelude::*;
use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

/// How long the last replies have to reach their clients at the end.
const FAREWELL: Duration = Duration::from_millis(50);

/// How far the end is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Leaving {
    /// Nobody wants it.
    #[default]
    Not,
    /// Replicas are waited for.
    Waits {
        how: Shutdown,
        until: Instant,
        stage: Waiting,
    },
    /// Data are being put away.
    PutsAway,
    Ends,
}
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Waiting {
    /// The Keyspace has yet to say where writers stopped.
    ForFence,
    /// For those who have not said that they have all up to here.
    ForReplicas { offset: u64 },
}

/// A client that asked for the end.
pub struct Patient {
    pub client: u64,
    pub protocol: Protocol,
    pub answer: Answer,
}

impl Supervisor {
    /// Begins the end. Whoever asked first has said how.
    pub(super) fn leave(&mut self, how: Shutdown) {
        if self.leaving != Leaving::Not {
            return;
        }
        let timeout = self.board.config.load().shutdown_timeout_seconds;
        let has_replicas = !self.board.replication.replicas.load().is_empty();
        // Amid a script that takes long nothing can be paused.
        let waits = has_replicas && timeout > 0 && !how.now && self.board.busy.with().is_none();
        match &self.keyspace {
            Some(keyspace) if waits => {
                let timeout = Duration::from_secs(timeout.into());
                let until = Instant::now() + timeout;
                self.leaving = Leaving::Waits { how, until, stage: Waiting::ForFence };
                self.board.ends_at_ms.store(now_ms() + timeout.as_millis() as i64, Relaxed);
                self.board.replication.awaits_replicas.store(true, Relaxed);
                self.board.pause.begin(PauseReason::Shutdown);
                keyspace.do_send(Fence { reason: PauseReason::Shutdown });
            }
            _ => self.put_away(how),
        }
    }
    /// Writers stand still: the stream ends here.
    pub(super) fn note_shutdown_fence(&mut self, offset: u64) {
        if let Leaving::Waits { stage, .. } = &mut self.leaving {
            *stage = Waiting::ForReplicas { offset };
            if self.board.replication.lagging(offset) > 0 {
                tracing::info!("Waiting for replicas before shutting down.");
            }
        }
        self.consider_leaving();
    }
    /// Looks whether the wait is over.
    pub(super) fn consider_leaving(&mut self) {
        let Leaving::Waits { how, until, stage } = self.leaving else { return };
        let is_ready = match stage {
            Waiting::ForFence => false,
            Waiting::ForReplicas { offset } => self.board.replication.lagging(offset) == 0,
        };
        if is_ready || until <= Instant::now() {
            self.tell_of_replicas(stage);
            self.put_away(how);
        }
    }
    fn tell_of_replicas(&self, stage: Waiting) {
        let replication = &self.board.replication;
        let offset = match stage {
            Waiting::ForFence => replication.offset.load(Relaxed),
            Waiting::ForReplicas { offset } => offset,
        };
        let replicas = replication.replicas.load();
        let lags = |replica: &ReplicaRecord| offset.saturating_sub(replica.offset.load(Relaxed));
        for replica in replicas.iter().filter(|replica| lags(replica) > 0) {
            let silent_ms = now_ms() - replica.heard_at_ms.load(Relaxed);
            let silent_seconds = if replica.is_online() { silent_ms / 1000 } else { 0 };
            tracing::info!(
                "Lagging replica {}:{} reported offset {} behind master, lag={silent_seconds}, state={}.",
                replica.ip,
                replica.port,
                lags(replica),
                replica.state().name()
            );
        }
        let (all, lagging) = (replicas.len(), replication.lagging(offset));
        if all > 0 {
            tracing::info!(
                "{} of {all} replicas are in sync when shutting down.",
                all.saturating_sub(lagging)
            );
        }
    }
    /// Has data brought to disk; what is to be done then comes as [`PutAwayDone`].
    fn put_away(&mut self, how: Shutdown) {
        self.leaving = Leaving::PutsAway;
        match &self.keyspace {
            Some(keyspace) => keyspace.do_send(PutAway { save: how.save, force: how.force }),
            None => self.end(),
        }
    }
    /// SHUTDOWN ABORT. Data that are being put away are so in a moment.
    pub(super) fn call_off(&mut self) -> Outcome {
        if !matches!(self.leaving, Leaving::Waits { .. }) {
            return Err(CommandError::fixed("ERR No shutdown in progress."));
        }
        self.stay();
        tracing::info!("Shutdown manually aborted.");
        Ok(())
    }
    /// There will be no end now.
    fn stay(&mut self) {
        self.leaving = Leaving::Not;
        self.give_up_at = None;
        self.board.ends_at_ms.store(0, Relaxed);
        self.mind_replicas();
        let error = CommandError::fixed("ERR Errors trying to SHUTDOWN. Check logs.");
        for Patient { client, protocol, answer } in std::mem::take(&mut self.patient) {
            if let Some(client) = self.board.roster.get(client) {
                self.board.unblock(&client);
            }
            let mut reply = Reply::new(protocol);
            reply.error(&error);
            count_error(&self.board, &error);
            answer.give(reply);
        }
        self.board.pause.end(PauseReason::Shutdown);
        if let Some(keyspace) = &self.keyspace {
            keyspace.do_send(PauseOver);
        }
    }
    /// Ends in order: no new clients, last replies out, files away, then the process.
    pub(super) fn end(&mut self) {
        if std::mem::replace(&mut self.leaving, Leaving::Ends) == Leaving::Ends {
            return;
        }
        let config = self.board.config.load_full();
        self.doors.close_all();
        for courier in self.ushers.iter().flat_map(|ushers| ushers.all()) {
            courier.do_send(Close);
        }
        if let Some(primary) = &self.primary {
            primary.do_send(primary::messages::Close);
        }
        for (what, path) in [("pid file", &config.pidfile), ("unix socket file", &config.unixsocket)] {
            if let Some(path) = path
                && std::fs::remove_file(path).is_ok()
            {
                tracing::info!("Removing the {what}.");
            }
        }
        tracing::warn!("Callboard is now ready to exit, bye bye...");
        actix_rt::spawn(async {
            actix_rt::time::sleep(FAREWELL).await;
            System::current().stop_with_code(0);
        });
    }
}

impl Handler<PutAwayDone> for Supervisor {
    type Result = ();
    fn handle(&mut self, PutAwayDone(result): PutAwayDone, _: &mut Self::Context) {
        let Err(reason) = result else { return self.end() };
        tracing::warn!("Error trying to save the DB, can't exit: {reason}");
        tracing::warn!("Errors trying to shut down the server. Check the logs for more information.");
        self.stay();
    }
}
