//! Numbers in fields: HINCRBY, HINCRBYFLOAT. A deadline of the field stays.
use super::{bury_due, spec};
use crate::{
    commands::{
        Command, Outcome, WriteCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    data::long_double::LongDouble,
    resp::Reply,
    store::{Changes, Event, Hash},
};
use bytes::Bytes;

const fn counter(name: &'static str) -> Spec {
    const KEYS: &[KeySpec] = &[key(1, RW | ACCESS | UPDATE)];
    spec(name, Exactly(4)).keys(KEYS).flags(DENY_OOM | FAST).syntax("key field increment")
}

pub struct HIncrBy {
    key: Bytes,
    name: Bytes,
    increment: i64,
}
impl Command for HIncrBy {
    const SPEC: Spec =
        counter("HINCRBY").summary("Adds to the integer in a field of a hash; a missing field counts as 0.");
    fn parse(args: &mut Args) -> Result<HIncrBy, CommandError> {
        Ok(HIncrBy { key: args.bytes()?, name: args.bytes()?, increment: args.integer()? })
    }
}
impl WriteCommand for HIncrBy {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let HIncrBy { key, name, increment } = self;
        bury_due(changes, key, std::slice::from_ref(name))?;
        let limits = changes.limits();
        let sum = changes.edit_or_insert_with(key, Hash::default, |hash| {
            let old = match hash.get(name) {
                Some(field) => {
                    field.value.integer().ok_or(CommandError::fixed("ERR hash value is not an integer"))?
                }
                None => 0,
            };
            let sum = old
                .checked_add(*increment)
                .ok_or(CommandError::fixed("ERR increment or decrement would overflow"))?;
            hash.set_in_place(name, itoa::Buffer::new().format(sum).as_bytes(), &limits);
            Ok::<_, CommandError>(sum)
        })??;
        changes.modified(Event::Hash, "hincrby", key);
        reply.integer(sum);
        Ok(())
    }
}

pub struct HIncrByFloat {
    key: Bytes,
    name: Bytes,
    increment: LongDouble,
}
impl Command for HIncrByFloat {
    const SPEC: Spec = counter("HINCRBYFLOAT")
        .since("2.6.0")
        .summary("Adds to the decimal number in a field of a hash; a missing field counts as 0.");
    fn parse(args: &mut Args) -> Result<HIncrByFloat, CommandError> {
        let (key, name) = (args.bytes()?, args.bytes()?);
        let increment = LongDouble::parse(args.word()?).ok_or(CommandError::NotAFloat)?;
        if !increment.is_finite() {
            return Err(CommandError::fixed("ERR value is NaN or Infinity"));
        }
        Ok(HIncrByFloat { key, name, increment })
    }
}
impl WriteCommand for HIncrByFloat {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let HIncrByFloat { key, name, increment } = self;
        bury_due(changes, key, std::slice::from_ref(name))?;
        let limits = changes.limits();
        let (text, deadline) = changes.edit_or_insert_with(key, Hash::default, |hash| {
            let (old, deadline) = match hash.get(name) {
                Some(field) => {
                    let old = LongDouble::parse(field.value.bytes(&mut itoa::Buffer::new()));
                    (old.ok_or(CommandError::fixed("ERR hash value is not a float"))?, field.deadline)
                }
                None => (LongDouble::ZERO, None),
            };
            let sum = old + *increment;
            if !sum.is_finite() {
                return Err(CommandError::fixed("ERR increment would produce NaN or Infinity"));
            }
            let text = sum.to_human();
            hash.set_in_place(name, text.as_bytes(), &limits);
            Ok((text, deadline))
        })??;
        changes.modified(Event::Hash, "hincrbyfloat", key);
        // The same sum may come out differently elsewhere: tell the result, not the sum. HSET takes the deadline away.
        changes.rewrite(&[b"HSET", key, name, text.as_bytes()]);
        if let Some(at) = deadline {
            super::deadlines::tell(changes, key, at, None, &[&name[..]]);
        }
        reply.bulk(text.as_bytes());
        Ok(())
    }
}
