//! The board: facts that hang where every actor can read them without asking.
//!
//! It is the one exception to "messages only". Each *post* has one writer and many readers: the configuration, the
//! roster of clients, the vitals. Readers see a recent state, never a torn one; nobody waits for anybody.
mod archive;
mod busy;
mod replication;
mod roster;
mod subscriptions;
mod tally;
mod vitals;

pub use archive::{Activity, Archive, Loading};
pub use busy::{Busy, BusyWith, Slow};
pub use replication::{
    Backlog, Failover, History, Link, LinkState, ReplicaRecord, ReplicaState, Replication,
};
pub use roster::{ClientKind, ClientRecord, Place, Roster, TrackingMode};
pub use subscriptions::{Subscriptions, Topic};
pub use tally::{CommandTally, Tallies, Tally};
pub use vitals::{Errors, Lag, Vitals};

use crate::config::Config;
use arc_swap::ArcSwap;
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU8, Ordering::Relaxed},
    },
    time::Instant,
};

pub struct Board {
    /// The configuration in force. Writer: the Supervisor.
    pub config: ArcSwap<Config>,
    /// The configuration file, if there is one.
    pub config_file: Option<PathBuf>,
    /// Writers: the Couriers, each for its clients.
    pub roster: Roster,
    pub vitals: Vitals,
    pub errors: Errors,
    pub tallies: Tallies,
    pub pause: Pause,
    pub archive: Archive,
    pub busy: Busy,
    pub subscriptions: Subscriptions,
    /// 40 hex digits that name this run of the server.
    pub run_id: String,
    pub replication: Replication,
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
            config_file,
            roster: Roster::default(),
            vitals: Vitals::default(),
            errors: Errors::default(),
            tallies: Tallies::default(),
            pause: Pause::default(),
            archive: Archive::new(now_ms / 1000),
            busy: Busy::default(),
            subscriptions: Subscriptions::default(),
            run_id: hex_digits(&mut rng),
            replication: Replication::new(&mut rng),
            started: Instant::now(),
            started_at_ms: now_ms,
            executable,
        })
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

/// Which commands wait while clients are paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PauseScope {
    Writes,
    All,
}

/// CLIENT PAUSE. Writer: the Supervisor. Readers: each Connection, at every turn (all commands wait there), and the
/// Keyspace, at every batch (those that write wait there).
#[derive(Debug, Default)]
pub struct Pause {
    /// 0: none, 1: writes, 2: all.
    scope: AtomicU8,
    until_ms: AtomicI64,
}
impl Pause {
    /// The pause in force at this time, and when it ends (ms since 1970).
    #[inline]
    pub fn at(&self, now_ms: i64) -> Option<(PauseScope, i64)> {
        let scope = match self.scope.load(Relaxed) {
            0 => return None,
            1 => PauseScope::Writes,
            _ => PauseScope::All,
        };
        let until_ms = self.until_ms.load(Relaxed);
        (now_ms < until_ms).then_some((scope, until_ms))
    }
    /// How long all commands must wait, in ms, if they must.
    #[inline]
    pub fn holds_all(&self, now_ms: i64) -> Option<i64> {
        match self.at(now_ms) {
            Some((PauseScope::All, until_ms)) => Some(until_ms - now_ms),
            _ => None,
        }
    }
    /// Pauses until `until_ms`; of two overlapping pauses the wider scope and the later end hold.
    pub fn set(&self, scope: PauseScope, until_ms: i64, now_ms: i64) {
        let (scope, until_ms) = match self.at(now_ms) {
            Some((old_scope, old_until_ms)) => (scope.max(old_scope), until_ms.max(old_until_ms)),
            None => (scope, until_ms),
        };
        self.until_ms.store(until_ms, Relaxed);
        self.scope.store(scope as u8 + 1, Relaxed);
    }
    pub fn clear(&self) {
        self.scope.store(0, Relaxed)
    }
}
