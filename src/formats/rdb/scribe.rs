//! A snapshot written as an RDB file, all but its checksum.
use super::{Encoder, Progress, Usage, Version};
use crate::{
    allocator,
    config::Config,
    store::{AccessClock, AccessPolicy, DatabaseSize, EntryRef, Facts, Scribe},
};
use bytes::Bytes;

/// The version of Redis that a file says it was written by: readers choose by it what they believe to be in it.
const WRITTEN_BY: &str = "7.4.1";

pub struct FileScribe {
    compresses: bool,
    usage: Usage,
    policy: AccessPolicy,
    /// It is the beginning of an append-only file.
    is_base: bool,
    /// Made when the snapshot begins, because its version depends on the data.
    encoder: Option<Encoder>,
    clock: AccessClock,
    half: Progress,
    /// The database that what was written last belongs to.
    db: Option<usize>,
    /// The sources of the libraries of functions.
    functions: Vec<Bytes>,
    history: Option<History>,
    without_data: bool,
}

/// What names the data: a replica that was sent them, or a server that loads them, goes on from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// 40 hex digits.
    pub id: String,
    pub offset: u64,
    /// The database that is selected in the stream there.
    pub db: usize,
}

impl FileScribe {
    /// `is_base`: it is the beginning of an append-only file.
    pub fn new(config: &Config, is_base: bool) -> FileScribe {
        FileScribe::with(config, Usage::of(config), is_base)
    }
    /// A file that tells of every key how lately or often it was used, whatever the policy: nothing is to be forgotten.
    pub fn of_everything(config: &Config) -> FileScribe {
        let usage = match config.maxmemory_policy.is_lfu() {
            true => Usage::Frequency,
            false => Usage::IdleTime,
        };
        FileScribe::with(config, usage, false)
    }
    fn with(config: &Config, usage: Usage, is_base: bool) -> FileScribe {
        let policy = AccessPolicy::of(config);
        FileScribe {
            compresses: config.rdbcompression,
            usage,
            policy,
            is_base,
            encoder: None,
            clock: AccessClock::new(policy, 0),
            half: Progress::new(),
            db: None,
            functions: Vec::new(),
            history: None,
            without_data: false,
        }
    }
    /// These libraries of functions stand in front.
    pub fn with_functions(self, functions: Vec<Bytes>) -> FileScribe {
        FileScribe { functions, ..self }
    }
    /// It says what data these are.
    pub fn with_history(self, history: Option<History>) -> FileScribe {
        FileScribe { history, ..self }
    }
    /// Only libraries of functions.
    pub fn without_data(self) -> FileScribe {
        FileScribe { without_data: true, ..self }
    }
}

impl Scribe for FileScribe {
    fn begin(&mut self, facts: &Facts, out: &mut Vec<u8>) {
        self.clock = AccessClock::new(self.policy, facts.now_ms);
        let version = if facts.parted > 0 { Version::V12 } else { Version::V10 };
        let encoder = self.encoder.insert(Encoder::new(version, self.compresses, self.usage));
        encoder.header(out);
        encoder.aux("redis-ver", WRITTEN_BY, out);
        encoder.aux("redis-bits", "64", out);
        encoder.aux("ctime", &(facts.now_ms / 1000).to_string(), out);
        encoder.aux("used-mem", &allocator::used_bytes().to_string(), out);
        if let Some(History { id, offset, db }) = &self.history {
            encoder.aux("repl-stream-db", &db.to_string(), out);
            encoder.aux("repl-id", id, out);
            encoder.aux("repl-offset", &offset.to_string(), out);
        }
        encoder.aux("aof-base", if self.is_base { "1" } else { "0" }, out);
        self.functions.iter().for_each(|source| encoder.function(source, out));
    }
    fn database(&mut self, size: &DatabaseSize, out: &mut Vec<u8>) {
        if let Some(encoder) = &mut self.encoder
            && !self.without_data
        {
            encoder.select_db(size.index, out);
            encoder.resize_db(size.keys, size.volatile, out);
            self.db = Some(size.index);
        }
    }
    fn entry(&mut self, db: usize, entry: EntryRef, out: &mut Vec<u8>) {
        let Some(encoder) = self.encoder.as_mut().filter(|_| !self.without_data) else { return };
        if self.db.replace(db) != Some(db) {
            encoder.select_db(db, out);
        }
        encoder.entry(entry, self.clock, out);
    }
    fn begin_entry(&mut self, db: usize, entry: EntryRef, bytes_max: usize, out: &mut Vec<u8>) -> bool {
        let Some(encoder) = self.encoder.as_mut().filter(|_| !self.without_data) else { return true };
        if self.db.replace(db) != Some(db) {
            encoder.select_db(db, out);
        }
        self.half = encoder.begin_entry(entry, self.clock, out);
        self.go_on(entry, bytes_max, out)
    }
    fn go_on(&mut self, entry: EntryRef, bytes_max: usize, out: &mut Vec<u8>) -> bool {
        let Some(encoder) = &mut self.encoder else { return true };
        encoder.resume_entry(&mut self.half, entry, bytes_max, out)
    }
    fn end(&mut self, out: &mut Vec<u8>) {
        if let Some(encoder) = &self.encoder {
            encoder.end(out);
        }
    }
}
