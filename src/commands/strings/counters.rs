//! Numbers in strings: INCR, DECR, INCRBY, DECRBY, INCRBYFLOAT.
use super::spec;
use crate::{
    commands::{
        Command, Outcome, WriteCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    data::long_double::LongDouble,
    resp::Reply,
    store::{Changes, Deadline, Event, Text},
};
use bytes::Bytes;

fn add(changes: &mut Changes, reply: &mut Reply, key: &[u8], increment: i64) -> Outcome {
    let old = match changes.string(key)? {
        Some(text) => text.integer().ok_or(CommandError::NotAnInteger)?,
        None => 0,
    };
    let new =
        old.checked_add(increment).ok_or(CommandError::fixed("ERR increment or decrement would overflow"))?;
    changes.set_string(key, Text::Integer(new), Deadline::Keep);
    changes.modified(Event::String, "incrby", key);
    reply.integer(new);
    Ok(())
}

const fn counter(name: &'static str, arity: Arity) -> Spec {
    const KEYS: &[KeySpec] = &[key(1, RW | ACCESS | UPDATE)];
    spec(name, arity).keys(KEYS).flags(DENY_OOM | FAST)
}

pub struct Incr(Bytes);
impl Command for Incr {
    const SPEC: Spec = counter("INCR", Exactly(2))
        .syntax("key")
        .summary("Adds one to an integer; a missing key counts as 0.");
    fn parse(args: &mut Args) -> Result<Incr, CommandError> {
        Ok(Incr(args.bytes()?))
    }
}
impl WriteCommand for Incr {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        add(changes, reply, &self.0, 1)
    }
}

pub struct Decr(Bytes);
impl Command for Decr {
    const SPEC: Spec = counter("DECR", Exactly(2))
        .syntax("key")
        .summary("Takes one from an integer; a missing key counts as 0.");
    fn parse(args: &mut Args) -> Result<Decr, CommandError> {
        Ok(Decr(args.bytes()?))
    }
}
impl WriteCommand for Decr {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        add(changes, reply, &self.0, -1)
    }
}

pub struct IncrBy(Bytes, i64);
impl Command for IncrBy {
    const SPEC: Spec = counter("INCRBY", Exactly(3))
        .syntax("key increment")
        .summary("Adds to an integer; a missing key counts as 0.");
    fn parse(args: &mut Args) -> Result<IncrBy, CommandError> {
        Ok(IncrBy(args.bytes()?, args.integer()?))
    }
}
impl WriteCommand for IncrBy {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        add(changes, reply, &self.0, self.1)
    }
}

pub struct DecrBy(Bytes, i64);
impl Command for DecrBy {
    const SPEC: Spec = counter("DECRBY", Exactly(3))
        .syntax("key decrement")
        .summary("Takes from an integer; a missing key counts as 0.");
    fn parse(args: &mut Args) -> Result<DecrBy, CommandError> {
        let (key, decrement) = (args.bytes()?, args.integer()?);
        let increment = decrement.checked_neg().ok_or(CommandError::fixed("ERR decrement would overflow"))?;
        Ok(DecrBy(key, increment))
    }
}
impl WriteCommand for DecrBy {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        add(changes, reply, &self.0, self.1)
    }
}

pub struct IncrByFloat {
    key: Bytes,
    increment: Bytes,
}
impl Command for IncrByFloat {
    const SPEC: Spec = counter("INCRBYFLOAT", Exactly(3))
        .since("2.6.0")
        .syntax("key increment")
        .summary("Adds to a decimal number; a missing key counts as 0.");
    fn parse(args: &mut Args) -> Result<IncrByFloat, CommandError> {
        Ok(IncrByFloat { key: args.bytes()?, increment: args.bytes()? })
    }
}
impl WriteCommand for IncrByFloat {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let old = match changes.string(&self.key)? {
            Some(text) => {
                LongDouble::parse(text.bytes(&mut itoa::Buffer::new())).ok_or(CommandError::NotAFloat)?
            }
            None => LongDouble::ZERO,
        };
        let increment = LongDouble::parse(&self.increment).ok_or(CommandError::NotAFloat)?;
        let sum = old + increment;
        if !sum.is_finite() {
            return Err(CommandError::fixed("ERR increment would produce NaN or Infinity"));
        }
        let text = sum.to_human();
        changes.set_string(&self.key, Text::Inline(text.as_bytes()), Deadline::Keep);
        changes.modified(Event::String, "incrbyfloat", &self.key);
        // The same sum may come out differently elsewhere: tell the result, not the sum.
        changes.rewrite(&[b"SET", &self.key, text.as_bytes(), b"KEEPTTL"]);
        reply.bulk(text.as_bytes());
        Ok(())
    }
}
