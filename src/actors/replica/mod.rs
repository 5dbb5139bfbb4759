//! A Replica: one for each server that follows us. It owns the socket, and what is still to be written to it: a snapshot,
//! and behind that the stream, whose bytes are shared with the backlog and with all other Replicas.
//!
//! It never waits for its peer: what a slow one does not take gathers up to `client-output-buffer-limit`, then it is let
//! go. It treats its peer's bytes as hostile.
mod hearing;
pub mod messages;
mod queue;
mod writing;

use crate::{
    actors::{
        courier::socket::{Accepted, ReadHalf, Socket, WriteHalf},
        now_ms,
        primary::{
            Primary,
            messages::{Detached, Heard, Ready},
            stretch::Stretch,
        },
    },
    board::{Board, ClientRecord, ReplicaRecord, ReplicaState},
    commands::replication::Announced,
    resp::Decoder,
};
use actix::prelude::*;
use bytes::{Bytes, BytesMut};
use hearing::Pump;
use messages::{
    Farewell, Flush, Gather, HangUp, KeepAlive, Resume, Say, SendFile, SendLast, SendPart, Stream,
};
use queue::Queue;
use socket2::SockRef;
use std::{
    fs::File,
    io,
    rc::Rc,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

/// How far its peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It waits for a snapshot, or is being sent one.
    Syncing,
    /// All of the snapshot that was told is queued, and this comes behind it.
    Ending(Next),
    /// It has a snapshot, and is to say so.
    AwaitsAck,
    /// It is sent the stream.
    InStep,
}
/// What comes behind a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Ack,
    Stream,
}

/// What Primary knows of a replica when it comes.
pub struct Newcomer {
    pub socket: Accepted,
    pub client: Arc<ClientRecord>,
    pub record: Arc<ReplicaRecord>,
    pub announced: Announced,
    /// As the log calls it.
    pub name: String,
    /// It knows PSYNC, and tells how far it is.
    pub speaks_psync: bool,
    pub unread: BytesMut,
}

pub struct Replica {
    board: Arc<Board>,
    primary: Addr<Primary>,
    client: Arc<ClientRecord>,
    record: Arc<ReplicaRecord>,
    name: String,
    rdb_only: bool,
    speaks_psync: bool,
    read: ReadHalf,
    write: Rc<WriteHalf>,
    decoder: Decoder,
    partial: BytesMut,
    phase: Phase,
    /// The handshake, and parts of the snapshot.
    ahead: Queue,
    /// The snapshot's file, and how much of it has been read.
    file: Option<Bulk>,
    stream: Queue,
    /// Primary waits to be told that there is room for more of the snapshot.
    owes_word: bool,
    /// A [`Flush`] is on its way.
    will_flush: bool,
    /// A future waits for the socket to take more.
    waits_writable: bool,
    /// When the socket last took something that waited, or had taken all.
    moved: Instant,
    /// Since when more than the soft limit waits.
    over_soft_since: Option<Instant>,
}
struct Bulk {
    file: Arc<File>,
    done: u64,
    bytes: u64,
}

/// How often silence and limits are looked after.
const TICK: Duration = Duration::from_secs(1);

impl Replica {
    /// # Errors
    /// If the peer is gone already, or the reactor is full.
    pub fn open(newcomer: Newcomer, board: Arc<Board>, primary: Addr<Primary>) -> io::Result<Replica> {
        let Socket { read, write, .. } = newcomer.socket.open()?;
        Ok(Replica {
            board,
            primary,
            client: newcomer.client,
            record: newcomer.record,
            name: newcomer.name,
            rdb_only: newcomer.announced.rdb_only,
            speaks_psync: newcomer.speaks_psync,
            read,
            write: Rc::new(write),
            decoder: Decoder::default(),
            partial: newcomer.unread,
            phase: Phase::Syncing,
            ahead: Queue::default(),
            file: None,
            stream: Queue::default(),
            owes_word: false,
            will_flush: false,
            waits_writable: false,
            moved: Instant::now(),
            over_soft_since: None,
        })
    }
    /// Puts it into step.
    fn go_online(&mut self) {
        self.record.set_state(ReplicaState::Online);
        // It is not silent, only because it had nothing to say yet.
        self.record.heard_at_ms.store(now_ms(), Relaxed);
        self.tell_primary();
    }
    fn tell_primary(&self) {
        self.primary.do_send(Heard { record: self.record.clone() });
    }
    /// All of the snapshot is with the system.
    fn end_snapshot(&mut self, next: Next, ctx: &mut Context<Self>) {
        self.phase = if next == Next::Ack { Phase::AwaitsAck } else { Phase::InStep };
        if self.rdb_only {
            tracing::info!(
                "RDB transfer completed, rdb only replica ({}) should be disconnected asap",
                self.name
            );
            return ctx.stop();
        }
        if next == Next::Ack {
            tracing::info!(
                "Streamed RDB transfer with replica {} succeeded (socket). Waiting for REPLCONF ACK from replica to \
                 enable streaming",
                self.name
            );
        }
        self.go_online();
        tracing::info!("Synchronization with replica {} succeeded", self.name);
    }
    /// `repl-timeout`, and limits that only time oversteps.
    fn look_after(&mut self, ctx: &mut Context<Self>) {
        if ctx.state() != ActorState::Running {
            // It is over. (The ticks that a stopped process has missed come all at once.)
            return;
        }
        let timeout = Duration::from_secs(self.board.config.load().repl_timeout_seconds.into());
        let silent_ms = now_ms() - self.record.heard_at_ms.load(Relaxed);
        let is_online = self.record.is_online();
        if is_online && self.speaks_psync && silent_ms > timeout.as_millis() as i64 {
            tracing::warn!("Disconnecting timedout replica (streaming sync): {}", self.name);
            return ctx.stop();
        }
        if !is_online && self.waits_writable && self.moved.elapsed() > timeout {
            tracing::warn!("Disconnecting timedout replica (full sync): {}", self.name);
            return ctx.stop();
        }
        self.check_limit(ctx);
    }
    /// `client-output-buffer-limit replica`: at once beyond the hard limit, after some seconds beyond the soft one.
    fn check_limit(&mut self, ctx: &mut Context<Self>) {
        let config = self.board.config.load();
        let limit = config.client_output_buffer_limit.replica;
        let waiting = self.stream.len() as u64;
        // Less than the backlog has would be too little for any that resumes from its front.
        let hard_bytes = limit.hard_bytes.max(config.repl_backlog_size);
        let is_over_hard = limit.hard_bytes > 0 && waiting >= hard_bytes;
        let is_over_soft = limit.soft_bytes > 0 && waiting >= limit.soft_bytes;
        let since = is_over_soft.then(|| self.over_soft_since.unwrap_or_else(Instant::now));
        self.over_soft_since = since;
        let is_too_long =
            since.is_some_and(|since| since.elapsed() > Duration::from_secs(limit.soft_seconds));
        if is_over_hard || is_too_long {
            tracing::warn!(
                "Client id={} addr={} (replica {}) scheduled to be closed ASAP for overcoming of output buffer limits: \
                 {waiting} bytes of the stream wait for it",
                self.client.id,
                self.client.address,
                self.name,
            );
            self.board.vitals.output_buffer_limit_disconnections.fetch_add(1, Relaxed);
            ctx.stop();
        }
    }
}

impl Actor for Replica {
    type Context = Context<Self>;
    fn started(&mut self, ctx: &mut Self::Context) {
        let replica = ctx.address();
        self.client.on_kill(move || replica.do_send(HangUp));
        // Somebody may have been faster, with nobody there to hear of it.
        if self.client.is_killed() {
            return ctx.stop();
        }
        ctx.spawn(Pump);
        ctx.run_interval(TICK, Replica::look_after);
    }
    fn stopped(&mut self, _: &mut Self::Context) {
        tracing::info!("Connection with replica {} lost.", self.name);
        dismiss(&self.board, &self.client);
        self.primary.do_send(Detached { record: self.record.clone() });
    }
}
/// Gives back what a client has taken that was handed over.
pub fn dismiss(board: &Board, client: &ClientRecord) {
    // In this order: who is off the roster takes no place of `maxclients` any more.
    board.vitals.connected.fetch_sub(1, Relaxed);
    board.roster.leave(client.id);
}
/// `repl-disable-tcp-nodelay`: fewer and larger packets, a little later.
pub fn delay_packets(socket: &Accepted) {
    let delayed = match socket {
        Accepted::Tcp(stream) => SockRef::from(stream).set_tcp_nodelay(false),
        Accepted::Tls(stream) => match stream.descriptor() {
            Some(descriptor) => SockRef::from(&descriptor).set_tcp_nodelay(false),
            None => Ok(()),
        },
        Accepted::Unix(..) => Ok(()),
    };
    if let Err(error) = delayed {
        tracing::debug!("A replica's socket keeps its TCP_NODELAY: {error}");
    }
}

impl Replica {
    fn say(&mut self, bytes: Bytes) {
        self.ahead.push(Stretch::new(bytes, &self.board.replication.slow_bytes));
    }
}
impl Handler<Say> for Replica {
    type Result = ();
    fn handle(&mut self, Say(bytes): Say, ctx: &mut Self::Context) {
        self.say(bytes);
        self.flush(ctx);
    }
}
impl Handler<KeepAlive> for Replica {
    type Result = ();
    fn handle(&mut self, _: KeepAlive, ctx: &mut Self::Context) {
        if self.ahead.is_empty() && self.file.is_none() {
            self.say(Bytes::from_static(b"\n"));
            self.flush(ctx);
        }
    }
}
impl Handler<SendPart> for Replica {
    type Result = ();
    fn handle(&mut self, SendPart(part): SendPart, ctx: &mut Self::Context) {
        self.ahead.push(part);
        self.owes_word = true;
        self.flush(ctx);
    }
}
impl Handler<SendLast> for Replica {
    type Result = ();
    fn handle(&mut self, SendLast(part): SendLast, ctx: &mut Self::Context) {
        self.ahead.push(part);
        self.phase = Phase::Ending(Next::Ack);
        self.flush(ctx);
    }
}
impl Handler<SendFile> for Replica {
    type Result = ();
    fn handle(&mut self, SendFile { file, bytes }: SendFile, ctx: &mut Self::Context) {
        self.record.set_state(ReplicaState::Syncing);
        self.say(format!("${bytes}\r\n").into());
        self.file = Some(Bulk { file, done: 0, bytes });
        self.phase = Phase::Ending(Next::Stream);
        self.flush(ctx);
    }
}
impl Handler<Stream> for Replica {
    type Result = ();
    fn handle(&mut self, Stream(stretch): Stream, ctx: &mut Self::Context) {
        self.stream.push(stretch);
        // What comes in one turn is written at once.
        if self.phase == Phase::InStep && !self.waits_writable {
            if !std::mem::replace(&mut self.will_flush, true) {
                ctx.notify(Flush);
            }
        } else {
            self.post();
            self.check_limit(ctx);
        }
    }
}
impl Handler<Gather> for Replica {
    type Result = ();
    fn handle(&mut self, Gather(whole): Gather, _: &mut Self::Context) {
        self.stream.gather(&whole);
    }
}
impl Handler<Flush> for Replica {
    type Result = ();
    fn handle(&mut self, _: Flush, ctx: &mut Self::Context) {
        self.will_flush = false;
        self.flush(ctx);
    }
}
impl Handler<Resume> for Replica {
    type Result = ();
    fn handle(&mut self, Resume(stretches): Resume, ctx: &mut Self::Context) {
        stretches.into_iter().for_each(|stretch| self.stream.push(stretch));
        self.phase = Phase::InStep;
        self.go_online();
        self.flush(ctx);
    }
}
impl Handler<HangUp> for Replica {
    type Result = ();
    fn handle(&mut self, _: HangUp, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
impl Handler<Farewell> for Replica {
    type Result = ();
    fn handle(&mut self, _: Farewell, ctx: &mut Self::Context) {
        self.flush(ctx);
        ctx.stop();
    }
}
impl Replica {
    /// Tells Primary that there is room for more of the snapshot, if it waits for that.
    fn ask_for_more(&mut self) {
        if self.owes_word && self.ahead.len() < writing::AHEAD_BYTES_MAX {
            self.owes_word = false;
            self.primary.do_send(Ready { client: self.client.id });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn packets_may_wait_for_each_other() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let stream = TcpStream::connect(listener.local_addr().expect("a bound socket")).expect("it listens");
        stream.set_nodelay(true).expect("a socket");
        let same = stream.try_clone().expect("a descriptor is left");
        delay_packets(&Accepted::Tcp(stream));
        assert!(!same.nodelay().expect("a socket"));
    }
}
