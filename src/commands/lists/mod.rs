//! Lists: sequences that grow and shrink at both ends.
//!
//! A list is never empty: the command that takes the last element deletes the key, too.
mod blocking;
mod edit;
mod moves;
mod pop;
mod push;
mod read;
#[cfg(test)]
mod tests;

use super::{
    Entry,
    args::Args,
    blocking_write,
    error::CommandError,
    read,
    spec::{Arity, Group, Spec},
    write,
};
use crate::{
    resp::Reply,
    store::{Changes, End, Event, List, Stored},
};
use std::ops::ControlFlow;

pub static COMMANDS: &[Entry] = &[
    write::<push::LPush>(),
    write::<push::RPush>(),
    write::<push::LPushX>(),
    write::<push::RPushX>(),
    write::<pop::LPop>(),
    write::<pop::RPop>(),
    write::<pop::LMPop>(),
    read::<read::LLen>(),
    read::<read::LIndex>(),
    read::<read::LRange>(),
    read::<read::LPos>(),
    write::<edit::LSet>(),
    write::<edit::LInsert>(),
    write::<edit::LRem>(),
    write::<edit::LTrim>(),
    write::<moves::LMove>(),
    write::<moves::RPopLPush>(),
    blocking_write::<blocking::BLPop>(),
    blocking_write::<blocking::BRPop>(),
    blocking_write::<blocking::BLMPop>(),
    blocking_write::<blocking::BLMove>(),
    blocking_write::<blocking::BRPopLPush>(),
];

const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(Group::List, name, arity)
}

/// Takes LEFT or RIGHT.
///
/// # Errors
/// If neither stands next.
fn end(args: &mut Args) -> Result<End, CommandError> {
    args.one_of(&[("LEFT", End::Head), ("RIGHT", End::Tail)]).ok_or(CommandError::Syntax)
}
/// How LMOVE's arguments name an end.
fn name(end: End) -> &'static str {
    match end {
        End::Head => "LEFT",
        End::Tail => "RIGHT",
    }
}
/// The event of adding at an end.
fn push_event(end: End) -> &'static str {
    match end {
        End::Head => "lpush",
        End::Tail => "rpush",
    }
}
/// The event of taking from an end.
fn pop_event(end: End) -> &'static str {
    match end {
        End::Head => "lpop",
        End::Tail => "rpop",
    }
}

/// Writes `count` elements from an index on, in the direction of an end. There must be so many.
#[inline]
fn reply_range(reply: &mut Reply, list: &List, from: usize, towards: End, count: usize) {
    reply.array(count);
    let mut left = count;
    if left > 0 {
        list.walk(from, towards, |element| {
            reply.element(element);
            left -= 1;
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    }
}

/// Does what follows from having removed elements: the list may be short enough for another encoding, or gone.
///
/// Returns whether it is empty, so that the key is to be deleted once the change is told.
fn settle(list: &mut List, limits: &crate::store::EncodingLimits) -> bool {
    let emptied = list.is_empty();
    if !emptied {
        list.shrink(limits);
    }
    emptied
}
/// States that `count` elements were removed, by which event, and deletes the key if they were the last.
fn removed(changes: &mut Changes, event: &'static str, key: &[u8], count: usize, emptied: bool) {
    changes.also_modified_in(changes.db, Event::List, event, key);
    changes.also_dirty(count as u64);
    if emptied {
        changes.remove_emptied(key);
    }
}
