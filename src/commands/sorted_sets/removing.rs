//! Taking members out by name or by range: ZREM, ZREMRANGEBYRANK, ZREMRANGEBYSCORE, ZREMRANGEBYLEX.
use super::{
    len_of,
    ranges::{By, Selection},
    spec,
};
use crate::{
    commands::{
        Command, Outcome, WriteCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    resp::Reply,
    store::{Changes, Event, SortedSet, Stored, sorted_set::Direction},
};
use bytes::Bytes;

/// Tells of removed members, and deletes the key if none is left.
fn tell_removed(changes: &mut Changes, key: &[u8], event: &'static str, removed: usize, left: usize) {
    if removed > 0 {
        changes.modified(Event::SortedSet, event, key);
        changes.also_dirty(removed as u64 - 1);
        if left == 0 {
            changes.remove_emptied(key);
        }
    }
}

pub struct ZRem {
    key: Bytes,
    members: Vec<Bytes>,
}
impl Command for ZRem {
    const SPEC: Spec = spec("ZREM", AtLeast(3))
        .keys(&[key(1, RW | DELETE)])
        .flags(FAST)
        .since("1.2.0")
        .complexity("O(M*log(N)), where N is the size of the sorted set and M how many members go.")
        .syntax("key member [member ...]")
        .summary("Takes members out of a sorted set, and answers how many were there.")
        .history(&[("2.4.0", "Accepts multiple elements.")]);
    fn parse(args: &mut Args) -> Result<ZRem, CommandError> {
        Ok(ZRem { key: args.bytes()?, members: args.rest() })
    }
}
impl WriteCommand for ZRem {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let Some(set) = changes.value_mut::<SortedSet>(&self.key)? else {
            reply.integer(0);
            return Ok(());
        };
        let removed = self.members.iter().filter(|member| set.remove(member)).count();
        let left = set.len();
        tell_removed(changes, &self.key, "zrem", removed, left);
        reply.integer(removed as i64);
        Ok(())
    }
}

/// Removes a stretch, and replies how many members it had.
fn remove_selected(
    changes: &mut Changes,
    key: &[u8],
    selection: &Selection,
    event: &'static str,
    reply: &mut Reply,
) -> Outcome {
    let Some(set) = changes.value_mut::<SortedSet>(key)? else {
        reply.integer(0);
        return Ok(());
    };
    let ranks = selection.ranks(set, Direction::Forward);
    let (removed, left) = (ranks.len(), len_of(Some(set)) - ranks.len());
    // What goes as a whole is not taken apart first.
    if left > 0 {
        set.remove_range(ranks);
    }
    tell_removed(changes, key, event, removed, left);
    reply.integer(removed as i64);
    Ok(())
}

macro_rules! removal {
    ($Type:ident, $event:literal, $by:ident, $spec:expr) => {
        pub struct $Type {
            key: Bytes,
            selection: Selection,
        }
        impl Command for $Type {
            const SPEC: Spec = $spec
                .keys(&[key(1, RW | DELETE)])
                .complexity("O(log(N)+M), where N is the size of the sorted set and M how many members go.");
            fn parse(args: &mut Args) -> Result<$Type, CommandError> {
                Ok($Type {
                    key: args.bytes()?,
                    selection: Selection::parse(args, By::$by, Direction::Forward)?,
                })
            }
        }
        impl WriteCommand for $Type {
            fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
                remove_selected(changes, &self.key, &self.selection, $event, reply)
            }
        }
    };
}
removal!(
    ZRemRangeByRank,
    "zremrangebyrank",
    Rank,
    spec("ZREMRANGEBYRANK", Exactly(4))
        .since("2.0.0")
        .syntax("key start stop")
        .summary("Takes the members between two ranks out of a sorted set, and answers how many they were.")
);
removal!(
    ZRemRangeByScore,
    "zremrangebyscore",
    Score,
    spec("ZREMRANGEBYSCORE", Exactly(4))
        .since("1.2.0")
        .syntax("key min max")
        .summary("Takes the members with scores between two bounds out of a sorted set.")
);
removal!(
    ZRemRangeByLex,
    "zremrangebylex",
    Member,
    spec("ZREMRANGEBYLEX", Exactly(4))
        .since("2.8.9")
        .syntax("key min max")
        .summary("Takes the members between two names out of a sorted set whose scores are all equal.")
);
