//! Upstream: the link to our master, while we are a replica.
//!
//! One actor for each master that we are told to follow. What it does is one task that reads like a session: connect,
//! greet ([`handshake`]), take all data if need be ([`receiving`], [`keeping`], [`loading`]), then hand the stream on to the Keyspace as
//! it comes ([`stream`], [`session`]); and from the beginning whenever that ends. The actor only passes on to it what it is
//! told.
mod client;
mod framing;
mod handshake;
mod keeping;
mod loading;
pub mod messages;
mod receiving;
mod session;
mod stream;
mod wire;

use crate::{
    actors::{keyspace::Keyspace, primary::Primary},
    board::{Board, Link},
};
use actix::prelude::*;
use messages::{Applied, TakenOver, Unfollow};
use session::Session;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What all links have in common, one after the other.
#[derive(Default)]
pub struct Ground {
    /// Held by whoever replaces the data: a link that is given up may still be at it when the next one begins.
    turn: Mutex<()>,
    state: Mutex<GroundState>,
}
#[derive(Default)]
struct GroundState {
    /// Number of the link that is followed; 0: none.
    link: u64,
    /// The data are those of our history at our offset; not, when they were to be replaced and that came to nothing.
    whole: bool,
    /// Ours are gone, and our master's are not all here.
    replaces: bool,
}
impl Ground {
    pub fn set_whole(&self, whole: bool) {
        self.state().whole = whole;
    }
    fn is_whole(&self) -> bool {
        self.state().whole
    }
    /// From the Supervisor: from here on this link is followed (0: none).
    pub fn follow(&self, link: u64) {
        self.state().link = link;
    }
    /// From the Supervisor: follows nobody any more, unless a part of the data is all there is. That is to become neither a
    /// master nor what another link leaves to its clients.
    pub fn leave(&self) -> bool {
        let mut state = self.state();
        if !state.replaces {
            state.link = 0;
        }
        !state.replaces
    }
    /// From the Keyspace: data that came by this link are going to take the place of ours, which go `first` or are there
    /// until the end. False if it is not followed any more.
    pub fn begin(&self, link: u64, first: bool) -> bool {
        let mut state = self.state();
        if state.link != link {
            return false;
        }
        if first {
            (state.replaces, state.whole) = (true, false);
        }
        true
    }
    /// From the Keyspace: they have, or will not.
    pub fn end(&self, is_done: bool) {
        let mut state = self.state();
        state.replaces = false;
        state.whole |= is_done;
    }
    fn state(&self) -> MutexGuard<'_, GroundState> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
    fn take_turn(&self) -> MutexGuard<'_, ()> {
        // There is nothing in it that a panic could have left half done.
        self.turn.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Whom a link has to do with.
#[derive(Clone)]
pub struct Peers {
    pub board: Arc<Board>,
    pub link: Arc<Link>,
    /// Of the link.
    pub number: u64,
    pub keyspace: Addr<Keyspace>,
    pub primary: Addr<Primary>,
    /// Is told what becomes of a failover.
    pub supervisor: Recipient<TakenOver>,
    pub ground: Arc<Ground>,
}

pub struct Upstream {
    peers: Peers,
    applied: UnboundedSender<Applied>,
    /// Until the session takes it.
    hears: Option<UnboundedReceiver<Applied>>,
}

impl Upstream {
    pub fn new(peers: Peers) -> Upstream {
        let (applied, hears) = unbounded_channel();
        Upstream { peers, applied, hears: Some(hears) }
    }
}

impl Actor for Upstream {
    type Context = Context<Self>;
    fn started(&mut self, ctx: &mut Self::Context) {
        let Some(hears) = self.hears.take() else { return };
        let session = Session::new(self.peers.clone(), hears, ctx.address().recipient());
        ctx.spawn(session.live().into_actor(self));
    }
}

impl Handler<Unfollow> for Upstream {
    type Result = ();
    /// With the actor goes its task, and with that the socket.
    fn handle(&mut self, _: Unfollow, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

impl Handler<Applied> for Upstream {
    type Result = ();
    fn handle(&mut self, applied: Applied, _: &mut Self::Context) {
        // Nobody listens any more only when all of it is over.
        let _ = self.applied.send(applied);
    }
}
