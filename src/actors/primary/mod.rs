//! Primary: what we are to those who follow us. It keeps the backlog and the ids of the history, decides how a replica is
//! brought into step, and hands each of its Replica actors the stream, the same bytes to all.
//!
//! The Keyspace alone knows where the stream is; Primary learns it from the order of what the Keyspace tells: a snapshot
//! begins, and behind that word comes the stream that follows it.
//!
//! * `attaching`: a replica comes, and goes; * `decision`: whether it can go on where it was; * `backlog`: from what;
//! * `waves`, `framing`, `spool`: snapshots on their way; * `history`: ids; * `clock`: what is done each second.
mod attaching;
mod backlog;
mod clock;
mod decision;
mod framing;
mod history;
pub mod messages;
mod spool;
pub mod stretch;
mod waves;

use crate::{
    actors::{
        keyspace::{AcksCame, Feed, Keyspace},
        replica::{
            Replica,
            messages::{Farewell, Gather, Stream},
        },
    },
    board::{Board, ReplicaRecord},
    commands::replication::Announced,
    store::SnapshotId,
};
use actix::prelude::*;
use backlog::{Backlog, Pushed};
use bytes::Bytes;
use messages::{Attach, Close, LeadNow, ReplicaHeard, Streamed};
use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};
use waves::{Plan, Wave};

pub struct Primary {
    board: Arc<Board>,
    keyspace: Option<Addr<Keyspace>>,
    superior: Option<Superior>,
    /// `None` while there is no stream.
    backlog: Option<Backlog>,
    /// In the order in which they came.
    followers: Vec<Follower>,
    /// Snapshots that the Keyspace was asked for, and has not begun.
    asked: VecDeque<Plan>,
    waves: Vec<Wave>,
    /// Who comes when we are to become the master first.
    heralds: Vec<Attach>,
    /// Since when nobody follows us.
    alone_since: Instant,
    /// Seconds that have passed.
    seconds: u64,
    last_tick: Instant,
    /// Where files are written.
    files: ArbiterHandle,
    /// The Keyspace, and clients, are on this thread, too.
    is_beside_data: bool,
    rng: fastrand::Rng,
}

/// A replica, as Primary knows it.
struct Follower {
    record: Arc<ReplicaRecord>,
    actor: Addr<Replica>,
    announced: Announced,
    /// As the log calls it.
    name: String,
    speaks_psync: bool,
    place: Place,
}
/// Where a follower is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    WaitsForSnapshot { since: Instant },
    OnWave(SnapshotId),
    InStep,
}
impl Follower {
    fn client(&self) -> u64 {
        self.record.client
    }
    /// It needs the stream from here on.
    fn is_streamed_to(&self) -> bool {
        !self.announced.rdb_only && !matches!(self.place, Place::WaitsForSnapshot { .. })
    }
}

const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";
/// The question to replicas how far they are.
pub const GETACK: &[u8] = b"*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n";

impl Primary {
    pub fn new(board: Arc<Board>, files: ArbiterHandle, is_beside_data: bool) -> Primary {
        Primary {
            board,
            keyspace: None,
            superior: None,
            backlog: None,
            followers: Vec::new(),
            asked: VecDeque::new(),
            waves: Vec::new(),
            heralds: Vec::new(),
            alone_since: Instant::now(),
            seconds: 0,
            last_tick: Instant::now(),
            files,
            is_beside_data,
            rng: fastrand::Rng::new(),
        }
    }
    fn tell_keyspace<M>(&self, message: M)
    where
        M: Message + Send + 'static,
        M::Result: Send,
        Keyspace: Handler<M>,
    {
        if let Some(keyspace) = &self.keyspace {
            keyspace.do_send(message);
        }
    }
    fn follower(&mut self, client: u64) -> Option<&mut Follower> {
        self.followers.iter_mut().find(|follower| follower.client() == client)
    }
    fn post_backlog(&self) {
        let post = &self.board.replication.backlog;
        post.is_on.store(self.backlog.is_some(), Relaxed);
        let (first, bytes) = self.backlog.as_ref().map_or((0, 0), |log| (log.first(), log.len()));
        post.first.store(first, Relaxed);
        post.bytes.store(bytes as u64, Relaxed);
        let held = self.backlog.as_ref().map_or(0, Backlog::held_bytes);
        post.held_bytes.store(held as u64, Relaxed);
    }
    fn trim_backlog(&mut self) {
        if let Some(backlog) = &mut self.backlog {
            let most = self.board.config.load().repl_backlog_size;
            backlog.trim(usize::try_from(most).unwrap_or(usize::MAX));
        }
        self.post_backlog();
    }
    /// Puts something into the stream that is no effect.
    fn feed(&self, command: &'static [u8]) {
        self.tell_keyspace(Feed(Bytes::from_static(command)));
    }
}
impl Actor for Primary {
    type Context = Context<Self>;
    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(clock::SECOND, Primary::tick);
    }
}

/// What of the Supervisor Primary knows.
#[derive(Clone)]
pub struct Superior {
    /// Makes us the master.
    pub leads: Recipient<LeadNow>,
    /// Waits for replicas, while `awaits_replicas` stands on the board.
    pub waits: Recipient<ReplicaHeard>,
}

/// From the server: the Keyspace, as it stands now, and the Supervisor.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Serve {
    pub keyspace: Addr<Keyspace>,
    pub superior: Option<Superior>,
}
impl Handler<Serve> for Primary {
    type Result = ();
    fn handle(&mut self, Serve { keyspace, superior }: Serve, _: &mut Self::Context) {
        self.keyspace = Some(keyspace);
        self.superior = superior;
    }
}

impl Handler<Streamed> for Primary {
    type Result = ();
    fn handle(&mut self, Streamed { bytes, end }: Streamed, _: &mut Self::Context) {
        // It may have been told to end meanwhile.
        let Some(backlog) = &mut self.backlog else { return };
        let begin = end.saturating_sub(bytes.len() as u64);
        if backlog.end() != begin {
            // It was not known where the stream would begin. (Amid it, a gap is a fault of ours, and is not handed on.)
            let is_gap = backlog.len() > 0;
            *backlog = Backlog::at(begin, &self.board.replication.slow_bytes);
            if is_gap {
                tracing::error!("The stream has a gap at offset {begin}: replicas have to ask again");
                self.part();
            }
        }
        let Some(backlog) = &mut self.backlog else { return };
        let Pushed { gathered, piece } = backlog.push(bytes);
        for follower in self.followers.iter().filter(|follower| follower.is_streamed_to()) {
            if let Some(gathered) = &gathered {
                follower.actor.do_send(Gather(gathered.clone()));
            }
            follower.actor.do_send(Stream(piece.clone()));
        }
        self.trim_backlog();
    }
}

impl Handler<messages::Heard> for Primary {
    type Result = ();
    fn handle(&mut self, messages::Heard { record }: messages::Heard, _: &mut Self::Context) {
        if record.is_online()
            && let Some(follower) = self.follower(record.client)
        {
            follower.place = Place::InStep;
        }
        self.count_good();
        self.tell_keyspace(AcksCame);
        self.tell_who_waits();
    }
}
impl Primary {
    /// A failover or a shutdown may wait for this.
    fn tell_who_waits(&self) {
        if self.board.replication.awaits_replicas.load(Relaxed)
            && let Some(superior) = &self.superior
        {
            superior.waits.do_send(ReplicaHeard);
        }
    }
}

impl Handler<Close> for Primary {
    type Result = ();
    fn handle(&mut self, _: Close, _: &mut Self::Context) {
        self.followers.iter().for_each(|follower| follower.actor.do_send(Farewell));
    }
}
