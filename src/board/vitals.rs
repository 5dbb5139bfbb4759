//! Counters of the whole server, as INFO stats shows them.
use std::{
    collections::BTreeMap,
    sync::{
        LazyLock, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

/// Counters that CONFIG RESETSTAT sets back, and gauges that it leaves.
#[derive(Debug, Default)]
pub struct Vitals {
    pub connections_received: AtomicU64,
    pub connections_rejected: AtomicU64,
    /// Clients that are connected now: counted up where they are accepted, down where they end.
    pub connected: AtomicUsize,
    /// Connections to other servers that MIGRATE keeps for a while.
    pub migration_connections: AtomicU64,
    /// Clients that see all commands. Writer: the Keyspace.
    pub monitors: AtomicUsize,
    /// Commands that were answered and that the Keyspace has still to hear of, bytes. Writers: Couriers and the Keyspace.
    pub noted_bytes: AtomicUsize,
    /// Buffers that were filled with requests, which are still in flight, bytes; others are read into by now. Writers: the
    /// Couriers.
    pub outgrown_buffers_bytes: AtomicI64,
    pub input_bytes: AtomicU64,
    pub output_bytes: AtomicU64,
    /// From our master, and to replicas, which are not in the two above. What replicas say is, as in Redis. Writers: Upstream
    /// and the Replicas.
    pub replication_input_bytes: AtomicU64,
    pub replication_output_bytes: AtomicU64,
    pub reads: AtomicU64,
    pub writes: AtomicU64,
    pub commands_processed: AtomicU64,
    pub error_replies: AtomicU64,
    /// Commands of our master that could not run here.
    pub unexpected_errors: AtomicU64,
    /// Attempts to log in with a wrong name or password; CONFIG RESETSTAT leaves it, as in Redis.
    pub denied_logins: AtomicU64,
    pub query_buffer_limit_disconnections: AtomicU64,
    pub output_buffer_limit_disconnections: AtomicU64,
    /// Objects handed over to be freed, and those of them that are freed.
    pub lazyfree_pending: AtomicI64,
    pub lazyfreed: AtomicU64,
    /// How much memory will be free once they are, bytes, as far as it was weighed.
    pub lazyfree_pending_bytes: AtomicI64,
    /// Posted by the Keyspace.
    pub hits: AtomicU64,
    pub misses: AtomicU64,
    pub expired: AtomicU64,
    /// Fields of hashes.
    pub expired_fields: AtomicU64,
    /// Keys that had to make room.
    pub evicted: AtomicU64,
    /// How long more memory was used than there may be, µs; and since when it is now, µs since the first look (0: it is
    /// not).
    eviction_exceeded_us: AtomicU64,
    eviction_exceeded_since_us: AtomicU64,
    /// Scripts that came by EVAL and were not used for long.
    pub evicted_scripts: AtomicU64,
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
    /// Of these, between us and our master or our replicas.
    pub replication_input_bytes_per_second: AtomicU64,
    pub replication_output_bytes_per_second: AtomicU64,
    /// Of a replica: keys and fields with deadlines that its own clients have set. Posted by the Keyspace.
    pub own_deadlines: AtomicUsize,
    /// Memory of what the Keyspace has for the log, replicas and snapshots, or has still to hand over to be freed: it is no
    /// reason to refuse anything, bytes. Posted by the Keyspace.
    pub gathered_bytes: AtomicUsize,
    /// Keys, and those of them that have a deadline of their own. Posted by the Keyspace.
    pub keys: AtomicUsize,
    pub expiring_keys: AtomicUsize,
    /// Keys with a deadline, of their own or of parts. Posted by the Keyspace.
    pub volatile_keys: AtomicUsize,
    /// Keys that a survey of all deadlines would look at. Posted by the Keyspace.
    pub keys_to_survey: AtomicUsize,
    /// Deadlines in the timing wheel. Posted by Expiry.
    pub wheel_items: AtomicUsize,
    pub wheel_bytes: AtomicUsize,
    /// It is being made anew, or is about to be. (Whoever asks for that says so, too: it counts from that moment on.)
    pub is_surveyed: AtomicBool,
    /// From deadline to removal, of what Expiry announced. Posted by the Keyspace.
    pub expiry_lag: Lag,
}

/// How late something came, counted per millisecond.
#[derive(Debug)]
pub struct Lag([AtomicU64; LAG_MS_MAX]);

/// Lags of this many ms and more are counted together.
const LAG_MS_MAX: usize = 256;

impl Default for Lag {
    fn default() -> Lag {
        Lag([const { AtomicU64::new(0) }; LAG_MS_MAX])
    }
}
impl Lag {
    pub fn note(&self, lag_ms: u64) {
        self.0[(lag_ms as usize).min(LAG_MS_MAX - 1)].fetch_add(1, Relaxed);
    }
    /// The lag in ms that `percent` of all did not exceed.
    pub fn percentile_ms(&self, percent: f64) -> u64 {
        let counts: Vec<u64> = self.0.iter().map(|count| count.load(Relaxed)).collect();
        let wanted = (counts.iter().sum::<u64>() as f64 * percent / 100.0).ceil() as u64;
        let mut seen = 0;
        counts
            .iter()
            .position(|count| {
                seen += count;
                seen >= wanted
            })
            .unwrap_or(0) as u64
    }
    fn reset(&self) {
        self.0.iter().for_each(|count| count.store(0, Relaxed))
    }
}

impl Vitals {
    /// CONFIG RESETSTAT.
    pub fn reset(&self) {
        for counter in [
            &self.connections_received,
            &self.connections_rejected,
            &self.input_bytes,
            &self.output_bytes,
            &self.replication_input_bytes,
            &self.replication_output_bytes,
            &self.reads,
            &self.writes,
            &self.commands_processed,
            &self.error_replies,
            &self.unexpected_errors,
            &self.query_buffer_limit_disconnections,
            &self.output_buffer_limit_disconnections,
            &self.lazyfreed,
            &self.hits,
            &self.misses,
            &self.expired,
            &self.expired_fields,
            &self.evicted,
            &self.eviction_exceeded_us,
            &self.eviction_exceeded_since_us,
            &self.evicted_scripts,
        ] {
            counter.store(0, Relaxed)
        }
        self.expiry_lag.reset();
    }
    /// All that was read from others, and all that was written to them, bytes.
    pub fn all_input_bytes(&self) -> u64 {
        self.input_bytes.load(Relaxed) + self.replication_input_bytes.load(Relaxed)
    }
    pub fn all_output_bytes(&self) -> u64 {
        self.output_bytes.load(Relaxed) + self.replication_output_bytes.load(Relaxed)
    }
    pub fn note_memory(&self, bytes: usize) {
        self.peak_memory_bytes.fetch_max(bytes, Relaxed);
    }
    /// Notes whether memory is within its limit. Writer: the Keyspace.
    #[inline]
    pub fn note_room(&self, is_within: bool) {
        let since_us = self.eviction_exceeded_since_us.load(Relaxed);
        if is_within != (since_us == 0) {
            self.change_room(is_within, since_us);
        }
    }
    fn change_room(&self, is_within: bool, since_us: u64) {
        let now_us = monotonic_us();
        if is_within {
            self.eviction_exceeded_us.fetch_add(now_us.saturating_sub(since_us), Relaxed);
        }
        self.eviction_exceeded_since_us.store(if is_within { 0 } else { now_us }, Relaxed);
    }
    /// How long more memory was used than there may be, in ms: in all, and without a break until now.
    pub fn eviction_exceeded_ms(&self) -> (u64, u64) {
        let current_us = match self.eviction_exceeded_since_us.load(Relaxed) {
            0 => 0,
            since_us => monotonic_us().saturating_sub(since_us),
        };
        ((self.eviction_exceeded_us.load(Relaxed) + current_us) / 1000, current_us / 1000)
    }
}

/// A clock that nobody sets, µs since its first reading. Never 0.
fn monotonic_us() -> u64 {
    static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);
    FIRST.elapsed().as_micros() as u64 + 1
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
