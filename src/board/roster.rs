//! Who is connected: one record per client, readable by all (CLIENT LIST, CLIENT KILL, INFO clients).
use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use dashmap::DashMap;
use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed},
};

/// The classes that CLIENT LIST TYPE, CLIENT KILL TYPE and `client-output-buffer-limit` tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    Normal,
    Master,
    Replica,
    PubSub,
}
impl ClientKind {
    pub fn from_name(name: &[u8]) -> Option<ClientKind> {
        let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
        match () {
            () if is("normal") => Some(ClientKind::Normal),
            () if is("master") => Some(ClientKind::Master),
            () if is("slave") || is("replica") => Some(ClientKind::Replica),
            () if is("pubsub") => Some(ClientKind::PubSub),
            () => None,
        }
    }
}

type HangUp = Box<dyn Fn() + Send + Sync>;

/// What is known of one client. Writers: its Connection and its Courier, which share a thread.
pub struct ClientRecord {
    pub id: u64,
    /// `ip:port`, or the socket's path with `:0`.
    pub address: String,
    pub local_address: String,
    /// Another one for a connection that has become a replica's.
    pub file_descriptor: AtomicI32,
    /// ms since 1970.
    pub connected_at_ms: i64,
    /// ms since 1970.
    pub active_at_ms: AtomicI64,
    pub db: AtomicUsize,
    /// 2 or 3.
    pub protocol: AtomicU32,
    pub name: ArcSwapOption<String>,
    pub library_name: ArcSwapOption<String>,
    pub library_version: ArcSwapOption<String>,
    pub user: ArcSwap<String>,
    /// The last command: one more than its index in the registry; 0 for none yet.
    pub last_command: AtomicUsize,
    pub no_evict: AtomicBool,
    pub no_touch: AtomicBool,
    pub unix_socket: bool,
    /// Waits, blocked or paused. Set by [`Board::block`](super::Board::block), which counts.
    pub blocked: AtomicBool,
    /// The connection ends once its pending output is written.
    pub closing: AtomicBool,
    /// Channels, patterns and shard channels that the client is subscribed to. Writer: PubSub.
    pub channels: AtomicUsize,
    pub patterns: AtomicUsize,
    pub shard_channels: AtomicUsize,
    /// Commands queued since MULTI; negative outside of a transaction.
    pub queued_commands: AtomicI64,
    pub queued_bytes: AtomicUsize,
    pub watched_keys: AtomicUsize,
    /// CLIENT TRACKING. Writer: the Keyspace.
    pub tracking: TrackingPost,
    /// MONITOR. Writer: the Keyspace, until the client is gone.
    pub monitors: AtomicBool,
    /// Of the command at hand, all arguments together.
    pub argument_bytes: AtomicUsize,
    /// Bytes read and not yet done with: part of a request, requests that wait, and the one at hand.
    pub query_buffer_bytes: AtomicUsize,
    /// Capacity of the query buffer that is not in use.
    pub query_buffer_free_bytes: AtomicUsize,
    pub query_buffer_peak_bytes: AtomicUsize,
    /// Bytes that wait to be written, values that are shared with the data among them.
    pub output_buffer_bytes: AtomicUsize,
    /// Memory that only they hold: what is shared with the data is not counted here.
    pub output_memory_bytes: AtomicUsize,
    pub input_bytes: AtomicU64,
    pub output_bytes: AtomicU64,
    pub commands: AtomicU64,
    /// Bytes in and out when the Supervisor last looked.
    moved_bytes: AtomicU64,
    hang_up: ArcSwapOption<HangUp>,
    push: OnceLock<Box<dyn Fn(Bytes) + Send + Sync>>,
    killed: AtomicBool,
    place: OnceLock<Place>,
    role: OnceLock<ClientKind>,
    /// PubSub knows the client, and must hear of its end.
    pub known_to_pubsub: AtomicBool,
}

/// Where a client's output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of its Courier.
    pub courier: usize,
    /// Number of its line there.
    pub slot: usize,
}

impl ClientRecord {
    pub fn new(
        id: u64,
        address: String,
        local_address: String,
        file_descriptor: i32,
        unix_socket: bool,
        now_ms: i64,
    ) -> ClientRecord {
        ClientRecord {
            id,
            address,
            local_address,
            file_descriptor: AtomicI32::new(file_descriptor),
            connected_at_ms: now_ms,
            active_at_ms: AtomicI64::new(now_ms),
            db: AtomicUsize::new(0),
            protocol: AtomicU32::new(2),
            name: ArcSwapOption::empty(),
            library_name: ArcSwapOption::empty(),
            library_version: ArcSwapOption::empty(),
            user: ArcSwap::from_pointee("default".into()),
            last_command: AtomicUsize::new(0),
            no_evict: AtomicBool::new(false),
            no_touch: AtomicBool::new(false),
            unix_socket,
            blocked: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            channels: AtomicUsize::new(0),
            patterns: AtomicUsize::new(0),
            shard_channels: AtomicUsize::new(0),
            queued_commands: AtomicI64::new(-1),
            queued_bytes: AtomicUsize::new(0),
            watched_keys: AtomicUsize::new(0),
            tracking: TrackingPost::default(),
            monitors: AtomicBool::new(false),
            argument_bytes: AtomicUsize::new(0),
            query_buffer_bytes: AtomicUsize::new(0),
            query_buffer_free_bytes: AtomicUsize::new(0),
            query_buffer_peak_bytes: AtomicUsize::new(0),
            output_buffer_bytes: AtomicUsize::new(0),
            output_memory_bytes: AtomicUsize::new(0),
            input_bytes: AtomicU64::new(0),
            output_bytes: AtomicU64::new(0),
            commands: AtomicU64::new(0),
            moved_bytes: AtomicU64::new(0),
            hang_up: ArcSwapOption::empty(),
            push: OnceLock::new(),
            killed: AtomicBool::new(false),
            place: OnceLock::new(),
            role: OnceLock::new(),
            known_to_pubsub: AtomicBool::new(false),
        }
    }
    /// Where its output goes; given once, by its Courier.
    pub fn seat(&self, place: Place) {
        let _ = self.place.set(place);
    }
    pub fn place(&self) -> Option<Place> {
        self.place.get().copied()
    }
    /// How to end this client's connection; given by who has its socket: its Courier, later perhaps its Replica. Who takes
    /// the socket over looks behind this whether it [is killed](ClientRecord::is_killed) already.
    pub fn on_kill(&self, hang_up: impl Fn() + Send + Sync + 'static) {
        self.hang_up.store(Some(Arc::new(Box::new(hang_up))));
    }
    /// How to send this client what it did not ask for; given once, by its Courier.
    pub fn on_push(&self, send: impl Fn(Bytes) + Send + Sync + 'static) {
        let _ = self.push.set(Box::new(send));
    }
    /// Sends bytes to the client, behind the replies that are on their way to it, unless it is about to leave. Works from
    /// any thread.
    pub fn push(&self, bytes: Bytes) {
        if !self.closing.load(Relaxed)
            && let Some(push) = self.push.get()
        {
            push(bytes)
        }
    }
    /// The Keyspace keeps something in mind for the client: it must be told when the client is gone.
    pub fn is_kept_in_mind(&self) -> bool {
        self.watched_keys.load(Relaxed) > 0 || self.tracking.load().on || self.monitors.load(Relaxed)
    }
    pub fn speaks_resp3(&self) -> bool {
        self.protocol.load(Relaxed) == 3
    }
    /// How long nothing was asked or sent, in ms. A large request or reply that takes its time on a slow line counts as
    /// activity from one look to the next. The Supervisor looks, once in a while.
    pub fn idle_ms(&self, now_ms: i64) -> i64 {
        let moved_bytes = self.input_bytes.load(Relaxed) + self.output_bytes.load(Relaxed)
            - self.output_buffer_bytes.load(Relaxed) as u64;
        if self.moved_bytes.swap(moved_bytes, Relaxed) != moved_bytes {
            self.active_at_ms.fetch_max(now_ms, Relaxed);
        }
        now_ms - self.active_at_ms.load(Relaxed)
    }
    /// Asks for the end of the connection. Works from any thread, once.
    pub fn kill(&self) {
        if !self.killed.swap(true, Relaxed)
            && let Some(hang_up) = self.hang_up.load_full()
        {
            hang_up()
        }
    }
    pub fn is_killed(&self) -> bool {
        self.killed.load(Relaxed)
    }
    /// Connected from this machine.
    pub fn is_local(&self) -> bool {
        self.unix_socket
            || self
                .address
                .parse::<std::net::SocketAddr>()
                .is_ok_and(|peer| peer.ip().to_canonical().is_loopback())
    }
    /// It is our master, or a replica of ours; said once.
    pub fn is_now(&self, role: ClientKind) {
        let _ = self.role.set(role);
    }
    pub fn kind(&self) -> ClientKind {
        if let Some(role) = self.role.get() {
            return *role;
        }
        if self.is_subscribed() { ClientKind::PubSub } else { ClientKind::Normal }
    }
    pub fn is_subscribed(&self) -> bool {
        [&self.channels, &self.patterns, &self.shard_channels].iter().any(|count| count.load(Relaxed) > 0)
    }
    /// Memory that the client costs, in bytes: its buffers, and what is kept of it. Values that it shares with
    /// the data are counted there.
    pub fn memory_bytes(&self) -> usize {
        let buffers = [
            &self.query_buffer_bytes,
            &self.query_buffer_free_bytes,
            &self.output_memory_bytes,
            &self.argument_bytes,
            &self.queued_bytes,
        ];
        size_of::<ClientRecord>() + buffers.iter().map(|bytes| bytes.load(Relaxed)).sum::<usize>()
    }
}

/// How a client tracks keys, as CLIENT LIST shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrackingMode {
    pub on: bool,
    pub broadcasts: bool,
    /// The one who was to be told in its place is gone.
    pub is_broken: bool,
    /// Who is told in its place; 0: nobody.
    pub redirect: u64,
}
/// A [`TrackingMode`] that all may read.
#[derive(Default)]
pub struct TrackingPost(AtomicU64);
impl TrackingPost {
    pub fn store(&self, mode: TrackingMode) {
        let TrackingMode { on, broadcasts, is_broken, redirect } = mode;
        let flags = u64::from(on) | u64::from(broadcasts) << 1 | u64::from(is_broken) << 2;
        self.0.store(redirect << 3 | flags, Relaxed);
    }
    pub fn load(&self) -> TrackingMode {
        let word = self.0.load(Relaxed);
        let is = |bit: u64| word >> bit & 1 != 0;
        TrackingMode { on: is(0), broadcasts: is(1), is_broken: is(2), redirect: word >> 3 }
    }
}

/// All clients by id.
#[derive(Default)]
pub struct Roster {
    clients: DashMap<u64, Arc<ClientRecord>, ahash::RandomState>,
    last_id: AtomicU64,
}

impl Roster {
    pub fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Relaxed) + 1
    }
    pub fn enter(&self, record: Arc<ClientRecord>) {
        self.clients.insert(record.id, record);
    }
    pub fn leave(&self, id: u64) {
        self.clients.remove(&id);
    }
    /// Ends a client's connection and takes it off the roster at once: who kills and then counts must not meet the
    /// dead. (Its Courier says `leave` once more, when the socket is closed.) False if somebody else was faster.
    pub fn kill(&self, record: &ClientRecord) -> bool {
        let present = self.clients.remove(&record.id).is_some();
        record.kill();
        present
    }
    pub fn get(&self, id: u64) -> Option<Arc<ClientRecord>> {
        self.clients.get(&id).map(|found| found.value().clone())
    }
    pub fn len(&self) -> usize {
        self.clients.len()
    }
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }
    /// Everyone, in order of arrival.
    pub fn all(&self) -> Vec<Arc<ClientRecord>> {
        let mut all: Vec<_> = self.clients.iter().map(|found| found.value().clone()).collect();
        all.sort_unstable_by_key(|record| record.id);
        all
    }
}
