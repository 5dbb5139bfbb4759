//! A Connection: one for each client. It owns the incoming half of the socket, the decoder and the session.
//!
//! It decodes every complete request in its buffer, parses each into a typed command, and hands them to its Courier as
//! one turn; the next turn follows only after the replies. So order is free, the mailboxes are bounded by the number of
//! clients, and a fast sender is slowed by TCP. It treats its peer's bytes as hostile.
mod hand_over;
mod listening;
mod noting;
mod pace;
mod requests;

use crate::{
    actors::{
        courier::{Desk, messages::LineId, socket::ReadHalf},
        now_ms,
        pubsub::messages::Wish,
    },
    commands::{registry::Node, session::Session},
    resp::{Decoder, Reply, Request},
};
use actix::prelude::*;
use bytes::BytesMut;
use pace::Pace;
use requests::Deferred;
use std::{
    io,
    rc::Rc,
    sync::{atomic::Ordering::Relaxed, mpsc::Receiver},
    task::{Poll, ready},
    time::{Duration, Instant},
};

/// Room that a large request may have before more of it has come, bytes.
const ROOM_BYTES_MIN: usize = 1024 * 1024;
/// What a client may send ahead before it has authenticated, bytes.
const UNAUTHENTICATED_BYTES_MAX: usize = 1024 * 1024;
/// While a batch is in flight, this many bytes are read ahead: enough to notice that the peer has gone.
const READ_AHEAD_BYTES: usize = 64 * 1024;
/// When it has read so much at one go, a connection lets others go first, bytes.
const READ_BYTES_MAX: usize = 64 * 1024;

/// From this much unused room on, a buffer is looked after: whether its request stalls, bytes.
const SPARE_BYTES_MIN: usize = 32 * 1024;
/// A request of which nothing has come for so long has stalled.
const STALLED_AFTER: Duration = Duration::from_secs(2);

/// Who has ended its requests and takes nothing of its replies for so long is not waited for.
const UNREAD_AFTER: Duration = Duration::from_secs(10);

/// From the Courier: the replies are out, go on with what is waiting.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Resume;

/// From the Courier: the connection ends now.
#[derive(Message)]
#[rtype(result = "()")]
pub struct HangUp;

pub struct Connection {
    desk: Rc<Desk>,
    line: LineId,
    socket: ReadHalf,
    session: Session,
    decoder: Decoder,
    /// Bytes that are not decoded yet: part of a request, or requests that wait for the replies of earlier ones.
    partial: BytesMut,
    /// Bytes known to be missing from the request that has begun.
    missing: usize,
    /// A timer looks after the unused room in `partial`.
    watches_spare: bool,
    /// A timer looks after the replies that wait for a client which has ended its requests.
    watches_leaving: bool,
    /// It is blocked, its peer has ended, and the Keyspace was told.
    is_forgotten: bool,
    /// A batch is with the Keyspace or the Supervisor.
    in_flight: bool,
    pace: Pace,
    /// The last turn was full: `partial` may begin with whole requests, which no further input will tell of.
    is_behind: bool,
    /// A command for another actor, which waits for the replies of what came before it.
    deferred: Option<Deferred>,
    /// A command that CLIENT PAUSE makes wait. It is admitted anew then. Nothing behind it is taken before it.
    postponed: Option<Request>,
    /// A command that does something to others, and waits for the replies of what came before it. It is admitted anew then.
    next: Option<Request>,
    /// The session travels with a transaction, and comes back here.
    away: Option<Receiver<Session>>,
    /// Number of the last list of announcements that had gone out when a turn began.
    heard: u64,
    /// PubSub has caught up for the turn that is to be taken now.
    has_heard: bool,
    /// The turn at hand ends in a publication that its client may hear itself, before the reply to what comes next; or in a
    /// transaction that changes what it listens to, or the gates that commands meet.
    ends_turn: bool,
    /// CLIENT CACHING was said, and no command that ends it is known to have come since.
    said_caching: bool,
    /// The end of the pause will be told by a [`Resume`].
    awaits_pause: bool,
    /// Replies of a turn that holds nothing for the Keyspace.
    said: Vec<u8>,
    /// Where the steps of the turn at hand begin in the batch.
    turn_start: usize,
    /// When the last command that the connection answers itself ended.
    last_said: Option<Instant>,
    /// Requests of the turn at hand that name no command, or one that may not run, or not yet.
    uncounted: usize,
    /// For the roster: what CLIENT LIST shows.
    last_command: Option<&'static Node>,
    /// The peer sends no more.
    ended: bool,
    /// Nothing more is read: QUIT, a broken protocol, a limit.
    halted: bool,
    /// The client is a replica now, and somebody else has its socket.
    is_handed_over: bool,
}

impl Connection {
    pub fn new(desk: Rc<Desk>, line: LineId, socket: ReadHalf, session: Session) -> Connection {
        Connection {
            desk,
            line,
            socket,
            session,
            decoder: Decoder::default(),
            partial: BytesMut::new(),
            missing: 1,
            watches_spare: false,
            watches_leaving: false,
            is_forgotten: false,
            in_flight: false,
            pace: Pace::default(),
            is_behind: false,
            deferred: None,
            postponed: None,
            next: None,
            away: None,
            heard: 0,
            has_heard: false,
            ends_turn: false,
            said_caching: false,
            awaits_pause: false,
            said: Vec::new(),
            turn_start: 0,
            last_said: None,
            uncounted: 0,
            last_command: None,
            ended: false,
            halted: false,
            is_handed_over: false,
        }
    }

    /// Reads and submits until the socket is empty, a batch is in flight with enough read ahead, or others have waited
    /// long enough. What the client sent before is taken before more is read: so it is TCP that slows a client that
    /// sends faster than it is served.
    fn pump(&mut self, task: &mut std::task::Context) -> Poll<()> {
        let mut read_bytes = 0;
        loop {
            self.catch_up();
            if self.is_handed_over {
                return Poll::Ready(());
            }
            let waits = self.in_flight || self.postponed.is_some() || self.session.wish.is_some();
            // Who is blocked is read on, up to the limit of the query buffer: its end must be noticed, or it would be
            // given what another could have had.
            let is_full =
                self.partial.len() >= READ_AHEAD_BYTES && !self.session.record.blocked.load(Relaxed);
            if (self.halted && !waits) || (waits && is_full) {
                self.ask_to_resume();
                return Poll::Pending;
            }
            if self.has_turn_to_take() || read_bytes >= READ_BYTES_MAX {
                return give_way(task);
            }
            match ready!(self.read(task)) {
                Ok(0) => return Poll::Ready(()),
                Ok(count) => {
                    read_bytes += count;
                    self.note_input(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Poll::Ready(()),
            }
        }
    }
    /// Learns whether the batch in flight has been answered, and goes on with what was kept meanwhile.
    fn catch_up(&mut self) {
        // Busy, too, is a client that does not read the replies it has.
        let is_stranger = self.session.must_authenticate();
        let answered_bytes = self.desk.with_line(self.line, |line| {
            line.is_stranger = is_stranger;
            line.take_answered()
        });
        self.in_flight = answered_bytes.flatten().is_none();
        self.pace.learn(answered_bytes.flatten());
        if !self.in_flight
            && let Some(away) = self.away.take()
        {
            self.welcome_back(away);
        }
        if !self.in_flight && self.has_more() && !self.halted {
            let mut partial = std::mem::take(&mut self.partial);
            self.take_requests(&mut partial, true);
            self.keep(partial);
        }
        if self.in_flight && self.has_more() {
            self.ask_to_resume();
        } else if self.session.wish.is_some() {
            self.hand_over();
        }
    }
    /// Takes the session as the transaction has left it.
    fn welcome_back(&mut self, away: Receiver<Session>) {
        let Ok(session) = away.try_recv() else { return };
        self.session = session;
        if self.session.take_errand().is_some() {
            // What the transaction said has gone out before.
            self.deferred = Some(Deferred::Broker(Wish::Pass(Reply::default())));
        }
        if self.session.quits {
            self.halted = true;
            self.desk.close_when_drained(self.line);
        }
    }
    /// Whole requests may be waiting, and nothing is under way whose end would wake the pump for them. That is so when a
    /// full turn held only what the connection answers itself.
    fn has_turn_to_take(&self) -> bool {
        self.is_behind && !self.in_flight
    }
    fn has_more(&self) -> bool {
        let waits = self.deferred.is_some() || self.postponed.is_some() || self.next.is_some();
        waits || self.session.wish.is_some() || !self.partial.is_empty()
    }
    fn ask_to_resume(&self) {
        self.desk.with_line(self.line, |line| line.wants_resume = true);
    }
    /// Reads into the buffer of the thread; only the rest of a large request goes straight to a buffer of its own.
    fn read(&mut self, task: &mut std::task::Context) -> Poll<io::Result<usize>> {
        if self.decoder.wants_own_buffer() && !self.partial.is_empty() && !self.halted {
            if self.partial.capacity() == self.partial.len() {
                // Of just this size: a value may be kept where it lies, with all the room there is.
                let mut larger =
                    BytesMut::with_capacity(self.partial.len() + self.room_bytes(self.partial.len()));
                larger.extend_from_slice(&self.partial);
                self.partial = larger;
            }
            return self.socket.poll_read(&mut self.partial, task);
        }
        let desk = self.desk.clone();
        desk.with_read_buffer(|buffer| {
            let count = ready!(self.socket.poll_read(buffer, task))?;
            if self.halted {
                // It is blocked, and only its end is of interest.
                buffer.clear();
                return Poll::Ready(Ok(count));
            }
            if self.partial.is_empty() && !self.in_flight {
                self.take_requests(buffer, false);
            }
            if !buffer.is_empty() {
                let mut rest = std::mem::take(&mut self.partial);
                if rest.is_empty() {
                    rest = self.room_for(buffer.len());
                }
                rest.extend_from_slice(buffer);
                buffer.clear();
                self.keep(rest);
            }
            Poll::Ready(Ok(count))
        })
    }
    /// A buffer for the part of a request that has come: just large enough for the whole of a large one, so that its
    /// value may be kept where it lies.
    fn room_for(&self, length: usize) -> BytesMut {
        BytesMut::with_capacity(
            length + if self.decoder.wants_own_buffer() { self.room_bytes(length) } else { 0 },
        )
    }
    /// Room for what is missing, but not for much more than has come: a header is only a claim.
    fn room_bytes(&self, come: usize) -> usize {
        self.missing.min(come.max(ROOM_BYTES_MIN))
    }
    fn keep(&mut self, rest: BytesMut) {
        // An empty buffer is given back: an idle connection holds none.
        self.partial = if rest.is_empty() { BytesMut::new() } else { rest };
        self.post_buffer();
        self.session.record.query_buffer_peak_bytes.fetch_max(self.partial.len(), Relaxed);
    }
    fn post_buffer(&self) {
        let record = &self.session.record;
        record.query_buffer_bytes.store(self.partial.len(), Relaxed);
        record.query_buffer_free_bytes.store(self.spare_bytes(), Relaxed);
        record.argument_bytes.store(0, Relaxed);
    }
    fn spare_bytes(&self) -> usize {
        self.partial.capacity() - self.partial.len()
    }
    /// The room for a large request is made when it is announced. If the rest of it does not come, the room is given
    /// back, so that announcing alone costs a client's peers no memory.
    fn watch_spare(&mut self, ctx: &mut Context<Connection>) {
        if self.watches_spare || self.spare_bytes() < SPARE_BYTES_MIN {
            return;
        }
        self.watches_spare = true;
        let before = self.session.record.input_bytes.load(Relaxed);
        ctx.run_later(STALLED_AFTER, move |connection, ctx| {
            connection.watches_spare = false;
            if connection.session.record.input_bytes.load(Relaxed) == before {
                let rest = BytesMut::from(&connection.partial[..]);
                connection.keep(rest);
            } else {
                connection.watch_spare(ctx);
            }
        });
    }
    /// Redis frees a client at the end of its requests, with all that the system has not taken yet. Here it may read
    /// late; but what nobody reads is not kept for as long as the peer holds its end of the connection.
    fn watch_leaving(&mut self, ctx: &mut Context<Connection>) {
        if std::mem::replace(&mut self.watches_leaving, true) {
            return;
        }
        let before = self.unread_bytes();
        ctx.run_later(UNREAD_AFTER, move |connection, ctx| {
            connection.watches_leaving = false;
            if connection.unread_bytes() == before {
                ctx.stop();
            } else {
                connection.watch_leaving(ctx);
            }
        });
    }
    fn unread_bytes(&self) -> usize {
        self.session.record.output_buffer_bytes.load(Relaxed)
    }
    fn note_input(&mut self, count: usize) {
        self.desk.board.vitals.reads.fetch_add(1, Relaxed);
        self.session.record.input_bytes.fetch_add(count as u64, Relaxed);
        self.desk.board.vitals.input_bytes.fetch_add(count as u64, Relaxed);
        let limit = self.desk.board.config.load().client_query_buffer_limit;
        let limit =
            if !self.session.must_authenticate() { limit } else { limit.min(UNAUTHENTICATED_BYTES_MAX) };
        if self.partial.len() + self.session.record.queued_bytes.load(Relaxed) > limit {
            tracing::warn!(
                "Closing client id={} addr={} that reached max query buffer length: {} bytes",
                self.line.client,
                self.session.record.address,
                self.partial.len()
            );
            self.desk.board.vitals.query_buffer_limit_disconnections.fetch_add(1, Relaxed);
            self.halted = true;
            // Who is blocked may be so for long: nobody waits for that.
            match self.session.record.blocked.load(Relaxed) {
                true => self.desk.hang_up(self.line),
                false => self.desk.close_when_drained(self.line),
            }
        }
    }
}

impl Actor for Connection {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.spawn(Pump);
    }
    fn stopped(&mut self, _: &mut Self::Context) {
        if self.is_handed_over {
            return;
        }
        self.desk.board.unblock(&self.session.record);
        // In this order: who is off the roster takes no place of `maxclients` any more.
        self.desk.board.vitals.connected.fetch_sub(1, Relaxed);
        self.desk.board.roster.leave(self.line.client);
        // This closes the socket. Who sees that finds its place free.
        self.desk.leave(self.line);
    }
}

/// The reading of a Connection, as long as it lives. It is polled when the socket has something, and after every
/// message to the actor.
struct Pump;
impl ActorFuture<Connection> for Pump {
    type Output = ();
    fn poll(
        self: std::pin::Pin<&mut Self>,
        connection: &mut Connection,
        ctx: &mut Context<Connection>,
        task: &mut std::task::Context<'_>,
    ) -> Poll<()> {
        if !connection.ended {
            let read = connection.pump(task);
            if connection.is_handed_over {
                ctx.stop();
                return Poll::Ready(());
            }
            connection.await_pause(ctx);
            connection.watch_spare(ctx);
            ready!(read);
            connection.ended = true;
        }
        // What was asked before the end is answered before the connection closes. But nobody waits for a pause to end
        // who is gone: what such a client wanted is not done behind its back.
        connection.catch_up();
        if connection.is_handed_over {
            ctx.stop();
            return Poll::Ready(());
        }
        if connection.has_turn_to_take() {
            return give_way(task);
        }
        let waits = connection.in_flight
            || connection.deferred.is_some()
            || connection.next.is_some()
            || connection.session.wish.is_some();
        if waits && !connection.session.record.blocked.load(Relaxed) {
            connection.ask_to_resume();
            return Poll::Pending;
        }
        if waits {
            // It may have been answered before it began to wait; but nothing more is given to it.
            if connection.desk.with_line(connection.line, |line| line.is_owed) == Some(true) {
                if !std::mem::replace(&mut connection.is_forgotten, true) {
                    connection.desk.forget(connection.line.client);
                }
                connection.ask_to_resume();
                return Poll::Pending;
            }
            connection.desk.flush_ahead(connection.line);
            ctx.stop();
            return Poll::Ready(());
        }
        // Who only sends no more may still read. One that has gone altogether is found out by writing to it.
        let is_drained = connection.desk.with_line(connection.line, |line| line.is_drained());
        if is_drained == Some(false) {
            connection.desk.close_when_drained(connection.line);
            connection.watch_leaving(ctx);
            return Poll::Pending;
        }
        ctx.stop();
        Poll::Ready(())
    }
}
/// Pending, to be polled again when the others of this arbiter, and the sockets that have become ready, had their turn.
fn give_way(task: &mut std::task::Context) -> Poll<()> {
    // The first poll asks to be woken then, and is all that is needed of it.
    std::pin::pin!(tokio::task::yield_now()).poll(task)
}
impl Connection {
    /// While a command of this client is postponed, sees to it that the end of the pause is noticed.
    fn await_pause(&mut self, ctx: &mut Context<Connection>) {
        if self.postponed.is_none() || self.awaits_pause {
            return;
        }
        self.awaits_pause = true;
        let wait_ms = self.desk.board.pause.holds_all(now_ms()).unwrap_or(0);
        ctx.run_later(Duration::from_millis(wait_ms as u64), |connection, ctx| {
            connection.awaits_pause = false;
            ctx.notify(Resume);
        });
    }
}

impl Handler<Resume> for Connection {
    type Result = ();
    /// The pump, which is polled after every message, does the work.
    fn handle(&mut self, _: Resume, _: &mut Self::Context) {}
}

impl Handler<HangUp> for Connection {
    type Result = ();
    fn handle(&mut self, _: HangUp, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
