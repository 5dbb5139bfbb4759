//! The board: facts that hang where every actor can read them without asking.
//!
//! It is the one exception to "messages only". Each *post* has one writer and many readers: the configuration, the
//! roster of clients, the vitals. Readers see a recent state, never a torn one; nobody waits for anybody.
mod archive;
mod busy;
mod passing;
mod pause;
mod replication;
mod roster;
mod subscriptions;
mod tally;
mod vitals;

pub use archive::{Activity, Archive, Loading};
pub use busy::{Busy, BusyWith, Slow};
pub use passing::{Gauge, Share};
pub use pause::{Pause, PauseReason, PauseScope};
pub use replication::{
    Backlog, Failover, History, Link, LinkState, OFFSET_MAX, ReplicaRecord, ReplicaState, Replication,
    UNASKED_FOR,
};
pub use roster::{ClientKind, ClientRecord, Place, Roster, TrackingMode};
pub use subscriptions::{Subscriptions, Topic};
pub use tally::{CommandTally, Tallies, Tally};
pub use vitals::{Errors, Lag, Vitals};

use crate::{config::Config, tls};
use arc_swap::{ArcSwap, ArcSwapOption};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::Instant,
};

pub struct Board {
    /// The configuration in force. Writer: the Supervisor.
    pub config: ArcSwap<Config>,
    /// What TLS sessions are made from, if the configuration has any use for them. Writer: the Supervisor.
    pub tls: ArcSwapOption<tls::Contexts>,
    /// The configuration file, if there is one.
    pub config_file: Option<PathBuf>,
    /// Writers: the Couriers, each for its clients.
    pub roster: Roster,
    pub vitals: Vitals,
    pub errors: Errors,
    pub tallies: Tallies,
    pub pause: Pause,
    pub archive: Archive,
    /// What is on its way to the disk, bytes of memory. Writers: who has it at the time.
    pub passing: Gauge,
    pub busy: Busy,
    pub subscriptions: Subscriptions,
    /// 40 hex digits that name this run of the server.
    pub run_id: String,
    pub replication: Replication,
    /// When the server ends at the latest, ms since 1970, while a shutdown waits for replicas; else 0. Writer: the
    /// Supervisor.
    pub ends_at_ms: AtomicI64,
    pub started: Instant,
    /// ms since 1970.
    pub started_at_ms: i64,
    pub executable: String,
}

fn hex_digits(rng: &mut fastrand::Rng) -> String {
    (0..40).map(|_| rng.digit(16)).collect()
}

impl Board {
    pub fn new(config: Config, config_file: Option<PathBuf>, seed: u64, now_ms: i64) -> Arc<Board> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let executable = std::env::current_exe().map(|path| path.display().to_string()).unwrap_or_default();
        Arc::new(Board {
            config: ArcSwap::from_pointee(config),
            tls: ArcSwapOption::empty(),
            config_file,
            roster: Roster::default(),
            vitals: Vitals::default(),
            errors: Errors::default(),
            tallies: Tallies::default(),
            pause: Pause::default(),
            archive: Archive::new(now_ms / 1000),
            passing: Gauge::default(),
            busy: Busy::default(),
            subscriptions: Subscriptions::default(),
            run_id: hex_digits(&mut rng),
            replication: Replication::new(&mut rng),
            ends_at_ms: AtomicI64::new(0),
            started: Instant::now(),
            started_at_ms: now_ms,
            executable,
        })
    }
    /// What a connection that is opened needs for TLS; nothing if TLS is not `wanted`.
    ///
    /// # Errors
    /// If it is, and not configured: that must not become a connection without it.
    pub fn tls_if(&self, wanted: bool) -> Result<Option<Arc<tls::Contexts>>, &'static str> {
        match (wanted, self.tls.load_full()) {
            (false, _) => Ok(None),
            (true, None) => Err("TLS is wanted, but not configured"),
            (true, contexts) => Ok(contexts),
        }
    }
    /// Notes that a client waits: blocked, or paused. It is counted once, however often this is said.
    pub fn block(&self, client: &ClientRecord) {
        if !client.blocked.swap(true, Relaxed) {
            self.vitals.blocked_clients.fetch_add(1, Relaxed);
        }
    }
    /// Notes that a client waits no more: it was served, or it is gone.
    pub fn unblock(&self, client: &ClientRecord) {
        if client.blocked.swap(false, Relaxed) {
            self.vitals.blocked_clients.fetch_sub(1, Relaxed);
        }
    }
}
