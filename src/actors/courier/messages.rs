//! What travels between the Courier, the Connections, the Keyspace and the Supervisor.
use super::Courier;
use crate::{
    commands::{Task, registry::Node},
    resp::{Protocol, Reply, Request, reply::Graft},
};
use actix::{Addr, Message};
use bytes::Bytes;
use std::{ops::Range, sync::mpsc::SyncSender};

/// One thing to do or to say for a client, in its place among the others.
pub enum Step {
    Run(Run),
    /// Bytes of [`Batch::says`] that the Connection wrote itself.
    Say(Range<usize>),
    /// A command that the Connection answered itself, and that others want to hear of.
    Note(Note),
}
impl Step {
    /// Moves the step out, and leaves one in its place that does nothing.
    pub fn take(&mut self) -> Step {
        std::mem::replace(self, Step::Say(0..0))
    }
    /// The same, if it is a note.
    pub fn take_note(&mut self) -> Option<Note> {
        match self.take() {
            Step::Note(note) => Some(note),
            _ => None,
        }
    }
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
pub struct Note {
    /// None if there is no such command.
    pub node: Option<&'static Node>,
    pub request: Request,
    /// The client's database by now.
    pub db: usize,
    /// It was refused: monitors are not shown it.
    pub refused: bool,
}
impl Note {
    /// What it costs, about.
    pub fn bytes(&self) -> usize {
        size_of::<Note>() + self.request.frame_bytes()
    }
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

/// More room for replies than this is not kept for the next batch.
const SAYS_BYTES_KEPT_MAX: usize = 1024 * 1024;

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
    /// One client's turn, of steps taken out of another batch, whose `says` are these.
    pub fn of_turn<'a>(line: LineId, steps: impl Iterator<Item = &'a mut Step>, says: &Reply) -> Batch {
        let mut batch = Batch::default();
        steps.for_each(|step| batch.push_from(step.take(), says));
        batch.end_turn(line);
        batch
    }
    /// Adds a step of another batch, whose `says` are these.
    pub fn push_from(&mut self, step: Step, says: &Reply) {
        self.steps.push(match step {
            Step::Say(range) => {
                let start = self.says.position();
                self.says.raw(&says.as_bytes()[range]);
                Step::Say(start..self.says.position())
            }
            run => run,
        });
    }
    /// Makes one client's turn of the steps since the last one; none if there are none.
    pub fn end_turn(&mut self, line: LineId) {
        let end = self.steps.len();
        if end > self.turns.last().map_or(0, |turn| turn.end) {
            self.turns.push(Turn { line, end });
        }
    }
    pub fn clear(&mut self) {
        self.turns.clear();
        self.take_back(0, 0);
    }
    /// Takes back the steps from `steps` on, and what was said from `says` on.
    pub fn take_back(&mut self, steps: usize, says: usize) {
        self.steps.truncate(steps);
        match says > 0 || self.says.capacity() <= SAYS_BYTES_KEPT_MAX {
            true => self.says.truncate(says),
            // The room of enormous replies is given back.
            false => self.says = Reply::default(),
        }
    }
}

/// The answer to a batch: the replies of all its turns, one behind the other.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Replies {
    pub bytes: Vec<u8>,
    pub grafts: Vec<Graft>,
    /// Where each turn's replies end.
    pub ends: Vec<End>,
    /// The batch, done: it goes back to the thread that allocated it.
    pub spent: Option<Batch>,
}

impl Replies {
    /// Adds the replies of one more turn.
    pub fn append(&mut self, bytes: &[u8], grafts: Vec<Graft>, end: End) {
        let base = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.grafts.extend(grafts.into_iter().map(|graft| Graft { at: base + graft.at, ..graft }));
        self.ends.push(End { at: base + end.at, ..end });
    }
}

/// Where the answer to a command goes that another actor runs.
pub enum Answer {
    /// To its client, whose turn it ends.
    ByCourier(LineId, Addr<Courier>),
    /// To the Keyspace, which waits for it in the midst of a transaction.
    Directly(SyncSender<Reply>),
}
impl Answer {
    /// The command is kept, and answered later: a client that has ended is not waited for.
    pub fn delay(&self) {
        if let Answer::ByCourier(line, courier) = self {
            let ends = vec![End { line: *line, at: 0, then: Then::Waits }];
            courier.do_send(Replies { bytes: Vec::new(), grafts: Vec::new(), ends, spent: None });
        }
    }
    pub fn give(self, reply: Reply) {
        match self {
            Answer::ByCourier(line, courier) => {
                let (bytes, grafts) = reply.into_parts();
                let ends = vec![End { line, at: bytes.len(), then: Then::Settles }];
                courier.do_send(Replies { bytes, grafts, ends, spent: None });
            }
            // If nobody waits any more the process ends.
            Answer::Directly(sender) => drop(sender.send(reply)),
        }
    }
}

/// What comes behind replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The turn is done.
    Settles,
    /// There are more.
    GoesOn,
    /// The client is blocked in the midst of its turn, or waits otherwise.
    Waits,
    /// It is blocked for what comes at once, as a rule: these replies may be written together with the next.
    WaitsBriefly,
}

/// Where the replies of a turn end.
#[derive(Clone, Copy, Debug)]
pub struct End {
    pub line: LineId,
    pub at: usize,
    pub then: Then,
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

/// What a client is sent that it did not ask for now.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Push {
    pub line: LineId,
    pub bytes: Bytes,
}

/// The server goes down: end all connections.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Close;
