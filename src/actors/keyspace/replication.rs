//! The Keyspace as a master: the stream of its effects. And as a replica: it applies the stream of another.
use crate::{
    actors::upstream::messages::Applied,
    commands::{Task, registry::Node},
    resp::Request,
};
use actix::prelude::*;
use bytes::Bytes;
use std::sync::mpsc::SyncSender;

/// What of the data a snapshot for replicas tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncContents {
    pub without_data: bool,
    pub without_functions: bool,
}

/// From Primary: begin a snapshot for replicas, and, if there is none yet, the stream. Answered by `SyncBegun`; pieces
/// are asked for by [`Next`](super::Next), and come as `Piece`.
#[derive(Message)]
#[rtype(result = "()")]
pub struct BeginSync(pub SyncContents);

/// From Primary: this belongs to the stream here, and is no effect of ours (PING, REPLCONF GETACK). A replica ignores it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Feed(pub Bytes);

/// From Primary: nobody has followed us for long. Effects need not be told any more.
#[derive(Message)]
#[rtype(result = "()")]
pub struct EndStream;

/// From Primary: what replicas acknowledged, as it stands on the board, may be enough for those who wait.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AcksCame;

/// From the Supervisor: from here on we are a replica. No client may write unless the configuration lets it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Follow {
    /// Number of the link: what is applied must come from this one.
    pub link: u64,
}

/// From the Supervisor: from here on we are a master. What the link still brings is not applied.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Lead;

/// A command of the stream.
pub struct StreamedCommand {
    pub node: &'static Node,
    pub task: Task,
    pub request: Request,
    pub db: usize,
}

/// From Upstream: a part of our master's stream. Transactions are whole. It is applied, and handed on as it is.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Apply {
    pub link: u64,
    /// Commands that stand or fall together are in one list.
    pub units: Vec<Vec<StreamedCommand>>,
    /// All of it, as it came.
    pub bytes: Bytes,
    /// Offset behind it.
    pub end: u64,
    /// Our master has asked to be told how far we are.
    pub asks: bool,
    pub reply_to: Recipient<Applied>,
}

/// How the data of a full sync take the place of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replacing {
    /// Ours go first.
    First,
    /// Ours are there until the others are whole (`repl-diskless-load swapdb`).
    AtTheEnd,
}

/// From Upstream: all data are going to come, by `Load`.
#[derive(Message)]
#[rtype(result = "()")]
pub struct BeginReplacing {
    pub link: u64,
    pub how: Replacing,
}

/// From Upstream: they have come, or will not come (`None`).
#[derive(Message)]
#[rtype(result = "()")]
pub struct EndReplacing {
    pub link: u64,
    /// The id of their history, and the offset.
    pub of: Option<(String, u64)>,
    pub done: SyncSender<()>,
}
