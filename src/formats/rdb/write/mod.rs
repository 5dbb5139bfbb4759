//! Writing: everything appends to a buffer that its owner sends on.
mod piece;
mod scalar;
mod stream;

use super::{Version, container, opcode};
use crate::{
    config::Config,
    data::lzf::Compressor,
    store::{
        AccessClock, EntryRef, Hash, List, ObjectRef, Set, SortedSet, Stored, TextRef, sorted_set::Direction,
    },
};
pub use piece::Progress;
use scalar::{put_length, put_number};

/// What is said of how lately or how often a key was used: what `maxmemory-policy` evicts by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Usage {
    #[default]
    Untold,
    IdleTime,
    Frequency,
}

impl Usage {
    pub fn of(config: &Config) -> Usage {
        match config.maxmemory_policy {
            policy if policy.is_lfu() => Usage::Frequency,
            policy if policy.is_lru() => Usage::IdleTime,
            _ => Usage::Untold,
        }
    }
}

/// Writes the items of a file, in the order of their methods here.
///
/// ```
/// # use callboard::formats::rdb::{Encoder, Item, Scanner, Usage, Version};
/// let mut file = Vec::new();
/// let mut encoder = Encoder::new(Version::V10, true, Usage::Untold);
/// encoder.header(&mut file);
/// encoder.aux("redis-ver", "7.4.1", &mut file);
/// encoder.end(&mut file); // and what `Checksum::trailer` says
/// assert!(file.starts_with(b"REDIS0010\xfa\x09redis-ver\x057.4.1"));
/// ```
pub struct Encoder {
    version: Version,
    /// If strings are compressed.
    compressor: Option<Compressor>,
    usage: Usage,
}

impl Encoder {
    /// `compresses`: `rdbcompression`.
    pub fn new(version: Version, compresses: bool, usage: Usage) -> Encoder {
        Encoder { version, compressor: compresses.then(Compressor::new), usage }
    }
    pub fn version(&self) -> Version {
        self.version
    }

    pub fn header(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("REDIS{:04}", self.version.number()).as_bytes());
    }
    pub fn aux(&mut self, name: &str, value: &str, out: &mut Vec<u8>) {
        out.push(opcode::AUX);
        self.string(name.as_bytes(), out);
        self.string(value.as_bytes(), out);
    }
    /// A library of functions, by its source.
    pub fn function(&mut self, source: &[u8], out: &mut Vec<u8>) {
        out.push(opcode::FUNCTION);
        self.string(source, out);
    }
    pub fn select_db(&self, index: usize, out: &mut Vec<u8>) {
        out.push(opcode::SELECT_DB);
        put_length(index as u64, out);
    }
    /// How many keys a database has, and how many of them have a deadline.
    pub fn resize_db(&self, keys: usize, volatile: usize, out: &mut Vec<u8>) {
        out.push(opcode::RESIZE_DB);
        put_length(keys as u64, out);
        put_length(volatile as u64, out);
    }
    /// A key with its value, at once.
    #[inline]
    pub fn entry(&mut self, entry: EntryRef, clock: AccessClock, out: &mut Vec<u8>) {
        let mut progress = self.begin_entry(entry, clock, out);
        self.finish_entry(&mut progress, entry, out);
    }
    /// The beginning of a key with its value, which may be large. All else is written by [`Encoder::resume_entry`].
    pub fn begin_entry(&mut self, entry: EntryRef, clock: AccessClock, out: &mut Vec<u8>) -> Progress {
        if let Some(deadline) = entry.deadline() {
            out.push(opcode::DEADLINE_MS);
            out.extend_from_slice(&deadline.to_le_bytes());
        }
        match self.usage {
            Usage::Untold => {}
            Usage::IdleTime => {
                out.push(opcode::IDLE);
                put_length(clock.idle_seconds(entry.clock()).into(), out);
            }
            Usage::Frequency => {
                out.push(opcode::FREQUENCY);
                out.push(clock.frequency(entry.clock()) as u8);
            }
        }
        out.push(self.value_type(entry) as u8);
        self.string(entry.key(), out);
        Progress::new()
    }
    /// Goes on with a value until about so many bytes more are written; true once it is complete. From the first call on
    /// the value must not change until then: whoever is about to change it writes the rest before.
    pub fn resume_entry(
        &mut self,
        progress: &mut Progress,
        entry: EntryRef,
        budget_bytes: usize,
        out: &mut Vec<u8>,
    ) -> bool {
        let end = out.len().saturating_add(budget_bytes.max(1));
        match entry.object() {
            None => self.text(progress, entry.text(), end, out),
            Some(ObjectRef::List(list)) => self.list(progress, list, end, out),
            Some(ObjectRef::Set(set)) => self.set(progress, set, end, out),
            Some(ObjectRef::SortedSet(set)) => self.sorted_set(progress, set, end, out),
            Some(ObjectRef::Hash(hash)) => self.hash(progress, hash, end, out),
            Some(ObjectRef::Stream(stream)) => self.stream(progress, stream, end, out),
        }
    }
    /// Writes all that is left of a value.
    pub fn finish_entry(&mut self, progress: &mut Progress, entry: EntryRef, out: &mut Vec<u8>) {
        let complete = self.resume_entry(progress, entry, usize::MAX, out);
        debug_assert!(complete, "there is room for all of it");
    }
    /// A value alone, behind its type: what DUMP gives.
    pub fn value(&mut self, entry: EntryRef, out: &mut Vec<u8>) {
        out.push(self.value_type(entry) as u8);
        self.finish_entry(&mut Progress::new(), entry, out);
    }
    /// The last opcode. The checksum comes behind it.
    pub fn end(&self, out: &mut Vec<u8>) {
        out.push(opcode::END);
    }
}

/// Values, as far as they go into the room up to `end`.
impl Encoder {
    fn text(&mut self, progress: &mut Progress, text: TextRef, end: usize, out: &mut Vec<u8>) -> bool {
        match text {
            TextRef::Integer(integer) => {
                put_number(integer, out);
                true
            }
            TextRef::Inline(bytes) => {
                self.string(bytes, out);
                true
            }
            TextRef::Shared(bytes) => progress.long_string(self, bytes, end, out),
        }
    }
    fn list(&mut self, progress: &mut Progress, list: &List, end: usize, out: &mut Vec<u8>) -> bool {
        if let Some(listpack) = list.as_listpack() {
            put_length(1, out);
            put_length(container::PACKED, out);
            self.string(listpack.as_bytes(), out);
            return true;
        }
        let Some(list) = list.as_quicklist() else { return true };
        progress.begin(|| put_length(list.node_count() as u64, out));
        for node in list.node_bytes(progress.done) {
            progress.done += 1;
            put_length(if node.is_plain { container::PLAIN } else { container::PACKED }, out);
            match node.compressed_from {
                Some(len) => scalar::put_compressed(&node.bytes, len, out),
                None => self.string(&node.bytes, out),
            }
            if out.len() >= end {
                break;
            }
        }
        progress.done == list.node_count()
    }
    fn set(&mut self, progress: &mut Progress, set: &Set, end: usize, out: &mut Vec<u8>) -> bool {
        let packed = set.as_listpack().filter(|_| self.version >= Version::V11);
        if let Some(block) = packed.map(|list| list.as_bytes()).or(set.as_intset().map(|set| set.as_bytes()))
        {
            self.string(block, out);
            return true;
        }
        progress.begin(|| put_length(set.len() as u64, out));
        let mut digits = itoa::Buffer::new();
        progress.scan(end, out, |cursor, count, out| {
            set.scan(cursor, count, &mut |member| self.string(member.bytes(&mut digits), out))
        })
    }
    fn sorted_set(
        &mut self,
        progress: &mut Progress,
        set: &SortedSet,
        end: usize,
        out: &mut Vec<u8>,
    ) -> bool {
        if let Some(list) = set.as_listpack() {
            self.string(list.as_bytes(), out);
            return true;
        }
        let len = set.len();
        progress.begin(|| put_length(len as u64, out));
        // From the highest score on, as Redis has it: there, each goes in front of a skip list then.
        let items = set.range(0..len - progress.done, Direction::Backward);
        for (member, score) in items {
            progress.done += 1;
            self.string(member.bytes(&mut itoa::Buffer::new()), out);
            out.extend_from_slice(&score.to_le_bytes());
            if out.len() >= end {
                break;
            }
        }
        progress.done == len
    }
    fn hash(&mut self, progress: &mut Progress, hash: &Hash, end: usize, out: &mut Vec<u8>) -> bool {
        let first = hash.next_deadline();
        match hash.as_listpack() {
            Some((list, 2)) => {
                self.string(list.as_bytes(), out);
                return true;
            }
            Some((list, _)) if self.keeps_triples(hash) => {
                out.extend_from_slice(&first.unwrap_or(0).to_le_bytes());
                self.string(list.as_bytes(), out);
                return true;
            }
            Some(_) => {
                self.string(hash.to_pairs().as_bytes(), out);
                return true;
            }
            None => {}
        }
        progress.begin(|| {
            if let Some(first) = first {
                out.extend_from_slice(&first.to_le_bytes());
            }
            put_length(hash.len() as u64, out);
        });
        let (mut names, mut values) = (itoa::Buffer::new(), itoa::Buffer::new());
        progress.scan(end, out, |cursor, count, out| {
            hash.scan(cursor, count, &mut |field| {
                if let Some(first) = first {
                    put_length(field.deadline.map_or(0, |deadline| (deadline - first) as u64 + 1), out);
                }
                self.string(field.name.bytes(&mut names), out);
                self.string(field.value.bytes(&mut values), out);
            })
        })
    }
}
