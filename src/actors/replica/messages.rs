//! What a Replica is told. All of it comes from Primary.
use crate::actors::primary::stretch::Stretch;
use actix::Message;
use bytes::Bytes;
use std::{fs::File, sync::Arc};

/// A line of the handshake.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Say(pub Bytes);

/// It still waits for its snapshot: an empty line, so that it does not give us up.
#[derive(Message)]
#[rtype(result = "()")]
pub struct KeepAlive;

/// A part of a snapshot. When there is room for more, Primary is told [`Ready`](crate::actors::primary::messages::Ready).
#[derive(Message)]
#[rtype(result = "()")]
pub struct SendPart(pub Stretch);

/// The last part of a snapshot. Where it ends the replica finds out by a mark: it wants nothing sent behind that until it
/// has said that it is ready.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SendLast(pub Stretch);

/// A snapshot in a file, to be sent with its length in front.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SendFile {
    pub file: Arc<File>,
    pub bytes: u64,
}

/// More of the stream. It goes out behind the snapshot.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Stream(pub Stretch);

/// The stream so far ends with these bytes. As many as it has still to write it holds as this one piece, which all share.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Gather(pub Stretch);

/// It needs no snapshot: this part of the stream, and it is in step.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Resume(pub Vec<Stretch>);

/// Its connection ends.
#[derive(Message)]
#[rtype(result = "()")]
pub struct HangUp;

/// The server goes down: what the socket takes yet is written, then the connection ends.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Farewell;

/// To itself: write what was gathered in this turn.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Flush;
