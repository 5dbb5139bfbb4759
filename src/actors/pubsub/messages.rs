//! What travels between PubSub and the others.
use crate::{
    actors::courier::{
        Courier,
        messages::{Answer, LineId},
    },
    board::Board,
    commands::{Task, registry::Node},
    resp::{Protocol, Reply},
    store::Announcement,
};
use actix::{Addr, Message};
use bytes::Bytes;
use std::sync::Arc;

/// At the start: the Couriers, by their numbers.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Cast(pub Vec<Addr<Courier>>);

/// From a Connection, or from the Keyspace for a client's transaction.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Ask {
    pub client: u64,
    /// What the client speaks from now on.
    pub protocol: Protocol,
    /// Number of the list of announcements that must have been told before; see
    /// [`Subscriptions::announced`](crate::board::Subscriptions::announced).
    pub after: u64,
    pub wish: Wish,
    pub answer: Answer,
}
pub enum Wish {
    /// Run a command.
    Run {
        node: &'static Node,
        task: Task,
        /// The client does not want a reply, but for pushes.
        muted: bool,
    },
    /// Send these replies behind all that was told before.
    Pass(Reply),
    /// End all subscriptions without a word, then send these replies.
    Unsubscribe(Reply),
}
/// A client's end: from its Courier, or from whoever killed it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Gone {
    pub client: u64,
}

/// From the Keyspace: what happened in one drain of its mailbox.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Announce {
    /// Number of the list; `None` for a part of it that comes ahead, in the midst of a transaction. Who listens by now is
    /// to hear it, but not before the rest has come: the transaction is answered first.
    pub number: Option<u64>,
    pub announcements: Vec<Announcement>,
    pub burden: Burden,
}

/// To a Courier: messages for its clients, in order.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Deliver {
    pub parcels: Vec<Parcel>,
    pub burden: Arc<Burden>,
}
/// The same bytes for each of these lines.
pub struct Parcel {
    pub bytes: Bytes,
    pub lines: Arc<[LineId]>,
}

/// Announcements count as under way until the last who has to do with them lets go of this.
pub struct Burden {
    board: Arc<Board>,
    bytes: u64,
}
impl Burden {
    pub fn new(board: Arc<Board>, announcements: &[Announcement]) -> Burden {
        let bytes = announcements.iter().map(size_bytes).sum();
        board.subscriptions.take_on(bytes);
        Burden { board, bytes }
    }
}
impl Drop for Burden {
    fn drop(&mut self) {
        self.board.subscriptions.lay_down(self.bytes);
    }
}
fn size_bytes(announcement: &Announcement) -> u64 {
    let text_bytes = match announcement {
        Announcement::Event { key, .. } => key.len(),
        Announcement::Message { channel, message } | Announcement::ShardMessage { channel, message } => {
            channel.len() + message.len()
        }
    };
    (size_of::<Announcement>() + text_bytes) as u64
}
