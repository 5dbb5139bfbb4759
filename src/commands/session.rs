//! What a connection knows of its client: the part of the state that its own commands read and set.
use crate::{
    board::{Board, ClientRecord},
    resp::Protocol,
};
use std::sync::{Arc, atomic::Ordering::Relaxed};

/// CLIENT REPLY.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Replies {
    #[default]
    On,
    Off,
    /// The next command's reply is left out, then they are on again.
    SkipNext,
}

pub struct Session {
    pub board: Arc<Board>,
    pub record: Arc<ClientRecord>,
    pub db: usize,
    pub protocol: Protocol,
    pub authenticated: bool,
    pub replies: Replies,
    /// Set by QUIT: nothing behind it is read any more.
    pub quits: bool,
}

impl Session {
    pub fn new(board: Arc<Board>, record: Arc<ClientRecord>) -> Session {
        let authenticated = board.config.load().requirepass.is_none();
        Session {
            board,
            record,
            db: 0,
            protocol: Protocol::Resp2,
            authenticated,
            replies: Replies::On,
            quits: false,
        }
    }
    /// Whether the next command's reply is left out; asked once for every command.
    pub fn mutes_reply(&mut self) -> bool {
        match self.replies {
            Replies::On => false,
            Replies::Off => true,
            Replies::SkipNext => {
                self.replies = Replies::On;
                true
            }
        }
    }
    pub fn select(&mut self, db: usize) {
        self.db = db;
        self.record.db.store(db, Relaxed);
    }
    pub fn speak(&mut self, protocol: Protocol) {
        self.protocol = protocol;
        self.record.protocol.store(if protocol == Protocol::Resp3 { 3 } else { 2 }, Relaxed);
    }
}
