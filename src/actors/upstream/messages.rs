//! What Upstream is told.
use actix::Message;

/// From the Supervisor: we follow somebody else now, or nobody. The link ends.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Unfollow;

/// From the Keyspace: what it was sent last is applied, up to this offset.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Applied {
    pub offset: u64,
    /// The offset up to which it is on the medium; `None` without an append-only file.
    pub synced_offset: Option<u64>,
    /// Our master has asked to be told (REPLCONF GETACK).
    pub asked: bool,
}

/// To the Supervisor: the replica that we asked to be the master in our place has agreed, or not.
#[derive(Message)]
#[rtype(result = "()")]
pub struct TakenOver {
    /// Number of the link.
    pub link: u64,
    pub agreed: bool,
}
