//! What clients are sent beside their replies, on its way to them.
//!
//! It goes out behind the replies that were written before it, whichever way those go: an invalidation that came before
//! the value that it is about would be of no use.
use super::Keyspace;
use crate::{
    actors::{courier::messages::Note, persistence::messages::Held},
    board::ClientRecord,
    commands::monitors::Origin,
    resp::Reply,
};
use actix::prelude::*;
use bytes::Bytes;
use std::sync::{Arc, atomic::Ordering::Relaxed};

/// One client's.
pub struct Letter {
    pub to: Arc<ClientRecord>,
    word: Word,
}
enum Word {
    Push(Bytes),
    /// Its connection ends.
    End,
}
impl Letter {
    pub fn send(self) {
        match self.word {
            Word::Push(bytes) => self.to.push(bytes),
            Word::End => self.to.kill(),
        }
    }
}

/// From the Supervisor: the configuration has changed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Configured;

/// From a Courier: commands that a Connection has answered, without waiting until we hear of them.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Noted {
    /// Who may be gone by now.
    pub client: Arc<ClientRecord>,
    pub notes: Vec<Note>,
    /// As they were counted.
    pub bytes: usize,
}

impl Handler<Noted> for Keyspace {
    type Result = ();
    fn handle(&mut self, Noted { client, notes, bytes }: Noted, ctx: &mut Self::Context) {
        self.stage.board.vitals.noted_bytes.fetch_sub(bytes, Relaxed);
        notes.iter().for_each(|note| self.hear_of(note, &client));
        self.post_pushes(ctx);
    }
}

impl Keyspace {
    /// Hears of a command that a Connection has answered, in its place among those that are to be run here.
    pub(super) fn note(&mut self, note: &Note, client: u64, reply: &mut Reply) {
        if let Some(record) = self.stage.board.roster.get(client) {
            self.hear_of(note, &record);
        }
        self.stage.write_pushes(client, reply);
    }
    fn hear_of(&mut self, note: &Note, client: &ClientRecord) {
        if let (Some(node), false) = (note.node, note.refused) {
            self.stage.show(node, &note.request, note.db, Origin::Client(client));
        }
        if note.node.is_none_or(|node| node.full_name != "multi") {
            self.stage.tracking.end_caching(client.id, note.node);
        }
    }
    /// Ends a client's connection, behind what it has been answered.
    pub(super) fn hang_up(&mut self, to: Arc<ClientRecord>, ctx: &mut Context<Self>) {
        self.post_letters(vec![Letter { to, word: Word::End }], ctx);
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
            .filter_map(|(client, bytes)| {
                Some(Letter { to: roster.get(client)?, word: Word::Push(bytes.into()) })
            })
            .collect();
        self.post_letters(letters, ctx);
    }
    fn post_letters(&mut self, letters: Vec<Letter>, ctx: &mut Context<Self>) {
        if self.awaits_disk() {
            self.commits.hold(Held::Letters(letters));
            self.ask_for_flush(ctx);
            return;
        }
        let (behind, free): (Vec<_>, Vec<_>) =
            letters.into_iter().partition(|letter| self.dropper.is_behind(letter.to.id));
        if !behind.is_empty() {
            self.dropper.post_behind(behind);
        }
        free.into_iter().for_each(Letter::send);
    }
}
