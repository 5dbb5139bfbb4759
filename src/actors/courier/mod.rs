//! The Courier: one on each arbiter that holds Connections.
//!
//! It gathers what its Connections ask during one turn of the arbiter and carries it to the Keyspace as one message,
//! because a message that crosses threads costs more than several commands. It owns the outgoing halves of their
//! sockets and writes the replies itself, so a reply costs no message of its own.
//!
//! Connections and Courier share a thread and a [`Desk`]: the outbox between them is a plain queue.
mod backlog;
mod deliveries;
pub mod line;
pub mod messages;
pub mod socket;

use crate::{
    actors::{
        connection::{Connection, HangUp, Resume},
        keyspace::{Execute, Gone, Keyspace, Noted, Unwatch, Watch},
        primary::Primary,
        pubsub::{self, PubSub},
        supervisor::Supervisor,
    },
    board::{Board, ClientRecord, Place, Tally},
    commands::{registry::Registry, session::Session},
    resp::reply::Graft,
};
use actix::prelude::*;
use bytes::{Bytes, BytesMut};
use deliveries::Deliveries;
use line::{Line, Said, Sent};
use messages::{Adopt, Batch, Carry, Close, End, Kill, LineId, Note, Push, Replies, Then, Turn};
use slab::Slab;
use socket::{Accepted, Socket};
use std::{
    cell::{Cell, RefCell},
    io,
    rc::Rc,
    sync::{
        Arc,
        atomic::Ordering::{Relaxed, SeqCst},
    },
    time::Duration,
};

/// A batch is carried at once when it holds this many steps or bytes of requests, without waiting for the end of the
/// turn: others should not wait for a very long one.
const STEPS_MAX: usize = 64;
const REQUEST_BYTES_MAX: usize = 64 * 1024;
/// Size of the buffer that all Connections of the arbiter read into, bytes.
const READ_BUFFER_BYTES: usize = 64 * 1024;
/// A buffer of replies that is larger is not kept for the next ones.
const SPARE_BYTES_MAX: usize = 1024 * 1024;
/// A read is tried only into at least this much room, bytes.
const READ_ROOM_BYTES_MIN: usize = 16 * 1024;

/// What Connections and their Courier share. One thread uses it, so it is never locked.
pub struct Desk {
    pub board: Arc<Board>,
    pub tally: Arc<Tally>,
    pub supervisor: Addr<Supervisor>,
    pub pubsub: Addr<PubSub>,
    pub primary: Addr<Primary>,
    pub courier: Addr<Courier>,
    keyspace: Addr<Keyspace>,
    outbox: RefCell<Batch>,
    outbox_bytes: Cell<usize>,
    carrying: Cell<bool>,
    lines: RefCell<Slab<Line>>,
    read_buffer: RefCell<BytesMut>,
    /// Buffers before it that hold requests in flight, bytes, as far as they were posted.
    outgrown_bytes: Cell<usize>,
    /// Buffers to be used again: a batch, and bytes of replies for the Keyspace.
    spare_batch: RefCell<Option<Batch>>,
    spare_bytes: RefCell<Option<Vec<u8>>>,
}

impl Desk {
    /// Adds one client's steps to the outbox: `write` pushes them, and tells how many bytes of requests they hold.
    /// Nothing is sent if it pushed none.
    pub fn submit(&self, line: LineId, write: impl FnOnce(&mut Batch) -> usize) {
        let mut outbox = self.outbox.borrow_mut();
        let before = outbox.steps.len();
        let bytes = write(&mut outbox);
        let end = outbox.steps.len();
        if end == before {
            return;
        }
        outbox.turns.push(Turn { line, end });
        self.outbox_bytes.set(self.outbox_bytes.get() + bytes);
        if let Some(line) = self.lines.borrow_mut().get_mut(line.slot) {
            line.in_flight = true;
            line.is_owed = true;
        }
        let is_full = end >= STEPS_MAX || self.outbox_bytes.get() >= REQUEST_BYTES_MAX;
        drop(outbox);
        if is_full {
            self.carry();
        } else if !self.carrying.replace(true) {
            self.courier.do_send(Carry);
        }
    }
    /// Sends what was gathered to the Keyspace.
    fn carry(&self) {
        let spare = self.spare_batch.take().unwrap_or_default();
        let batch = self.outbox.replace(spare);
        self.outbox_bytes.set(0);
        if !batch.is_empty() {
            let (reply_to, spent_bytes) = (self.courier.clone().recipient(), self.spare_bytes.take());
            self.keyspace.do_send(Execute { batch, reply_to, spent_bytes, has_waited: false });
        }
    }
    /// Runs `act` on a client's line, if it is still there.
    pub fn with_line<R>(&self, id: LineId, act: impl FnOnce(&mut Line) -> R) -> Option<R> {
        let mut lines = self.lines.borrow_mut();
        lines.get_mut(id.slot).filter(|line| line.client == id.client).map(act)
    }
    /// Sends bytes to a client now.
    pub fn send(&self, id: LineId, said: Said, grafts: &[Graft], base: usize) {
        self.send_by(id, |line| line.send(said, grafts, base, &self.board));
    }
    fn send_by(&self, id: LineId, send: impl FnOnce(&mut Line) -> Sent) {
        let sent = self.with_line(id, |line| {
            let sent = send(line);
            // Of a client that is blocked, what it asked behind that is still to be answered.
            (sent, line.closing && !line.in_flight, line.waits_writable)
        });
        match sent {
            None | Some((Sent::All, false, _)) => {}
            Some((Sent::Partly, _, true)) => {}
            Some((Sent::Partly, _, false)) => self.courier.do_send(Await(id)),
            Some((Sent::All, true, _)) | Some((Sent::Broken, ..)) => self.hang_up(id),
        }
    }
    /// Tells the Connection to end.
    pub fn hang_up(&self, id: LineId) {
        self.with_line(id, Line::hang_up);
    }
    /// Ends the connection once all that is pending for it is written.
    pub fn close_when_drained(&self, id: LineId) {
        let drained = self.with_line(id, |line| {
            line.closing = true;
            line.is_drained() && !line.in_flight
        });
        if drained == Some(true) {
            self.hang_up(id);
        }
    }
    /// The client's batch is answered: its Connection may go on if it has more.
    fn settle(&self, id: LineId) {
        let state = self.with_line(id, |line| {
            line.in_flight = false;
            (line.closing && line.is_drained(), line.wants_resume && line.may_resume())
        });
        match state {
            Some((true, _)) => self.hang_up(id),
            Some((_, true)) => self.resume(id),
            _ => {}
        }
    }
    /// Its turn is not over; whether there are more replies on their way.
    fn go_on(&self, id: LineId, is_owed: bool) {
        self.with_line(id, |line| line.is_owed = is_owed);
        self.resume(id);
    }
    /// Keeps replies, to be written with the next; false if these are sent better at once.
    fn gather(&self, id: LineId, said: Said, grafts: &[Graft]) -> bool {
        self.with_line(id, |line| line.gather(said, grafts, &self.board)) == Some(true)
    }
    /// Writes what was kept.
    pub fn flush_ahead(&self, id: LineId) {
        self.with_line(id, |line| line.flush_ahead(&self.board));
    }
    fn resume(&self, id: LineId) {
        self.with_line(id, |line| {
            line.wants_resume = false;
            line.connection.do_send(Resume);
        });
    }
    pub fn leave(&self, id: LineId) {
        let mut lines = self.lines.borrow_mut();
        if lines.get(id.slot).is_some_and(|line| line.client == id.client) {
            let line = lines.remove(id.slot);
            // What waits for the socket to take more holds it open otherwise, for as long as the peer does not read.
            if line.waits_writable {
                line.socket.shut_down();
            }
            // It may be blocked: nothing must be given to who is gone.
            if line.in_flight || line.record.is_kept_in_mind() {
                self.forget(id.client);
            }
            // It has left the roster: see there how PubSub makes its acquaintance.
            if line.record.known_to_pubsub.load(SeqCst) {
                self.pubsub.do_send(pubsub::messages::Gone { client: id.client });
            }
        }
    }
    /// Lets go of a client that is going to be somebody else's: of its socket, too, without ending the connection. `None`
    /// if something is still to be written to it.
    ///
    /// # Errors
    /// If no file descriptor is left for the socket.
    pub fn release(&self, id: LineId) -> Option<io::Result<Accepted>> {
        let may_leave = |line: &mut Line| line.is_drained() && !line.waits_writable && !line.in_flight;
        let duplicate = self.with_line(id, |line| may_leave(line).then(|| line.socket.hand_over()))??;
        let Ok(socket) = duplicate else { return Some(duplicate) };
        let line = self.lines.borrow_mut().remove(id.slot);
        line.record.file_descriptor.store(socket.file_descriptor(), Relaxed);
        if line.record.is_kept_in_mind() {
            self.forget(id.client);
        }
        if line.record.known_to_pubsub.load(SeqCst) {
            self.pubsub.do_send(pubsub::messages::Gone { client: id.client });
        }
        // Nobody else has it: nobody waits for it to take more.
        if let Some(half) = Rc::into_inner(line.socket) {
            half.let_go();
        }
        Some(Ok(socket))
    }
    /// Tells the Keyspace of what a client was answered already.
    pub fn note(&self, client: Arc<ClientRecord>, notes: Vec<Note>) {
        let bytes = notes.iter().map(Note::bytes).sum();
        self.board.vitals.noted_bytes.fetch_add(bytes, Relaxed);
        self.keyspace.do_send(Noted { client, notes, bytes });
    }
    pub fn unwatch(&self, client: u64) {
        self.keyspace.do_send(Unwatch { client });
    }
    pub fn watch(&self, client: u64, db: usize, keys: Vec<Bytes>) {
        self.keyspace.do_send(Watch { client, db, keys });
    }
    /// The Keyspace need remember nothing of this client any more.
    pub fn forget(&self, client: u64) {
        self.keyspace.do_send(Gone { client });
    }
    /// Runs `read` with the buffer that all Connections of this thread read into. It is empty, has room, and must be
    /// left empty: so an idle connection holds no buffer at all.
    pub fn with_read_buffer<R>(&self, read: impl FnOnce(&mut BytesMut) -> R) -> R {
        let mut buffer = self.read_buffer.borrow_mut();
        if buffer.capacity() < READ_ROOM_BYTES_MIN && !buffer.try_reclaim(READ_BUFFER_BYTES) {
            *buffer = BytesMut::with_capacity(READ_BUFFER_BYTES);
            self.note_outgrown(self.outgrown_bytes.get() + READ_BUFFER_BYTES);
        }
        let result = read(&mut buffer);
        debug_assert!(buffer.is_empty(), "the shared read buffer is left empty");
        result
    }
    /// Posts what the buffers take that go with the requests in them: no key has to make room for those.
    fn note_outgrown(&self, bytes: usize) {
        let posted = &self.board.vitals.outgrown_buffers_bytes;
        posted.fetch_add(bytes as i64 - self.outgrown_bytes.replace(bytes) as i64, Relaxed);
    }
}

pub struct Courier {
    desk: Rc<Desk>,
    /// Among all Couriers.
    number: usize,
    deliveries: Deliveries,
    /// Clients of whose replies some are kept, or were, to be written with the next.
    gathering: Vec<LineId>,
}

/// Replies to a client that is blocked for what comes at once, as a rule, wait so long for the next, to be written together.
/// Else the client would be woken twice, and by the first before those are whom it waits for.
const GATHER_FOR: Duration = Duration::from_millis(1);

impl Courier {
    pub fn new(
        address: Addr<Courier>,
        number: usize,
        board: Arc<Board>,
        keyspace: Addr<Keyspace>,
        supervisor: Addr<Supervisor>,
        pubsub: Addr<PubSub>,
        primary: Addr<Primary>,
    ) -> Courier {
        let desk = Desk {
            tally: board.tallies.join(Registry::get().count()),
            board,
            supervisor,
            pubsub,
            primary,
            courier: address,
            keyspace,
            outbox: RefCell::default(),
            outbox_bytes: Cell::new(0),
            carrying: Cell::new(false),
            lines: RefCell::default(),
            read_buffer: RefCell::default(),
            outgrown_bytes: Cell::default(),
            spare_batch: RefCell::default(),
            spare_bytes: RefCell::default(),
        };
        Courier { desk: Rc::new(desk), number, deliveries: Deliveries::default(), gathering: Vec::new() }
    }
    fn welcome(&mut self, socket: Socket) {
        let now_ms = crate::actors::now_ms();
        let board = &self.desk.board;
        let client = board.roster.next_id();
        let record = Arc::new(ClientRecord::new(
            client,
            socket.address,
            socket.local_address,
            socket.file_descriptor,
            socket.is_unix,
            now_ms,
        ));
        let slot = self.desk.lines.borrow().vacant_key();
        let id = LineId { slot, client };
        record.seat(Place { courier: self.number, slot });
        let (courier, pubsub) = (self.desk.courier.clone(), self.desk.pubsub.clone());
        record.on_kill(move || {
            courier.do_send(Kill(id));
            // Whoever counts listeners behind this must not count the dead.
            pubsub.do_send(pubsub::messages::Gone { client });
        });
        let courier = self.desk.courier.clone();
        record.on_push(move |bytes| courier.do_send(Push { line: id, bytes }));
        board.roster.enter(record.clone());
        let session = Session::new(board.clone(), record.clone());
        let connection = Connection::new(self.desk.clone(), id, socket.read, session).start();
        let key = self.desk.lines.borrow_mut().insert(Line::new(client, connection, record, socket.write));
        debug_assert_eq!(key, slot);
    }
}

/// How often those are looked at who have been over a soft limit.
const CHECK_LIMITS_EVERY: Duration = Duration::from_secs(1);

impl Actor for Courier {
    type Context = Context<Self>;
    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(CHECK_LIMITS_EVERY, |courier, _| courier.check_limits());
    }
}
impl Courier {
    /// Who neither asks nor reads gives no other occasion to see that its time is over.
    fn check_limits(&self) {
        let desk = &self.desk;
        let mut over = Vec::new();
        for (slot, line) in desk.lines.borrow_mut().iter_mut() {
            if line.is_over_soft_limit() && line.check_limit(&desk.board) == Sent::Broken {
                over.push(LineId { slot, client: line.client });
            }
        }
        over.into_iter().for_each(|id| desk.hang_up(id));
    }
}

impl Handler<Adopt> for Courier {
    type Result = ();
    fn handle(&mut self, Adopt(accepted): Adopt, _: &mut Self::Context) {
        match accepted.open() {
            Ok(socket) => self.welcome(socket),
            Err(error) => {
                self.desk.board.vitals.connected.fetch_sub(1, Relaxed);
                tracing::debug!("A client left before it was served: {error}");
            }
        }
    }
}

impl Handler<Carry> for Courier {
    type Result = ();
    fn handle(&mut self, _: Carry, _: &mut Self::Context) {
        self.desk.carrying.set(false);
        self.desk.carry();
    }
}

impl Handler<Replies> for Courier {
    type Result = ();
    fn handle(&mut self, replies: Replies, ctx: &mut Self::Context) {
        let (mut start, mut grafted) = (0, 0);
        let capacity = replies.bytes.capacity();
        // The room of enormous replies is given back; so whoever has to wait with them may keep it.
        let (lent, spare) = match capacity <= SPARE_BYTES_MAX {
            true => (replies.bytes, Bytes::new()),
            false => (Vec::new(), Bytes::from(replies.bytes)),
        };
        for &End { line, at: end, then } in &replies.ends {
            let grafts_end =
                grafted + replies.grafts[grafted..].iter().take_while(|graft| graft.at < end).count();
            let own = match capacity <= SPARE_BYTES_MAX {
                true => Said::Lent(&lent[start..end]),
                false => Said::Spare(&spare.slice(start..end), capacity),
            };
            let own_grafts = &replies.grafts[grafted..grafts_end];
            match then == Then::WaitsBriefly && self.desk.gather(line, own, own_grafts) {
                true => self.await_rest(line, ctx),
                false => self.desk.send(line, own, own_grafts, start),
            }
            match then {
                Then::Settles => self.desk.settle(line),
                // It must be read on.
                _ => self.desk.go_on(line, then == Then::GoesOn),
            }
            (start, grafted) = (end, grafts_end);
        }
        if let Some(mut spent) = replies.spent {
            spent.clear();
            if self.desk.outgrown_bytes.get() > 0 {
                self.desk.note_outgrown(0);
            }
            self.desk.spare_batch.replace(Some(spent));
        }
        self.desk.spare_bytes.replace((capacity <= SPARE_BYTES_MAX).then_some(lent));
    }
}

impl Handler<Kill> for Courier {
    type Result = ();
    fn handle(&mut self, Kill(id): Kill, _: &mut Self::Context) {
        // What was published before is still for it, and so is what it was answered.
        self.desk.flush_ahead(id);
        self.desk.hang_up(id)
    }
}

impl Handler<Push> for Courier {
    type Result = ();
    fn handle(&mut self, Push { line: id, bytes }: Push, _: &mut Self::Context) {
        self.desk.send_by(id, |line| line.push(&bytes, &self.desk.board));
    }
}

impl Handler<Close> for Courier {
    type Result = ();
    fn handle(&mut self, _: Close, _: &mut Self::Context) {
        for (_, line) in self.desk.lines.borrow_mut().iter_mut() {
            let _ = line.flush(&self.desk.board);
            line.connection.do_send(HangUp);
        }
    }
}

/// To itself: wait until a client's socket takes more.
#[derive(Message)]
#[rtype(result = "()")]
struct Await(LineId);

impl Handler<Await> for Courier {
    type Result = ();
    fn handle(&mut self, Await(id): Await, ctx: &mut Self::Context) {
        let socket = self.desk.with_line(id, |line| {
            (!std::mem::replace(&mut line.waits_writable, true)).then(|| line.socket.clone())
        });
        let Some(Some(socket)) = socket else { return };
        let wait = async move {
            // A socket that takes more at once leaves others their turn all the same.
            tokio::task::yield_now().await;
            socket.writable().await
        };
        ctx.spawn(wait.into_actor(self).map(move |_, courier, _| courier.flush(id)));
    }
}
impl Courier {
    /// Replies to this client are kept: sees to it that they do not wait for long.
    fn await_rest(&mut self, id: LineId, ctx: &mut Context<Self>) {
        if self.gathering.is_empty() {
            ctx.run_later(GATHER_FOR, |courier, _| {
                for id in std::mem::take(&mut courier.gathering) {
                    if courier.desk.with_line(id, |line| line.gathers) == Some(true) {
                        courier.flush(id);
                    }
                }
            });
        }
        self.gathering.push(id);
    }
    fn flush(&mut self, id: LineId) {
        let sent = self.desk.with_line(id, |line| {
            line.waits_writable = false;
            (
                line.flush(&self.desk.board),
                line.closing && !line.in_flight,
                line.wants_resume && line.may_resume(),
            )
        });
        match sent {
            None => {}
            Some((Sent::Broken, ..)) | Some((Sent::All, true, _)) => self.desk.hang_up(id),
            Some((sent, _, resumes)) => {
                if resumes {
                    self.desk.resume(id);
                }
                if sent == Sent::Partly {
                    self.desk.courier.do_send(Await(id));
                }
            }
        }
    }
}
