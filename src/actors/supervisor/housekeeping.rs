//! What the Supervisor does once in a while: rates for INFO, the memory peak, and clients that were idle too long.
use super::Supervisor;
use crate::{actors::now_ms, allocator, board::ClientKind};
use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Instant,
};

/// Samples that a rate is the mean of: 1.6 seconds.
const SAMPLES: usize = 16;

/// A counter's growth per second, over the last samples.
#[derive(Default)]
struct Rate {
    last: u64,
    samples: [u64; SAMPLES],
    next: usize,
}
impl Rate {
    fn sample(&mut self, now: u64, seconds: f64, post: &AtomicU64) {
        // After CONFIG RESETSTAT the counter is below what it was.
        let grown = now.checked_sub(self.last).unwrap_or(now);
        self.last = now;
        self.samples[self.next % SAMPLES] = (grown as f64 / seconds.max(0.001)) as u64;
        self.next += 1;
        post.store(self.samples.iter().sum::<u64>() / SAMPLES as u64, Relaxed);
    }
}

#[derive(Default)]
pub struct Rates {
    operations: Rate,
    input: Rate,
    output: Rate,
    replication_input: Rate,
    replication_output: Rate,
    last: Option<Instant>,
    rounds: u64,
    /// The most memory used since memory was last given back, bytes.
    most_used_bytes: usize,
    /// Times that memory is still to be given back, once a second.
    purges: u32,
}

/// So much less memory in use is worth giving back to the system, bytes.
const FREED_BYTES_TO_PURGE: usize = 4 * 1024 * 1024;
/// What is freed on other threads becomes free for good a little later: it is looked for so many times.
const PURGES: u32 = 3;

impl Supervisor {
    pub(super) fn keep_house(&mut self) {
        // What takes long to load is not waited for: clients are told that it is loading.
        self.open_doors();
        let now = Instant::now();
        let seconds = self.rates.last.replace(now).map_or(0.1, |last| now.duration_since(last).as_secs_f64());
        let vitals = &self.board.vitals;
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        let Rates { operations, input, output, replication_input, replication_output, .. } = &mut self.rates;
        operations.sample(read(&vitals.commands_processed), seconds, &vitals.operations_per_second);
        input.sample(vitals.all_input_bytes(), seconds, &vitals.input_bytes_per_second);
        output.sample(vitals.all_output_bytes(), seconds, &vitals.output_bytes_per_second);
        let from = (read(&vitals.replication_input_bytes), read(&vitals.replication_output_bytes));
        replication_input.sample(from.0, seconds, &vitals.replication_input_bytes_per_second);
        replication_output.sample(from.1, seconds, &vitals.replication_output_bytes_per_second);
        vitals.note_memory(allocator::used_bytes());
        if self.give_up_at.is_some_and(|at| at <= now) {
            self.end();
        }
        self.consider_failover();
        self.consider_leaving();
        self.rates.rounds += 1;
        if self.rates.rounds.is_multiple_of(10) {
            self.close_idle();
            self.return_memory();
        }
    }
    /// Memory that was freed goes back to the system from here: the allocator would do it in the course of later
    /// requests, and never if there are none.
    fn return_memory(&mut self) {
        let used = allocator::used_bytes();
        let rates = &mut self.rates;
        rates.most_used_bytes = rates.most_used_bytes.max(used);
        if rates.most_used_bytes - used >= FREED_BYTES_TO_PURGE.max(used / 16) {
            rates.most_used_bytes = used;
            rates.purges = PURGES;
        }
        if let Some(left) = rates.purges.checked_sub(1) {
            rates.purges = left;
            allocator::purge();
        }
    }
    /// `timeout`: clients that asked nothing for so long, and do not wait for anything.
    fn close_idle(&self) {
        let timeout_ms = self.board.config.load().timeout_seconds as i64 * 1000;
        if timeout_ms == 0 {
            return;
        }
        let now_ms = now_ms();
        for record in self.board.roster.all() {
            let listens = record.monitors.load(Relaxed) || record.kind() != ClientKind::Normal;
            let waits = record.blocked.load(Relaxed) || listens;
            if record.idle_ms(now_ms) > timeout_ms && !waits {
                tracing::debug!("Closing idle client id={}", record.id);
                record.kill();
            }
        }
    }
}
