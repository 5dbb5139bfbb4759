//! What is queued between MULTI and EXEC, and how it is made ready to be run.
use crate::{
    commands::{
        Access, Task,
        args::Context,
        error::CommandError,
        key_positions::keys_asked_for,
        registry::{self, Node},
        session::Session,
        spec::{ALLOW_BUSY, Flags, LOADING, MAY_REPLICATE, NO_ASYNC_LOADING, STALE},
    },
    data::number::parse_integer,
    resp::Request,
};
use std::sync::{
    atomic::Ordering::Relaxed,
    mpsc::{Receiver, Sender, channel},
};

/// Room is made for so many requests at once.
const ROOM: usize = 16;

/// The requests of an open transaction, admitted and not parsed: what they mean (EXPIRE's deadline) is settled when they
/// are run.
#[derive(Default)]
pub struct Queue {
    requests: Vec<(&'static Node, Request)>,
    /// The requests so far that own their bytes.
    own: usize,
    pub bytes: usize,
    /// One was refused: the transaction cannot be run.
    pub is_spoilt: bool,
    writes: bool,
    /// Flags that one of the commands has, or lacks.
    flags: Flags,
    lacking: Flags,
}
impl Queue {
    pub fn len(&self) -> usize {
        self.requests.len()
    }
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }
    pub fn push(&mut self, node: &'static Node, request: Request) {
        self.bytes += request.size_bytes();
        self.writes |= node.entry.access == Access::Write;
        self.flags |= node.spec().flags;
        self.lacking |= !node.spec().flags;
        if self.requests.is_empty() {
            self.requests.reserve(ROOM);
        }
        self.requests.push((node, request));
    }
    /// Lets go of the buffer that the requests were read into: it is unknown how long they will wait.
    pub fn own_requests(&mut self) {
        for (_, request) in &mut self.requests[self.own..] {
            request.own();
        }
        self.own = self.requests.len();
    }
    /// One of the commands writes.
    pub fn writes(&self) -> bool {
        self.writes
    }
    /// None of the commands minds that data are being loaded.
    pub fn may_run_while_loading(&self) -> bool {
        self.lacking & LOADING == 0
    }
    /// Nor that other data are being loaded beside those at hand.
    pub fn may_run_while_loading_beside(&self) -> bool {
        self.flags & NO_ASYNC_LOADING == 0
    }
    /// None of the commands minds that data may be old.
    pub fn may_run_while_stale(&self) -> bool {
        self.lacking & STALE == 0
    }
    pub fn may_run_while_busy(&self) -> bool {
        self.lacking & ALLOW_BUSY == 0
    }
}

/// Commands that are not queued in a transaction: they end it, or say why they cannot be in it.
pub fn runs_at_once(node: &Node) -> bool {
    matches!(node.full_name, "exec" | "discard" | "multi" | "watch" | "quit" | "reset")
}

/// What becomes of a transaction.
pub enum Verdict {
    Execute,
    Discard,
    /// It is not run, for this reason.
    Refuse(CommandError),
    /// The same, and EXEC itself was refused: it counts as no call.
    Reject(CommandError),
}

/// A transaction on its way.
pub struct Transaction {
    pub verdict: Verdict,
    pub items: Vec<Queued>,
    /// One of the commands may change data.
    pub writes: bool,
    /// The session travels along if one of the commands is about it, and is sent back.
    pub session: Option<(Session, Sender<Session>)>,
}
pub struct Queued {
    pub node: &'static Node,
    pub request: Request,
    /// What is wrong with the request is its reply, in its place.
    pub task: Result<Task, CommandError>,
}

impl Transaction {
    pub fn of(verdict: Verdict) -> Box<Transaction> {
        Box::new(Transaction { verdict, items: Vec::new(), writes: false, session: None })
    }
    /// It may not be run, for this reason.
    pub fn forbid(&mut self, error: &CommandError) {
        let because = error.text();
        let text = format!("EXECABORT Transaction discarded because of: {because}");
        self.verdict = Verdict::Reject(CommandError::text_of(text));
    }
    /// Takes what was queued, and parses it. Tells where the session will come back, if it travels along.
    pub fn take(
        &mut self,
        queue: Queue,
        session: &Session,
        mut context: Context,
    ) -> Option<Receiver<Session>> {
        if !matches!(self.verdict, Verdict::Execute) {
            return None;
        }
        if queue.is_spoilt {
            let reason = "EXECABORT Transaction discarded because of previous errors.";
            self.verdict = Verdict::Refuse(CommandError::fixed(reason));
            return None;
        }
        self.writes = queue.writes || queue.flags & MAY_REPLICATE != 0;
        self.items.reserve(queue.requests.len());
        for (node, request) in queue.requests {
            let task = registry::parse(node, &request, context);
            if node.full_name == "select"
                && task.is_ok()
                && let Some(db) = request.get(1).and_then(parse_integer)
            {
                context.db = db as usize;
            }
            self.items.push(Queued { node, request, task });
        }
        let is_of_session = |item: &Queued| matches!(item.task, Ok(Task::Session(_)));
        self.items.iter().any(is_of_session).then(|| {
            let (sender, receiver) = channel();
            self.session = Some((session.fellow(), sender));
            receiver
        })
    }
    /// Whether one of the commands that write would change such a key. `db` is the client's.
    pub fn would_change(&self, mut db: usize, is_meant: impl Fn(usize, &[u8]) -> bool) -> bool {
        self.items.iter().any(|Queued { node, request, .. }| {
            if node.full_name == "select" {
                let selected = request.get(1).and_then(parse_integer);
                db = selected.map_or(db, |selected| selected as usize);
            }
            let writes = node.entry.access == Access::Write || node.spec().flags & MAY_REPLICATE != 0;
            writes && {
                let positions = keys_asked_for(node, request).unwrap_or_default();
                let mut keys = positions.iter().filter_map(|position| request.get(position.index));
                // Who names no key may mean any (FLUSHALL).
                positions.is_empty() || keys.any(|key| is_meant(db, key))
            }
        })
    }
}

impl Session {
    /// The transaction is over, or given up: what was queued.
    pub fn end_transaction(&mut self) -> Option<Queue> {
        self.record.queued_commands.store(-1, Relaxed);
        self.record.queued_bytes.store(0, Relaxed);
        self.transaction.take().map(|queue| *queue)
    }
}
