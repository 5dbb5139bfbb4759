//! By which ids the data may be named, as that changes.
use super::{
    Primary,
    backlog::Backlog,
    messages::{Adopted, ChangeId, Continued, Forget, Promoted},
};
use crate::{actors::replica::messages::HangUp, board::History};
use actix::prelude::*;
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};

impl Primary {
    fn new_id(&mut self) -> String {
        (0..40).map(|_| self.rng.digit(16)).collect()
    }
    fn post_history(&self, history: History) {
        self.board.replication.history.store(Arc::new(history));
    }
    /// Another id takes the place of ours, which stays the second up to here.
    fn shift(&mut self, id: String, offset: u64) {
        let old = self.board.replication.history.load();
        let second_end = offset + 1;
        tracing::info!(
            "Setting secondary replication ID to {}, valid up to offset: {second_end}. New replication ID is {id}",
            old.id
        );
        self.post_history(History { id, second_id: Some(old.id.clone()), second_end });
    }
    /// A history that nobody else knows.
    pub(super) fn begin_history(&mut self) {
        let id = self.new_id();
        self.post_history(History { id, second_id: None, second_end: 0 });
    }
    /// Before the stream begins: what happened to the data until now nobody was told, so no id of the past may name it.
    pub(super) fn prepare_history(&mut self) {
        let begins = self.backlog.is_none() && self.asked.is_empty() && self.followers.len() == 1;
        if begins && !self.board.replication.is_replica() {
            self.begin_history();
            tracing::info!(
                "Replication backlog created, my new replication IDs are '{}' and '{}'",
                self.board.replication.history.load().id,
                "0".repeat(40)
            );
        }
    }
    /// Whoever follows us has to ask again.
    pub(super) fn part(&mut self) {
        self.give_up_waves();
        self.followers.iter().for_each(|follower| follower.actor.do_send(HangUp));
    }
    fn begin_backlog(&mut self, offset: u64) {
        self.set_backlog(Some(Backlog::at(offset, &self.board.replication.slow_bytes)));
    }
    fn set_backlog(&mut self, backlog: Option<Backlog>) {
        self.backlog = backlog;
        self.alone_since = Instant::now();
        self.post_backlog();
    }
}

impl Handler<Promoted> for Primary {
    type Result = ();
    fn handle(&mut self, Promoted { offset }: Promoted, ctx: &mut Self::Context) {
        let id = self.new_id();
        self.shift(id, offset);
        self.part();
        self.alone_since = Instant::now();
        self.receive_heralds(ctx);
    }
}

impl Handler<ChangeId> for Primary {
    type Result = ();
    fn handle(&mut self, _: ChangeId, _: &mut Self::Context) {
        self.begin_history();
    }
}

impl Handler<Continued> for Primary {
    type Result = ();
    fn handle(&mut self, Continued { id }: Continued, _: &mut Self::Context) {
        let offset = self.board.replication.offset.load(Relaxed);
        if self.backlog.is_none() {
            self.begin_backlog(offset);
        }
        if !self.board.replication.history.load().id.eq_ignore_ascii_case(&id) {
            let end = self.backlog.as_ref().map_or(offset, Backlog::end);
            self.shift(id, end);
            self.part();
        }
    }
}

impl Handler<Forget> for Primary {
    type Result = ();
    fn handle(&mut self, _: Forget, _: &mut Self::Context) {
        self.part();
        self.set_backlog(None);
    }
}

impl Handler<Adopted> for Primary {
    type Result = ();
    fn handle(&mut self, Adopted { id, offset, is_past }: Adopted, _: &mut Self::Context) {
        let history = match is_past {
            true => {
                let own = self.board.replication.history.load().id.clone();
                History { id: own, second_id: Some(id), second_end: offset + 1 }
            }
            false => History { id, second_id: None, second_end: 0 },
        };
        self.post_history(history);
        self.begin_backlog(offset);
    }
}
