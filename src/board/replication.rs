//! Replication as all may see it: whom we follow, who follows us, and how far each is.
//!
//! The *stream* is what replicas are sent: the effects of all commands, one behind the other. A place in it is an
//! *offset*, the number of bytes before it. An *id* names a history of the data; two servers with the same id and the
//! same offset hold the same data. A replica that is promoted begins a new history: the old one stays its second id,
//! valid up to where it began, so that its fellows can go on without being sent all data anew.
use super::{ClientRecord, Gauge, hex_digits};
use arc_swap::{ArcSwap, ArcSwapOption};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

/// For so long after its master has asked how far it is, a replica says so by itself whenever it has applied all that it
/// has: where there is one WAIT there are more, and the next need not wait for the question to get there. Masters that know
/// nothing of it take an answer to no question as well.
pub const UNASKED_FOR: Duration = Duration::from_secs(1);

/// No server has ever told so much. An offset beyond it is made up, and there might be no room behind it to count on.
pub const OFFSET_MAX: u64 = 1 << 62;

pub struct Replication {
    /// We are a replica. Writer: the Supervisor, which sets it before the Keyspace hears of it.
    pub follows: AtomicBool,
    /// The link to our master; none if we are a master. Writer: the Supervisor puts it here; what is in it: Upstream.
    pub link: ArcSwapOption<Link>,
    /// Writer: Primary.
    pub history: ArcSwap<History>,
    /// How long the stream is. Writer: the Keyspace.
    pub offset: AtomicU64,
    /// Of a replica: up to where it is on the medium. Writer: the Keyspace.
    pub synced_offset: AtomicU64,
    /// Writer: Primary.
    pub backlog: Backlog,
    /// Memory of what slow replicas have still to be sent and the backlog has not, bytes. It is there once, however many
    /// wait for it.
    pub slow_bytes: Gauge,
    /// Those attached to us, in the order in which they came. Writer: Primary; what is in them: their Replica actors.
    pub replicas: ArcSwap<Vec<Arc<ReplicaRecord>>>,
    /// How many replicas must be in step for clients to write (`min-replicas-to-write`); 0: any number will do. Writer:
    /// the Supervisor.
    pub wanted_replicas: AtomicUsize,
    /// What was loaded at the start says what data they are. Writer: the Keyspace.
    pub is_resumed: AtomicBool,
    /// The database that the stream has selected at its end, where it is our master's. Writer: the Keyspace.
    pub stream_db: AtomicUsize,
    /// Replicas that are in step, and said so within `min-replicas-max-lag`. Writer: Primary.
    pub good_replicas: AtomicUsize,
    /// Snapshots for replicas that are under way. Writer: Primary.
    pub syncs: AtomicUsize,
    /// Syncs served: in full, from the backlog, and those that asked for the latter and could not have it.
    pub full: AtomicU64,
    pub partial: AtomicU64,
    pub partial_refused: AtomicU64,
    /// Writer: the Supervisor.
    failover: AtomicU8,
    /// The Supervisor waits for replicas, and wants to hear of each that is heard. Writer: the Supervisor.
    pub awaits_replicas: AtomicBool,
}

/// By which histories the data may be named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// 40 hex digits.
    pub id: String,
    /// The one before, if there is one.
    pub second_id: Option<String>,
    /// The second id holds for offsets below this.
    pub second_end: u64,
}

/// The latest part of the stream, kept for replicas that come back.
#[derive(Debug, Default)]
pub struct Backlog {
    pub is_on: AtomicBool,
    /// Offset of its first byte.
    pub first: AtomicU64,
    pub bytes: AtomicU64,
    /// Memory that it takes, which may be more.
    pub held_bytes: AtomicU64,
}

/// How far the link to our master is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum LinkState {
    /// It is to be connected, now or later.
    Waiting = 0,
    Connecting = 1,
    /// It is agreed on how to go on. That may take long, if the master has to begin a snapshot first.
    Greeting = 2,
    /// All data are on their way.
    Syncing = 3,
    Connected = 4,
}

/// The link to our master.
#[derive(Default)]
pub struct Link {
    pub host: String,
    pub port: u16,
    state: AtomicU8,
    /// When something came last, ms since 1970.
    pub heard_at_ms: AtomicI64,
    /// Since when it is down, ms since 1970; 0: it never was up.
    pub down_since_ms: AtomicI64,
    /// Of the sync under way: all (0: nobody knows), and what has come.
    pub sync_bytes: AtomicU64,
    pub synced_bytes: AtomicU64,
    /// When a part of it came last, ms since 1970.
    pub synced_at_ms: AtomicI64,
    /// What has been read of the stream; what was applied is in [`Replication::offset`].
    pub read_offset: AtomicU64,
    /// Its client, as it stands in the roster.
    pub client: ArcSwapOption<ClientRecord>,
}
impl LinkState {
    /// As ROLE says it.
    pub fn name(self) -> &'static str {
        match self {
            LinkState::Waiting => "connect",
            LinkState::Connecting => "connecting",
            LinkState::Greeting => "handshake",
            LinkState::Syncing => "sync",
            LinkState::Connected => "connected",
        }
    }
}
impl ReplicaState {
    /// As INFO says it.
    pub fn name(self) -> &'static str {
        match self {
            ReplicaState::WaitsForSnapshot => "wait_bgsave",
            ReplicaState::Syncing => "send_bulk",
            ReplicaState::Online => "online",
        }
    }
}
/// How far FAILOVER is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Failover {
    None = 0,
    /// Writers pause until the replica has all.
    WaitsForReplica = 1,
    /// The replica is asked to become the master.
    InProgress = 2,
}
impl Failover {
    /// As INFO says it.
    pub fn name(self) -> &'static str {
        match self {
            Failover::None => "no-failover",
            Failover::WaitsForReplica => "waiting-for-sync",
            Failover::InProgress => "failover-in-progress",
        }
    }
}

impl Link {
    pub fn new(host: String, port: u16) -> Link {
        Link { host, port, ..Link::default() }
    }
    pub fn state(&self) -> LinkState {
        match self.state.load(Relaxed) {
            0 => LinkState::Waiting,
            1 => LinkState::Connecting,
            2 => LinkState::Greeting,
            3 => LinkState::Syncing,
            _ => LinkState::Connected,
        }
    }
    pub fn set_state(&self, state: LinkState) {
        self.state.store(state as u8, Relaxed);
    }
}

/// How far a replica is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ReplicaState {
    /// It has no whole snapshot yet to be sent: it waits for one, or gets it while it is made.
    WaitsForSnapshot = 0,
    /// Is being sent the file of one.
    Syncing = 1,
    /// Is being sent the stream.
    Online = 2,
}

/// A replica that is attached to us.
#[derive(Debug, Default)]
pub struct ReplicaRecord {
    /// Id of its client.
    pub client: u64,
    /// As it said (`REPLCONF ip-address`), or as its socket says.
    pub ip: String,
    /// `REPLCONF listening-port`; 0: it did not say.
    pub port: u16,
    state: AtomicU8,
    /// What it said to have applied, and to have on its medium (-1: it does not say).
    pub offset: AtomicU64,
    pub synced_offset: AtomicI64,
    /// When it said so, ms since 1970.
    pub heard_at_ms: AtomicI64,
    /// It says so unasked while it remembers a question: see [`UNASKED_FOR`].
    pub acks_unasked: bool,
    /// It only wants a snapshot.
    pub rdb_only: AtomicBool,
    /// Bytes that wait to be sent to it.
    pub pending_bytes: AtomicU64,
    /// Memory that it takes to keep them in order, bytes.
    pub queue_bytes: AtomicU64,
}
impl ReplicaRecord {
    /// One that has said nothing yet of how far it is.
    pub fn new(client: u64, ip: String, port: u16, now_ms: i64) -> ReplicaRecord {
        let (heard_at_ms, synced_offset) = (AtomicI64::new(now_ms), AtomicI64::new(-1));
        ReplicaRecord { client, ip, port, heard_at_ms, synced_offset, ..ReplicaRecord::default() }
    }
    pub fn state(&self) -> ReplicaState {
        match self.state.load(Relaxed) {
            0 => ReplicaState::WaitsForSnapshot,
            1 => ReplicaState::Syncing,
            _ => ReplicaState::Online,
        }
    }
    pub fn set_state(&self, state: ReplicaState) {
        self.state.store(state as u8, Relaxed);
    }
    pub fn is_online(&self) -> bool {
        self.state() == ReplicaState::Online
    }
}

impl Replication {
    pub(super) fn new(rng: &mut fastrand::Rng) -> Replication {
        Replication {
            follows: AtomicBool::new(false),
            link: ArcSwapOption::empty(),
            history: ArcSwap::from_pointee(History { id: hex_digits(rng), second_id: None, second_end: 0 }),
            offset: AtomicU64::new(0),
            synced_offset: AtomicU64::new(0),
            backlog: Backlog::default(),
            slow_bytes: Gauge::default(),
            replicas: ArcSwap::default(),
            is_resumed: AtomicBool::new(false),
            wanted_replicas: AtomicUsize::new(0),
            stream_db: AtomicUsize::new(0),
            good_replicas: AtomicUsize::new(0),
            syncs: AtomicUsize::new(0),
            full: AtomicU64::new(0),
            partial: AtomicU64::new(0),
            partial_refused: AtomicU64::new(0),
            failover: AtomicU8::new(0),
            awaits_replicas: AtomicBool::new(false),
        }
    }
    #[inline]
    pub fn is_replica(&self) -> bool {
        self.follows.load(Relaxed)
    }
    pub fn failover(&self) -> Failover {
        match self.failover.load(Relaxed) {
            0 => Failover::None,
            1 => Failover::WaitsForReplica,
            _ => Failover::InProgress,
        }
    }
    pub fn set_failover(&self, state: Failover) {
        self.failover.store(state as u8, Relaxed);
    }
    /// Whether our master can be heard.
    pub fn is_linked(&self) -> bool {
        self.link.load().as_ref().is_some_and(|link| link.state() == LinkState::Connected)
    }
    /// How many replicas said to have applied the stream up to here.
    pub fn acknowledged(&self, offset: u64) -> usize {
        let has =
            |replica: &&Arc<ReplicaRecord>| replica.is_online() && replica.offset.load(Relaxed) >= offset;
        self.replicas.load().iter().filter(has).count()
    }
    /// Whether all that are in step say unasked how far they are, while they remember a question.
    pub fn all_ack_unasked(&self) -> bool {
        self.replicas.load().iter().filter(|replica| replica.is_online()).all(|replica| replica.acks_unasked)
    }
    /// How many have not said so.
    pub fn lagging(&self, offset: u64) -> usize {
        let lags = |replica: &&Arc<ReplicaRecord>| replica.offset.load(Relaxed) < offset;
        self.replicas.load().iter().filter(lags).count()
    }
    /// How many said to have it on their media.
    pub fn acknowledged_synced(&self, offset: u64) -> usize {
        let has = |replica: &&Arc<ReplicaRecord>| {
            let synced = u64::try_from(replica.synced_offset.load(Relaxed));
            replica.is_online() && synced.is_ok_and(|synced| synced >= offset)
        };
        self.replicas.load().iter().filter(has).count()
    }
    /// Memory that the part of the stream takes which is kept, bytes: for those who come back, and for those who are slow.
    /// It is there once, however many need it.
    pub fn kept_bytes(&self) -> u64 {
        self.backlog.held_bytes.load(Relaxed) + self.slow_bytes.load(Relaxed)
    }
    /// Memory that it takes to know what of it each replica has still to be sent, bytes.
    pub fn queues_bytes(&self) -> u64 {
        self.replicas.load().iter().map(|replica| replica.queue_bytes.load(Relaxed)).sum()
    }
    /// Memory that is there for slow replicas only, bytes: it goes again when they have caught up.
    pub fn bytes_beyond_backlog(&self) -> u64 {
        let backlog = &self.backlog;
        // What the Keyspace has told, and Primary has still to take. Where it has nothing yet, it need not know from where on.
        let underway = match backlog.bytes.load(Relaxed) {
            0 => 0,
            bytes => self.offset.load(Relaxed).saturating_sub(backlog.first.load(Relaxed) + bytes),
        };
        self.slow_bytes.load(Relaxed) + self.queues_bytes() + underway
    }
    /// CONFIG RESETSTAT.
    pub fn reset(&self) {
        for count in [&self.full, &self.partial, &self.partial_refused] {
            count.store(0, Relaxed);
        }
    }
}
