//! HyperLogLogs: how many different elements, roughly, in little memory (see `data::hyperloglog`).
//!
//! A value is a string with a certain header, so anything can be written into it by other commands. Each command here
//! checks the header first, and tells what is no HyperLogLog from one whose body is damaged.
mod debug;

use super::{
    Command, Entry, Outcome, WriteCommand,
    args::Args,
    backstage, caching_read,
    error::CommandError,
    spec::{Arity::*, *},
    write,
};
use crate::{
    data::hyperloglog::{self as hll, Corrupted, Encoding, REGISTERS, Registers},
    resp::Reply,
    store::{Changes, Event, TextRef},
};
use bytes::{Bytes, BytesMut};

pub static COMMANDS: &[Entry] = &[
    write::<PfAdd>(),
    caching_read::<PfCount>(),
    write::<PfMerge>(),
    write::<debug::PfDebug>(),
    backstage::<debug::PfSelfTest>(),
];

const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(Group::HyperLogLog, name, arity).since("2.8.9")
}

impl From<Corrupted> for CommandError {
    fn from(corrupted: Corrupted) -> CommandError {
        CommandError::text_of(corrupted.to_string())
    }
}

/// The encoding of a string that has the header of a HyperLogLog.
fn encoding(bytes: &[u8]) -> Result<Encoding, CommandError> {
    hll::encoding(bytes)
        .map_err(|_| CommandError::fixed("WRONGTYPE Key is not a valid HyperLogLog string value."))
}
/// The encoding of the HyperLogLog at a key that was looked up.
fn encoding_of(text: Option<TextRef>) -> Result<Option<Encoding>, CommandError> {
    text.map(|text| encoding(text.bytes(&mut itoa::Buffer::new()))).transpose()
}

pub struct PfAdd {
    key: Bytes,
    elements: Vec<Bytes>,
}
impl Command for PfAdd {
    const SPEC: Spec = spec("PFADD", AtLeast(2))
        .keys(&[key(1, RW | INSERT)])
        .flags(DENY_OOM | FAST)
        .syntax("key [element [element ...]]")
        .summary("Adds elements to a HyperLogLog, which is created if there is none.");
    fn parse(args: &mut Args) -> Result<PfAdd, CommandError> {
        Ok(PfAdd { key: args.bytes()?, elements: args.rest() })
    }
}
impl PfAdd {
    /// Adds the elements, and counts in `updates` those that made a difference.
    fn add_all(
        &self,
        value: &mut BytesMut,
        sparse_bytes_max: usize,
        updates: &mut u64,
    ) -> Result<(), Corrupted> {
        for element in &self.elements {
            *updates += hll::add(value, element, sparse_bytes_max)? as u64;
        }
        Ok(())
    }
}
impl WriteCommand for PfAdd {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let sparse_bytes_max = changes.store.limits.hll_sparse_bytes_max;
        let is_new = encoding_of(changes.string(&self.key)?)?.is_none();
        let mut updates = is_new as u64;
        let added = changes.edit_string(&self.key, 0, |value| {
            if is_new {
                *value = hll::create();
                // Nothing is stale yet, but Redis' bytes say so.
                hll::invalidate_cached_count(value);
            }
            self.add_all(value, sparse_bytes_max, &mut updates)
        });
        // What was added before a damaged place was met stays, so it is told too.
        if updates > 0 {
            changes.modified(Event::String, "pfadd", &self.key);
            changes.record.dirty += updates - 1;
        }
        added?;
        reply.integer((updates > 0) as i64);
        Ok(())
    }
}

const PFCOUNT_WRITES: &str =
    "RW because it may change the internal representation of the key, and propagate to replicas";

pub struct PfCount {
    keys: Vec<Bytes>,
}
impl Command for PfCount {
    const SPEC: Spec = spec("PFCOUNT", AtLeast(2))
        .keys(&[keys(1, 1, RW | ACCESS).notes(PFCOUNT_WRITES)])
        .flags(MAY_REPLICATE)
        .complexity("O(1) for one key, O(N) for several")
        .syntax("key [key ...]")
        .summary("Estimates how many different elements were added to HyperLogLogs, taken together.");
    fn parse(args: &mut Args) -> Result<PfCount, CommandError> {
        Ok(PfCount { keys: args.rest() })
    }
}
impl WriteCommand for PfCount {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let count = match &self.keys[..] {
            [key] => count_one(changes, key)?,
            keys => {
                let mut union = Union::new();
                keys.iter().try_for_each(|key| union.add(changes.view().string(key)?))?;
                hll::count_registers(&union.registers)
            }
        };
        reply.integer(count as i64);
        Ok(())
    }
}

/// The estimate for one key: the one that is kept in its value, or a fresh one, which is kept there.
fn count_one(changes: &mut Changes, key: &[u8]) -> Result<u64, CommandError> {
    let Some(text) = changes.view().string(key)? else { return Ok(0) };
    let mut digits = itoa::Buffer::new();
    let value = text.bytes(&mut digits);
    encoding(value)?;
    if let Some(count) = hll::cached_count(value) {
        return Ok(count);
    }
    let count = hll::count(value)?;
    changes.edit_string(key, 0, |value| hll::set_cached_count(value, count));
    changes.modified_quietly(key);
    Ok(count)
}

/// Several HyperLogLogs taken together.
struct Union {
    registers: Box<Registers>,
    /// One of them was dense.
    dense: bool,
}
impl Union {
    fn new() -> Union {
        Union { registers: Box::new([0; REGISTERS]), dense: false }
    }
    /// Adds another one, if there is one.
    fn add(&mut self, text: Option<TextRef>) -> Outcome {
        let Some(text) = text else { return Ok(()) };
        let mut digits = itoa::Buffer::new();
        let value = text.bytes(&mut digits);
        self.dense |= encoding(value)? == Encoding::Dense;
        Ok(hll::merge_into(&mut self.registers, value)?)
    }
    /// Raises the registers of a value to these.
    fn raise(&self, value: &mut BytesMut, sparse_bytes_max: usize) -> Result<(), Corrupted> {
        if self.dense {
            hll::to_dense(value)?;
        }
        hll::raise_registers(value, &self.registers, sparse_bytes_max)
    }
}

pub struct PfMerge {
    destination: Bytes,
    sources: Vec<Bytes>,
}
impl Command for PfMerge {
    const SPEC: Spec = spec("PFMERGE", AtLeast(2))
        .keys(&[key(1, RW | ACCESS | INSERT), keys(2, 1, RO | ACCESS)])
        .flags(DENY_OOM)
        .complexity("O(N)")
        .syntax("destkey [sourcekey [sourcekey ...]]")
        .summary("Merges HyperLogLogs into one, which is created if there is none.");
    fn parse(args: &mut Args) -> Result<PfMerge, CommandError> {
        Ok(PfMerge { destination: args.bytes()?, sources: args.rest() })
    }
}
impl WriteCommand for PfMerge {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let sparse_bytes_max = changes.store.limits.hll_sparse_bytes_max;
        let mut union = Union::new();
        for key in std::iter::once(&self.destination).chain(&self.sources) {
            union.add(changes.source(key)?)?;
        }
        let is_new = changes.lookup(&self.destination).is_none();
        changes.edit_string(&self.destination, 0, |value| {
            if is_new {
                *value = hll::create();
            }
            union.raise(value, sparse_bytes_max)
        })?;
        // It is as if all elements had been added at once.
        changes.modified(Event::String, "pfadd", &self.destination);
        reply.ok();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
