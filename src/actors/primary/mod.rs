//! Primary: what we are to those who follow us. It keeps the backlog and the ids of the history, decides how a replica is
//! brought into step, and hands each of its Replica actors the stream, the same bytes to all.
pub mod messages;

use crate::{actors::keyspace::Keyspace, board::Board};
use actix::prelude::*;
use messages::{Adopted, Piece, Promoted, Streamed, SyncBegun, WantAcks};
use std::sync::Arc;

pub struct Primary {
    board: Arc<Board>,
    keyspace: Option<Addr<Keyspace>>,
}
impl Primary {
    pub fn new(board: Arc<Board>) -> Primary {
        Primary { board, keyspace: None }
    }
}
impl Actor for Primary {
    type Context = Context<Self>;
}

/// From the server: the Keyspace, as it stands now.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Serve(pub Addr<Keyspace>);
impl Handler<Serve> for Primary {
    type Result = ();
    fn handle(&mut self, Serve(keyspace): Serve, _: &mut Self::Context) {
        self.keyspace = Some(keyspace);
    }
}
impl Handler<Streamed> for Primary {
    type Result = ();
    fn handle(&mut self, _: Streamed, _: &mut Self::Context) {}
}
impl Handler<SyncBegun> for Primary {
    type Result = ();
    fn handle(&mut self, _: SyncBegun, _: &mut Self::Context) {}
}
impl Handler<Piece> for Primary {
    type Result = ();
    fn handle(&mut self, _: Piece, _: &mut Self::Context) {}
}
impl Handler<WantAcks> for Primary {
    type Result = ();
    fn handle(&mut self, _: WantAcks, _: &mut Self::Context) {}
}
impl Handler<Promoted> for Primary {
    type Result = ();
    fn handle(&mut self, _: Promoted, _: &mut Self::Context) {}
}
impl Handler<Adopted> for Primary {
    type Result = ();
    fn handle(&mut self, _: Adopted, _: &mut Self::Context) {}
}
