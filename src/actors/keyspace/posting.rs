//! What clients are sent beside their replies, on its way to them.
//!
//! It goes out behind the replies that were written before it, whichever way those go: an invalidation that came before
//! the value that it is about would be of no use.
use super::Keyspace;
use crate::{
    actors::{courier::messages::Note, persistence::messages::Held},
    board::ClientRecord,
    commands::Caller,
    resp::Reply,
};
use actix::prelude::*;
use bytes::Bytes;
use std::sync::Arc;

/// One client's.
pub struct Letter {
    pub to: Arc<ClientRecord>,
    pub bytes: Bytes,
}
impl Letter {
    pub fn send(self) {
        self.to.push(self.bytes)
    }
}

/// From the Supervisor: the configuration has changed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Configured;

impl Keyspace {
    /// Hears of a command that a Connection has answered.
    pub(super) fn note(&mut self, note: &Note, caller: Caller, reply: &mut Reply) {
        if let Some(node) = note.node {
            self.stage.show_of(node, &note.request, Caller { db: note.db, ..caller });
        }
        if note.node.is_none_or(|node| node.full_name != "multi") {
            self.stage.tracking.end_caching(caller.client, note.node);
        }
        self.stage.write_pushes(caller.client, reply);
    }
    /// Sends what has gathered, to be called behind the replies.
    pub(super) fn post_pushes(&mut self, ctx: &mut Context<Self>) {
        if self.stage.end_tracking() {
            self.ask_for_flush(ctx);
        }
        if self.stage.pushes.is_empty() {
            return;
        }
        let roster = &self.stage.board.roster;
        let letters: Vec<Letter> = self
            .stage
            .pushes
            .take_all()
            .filter_map(|(client, bytes)| Some(Letter { to: roster.get(client)?, bytes: bytes.into() }))
            .collect();
        if self.awaits_disk() {
            self.commits.hold(Held::Letters(letters));
            self.ask_for_flush(ctx);
        } else if self.dropper.is_awaited() {
            self.dropper.post_behind(letters);
        } else {
            letters.into_iter().for_each(Letter::send);
        }
    }
}
