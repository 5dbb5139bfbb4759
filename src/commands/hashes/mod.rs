//! Hashes: fields with values, and deadlines of fields.
//!
//! A field whose deadline has passed is hidden from whoever asks for it. Commands that write delete it first; those that
//! read note it, and it is deleted behind them. What goes over all fields leaves out those that are due, and does not
//! delete them: that is the timing wheel's work.
mod both;
mod counters;
mod deadlines;
mod fields;
mod random;
#[cfg(test)]
mod tests;
mod whole;

use super::{Entry, args::Args, error::CommandError, read, spec::*, write};
use crate::{
    data::number::parse_integer,
    store::{Changes, Hash, Stored},
};
use bytes::Bytes;
use smallvec::SmallVec;

pub static COMMANDS: &[Entry] = &[
    write::<fields::HSet>(),
    write::<fields::HMSet>(),
    write::<fields::HSetNx>(),
    write::<fields::HDel>(),
    read::<fields::HGet>(),
    read::<fields::HMGet>(),
    read::<fields::HExists>(),
    read::<fields::HStrLen>(),
    read::<whole::HLen>(),
    read::<whole::HGetAll>(),
    read::<whole::HKeys>(),
    read::<whole::HVals>(),
    read::<whole::HScan>(),
    read::<random::HRandField>(),
    write::<counters::HIncrBy>(),
    write::<counters::HIncrByFloat>(),
    write::<deadlines::HExpire>(),
    write::<deadlines::HPExpire>(),
    write::<deadlines::HExpireAt>(),
    write::<deadlines::HPExpireAt>(),
    read::<deadlines::HTtl>(),
    read::<deadlines::HPTtl>(),
    read::<deadlines::HExpireTime>(),
    read::<deadlines::HPExpireTime>(),
    write::<deadlines::HPersist>(),
    write::<both::HGetEx>(),
    write::<both::HSetEx>(),
    write::<both::HGetDel>(),
];

const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(Group::Hash, name, arity).since("2.0.0")
}

/// Names of fields.
type Names = SmallVec<[Bytes; 1]>;

/// All arguments that are left, as names of fields.
fn names(args: &mut Args) -> Result<Names, CommandError> {
    let mut names = Names::with_capacity(args.remaining());
    while !args.is_empty() {
        names.push(args.bytes()?);
    }
    Ok(names)
}
/// `FIELDS`, a count, and as many words, to the end of the arguments. `no_count` is what to say if the count is none or
/// not positive.
fn counted(args: &mut Args, no_count: &'static str) -> Result<(), CommandError> {
    if !args.option("FIELDS") {
        return Err(CommandError::fixed(
            "ERR Mandatory argument FIELDS is missing or not at the right position",
        ));
    }
    let count =
        parse_integer(args.word()?).filter(|&count| count > 0).ok_or(CommandError::fixed(no_count))?;
    match usize::try_from(count) {
        Ok(words) if words == args.remaining() => Ok(()),
        _ => Err(CommandError::fixed("ERR The `numfields` parameter must match the number of arguments")),
    }
}

/// Deletes those of these fields that are due, before a command writes them.
///
/// # Errors
/// `WrongType` where something else than a hash stands.
fn bury_due(changes: &mut Changes, key: &[u8], names: &[Bytes]) -> Result<(), CommandError> {
    let due_until_ms = changes.due_until_ms();
    if changes.value_mut::<Hash>(key)?.is_some_and(|hash| hash.has_due(due_until_ms)) {
        changes.expire_fields(changes.db, key, names);
    }
    Ok(())
}
/// Deletes the key if no field is left.
fn remove_if_empty(changes: &mut Changes, key: &[u8]) -> Result<(), CommandError> {
    if changes.value_mut::<Hash>(key)?.is_some_and(|hash| hash.is_empty()) {
        changes.remove_emptied(key);
    }
    Ok(())
}
