//! Streams with their consumer groups.
use super::{
    super::{Damage, ValueType, input::Input},
    block,
};
use crate::data::{
    Corrupt,
    listpack::Listpack,
    stream::{ConsumerNumber, Group, Log, Node, Pending, Stream, StreamId},
};
use std::collections::BTreeMap;

/// What a group that does not know how many entries it has read says instead.
const UNKNOWN: u64 = u64::MAX;
/// What a consumer that never got anything has for a time.
const NEVER: i64 = -1;

pub fn read(kind: ValueType, input: &mut Input) -> Result<Stream, Damage> {
    let mut stream = Stream { log: log(kind, input)?, ..Stream::default() };
    for _ in 0..input.count(5)? {
        let at = input.offset();
        let name = input.word()?.into_vec().into_boxed_slice();
        let last_id = id(input)?;
        let entries_read = match kind {
            ValueType::Stream1 => stream.log.entries_up_to(last_id),
            _ => Some(input.length()?).filter(|&read| read != UNKNOWN).map(|read| read as i64),
        };
        let mut group = Group::new(last_id, entries_read);
        members(kind, input, &mut group)?;
        if stream.groups.insert(name, group).is_some() {
            return Err(Damage::new(at, "Duplicated consumer group name"));
        }
    }
    Ok(stream)
}

fn id(input: &mut Input) -> Result<StreamId, Damage> {
    Ok(StreamId::new(input.length()?, input.length()?))
}

fn id_of(bytes: &[u8]) -> Option<StreamId> {
    let (ms, seq) = bytes.split_first_chunk()?;
    Some(StreamId::new(u64::from_be_bytes(*ms), u64::from_be_bytes(seq.try_into().ok()?)))
}

/// An ID as its 16 bytes.
fn raw_id(input: &mut Input) -> Result<StreamId, Damage> {
    let bytes = input.take(16)?;
    id_of(bytes).ok_or_else(|| input.damage("An ID of other than 16 bytes"))
}

fn log(kind: ValueType, input: &mut Input) -> Result<Log, Damage> {
    let mut log = Log::default();
    for _ in 0..input.count(2)? {
        let at = input.offset();
        let word = input.word()?;
        let master = id_of(word.bytes(&mut itoa::Buffer::new()));
        let master =
            master.ok_or_else(|| Damage::new(at, "Stream node key entry is not the size of a stream ID"))?;
        let node = block(input, "Stream listpack integrity check failed.", |bytes| {
            Node::from_listpack(Listpack::from_bytes(bytes)?, master).ok_or(Corrupt)
        })?;
        if !log.push_node(master, node) {
            return Err(Damage::new(at, "The nodes of a stream are not in order"));
        }
    }
    let at = input.offset();
    let (len, last_id) = (input.length()?, id(input)?);
    if len != log.len() || log.top_id().is_some_and(|top| top > last_id) {
        return Err(Damage::new(at, "Stream length or last ID inconsistent with its entries"));
    }
    if kind == ValueType::Stream1 {
        log.set_ids(last_id, Some(len), Some(StreamId::MIN));
    } else {
        // The first ID is found again.
        id(input)?;
        let (max_deleted_id, entries_added) = (id(input)?, input.length()?);
        log.set_ids(last_id, Some(entries_added), Some(max_deleted_id));
    }
    Ok(log)
}

/// What of a group is pending, with whom.
fn members(kind: ValueType, input: &mut Input, group: &mut Group) -> Result<(), Damage> {
    let mut unowned = BTreeMap::new();
    for _ in 0..input.count(25)? {
        let at = input.offset();
        let pending = (raw_id(input)?, (input.i64()?, input.length()?));
        if unowned.insert(pending.0, pending.1).is_some() {
            return Err(Damage::new(at, "Duplicated global PEL entry loading stream consumer group"));
        }
    }
    for _ in 0..input.count(10)? {
        let consumer = consumer(kind, input, group)?;
        for _ in 0..input.count(16)? {
            let at = input.offset();
            let id = raw_id(input)?;
            // One that two consumers have is gone when the second comes.
            let Some((delivered_ms, deliveries)) = unowned.remove(&id) else {
                return Err(Damage::new(at, "Consumer entry not found in group global PEL"));
            };
            group.assign(id, Pending { delivered_ms, deliveries, consumer });
        }
    }
    match unowned.is_empty() {
        true => Ok(()),
        false => Err(input.damage("Stream CG PEL entry without consumer")),
    }
}

fn consumer(kind: ValueType, input: &mut Input, group: &mut Group) -> Result<ConsumerNumber, Damage> {
    let at = input.offset();
    let name = input.word()?;
    let seen_ms = input.i64()?;
    let number = group.add_consumer(name.bytes(&mut itoa::Buffer::new()), seen_ms);
    let number = number.ok_or_else(|| Damage::new(at, "Duplicate stream consumer detected"))?;
    // Where nothing is said of it, that is the best guess.
    let active_ms = if kind == ValueType::Stream3 { input.i64()? } else { seen_ms };
    group.consumer_mut(number).active_ms = Some(active_ms).filter(|&active| active != NEVER);
    Ok(number)
}
