//! Sorted sets: members in the order of their scores (see `store::sorted_set`).
//!
//! Every kind of range (by rank, by score, by member) is turned into ranks first, so that reading, counting, storing
//! and removing them is the same for all.
mod adding;
mod combine;
mod members;
mod popping;
mod ranges;
mod removing;
mod walk;

use super::{
    Entry, blocking_write,
    error::CommandError,
    read,
    spec::{ACCESS, Arity, DELETE, Group, KeySpec, RO, RW, Spec, key},
    write,
};
use crate::{
    data::number::parse_bound,
    resp::Reply,
    store::{
        Changes, Deadline, Event, SortedSet, Stored,
        sorted_set::{Bound, Items, MemberRange, ScoreRange},
    },
};
use bytes::Bytes;
use smallvec::SmallVec;

pub static COMMANDS: &[Entry] = &[
    write::<adding::ZAdd>(),
    write::<adding::ZIncrBy>(),
    write::<removing::ZRem>(),
    write::<removing::ZRemRangeByRank>(),
    write::<removing::ZRemRangeByScore>(),
    write::<removing::ZRemRangeByLex>(),
    read::<members::ZCard>(),
    read::<members::ZScore>(),
    read::<members::ZMScore>(),
    read::<members::ZRank>(),
    read::<members::ZRevRank>(),
    read::<ranges::ZCount>(),
    read::<ranges::ZLexCount>(),
    read::<ranges::ZRange>(),
    read::<ranges::ZRevRange>(),
    read::<ranges::ZRangeByScore>(),
    read::<ranges::ZRevRangeByScore>(),
    read::<ranges::ZRangeByLex>(),
    read::<ranges::ZRevRangeByLex>(),
    write::<ranges::ZRangeStore>(),
    write::<popping::ZPopMin>(),
    write::<popping::ZPopMax>(),
    write::<popping::ZMPop>(),
    blocking_write::<popping::BZPopMin>(),
    blocking_write::<popping::BZPopMax>(),
    blocking_write::<popping::BZMPop>(),
    read::<combine::ZUnion>(),
    read::<combine::ZInter>(),
    read::<combine::ZDiff>(),
    read::<combine::ZInterCard>(),
    write::<combine::ZUnionStore>(),
    write::<combine::ZInterStore>(),
    write::<combine::ZDiffStore>(),
    read::<walk::ZRandMember>(),
    read::<walk::ZScan>(),
];

const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(Group::SortedSet, name, arity)
}

/// Where most commands have their key, by what they do with it.
const READ_KEY: &[KeySpec] = &[key(1, RO | ACCESS)];
const TAKEN_KEY: &[KeySpec] = &[key(1, RW | ACCESS | DELETE)];

/// A member that is held for a while.
type Name = SmallVec<[u8; 24]>;

/// Takes the two bounds of a range of scores.
fn score_range(min: &[u8], max: &[u8]) -> Result<ScoreRange, CommandError> {
    let bound = |text: &[u8]| match text {
        [b'(', text @ ..] => parse_bound(text).map(|bound| (bound, true)),
        text => parse_bound(text).map(|bound| (bound, false)),
    };
    match (bound(min), bound(max)) {
        (Some((min, excludes_min)), Some((max, excludes_max))) => {
            Ok(ScoreRange { min, max, excludes_min, excludes_max })
        }
        _ => Err(CommandError::fixed("ERR min or max is not a float")),
    }
}
/// Takes the two bounds of a range of members.
fn member_range(min: &Bytes, max: &Bytes) -> Result<MemberRange, CommandError> {
    let bound = |text: &Bytes| match &text[..] {
        b"-" => Some(Bound::Lowest),
        b"+" => Some(Bound::Highest),
        [b'[', ..] => Some(Bound::Including(text.slice(1..))),
        [b'(', ..] => Some(Bound::Excluding(text.slice(1..))),
        _ => None,
    };
    match (bound(min), bound(max)) {
        (Some(min), Some(max)) => Ok(MemberRange { min, max }),
        _ => Err(CommandError::fixed("ERR min or max not valid string range item")),
    }
}
/// Replies with members, and with their scores if asked for.
fn reply_items(reply: &mut Reply, items: Items, with_scores: bool) {
    if with_scores {
        reply.scored(items.len());
        items.for_each(|(member, score)| reply.scored_member(member, score));
    } else {
        reply.array(items.len());
        items.for_each(|(member, _)| reply.element(member));
    }
}

/// Sets a key to a result, whatever stood there; an empty one deletes it. Replies how many members it has.
fn store(
    changes: &mut Changes,
    destination: &[u8],
    items: &[(Name, f64)],
    event: &'static str,
    reply: &mut Reply,
) {
    if !items.is_empty() {
        let set = SortedSet::from_sorted(items, &changes.limits());
        changes.set_value(destination, set, Deadline::Clear);
        changes.modified(Event::SortedSet, event, destination);
    } else if changes.lookup(destination).is_some() {
        changes.remove(destination);
        changes.modified(Event::Generic, "del", destination);
    }
    reply.integer(items.len() as i64);
}
/// The number of members of what may be no sorted set at all.
fn len_of(set: Option<&SortedSet>) -> usize {
    set.map_or(0, SortedSet::len)
}

#[cfg(test)]
mod tests;
