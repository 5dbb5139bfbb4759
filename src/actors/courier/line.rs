//! The outgoing half of one client: its socket, what the socket did not take yet, and how much of that is allowed.
use super::{backlog::Backlog, socket::WriteHalf};
use crate::{
    actors::connection::{Connection, HangUp},
    board::{Board, ClientKind, ClientRecord},
    resp::reply::Graft,
};
use actix::Addr;
use bytes::Bytes;
use std::{
    io::{self, IoSlice},
    rc::Rc,
    sync::{Arc, atomic::Ordering::Relaxed},
};

/// A message from this length on is not copied for each who gets it.
const SHARED_BYTES_MIN: usize = 4 * 1024;
/// Slices given to one system call.
const SLICES_MAX: usize = 64;
/// When it has written so much at one go, a backlog lets others go first, bytes.
const WRITE_BYTES_MAX: usize = 1024 * 1024;
/// More than this is not kept to be written with what comes next.
const GATHERED_BYTES_MAX: usize = 4096;
/// While this many bytes wait to be written, the client's next requests wait too. A client may write a long pipeline
/// before it reads, so that is much; but one that never reads cannot make its replies grow beyond. Where
/// `client-output-buffer-limit` sets a limit, it goes on to that instead: the operator wants such a client ended, not
/// slowed down.
const PENDING_BYTES_TO_RESUME: usize = 256 * 1024 * 1024;
/// The same for a client that has not authenticated: whoever can connect must not cost much memory.
const STRANGERS_PENDING_BYTES_TO_RESUME: usize = 64 * 1024;

pub struct Line {
    pub client: u64,
    pub connection: Addr<Connection>,
    pub record: Arc<ClientRecord>,
    pub socket: Rc<WriteHalf>,
    pending: Backlog,
    /// Bytes of replies since the Connection last asked: those of its last turn.
    answered_bytes: usize,
    /// It has still to authenticate.
    pub is_stranger: bool,
    /// A batch of this client is with the Keyspace or the Supervisor.
    pub in_flight: bool,
    /// Some replies of it have still to come here, or will at once.
    pub is_owed: bool,
    /// The Connection has more, and wants to be told when it may go on.
    pub wants_resume: bool,
    /// End the connection when all is written.
    pub closing: bool,
    /// A future waits for the socket to take more.
    pub waits_writable: bool,
    /// When something was last left pending, there was a limit of the configuration to how much.
    has_limit: bool,
    /// Messages were added since it was last written.
    pub is_fresh: bool,
    /// Replies were added, to be written with the next.
    pub gathers: bool,
    /// Since when (ms since 1970) more than the soft limit is pending.
    over_soft_since_ms: Option<i64>,
}

/// Replies that are to be sent.
#[derive(Clone, Copy)]
pub enum Said<'a> {
    /// They stand in a buffer that will be used again.
    Lent(&'a [u8]),
    /// They stand in a buffer that will not; it holds so much memory.
    Spare(&'a Bytes, usize),
}
impl Said<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Said::Lent(bytes) => bytes,
            Said::Spare(bytes, _) => bytes,
        }
    }
    /// Keeps what stands at `from` and behind. A buffer that holds hardly anything else, and has hardly
    /// any room, is kept as it is.
    fn keep(&self, from: usize, pending: &mut Backlog) {
        match self {
            Said::Spare(bytes, capacity) if bytes.len() - from >= capacity / 8 * 7 => {
                pending.push_taken(bytes.slice(from..), *capacity);
            }
            _ => pending.push(&self.bytes()[from..]),
        }
    }
}

/// How sending went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sent {
    All,
    /// The rest is kept until the socket takes more.
    Partly,
    /// The connection is broken, or more is pending than allowed: it must end.
    Broken,
}

impl Line {
    pub fn new(
        client: u64,
        connection: Addr<Connection>,
        record: Arc<ClientRecord>,
        socket: WriteHalf,
    ) -> Line {
        Line {
            client,
            connection,
            record,
            socket: Rc::new(socket),
            pending: Backlog::default(),
            answered_bytes: 0,
            is_stranger: false,
            in_flight: false,
            is_owed: false,
            wants_resume: false,
            closing: false,
            waits_writable: false,
            has_limit: false,
            is_fresh: false,
            gathers: false,
            over_soft_since_ms: None,
        }
    }
    /// Whether the client may ask for more now.
    pub fn may_resume(&self) -> bool {
        let most = match self.is_stranger {
            true => STRANGERS_PENDING_BYTES_TO_RESUME,
            false => PENDING_BYTES_TO_RESUME,
        };
        let reads_well = self.pending.len() < most || self.has_limit;
        !self.in_flight && reads_well && !self.closing
    }
    /// Whether it may, and if so, how many bytes of replies its last turn had.
    pub fn take_answered(&mut self) -> Option<usize> {
        self.may_resume().then(|| std::mem::take(&mut self.answered_bytes))
    }
    /// More was pending than the soft limit when it was last looked at.
    pub fn is_over_soft_limit(&self) -> bool {
        self.over_soft_since_ms.is_some()
    }
    pub fn is_drained(&self) -> bool {
        self.pending.is_empty()
    }

    /// Adds a message to what is to be written, without writing it.
    pub fn enqueue(&mut self, message: &Bytes, board: &Board) -> Sent {
        if self.closing {
            return Sent::Partly;
        }
        match message.len() >= SHARED_BYTES_MIN {
            true => self.pending.push_shared(message.clone()),
            false => self.pending.push(message),
        }
        self.record.output_bytes.fetch_add(message.len() as u64, Relaxed);
        board.vitals.output_bytes.fetch_add(message.len() as u64, Relaxed);
        // While its socket takes everything, nothing gathers.
        if self.waits_writable { self.check_limit(board) } else { Sent::Partly }
    }
    /// Whether it has to be written now, and nobody knows that yet.
    pub fn becomes_fresh(&mut self) -> bool {
        !self.waits_writable && !self.closing && !std::mem::replace(&mut self.is_fresh, true)
    }
    /// See [`Desk::gather`](super::Desk).
    pub fn gather(&mut self, said: Said, grafts: &[Graft], board: &Board) -> bool {
        let bytes = said.bytes();
        if bytes.is_empty()
            || bytes.len() > GATHERED_BYTES_MAX
            || !grafts.is_empty()
            || !self.pending.is_empty()
        {
            return false;
        }
        self.pending.push(bytes);
        self.gathers = true;
        self.note_answered(bytes.len(), board);
        true
    }
    fn note_answered(&mut self, bytes: usize, board: &Board) {
        self.answered_bytes += bytes;
        self.record.output_bytes.fetch_add(bytes as u64, Relaxed);
        board.vitals.output_bytes.fetch_add(bytes as u64, Relaxed);
    }
    /// Writes the messages and replies that were added, if nobody has done so since, and as far as the socket takes them.
    pub fn flush_ahead(&mut self, board: &Board) {
        let has_some = std::mem::take(&mut self.is_fresh) | self.gathers;
        if has_some && !self.waits_writable {
            // It ends anyway.
            let _ = self.flush(board);
        }
    }
    /// Tells the Connection to end.
    pub fn hang_up(&mut self) {
        self.closing = true;
        self.connection.do_send(HangUp);
    }
    /// Sends `bytes`, with `grafts` standing in them at their offsets (counted from `base` before the first byte).
    pub fn send(&mut self, said: Said, grafts: &[Graft], base: usize, board: &Board) -> Sent {
        let bytes = said.bytes();
        let total = bytes.len() + grafts.iter().map(|graft| graft.bytes.len()).sum::<usize>();
        self.note_answered(total, board);
        if self.pending.is_empty() && grafts.is_empty() {
            return match self.write_through(bytes, board) {
                Ok(written) if written == bytes.len() => Sent::All,
                Ok(written) => {
                    said.keep(written, &mut self.pending);
                    self.check_limit(board)
                }
                Err(_) => Sent::Broken,
            };
        }
        let mut from = 0;
        for graft in grafts {
            let at = graft.at - base;
            self.pending.push(&bytes[from..at]);
            self.pending.push_shared(graft.bytes.clone());
            from = at;
        }
        said.keep(from, &mut self.pending);
        // Who waits for the socket writes it then.
        if self.waits_writable { self.check_limit(board) } else { self.flush(board) }
    }
    /// Sends what is no reply to anything.
    pub fn push(&mut self, bytes: &Bytes, board: &Board) -> Sent {
        let answered_bytes = self.answered_bytes;
        let sent = self.send(Said::Lent(bytes), &[], 0, board);
        self.answered_bytes = answered_bytes;
        sent
    }
    /// Writes what is pending, as far as the socket takes it and others need not wait for it.
    pub fn flush(&mut self, board: &Board) -> Sent {
        let mut flushed = 0;
        self.gathers = false;
        while !self.pending.is_empty() {
            if flushed >= WRITE_BYTES_MAX {
                return self.check_limit(board);
            }
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let count = self.pending.slices(&mut slices);
            board.vitals.writes.fetch_add(1, Relaxed);
            match self.socket.try_write_vectored(&slices[..count]) {
                Ok(0) => return Sent::Broken,
                Ok(written) => {
                    self.pending.forget(written);
                    flushed += written;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return self.check_limit(board),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Sent::Broken,
            }
        }
        self.over_soft_since_ms = None;
        self.post();
        Sent::All
    }

    fn write_through(&self, bytes: &[u8], board: &Board) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        board.vitals.writes.fetch_add(1, Relaxed);
        match self.socket.try_write(bytes) {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Ok(0)
            }
            result => result,
        }
    }
    fn post(&self) {
        self.record.output_buffer_bytes.store(self.pending.len(), Relaxed);
        self.record.output_memory_bytes.store(self.pending.own_bytes(), Relaxed);
    }
    /// `client-output-buffer-limit`: at once beyond the hard limit, after some seconds beyond the soft one.
    pub fn check_limit(&mut self, board: &Board) -> Sent {
        self.post();
        let limits = board.config.load().client_output_buffer_limit;
        let limit = match self.record.kind() {
            ClientKind::Replica => limits.replica,
            ClientKind::PubSub => limits.pubsub,
            ClientKind::Normal | ClientKind::Master => limits.normal,
        };
        self.has_limit = limit.hard_bytes > 0 || limit.soft_bytes > 0;
        let over = |bytes: u64| bytes > 0 && self.pending.len() as u64 > bytes;
        let over_hard = over(limit.hard_bytes);
        let over_soft_too_long = if over(limit.soft_bytes) {
            let now_ms = crate::actors::now_ms();
            let since_ms = *self.over_soft_since_ms.get_or_insert(now_ms);
            now_ms - since_ms > limit.soft_seconds as i64 * 1000
        } else {
            self.over_soft_since_ms = None;
            false
        };
        if !over_hard && !over_soft_too_long {
            return Sent::Partly;
        }
        tracing::warn!(
            "Client id={} addr={} closed: its output buffer of {} bytes overcame the limit",
            self.client,
            self.record.address,
            self.pending.len()
        );
        board.vitals.output_buffer_limit_disconnections.fetch_add(1, Relaxed);
        Sent::Broken
    }
}
