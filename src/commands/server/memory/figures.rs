//! The figures that INFO memory, MEMORY STATS and MEMORY DOCTOR share.
use crate::{
    allocator,
    board::Board,
    commands::server::host,
    store::{Database, Store},
};
use std::sync::atomic::Ordering::Relaxed;

/// All in bytes, but for `keys`.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// What the allocator handed out.
    pub used: usize,
    /// What the kernel gave us in physical memory; 0 if it does not tell.
    pub resident: usize,
    pub peak: usize,
    /// Used when the server was ready, without data; 0 if nobody posted it.
    pub startup: usize,
    pub tables: usize,
    pub deadlines: usize,
    /// Buffers of clients, in and out.
    pub clients: usize,
    pub keys: usize,
}

impl Figures {
    pub fn gather(store: &Store, board: &Board) -> Figures {
        let used = allocator::used_bytes();
        board.vitals.note_memory(used);
        let clients = board.roster.all();
        let buffers = clients
            .iter()
            .map(|client| client.query_buffer_bytes.load(Relaxed) + client.output_buffer_bytes.load(Relaxed));
        Figures {
            used,
            resident: host::resident_bytes().unwrap_or(0),
            peak: board.vitals.peak_memory_bytes.load(Relaxed),
            startup: board.vitals.startup_memory_bytes.load(Relaxed),
            tables: store.table_bytes(),
            deadlines: board.vitals.wheel_bytes.load(Relaxed),
            clients: buffers.sum(),
            keys: store.databases().iter().map(Database::len).sum(),
        }
    }
    /// What is not data.
    pub fn overhead(&self) -> usize {
        self.startup + self.tables + self.deadlines + self.clients
    }
    pub fn dataset(&self) -> usize {
        self.used.saturating_sub(self.overhead())
    }
    /// Share of the data in what was used since the start.
    pub fn dataset_percent(&self) -> f64 {
        percent(self.dataset(), self.used.saturating_sub(self.startup))
    }
    pub fn peak_percent(&self) -> f64 {
        percent(self.used, self.peak)
    }
    pub fn fragmentation_ratio(&self) -> f64 {
        self.resident as f64 / self.used.max(1) as f64
    }
    /// Negative when part of what was handed out was never written to, or is swapped out.
    pub fn fragmentation_bytes(&self) -> i64 {
        self.resident as i64 - self.used as i64
    }

    /// MEMORY STATS' names for these.
    pub fn counts(&self) -> [(&'static str, usize); 11] {
        let per_key = self.used.saturating_sub(self.startup).checked_div(self.keys).unwrap_or(0);
        [
            ("peak.allocated", self.peak),
            ("total.allocated", self.used),
            ("startup.allocated", self.startup),
            ("clients.normal", self.clients),
            ("expiry.wheel", self.deadlines),
            ("overhead.db.hashtable.lut", self.tables),
            ("overhead.total", self.overhead()),
            ("keys.count", self.keys),
            ("keys.bytes-per-key", per_key),
            ("dataset.bytes", self.dataset()),
            ("allocator.resident", self.resident),
        ]
    }
    pub fn ratios(&self) -> [(&'static str, f64); 3] {
        [
            ("dataset.percentage", self.dataset_percent()),
            ("peak.percentage", self.peak_percent()),
            ("fragmentation", self.fragmentation_ratio()),
        ]
    }

    /// What is wrong, if anything, in words.
    pub fn diagnosis(&self) -> String {
        const LITTLE: usize = 5 << 20;
        const MUCH: i64 = 10 << 20;
        const CLIENTS_SHARE_PERCENT: f64 = 25.0;
        if self.used < LITTLE {
            return "Less than 5 MB are in use: too little to judge by.\n".into();
        }
        let mut findings = Vec::new();
        if self.used as f64 * 1.5 < self.peak as f64 {
            findings.push(
                "At its peak the server used half as much memory again as it does now. What the system still counts \
                 as ours will be used for new data; MEMORY PURGE gives part of it back.",
            );
        }
        if self.fragmentation_ratio() > 1.4 && self.fragmentation_bytes() > MUCH {
            findings.push(
                "Physical memory is well above what is in use. After many deletions that is free space between \
                 what is left: new data fills it, a restart gives it back.",
            );
        }
        if percent(self.clients, self.used) > CLIENTS_SHARE_PERCENT {
            findings.push(
                "Buffers of clients hold a large part of the memory. CLIENT LIST shows (qbuf, omem) whose; \
                 client-output-buffer-limit bounds them.",
            );
        }
        match findings.is_empty() {
            true => "Nothing is wrong with the use of memory.\n".into(),
            false => findings.iter().map(|finding| format!("* {finding}\n")).collect(),
        }
    }
}
fn percent(part: usize, whole: usize) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_overhead_is_data() {
        let figures = Figures {
            used: 1000,
            startup: 200,
            tables: 100,
            clients: 50,
            keys: 4,
            peak: 2000,
            ..Figures::default()
        };
        assert_eq!((figures.overhead(), figures.dataset()), (350, 650));
        assert_eq!((figures.dataset_percent(), figures.peak_percent()), (81.25, 50.0));
        assert!(figures.counts().contains(&("keys.bytes-per-key", 200)));
    }

    #[test]
    fn the_doctor_names_what_is_wrong() {
        let healthy = Figures { used: 100 << 20, resident: 110 << 20, peak: 100 << 20, ..Figures::default() };
        let found = |figures: Figures| figures.diagnosis().lines().count();
        assert!(healthy.diagnosis().starts_with("Nothing"));
        assert!(Figures::default().diagnosis().starts_with("Less than"));
        let ill = Figures { resident: 200 << 20, peak: 300 << 20, clients: 50 << 20, ..healthy };
        assert_eq!(found(ill), 3);
    }
}
