//! What Upstream is told.
use actix::Message;

/// From the Supervisor: we follow somebody else now, or nobody. The link ends.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Unfollow;

/// From the Keyspace: what it was sent last is applied, up to this offset; or (0) only more of it is on the medium.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Applied {
    pub offset: u64,
    /// There is an append-only file: how much of the stream is on the medium stands on the board.
    pub has_log: bool,
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
