//! What Primary is told.
use crate::{
    actors::courier::socket::Accepted,
    board::{ClientRecord, ReplicaRecord, Share},
    commands::replication::{Announced, Wish},
    store::SnapshotId,
};
use actix::Message;
use bytes::{Bytes, BytesMut};
use std::{fs::File, io, sync::Arc, time::Duration};

/// From the Keyspace: more of the stream.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Streamed {
    pub bytes: Bytes,
    /// Offset behind them.
    pub end: u64,
}

/// From a Connection, which has let go of the socket: a replica that wants to be brought into step.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Attach {
    pub socket: Accepted,
    pub client: Arc<ClientRecord>,
    pub wish: Wish,
    pub announced: Announced,
    /// What was read from it behind its wish.
    pub unread: BytesMut,
}
/// From the Keyspace: the snapshot that was asked for has begun, or cannot begin.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SyncBegun {
    pub id: Option<SnapshotId>,
    /// The stream goes on from here behind it.
    pub offset: u64,
}

/// From the Keyspace: a piece of a snapshot, as it was asked for.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Piece {
    pub id: SnapshotId,
    pub bytes: Vec<u8>,
    pub memory: Share,
    pub entries: u64,
    pub last: bool,
    /// How long it took to make.
    pub took: Duration,
}

/// From Spool: a part is kept, or could not be; with the last one, all of the file, and how long it is.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Spooled {
    pub id: SnapshotId,
    pub kept: io::Result<Option<(Arc<File>, u64)>>,
}

/// From the Keyspace: it is, as was asked.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Alive;

/// From a Replica: it has heard from its peer, or its state has changed. What it is stands in its record.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Heard {
    pub record: Arc<ReplicaRecord>,
}

/// From a Replica: it is over.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Detached {
    pub record: Arc<ReplicaRecord>,
}

/// From a Replica: there is room for more of the snapshot.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Ready {
    pub client: u64,
}

/// From the Keyspace: all data were deleted. Snapshots that are on their way tell what is no more: who waits for one asks
/// again.
#[derive(Message)]
#[rtype(result = "()")]
pub struct GiveUpSyncs;

/// From the Supervisor: the server goes down.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Close;

/// To the Supervisor: our master wants one of its replicas, us, to be the master (`PSYNC … FAILOVER`). Primary waits for
/// [`Promoted`] then.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LeadNow {
    /// Its client here.
    pub client: u64,
}

/// To the Supervisor, while it waits for replicas: one has said how far it is, or is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ReplicaHeard;

/// From the Keyspace: it has become a master at this offset. A new history begins.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Promoted {
    pub offset: u64,
}

/// From Upstream: our master names this history. If it is another one than ours, ours goes on as the second; those who
/// follow us have to ask again, so that they learn of it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Continued {
    pub id: String,
}

/// From Upstream: all data are going to be replaced. Those who follow us are let go, the backlog is of no use.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Forget;

/// From the Keyspace, on its way from Upstream or from a file: the data are those of this history at this offset.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Adopted {
    pub id: String,
    pub offset: u64,
    /// We are a master that had this history before it was restarted: it becomes the second.
    pub is_past: bool,
}

/// From the Keyspace (DEBUG CHANGE-REPL-ID): the history gets another name, so that nobody can go on from what he has.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ChangeId;
