//! The outgoing half of one client: its socket, what the socket did not take yet, and how much of that is allowed.
use super::socket::WriteHalf;
use crate::{
    actors::connection::Connection,
    board::{Board, ClientRecord},
    resp::reply::Graft,
};
use actix::Addr;
use bytes::{Buf, Bytes};
use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    rc::Rc,
    sync::{Arc, atomic::Ordering::Relaxed},
};

/// Slices given to one system call.
const SLICES_MAX: usize = 64;
/// While this many bytes wait to be written, the client's next requests wait too: a client that does not read its
/// replies cannot make them grow by asking for more. Where `client-output-buffer-limit` sets a limit, it goes on to
/// that instead: the operator wants such a client ended, not slowed down.
const PENDING_BYTES_TO_RESUME: usize = 64 * 1024;

pub struct Line {
    pub client: u64,
    pub connection: Addr<Connection>,
    pub record: Arc<ClientRecord>,
    pub socket: Rc<WriteHalf>,
    pending: VecDeque<Bytes>,
    pending_bytes: usize,
    /// A batch of this client is with the Keyspace or the Supervisor.
    pub in_flight: bool,
    /// The Connection has more, and wants to be told when it may go on.
    pub wants_resume: bool,
    /// End the connection when all is written.
    pub closing: bool,
    /// A future waits for the socket to take more.
    pub waits_writable: bool,
    /// When something was last left pending, there was a limit of the configuration to how much.
    has_limit: bool,
    /// Since when (ms since 1970) more than the soft limit is pending.
    over_soft_since_ms: Option<i64>,
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
            pending: VecDeque::new(),
            pending_bytes: 0,
            in_flight: false,
            wants_resume: false,
            closing: false,
            waits_writable: false,
            has_limit: false,
            over_soft_since_ms: None,
        }
    }
    /// Whether the client may ask for more now.
    pub fn may_resume(&self) -> bool {
        let reads_well = self.pending_bytes < PENDING_BYTES_TO_RESUME || self.has_limit;
        !self.in_flight && reads_well && !self.closing
    }
    pub fn is_drained(&self) -> bool {
        self.pending.is_empty()
    }

    /// Sends `bytes`, with `grafts` standing in them at their offsets (counted from `base` before the first byte).
    pub fn send(&mut self, bytes: &[u8], grafts: &[Graft], base: usize, board: &Board) -> Sent {
        let total = bytes.len() + grafts.iter().map(|graft| graft.bytes.len()).sum::<usize>();
        self.record.output_bytes.fetch_add(total as u64, Relaxed);
        board.vitals.output_bytes.fetch_add(total as u64, Relaxed);
        if self.pending.is_empty() && grafts.is_empty() {
            return match self.write_through(bytes, board) {
                Ok(written) if written == bytes.len() => Sent::All,
                Ok(written) => {
                    self.keep(Bytes::copy_from_slice(&bytes[written..]));
                    self.check_limit(board)
                }
                Err(_) => Sent::Broken,
            };
        }
        let mut from = 0;
        for graft in grafts {
            let at = graft.at - base;
            self.keep(Bytes::copy_from_slice(&bytes[from..at]));
            self.keep(graft.bytes.clone());
            from = at;
        }
        self.keep(Bytes::copy_from_slice(&bytes[from..]));
        self.flush(board)
    }
    /// Writes what is pending, as far as the socket takes it.
    pub fn flush(&mut self, board: &Board) -> Sent {
        while !self.pending.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let mut count = 0;
            for (slice, bytes) in slices.iter_mut().zip(&self.pending) {
                *slice = IoSlice::new(bytes);
                count += 1;
            }
            board.vitals.writes.fetch_add(1, Relaxed);
            match self.socket.try_write_vectored(&slices[..count]) {
                Ok(0) => return Sent::Broken,
                Ok(written) => self.forget(written),
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
    fn keep(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.pending_bytes += bytes.len();
            self.pending.push_back(bytes);
        }
    }
    fn forget(&mut self, mut written: usize) {
        self.pending_bytes -= written;
        while let Some(first) = self.pending.front_mut() {
            if written < first.len() {
                first.advance(written);
                return;
            }
            written -= first.len();
            self.pending.pop_front();
        }
    }
    fn post(&self) {
        self.record.output_buffer_bytes.store(self.pending_bytes, Relaxed)
    }
    /// `client-output-buffer-limit`: at once beyond the hard limit, after some seconds beyond the soft one.
    fn check_limit(&mut self, board: &Board) -> Sent {
        self.post();
        let limit = board.config.load().client_output_buffer_limit.normal;
        self.has_limit = limit.hard_bytes > 0 || limit.soft_bytes > 0;
        let over = |bytes: u64| bytes > 0 && self.pending_bytes as u64 > bytes;
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
            self.pending_bytes
        );
        board.vitals.output_buffer_limit_disconnections.fetch_add(1, Relaxed);
        Sent::Broken
    }
}
