//! What the Persistence actor is told.
use crate::{
    actors::{courier::messages::Replies, keyspace::Letter},
    board::{Activity, Share},
    disk::Output,
    formats::aof::manifest::Logging,
    store::SnapshotId,
};
use actix::{Message, Recipient};
use bytes::Bytes;
use std::{
    io,
    sync::mpsc::{Receiver, SyncSender},
};

/// What goes out to clients when all that was done before it is on disk.
pub enum Held {
    /// Replies, and who carries them.
    Replies { reply_to: Recipient<Replies>, replies: Replies },
    /// What must not overtake replies.
    Letters(Vec<Letter>),
}

/// From the Keyspace, once per drain of its mailbox: commands for the log.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Commit {
    /// Whole commands, the first of which selects its database.
    pub effects: Bytes,
    pub memory: Share,
    /// They go out when the commands are synced (`appendfsync always`).
    pub held: Vec<Held>,
    /// Number of this commit: they count up.
    pub number: u64,
}

/// From the Keyspace: it has begun a snapshot. All commits before are in it, none behind.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Begun {
    pub of: Activity,
    pub id: SnapshotId,
    /// Changes to the data since the last save that are in it.
    pub changes: u64,
    /// Number of the last commit whose effects are all in it.
    pub commit: u64,
    /// What the Keyspace does with effects from here on. [`Logging::Beginning`]: until now it told none.
    pub logging: Logging,
    pub era: u64,
}

/// From the Keyspace: a piece of a snapshot, as it was asked for.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Told {
    pub id: SnapshotId,
    pub bytes: Vec<u8>,
    pub memory: Share,
    /// How many entries are in it.
    pub entries: u64,
    pub last: bool,
}

/// From the Keyspace, which waits for it: write these pieces to the snapshot file (SAVE). `None` ends them.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SaveNow {
    pub pieces: Receiver<Vec<u8>>,
    /// Changes that are in them.
    pub changes: u64,
    pub done: SyncSender<io::Result<()>>,
}

/// From the Keyspace: all data were deleted. What is being saved is of no use any more.
#[derive(Message)]
#[rtype(result = "()")]
pub struct GiveUpSave;

/// From the Keyspace, whose data are now those of this file, which came from our master: it takes the place of the last
/// snapshot. What is being saved is of the data before.
#[derive(Message)]
#[rtype(result = "()")]
pub struct PutInPlace {
    pub file: Output,
    /// Whoever has written it waits for that.
    pub done: SyncSender<()>,
}

/// Bring all that was committed before this to the medium, and say so: who asks waits for it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Settle {
    /// The server ends: nothing is written any more.
    pub for_good: bool,
    /// It ends even if the append-only file has no base yet, and so not all data.
    pub force: bool,
    pub done: SyncSender<io::Result<()>>,
}

/// From the Keyspace: too much is on its way. It waits until all of it has been taken.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Drain {
    pub done: futures::channel::oneshot::Sender<()>,
}

/// From the Supervisor: the configuration has changed. Whoever has changed it is answered when that is heeded.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Reconsider {
    pub done: futures::channel::oneshot::Sender<()>,
}

/// From the server, once the cast stands: load what is on disk, then log.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Start;

/// From the Keyspace, which logs no more: its data are going to be others. A new log begins with a base of them; until that is
/// whole the files stay as they are.
#[derive(Message)]
#[rtype(result = "()")]
pub struct PutLogAside {
    pub era: u64,
    /// Answered when the replies are sent that waited for it.
    pub done: futures::channel::oneshot::Sender<()>,
}

/// From the Keyspace: all that it had to log has been committed, and nothing more will be.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LogEnds {
    pub era: u64,
}
