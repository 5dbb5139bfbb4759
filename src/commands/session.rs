//! What a connection knows of its client: the part of the state that its own commands read and set.
//!
//! What others may see of it (CLIENT LIST) is written through to the client's record on the board at once, so a
//! change goes by a method here, never by the bare field.
use super::{
    replication::{Announced, Wish},
    transactions::Queue,
};
use crate::{
    board::{Board, ClientRecord},
    resp::Protocol,
};
use std::sync::{Arc, atomic::Ordering::Relaxed};

/// The user that every connection starts as.
pub const DEFAULT_USER: &str = "default";

/// CLIENT REPLY.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Replies {
    #[default]
    On,
    Off,
    /// Asked for by the command at hand: the next one's reply is left out.
    SkipNext,
    /// The reply of the command at hand is left out, then they are on again.
    Skip,
}

/// What PubSub must do before the reply of the command at hand may go out, if the client is known there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PubSubErrand {
    /// Send out what was published so far, and from here on send in the client's protocol.
    CatchUp,
    /// End all subscriptions of the client.
    Unsubscribe,
}

pub struct Session {
    pub board: Arc<Board>,
    pub record: Arc<ClientRecord>,
    pub db: usize,
    pub protocol: Protocol,
    pub authenticated: bool,
    pub replies: Replies,
    /// What is queued since MULTI.
    pub transaction: Option<Box<Queue>>,
    /// Set by QUIT and by whoever kills itself: its reply is written, nothing behind it is read any more.
    pub quits: bool,
    /// Something for PubSub to do.
    pub errand: Option<PubSubErrand>,
    /// What the client has said of itself, should it become a replica.
    pub announced: Announced,
    /// It has become one: what it was answered before is sent, and it is a client no more.
    pub wish: Option<Wish>,
}

impl Session {
    pub fn new(board: Arc<Board>, record: Arc<ClientRecord>) -> Session {
        let authenticated = !board.config.load().asks_for_password();
        Session {
            board,
            record,
            db: 0,
            protocol: Protocol::Resp2,
            authenticated,
            replies: Replies::On,
            transaction: None,
            quits: false,
            errand: None,
            announced: Announced::default(),
            wish: None,
        }
    }
    /// Another session of the same client, as this one is now, without a transaction.
    pub fn fellow(&self) -> Session {
        Session {
            board: self.board.clone(),
            record: self.record.clone(),
            transaction: None,
            announced: self.announced.clone(),
            wish: None,
            ..*self
        }
    }
    pub fn select(&mut self, db: usize) {
        self.db = db;
        self.record.db.store(db, Relaxed);
    }
    pub fn speak(&mut self, protocol: Protocol) {
        if self.protocol != protocol {
            self.ask_pubsub(PubSubErrand::CatchUp);
        }
        self.protocol = protocol;
        self.record.protocol.store(if protocol == Protocol::Resp3 { 3 } else { 2 }, Relaxed);
    }
    /// Sets the client's name; the empty one takes it away.
    pub fn rename(&mut self, name: &str) {
        self.record.name.store((!name.is_empty()).then(|| Arc::new(name.to_string())));
    }
    /// From here on the client is this user.
    pub fn log_in(&mut self, user: &str) {
        self.authenticated = true;
        self.record.user.store(Arc::new(user.to_string()));
    }
    /// True while only commands that need no authentication (`NO_AUTH`) may run. A password that is taken out of
    /// the configuration is asked of nobody any more.
    pub fn must_authenticate(&self) -> bool {
        !self.authenticated && self.board.config.load().asks_for_password()
    }
    /// The connection ends behind the reply of the command at hand.
    pub fn quit(&mut self) {
        self.quits = true;
        self.record.closing.store(true, Relaxed);
    }
    /// The client is subscribed to something, by the protocol in which it then can do nothing else.
    pub fn is_only_listening(&self) -> bool {
        self.protocol == Protocol::Resp2 && self.record.is_subscribed()
    }
    /// What PubSub must do before the reply goes out.
    pub fn take_errand(&mut self) -> Option<PubSubErrand> {
        self.errand.take()
    }
    /// Has PubSub do something, if it knows of the client.
    fn ask_pubsub(&mut self, errand: PubSubErrand) {
        if self.record.known_to_pubsub.load(Relaxed) {
            self.errand = self.errand.max(Some(errand));
        }
    }
    /// RESET: as if newly connected, but for the library's name and version, which stay true.
    pub fn reset(&mut self) {
        self.end_transaction();
        self.select(0);
        self.speak(Protocol::Resp2);
        self.rename("");
        self.log_in(DEFAULT_USER);
        self.authenticated = !self.board.config.load().asks_for_password();
        self.ask_pubsub(PubSubErrand::Unsubscribe);
        self.record.no_evict.store(false, Relaxed);
        self.record.no_touch.store(false, Relaxed);
        // A SKIP that was meant for RESET's own reply still counts.
        if self.replies != Replies::Skip {
            self.replies = Replies::On;
        }
    }
    /// Whether the reply of the command at hand, an error included, is left out. Asked exactly once per command: of
    /// one that the connection answers, after it has run (CLIENT REPLY ON speaks again at once, and so does RESET);
    /// of any other, when it is sent off. Pushes are never left out.
    pub fn mutes_reply(&mut self) -> bool {
        match self.replies {
            Replies::On => false,
            Replies::Off => true,
            Replies::SkipNext => {
                self.replies = Replies::Skip;
                true
            }
            Replies::Skip => {
                self.replies = Replies::On;
                true
            }
        }
    }
}
