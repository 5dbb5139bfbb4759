//! Streams: entries under rising IDs, ranges of them, and groups of consumers that share them out.
//!
//! What is added and cut off is told to the append-only file with the ID that was given out and the length that came out
//! of it; what is delivered to a consumer, as the XCLAIM that gives it to it.
mod add;
mod claim;
mod groups;
mod ids;
mod info;
mod pending;
mod ranges;
mod read;
mod read_group;
mod telling;
#[cfg(test)]
mod tests;
mod trim;

use super::{
    Entry, blocking_read, blocking_write, container,
    error::{CommandError, shown},
    read, session,
    spec::*,
    write,
};
use crate::{
    data::stream::{self, NodeLimits},
    resp::Reply,
    store::EncodingLimits,
};

pub static COMMANDS: &[Entry] = &[
    write::<add::XAdd>(),
    read::<ranges::XLen>(),
    read::<ranges::XRange>(),
    read::<ranges::XRevRange>(),
    write::<trim::XDel>(),
    write::<trim::XTrim>(),
    write::<trim::XSetId>(),
    blocking_read::<self::read::XRead>(),
    container(groups::SPEC, GROUP),
    blocking_write::<read_group::XReadGroup>(),
    write::<pending::XAck>(),
    read::<pending::XPending>(),
    write::<claim::XClaim>(),
    write::<claim::XAutoClaim>(),
    container(info::SPEC, INFO),
];
static GROUP: &[Entry] = &[
    write::<groups::Create>(),
    write::<groups::SetId>(),
    write::<groups::Destroy>(),
    write::<groups::CreateConsumer>(),
    write::<groups::DelConsumer>(),
    session::<groups::Help>(),
];
static INFO: &[Entry] =
    &[read::<info::Stream>(), read::<info::Groups>(), read::<info::Consumers>(), session::<info::Help>()];

const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(Group::Stream, name, arity).since("5.0.0")
}

fn node_limits(limits: EncodingLimits) -> NodeLimits {
    NodeLimits { bytes_max: limits.stream_node_bytes_max, entries_max: limits.stream_node_entries_max }
}

/// Writes an entry: its ID, and its fields and values in one array.
fn reply_entry(reply: &mut Reply, entry: &stream::Entry) {
    reply.array(2);
    ids::reply_id(reply, entry.id);
    reply.array(2 * entry.fields());
    let mut digits = itoa::Buffer::new();
    for (field, value) in entry.pairs() {
        reply.bulk(field.bytes(&mut digits));
        reply.bulk(value.bytes(&mut digits));
    }
}
/// Writes entries, `count` of them at the most (0: all); returns how many.
fn reply_entries<'a>(
    reply: &mut Reply,
    entries: impl Iterator<Item = stream::Entry<'a>>,
    count: usize,
) -> usize {
    let place = reply.defer();
    let mut written = 0;
    for entry in entries.take(if count == 0 { usize::MAX } else { count }) {
        reply_entry(reply, &entry);
        written += 1;
    }
    reply.settle_array(place, written);
    written
}

/// What commands answer that name a group which is not there.
fn no_group(key: &[u8], group: &[u8]) -> CommandError {
    CommandError::text_of(format!(
        "NOGROUP No such key '{}' or consumer group '{}'",
        shown(key),
        shown(group)
    ))
}
/// The same, where the key is there.
fn no_group_in(key: &[u8], group: &[u8]) -> CommandError {
    CommandError::text_of(format!(
        "NOGROUP No such consumer group '{}' for key name '{}'",
        shown(group),
        shown(key)
    ))
}
/// A subcommand of XGROUP or XINFO with arguments that it does not take.
fn wrong_arguments(container: &str, subcommand: &[u8]) -> CommandError {
    CommandError::text_of(format!(
        "ERR unknown subcommand or wrong number of arguments for '{}'. Try {container} HELP.",
        crate::commands::error::shown_in_part(subcommand)
    ))
}
