//! What travels between the Courier, the Connections, the Keyspace and the Supervisor.
use crate::{
    commands::{Task, registry::Node},
    resp::{Protocol, Reply, Request, reply::Graft},
};
use actix::Message;
use std::ops::Range;

/// One thing to do or to say for a client, in its place among the others.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all steps run a command: a box would cost each an allocation"
)]
pub enum Step {
    Run(Run),
    /// Bytes of [`Batch::says`] that the Connection wrote itself.
    Say(Range<usize>),
}
/// A typed command with what it must know of its client.
pub struct Run {
    pub node: &'static Node,
    pub task: Task,
    pub request: Request,
    pub db: usize,
    pub protocol: Protocol,
    pub touches: bool,
    /// The client does not want this reply (CLIENT REPLY).
    pub muted: bool,
}
/// What one client asked: the steps up to `end`, from where the previous turn's ended.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    pub line: LineId,
    pub end: usize,
}
/// A client's line at its Courier. The client's id guards against a slot that was given to somebody else meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineId {
    pub slot: usize,
    pub client: u64,
}

/// All that the clients of one arbiter asked in one turn of it.
#[derive(Default)]
pub struct Batch {
    pub turns: Vec<Turn>,
    pub steps: Vec<Step>,
    pub says: Reply,
}
impl Batch {
    pub fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }
    pub fn clear(&mut self) {
        self.turns.clear();
        self.steps.clear();
        self.says.truncate(0);
    }
}

/// The answer to a batch: the replies of all its turns, one behind the other.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Replies {
    pub bytes: Vec<u8>,
    pub grafts: Vec<Graft>,
    /// Where each turn's replies end.
    pub ends: Vec<(LineId, usize)>,
    /// The batch, done: it goes back to the thread that allocated it.
    pub spent: Option<Batch>,
}

/// To itself: the turn of the arbiter is over, carry what was gathered.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Carry;

/// From a Listener: a client that has come.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Adopt(pub super::socket::Accepted);

/// The client's connection must end (CLIENT KILL, a limit, `timeout`).
#[derive(Message)]
#[rtype(result = "()")]
pub struct Kill(pub LineId);

/// The server goes down: end all connections.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Close;
