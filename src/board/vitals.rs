//! Counters of the whole server, as INFO stats shows them.
use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

/// Counters that CONFIG RESETSTAT sets back, and gauges that it leaves.
#[derive(Debug, Default)]
pub struct Vitals {
    pub connections_received: AtomicU64,
    pub connections_rejected: AtomicU64,
    /// Clients that are connected now: counted up where they are accepted, down where they end.
    pub connected: AtomicUsize,
    pub input_bytes: AtomicU64,
    pub output_bytes: AtomicU64,
    pub reads: AtomicU64,
    pub writes: AtomicU64,
    pub commands_processed: AtomicU64,
    pub error_replies: AtomicU64,
    pub query_buffer_limit_disconnections: AtomicU64,
    pub output_buffer_limit_disconnections: AtomicU64,
    /// Objects handed over to be freed, and those of them that are freed.
    pub lazyfree_pending: AtomicI64,
    pub lazyfreed: AtomicU64,
    /// Posted by the Keyspace.
    pub hits: AtomicU64,
    pub misses: AtomicU64,
    pub expired: AtomicU64,
    /// Changes made to data since the last snapshot. Posted by the Keyspace.
    pub changes: AtomicU64,
    pub blocked_clients: AtomicUsize,
    /// The most memory ever used, in bytes.
    pub peak_memory_bytes: AtomicUsize,
    /// Memory used when the server was ready and held no data, in bytes. Posted once, by the Supervisor.
    pub startup_memory_bytes: AtomicUsize,
    /// Rates over the last samples, per second.
    pub operations_per_second: AtomicU64,
    pub input_bytes_per_second: AtomicU64,
    pub output_bytes_per_second: AtomicU64,
    /// Deadlines in the timing wheel, and its longest lag in ms since the last reset. Posted by Expiry.
    pub wheel_items: AtomicUsize,
    pub wheel_bytes: AtomicUsize,
    pub expiry_lag_max_ms: AtomicU64,
}

impl Vitals {
    /// CONFIG RESETSTAT.
    pub fn reset(&self) {
        for counter in [
            &self.connections_received,
            &self.connections_rejected,
            &self.input_bytes,
            &self.output_bytes,
            &self.reads,
            &self.writes,
            &self.commands_processed,
            &self.error_replies,
            &self.query_buffer_limit_disconnections,
            &self.output_buffer_limit_disconnections,
            &self.lazyfreed,
            &self.hits,
            &self.misses,
            &self.expired,
            &self.expiry_lag_max_ms,
        ] {
            counter.store(0, Relaxed)
        }
    }
    pub fn note_memory(&self, bytes: usize) {
        self.peak_memory_bytes.fetch_max(bytes, Relaxed);
    }
}

/// How often each kind of error was answered, by its prefix.
#[derive(Debug, Default)]
pub struct Errors(Mutex<BTreeMap<String, u64>>);

/// More prefixes than this are not the server's own: somebody makes them up, and counting stops.
const PREFIXES_MAX: usize = 128;

impl Errors {
    pub fn count(&self, prefix: &str) {
        let mut counts = self.lock();
        if let Some(count) = counts.get_mut(prefix) {
            *count += 1;
        } else if counts.len() < PREFIXES_MAX {
            counts.insert(prefix.to_string(), 1);
        }
    }
    pub fn all(&self) -> Vec<(String, u64)> {
        self.lock().iter().map(|(prefix, count)| (prefix.clone(), *count)).collect()
    }
    pub fn reset(&self) {
        self.lock().clear()
    }
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, u64>> {
        // A panic while counting leaves a map that is still a map.
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
