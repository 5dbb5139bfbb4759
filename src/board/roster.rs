//! Who is connected: one record per client, readable by all (CLIENT LIST, CLIENT KILL, INFO clients).
use arc_swap::{ArcSwap, ArcSwapOption};
use dashmap::DashMap;
use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed},
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

/// What is known of one client. Writers: its Connection and its Courier, which share a thread.
pub struct ClientRecord {
    pub id: u64,
    /// `ip:port`, or the socket's path with `:0`.
    pub address: String,
    pub local_address: String,
    pub file_descriptor: i32,
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
    /// Waits in the Keyspace: blocked or paused.
    pub blocked: AtomicBool,
    /// The connection ends once its pending output is written.
    pub closing: AtomicBool,
    pub query_buffer_bytes: AtomicUsize,
    pub query_buffer_peak_bytes: AtomicUsize,
    pub output_buffer_bytes: AtomicUsize,
    pub input_bytes: AtomicU64,
    pub output_bytes: AtomicU64,
    pub commands: AtomicU64,
    hang_up: OnceLock<Box<dyn Fn() + Send + Sync>>,
    killed: AtomicBool,
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
            file_descriptor,
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
            query_buffer_bytes: AtomicUsize::new(0),
            query_buffer_peak_bytes: AtomicUsize::new(0),
            output_buffer_bytes: AtomicUsize::new(0),
            input_bytes: AtomicU64::new(0),
            output_bytes: AtomicU64::new(0),
            commands: AtomicU64::new(0),
            hang_up: OnceLock::new(),
            killed: AtomicBool::new(false),
        }
    }
    /// How to end this client's connection; given once, by its Courier.
    pub fn on_kill(&self, hang_up: impl Fn() + Send + Sync + 'static) {
        let _ = self.hang_up.set(Box::new(hang_up));
    }
    /// Asks for the end of the connection. Works from any thread, once.
    pub fn kill(&self) {
        if !self.killed.swap(true, Relaxed)
            && let Some(hang_up) = self.hang_up.get()
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
    pub fn kind(&self) -> ClientKind {
        ClientKind::Normal
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
