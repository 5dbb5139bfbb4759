//! Data from files come back: how a Stage takes in what was read from disk.
//!
//! A snapshot's entries are decoded here, where they will live, because memory is best freed by the thread that
//! allocated it. A log's commands run as any others do, and now: only that nothing is due meanwhile, because every deletion is
//! in the log.
use super::{
    Caller, Task,
    args::Context,
    error::bytes_of_text,
    registry::{self, Registry},
    stage::Stage,
};
use crate::{
    board::{Loading, OFFSET_MAX},
    formats::{aof, rdb},
    resp::{Reply, Request},
    store::{Content, INLINE_BYTES_MAX},
};
use bytes::Bytes;
use std::{fmt, sync::atomic::Ordering::Relaxed};

/// What is loaded, in the order of the file.
pub enum Piece {
    Snapshot(rdb::Item),
    Command(aof::Command),
}

impl Piece {
    /// It is an entry of a snapshot.
    pub fn is_key(&self) -> bool {
        matches!(self, Piece::Snapshot(rdb::Item::Record(_)))
    }
}

/// How the reason begins where a command of the log is unknown.
pub const UNKNOWN_COMMAND: &str = "Unknown command";

/// Why it cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub offset: u64,
    pub reason: String,
}
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} (at offset {})", self.reason, self.offset)
    }
}

/// How far loading one file has come.
#[derive(Debug, Default)]
pub struct Loader {
    /// What is loaded belongs to this database.
    pub db: usize,
    /// Entries taken in, and those left out because they had expired.
    pub loaded: u64,
    pub expired: u64,
    /// Left out because they were empty: a defect of old versions.
    pub emptied: u64,
    /// What is in the file stays, though its time has come: it is the base of a log, which tells of deletions, or is our
    /// master's, which does.
    pub keeps_expired: bool,
    /// It is a part of a log: more may follow it.
    pub is_log: bool,
    /// Database and key of what was left out because it had expired, if the file says what data they are: replicas may have
    /// the same, and must learn of that.
    pub expired_keys: Vec<(usize, Bytes)>,
    /// Keys that are there already are kept as they are, or replaced; else they are a fault.
    pub on_duplicate: OnDuplicate,
    /// What names the data, as the file says.
    pub history: Option<rdb::History>,
}
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDuplicate {
    #[default]
    Refuse,
    Replace,
}

/// So many empty keys are named in the log.
const EMPTIED_TOLD_MAX: u64 = 10;

impl Loader {
    /// A field in front of the data may say what data they are.
    fn note_history(&mut self, name: &[u8], value: &[u8]) {
        let Ok(value) = std::str::from_utf8(value) else { return };
        let fresh = || rdb::History { id: String::new(), offset: 0, db: 0 };
        match name {
            b"repl-id" => self.history.get_or_insert_with(fresh).id = value.into(),
            b"repl-offset" => {
                let offset = value.parse().ok().filter(|offset| *offset <= OFFSET_MAX);
                self.history.get_or_insert_with(fresh).offset = offset.unwrap_or(0);
            }
            b"repl-stream-db" => self.history.get_or_insert_with(fresh).db = value.parse().unwrap_or(0),
            _ => {}
        }
    }
    fn skip_empty(&mut self, record: &rdb::Record) {
        self.emptied += 1;
        if self.emptied <= EMPTIED_TOLD_MAX {
            tracing::info!("Loading is skipping empty key: {}", record.key.escape_ascii());
        }
    }
    /// Posts, and writes to the log, what came of a snapshot.
    pub fn tell(&self, loading: &Loading) {
        let Loader { loaded, expired, emptied, .. } = self;
        loading.keys_loaded.store(*loaded, Relaxed);
        loading.keys_expired.store(*expired, Relaxed);
        match emptied {
            0 => tracing::info!("Done loading RDB, keys loaded: {loaded}, keys expired: {expired}."),
            _ => tracing::info!(
                "Done loading RDB, keys loaded: {loaded}, keys expired: {expired}, empty keys skipped: {emptied}."
            ),
        }
    }
}

/// A value that is damaged. The log names its key, which whoever has to mend the file wants to know.
fn fault_of(record: &rdb::Record, damage: rdb::Damage) -> Fault {
    tracing::warn!(
        "Damaged data: {} (key '{}', type {})",
        damage.reason,
        record.key.escape_ascii(),
        record.kind.name()
    );
    let damage = damage.behind(record.payload_offset);
    Fault { offset: damage.offset, reason: damage.reason.into_owned() }
}

impl Stage {
    /// Takes in one piece of a file.
    ///
    /// # Errors
    /// If it makes no sense.
    pub fn load(&mut self, loader: &mut Loader, piece: &Piece) -> Result<(), Fault> {
        match piece {
            Piece::Snapshot(item) => self.load_item(loader, item),
            Piece::Command(command) => {
                let fault = |reason| Fault { offset: command.offset, reason };
                self.replay(loader, &command.request).map_err(fault)
            }
        }
    }
    /// Asks the processor for where this piece will be put.
    pub fn prefetch(&self, loader: &Loader, piece: &Piece) {
        if let Piece::Snapshot(rdb::Item::Record(record)) = piece {
            let database = self.store.database(loader.db);
            database.prefetch_slots(database.hash(&record.key));
        }
    }
    fn load_item(&mut self, loader: &mut Loader, item: &rdb::Item) -> Result<(), Fault> {
        match item {
            rdb::Item::SelectDb(db) => {
                let known = usize::try_from(*db).ok().filter(|db| *db < self.store.databases().len());
                loader.db = known.ok_or_else(|| Fault {
                    offset: 0,
                    reason: format!(
                        "Data file was created with a server that has database {db}, and there are only {} here",
                        self.store.databases().len()
                    ),
                })?;
            }
            rdb::Item::ResizeDb { keys, .. } => self.store.reserve(loader.db, *keys as usize),
            rdb::Item::Record(record) => return self.load_record(loader, record),
            rdb::Item::ModuleAux { module } => {
                return Err(Fault {
                    offset: 0,
                    reason: format!(
                        "The file holds data of the module '{module}', and there are no modules here"
                    ),
                });
            }
            rdb::Item::Function(source) => {
                let replaces = loader.on_duplicate == OnDuplicate::Replace;
                let loaded = self.scripting.libraries().load(source, replaces, None);
                self.scripting.post(&self.board);
                loaded.map_err(|error| Fault {
                    offset: 0,
                    reason: format!("Failed loading a library of functions: {}", error.text()),
                })?;
            }
            rdb::Item::Aux { name, value } if &name[..] == b"used-mem" => {
                let bytes = crate::data::number::parse_integer(value).unwrap_or(0).max(0) as u64;
                self.board.archive.loading.writer_bytes.store(bytes, Relaxed);
            }
            rdb::Item::Aux { name, value } => loader.note_history(name, value),
            rdb::Item::Version(_) | rdb::Item::SlotInfo { .. } | rdb::Item::End(_) => {}
        }
        Ok(())
    }
    fn load_record(&mut self, loader: &mut Loader, record: &rdb::Record) -> Result<(), Fault> {
        let now_ms = self.store.now_ms();
        if !loader.keeps_expired && record.deadline.is_some_and(|deadline| deadline <= now_ms) {
            loader.expired += 1;
            if loader.history.is_some() {
                loader.expired_keys.push((loader.db, Bytes::copy_from_slice(&record.key)));
            }
            return Ok(());
        }
        let content = match rdb::decode(record.kind, &record.payload, &self.store.limits)
            .map_err(|damage| fault_of(record, damage))?
        {
            rdb::Decoded::Empty => {
                loader.skip_empty(record);
                return Ok(());
            }
            // It would hold the whole chunk that was read; what is put into its entry is copied there.
            rdb::Decoded::Value(Content::Text(bytes)) if bytes.len() > INLINE_BYTES_MAX => {
                Content::Text(Bytes::copy_from_slice(&bytes))
            }
            rdb::Decoded::Value(content) => content,
        };
        let clock = self.store.access_clock();
        let used = match (record.idle_seconds, record.frequency) {
            (Some(seconds), _) => Some(clock.idle_for(seconds)),
            (None, frequency) => frequency.map(|counter| clock.with_frequency(counter)),
        };
        let mut changes = self.changes(Caller { db: loader.db, ..Caller::default() });
        if loader.on_duplicate == OnDuplicate::Replace {
            changes.remove(&record.key);
        }
        // What was saved is no news to anybody.
        let wanted = std::mem::take(&mut changes.record.wants.events);
        let is_new = changes.load(&record.key, content, record.deadline, used);
        changes.record.wants.events = wanted;
        if !is_new {
            let reason = format!("The file has the key '{}' twice", record.key.escape_ascii());
            return Err(Fault { offset: record.payload_offset, reason });
        }
        loader.loaded += 1;
        Ok(())
    }
    /// Runs a command of the log.
    fn replay(&mut self, loader: &mut Loader, request: &Request) -> Result<(), String> {
        let name = request.get(0).unwrap_or_default();
        if name.eq_ignore_ascii_case(b"MULTI") || name.eq_ignore_ascii_case(b"EXEC") {
            // Whether a transaction is whole was seen when it was read.
            return Ok(());
        }
        if name.eq_ignore_ascii_case(b"SELECT") {
            let db = request.get(1).and_then(|word| std::str::from_utf8(word).ok()?.parse().ok());
            loader.db = db
                .filter(|db| *db < self.store.databases().len())
                .ok_or_else(|| "The log selects a database that is not there".to_string())?;
            return Ok(());
        }
        let context = Context {
            databases: self.store.databases().len(),
            db: loader.db,
            string_bytes_max: usize::MAX >> 1,
            now_ms: self.store.now_ms(),
            obeyed: true,
        };
        let told = |error: super::error::CommandError| {
            let text = error.text();
            format!("{}: {}", name.escape_ascii(), String::from_utf8_lossy(&bytes_of_text(&text)))
        };
        let node = Registry::get().resolve(request).map_err(|_| {
            format!("{UNKNOWN_COMMAND} '{}' reading the append only file", name.escape_ascii())
        })?;
        let mut task = registry::parse(node, request, context).map_err(told)?;
        self.obeys = true;
        let mut reply = Reply::default();
        let caller = Caller { db: loader.db, ..Caller::default() };
        match &task {
            // Old servers wrote scripts themselves, where newer ones write what they did.
            Task::Script(invocation) => self.play_alone(node, invocation, request, caller, &mut reply),
            _ => drop(self.perform(node, &mut task, request, caller, &mut reply)),
        }
        self.obeys = false;
        // Whoever ran it first has seen to that.
        self.errand = None;
        Ok(())
    }
}
