//! Hashes as a whole: HLEN, HGETALL, HKEYS, HVALS, HSCAN.
use super::spec;
use crate::{
    commands::{
        Command, Outcome, ReadCommand,
        args::Args,
        error::CommandError,
        keys::walk::Step,
        spec::{Arity::*, *},
    },
    resp::Reply,
    store::{Field, Hash, Stored, View},
};
use bytes::Bytes;

pub struct HLen(Bytes);
impl Command for HLen {
    const SPEC: Spec = spec("HLEN", Exactly(2))
        .keys(&[key(1, RO)])
        .flags(FAST)
        .syntax("key")
        .summary("Tells how many fields a hash has.");
    fn parse(args: &mut Args) -> Result<HLen, CommandError> {
        Ok(HLen(args.bytes()?))
    }
}
impl ReadCommand for HLen {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        // Those that are due count until they are deleted: to leave them out would take a walk.
        reply.integer(view.value::<Hash>(&self.0)?.map_or(0, |hash| hash.len()) as i64);
        Ok(())
    }
}

const fn listing(name: &'static str) -> Spec {
    const KEYS: &[KeySpec] = &[key(1, RO | ACCESS)];
    spec(name, Exactly(2))
        .keys(KEYS)
        .complexity("O(N)")
        .syntax("key")
        .tips(&["nondeterministic_output_order"])
}

pub struct HGetAll(Bytes);
impl Command for HGetAll {
    const SPEC: Spec = listing("HGETALL").summary("Reads all fields of a hash with their values.");
    fn parse(args: &mut Args) -> Result<HGetAll, CommandError> {
        Ok(HGetAll(args.bytes()?))
    }
}
impl ReadCommand for HGetAll {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let hash = view.value::<Hash>(&self.0)?;
        reply.map(hash.map_or(0, |hash| hash.count_alive(view.due_until_ms())));
        if let Some(hash) = hash {
            hash.for_each_alive(view.due_until_ms(), |field| {
                reply.element(field.name);
                reply.element(field.value);
            });
        }
        Ok(())
    }
}

/// Replies one part of each field.
fn reply_each(view: &View, key: &[u8], reply: &mut Reply, part: fn(&mut Reply, Field)) -> Outcome {
    let hash = view.value::<Hash>(key)?;
    reply.array(hash.map_or(0, |hash| hash.count_alive(view.due_until_ms())));
    if let Some(hash) = hash {
        hash.for_each_alive(view.due_until_ms(), |field| part(reply, field));
    }
    Ok(())
}

pub struct HKeys(Bytes);
impl Command for HKeys {
    const SPEC: Spec = listing("HKEYS").summary("Tells the names of all fields of a hash.");
    fn parse(args: &mut Args) -> Result<HKeys, CommandError> {
        Ok(HKeys(args.bytes()?))
    }
}
impl ReadCommand for HKeys {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        reply_each(view, &self.0, reply, |reply, field| reply.element(field.name))
    }
}

pub struct HVals(Bytes);
impl Command for HVals {
    const SPEC: Spec = listing("HVALS").summary("Reads the values of all fields of a hash.");
    fn parse(args: &mut Args) -> Result<HVals, CommandError> {
        Ok(HVals(args.bytes()?))
    }
}
impl ReadCommand for HVals {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        reply_each(view, &self.0, reply, |reply, field| reply.element(field.value))
    }
}

pub struct HScan {
    key: Bytes,
    cursor: u64,
    /// What is wrong with it is told only if there is something to scan.
    options: Result<Options, CommandError>,
}
struct Options {
    step: Step,
    values: bool,
}
impl Options {
    fn parse(args: &mut Args) -> Result<Options, CommandError> {
        let mut options = Options { step: Step::default(), values: true };
        while !args.is_empty() {
            if options.step.option(args)? {
                continue;
            } else if args.option("NOVALUES") {
                options.values = false;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }
}
impl Command for HScan {
    const SPEC: Spec = spec("HSCAN", AtLeast(3))
        .keys(&[key(1, RO | ACCESS)])
        .since("2.8.0")
        .complexity("O(1) for every call, O(N) for a walk from end to end")
        .syntax("key cursor [MATCH pattern] [COUNT count] [NOVALUES]")
        .summary("Goes through the fields of a hash, some with every call.")
        .tips(&["nondeterministic_output"]);
    fn parse(args: &mut Args) -> Result<HScan, CommandError> {
        let (key, cursor) = (args.bytes()?, Step::cursor(args)?);
        let options = Options::parse(args);
        args.rest();
        Ok(HScan { key, cursor, options })
    }
}
impl ReadCommand for HScan {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let mut found: Vec<Field> = Vec::new();
        let (mut next, mut with_values) = (0, false);
        if let Some(hash) = view.value::<Hash>(&self.key)? {
            let Options { step, values } = self.options.as_ref().map_err(Clone::clone)?;
            let (due_until_ms, mut digits) = (view.due_until_ms(), itoa::Buffer::new());
            with_values = *values;
            next = hash.scan(self.cursor, step.count, &mut |field| {
                if !field.is_due(due_until_ms) && step.names.admit(field.name.bytes(&mut digits)) {
                    found.push(field);
                }
            });
        }
        reply.array(2);
        reply.bulk(itoa::Buffer::new().format(next).as_bytes());
        reply.array(found.len() * (1 + with_values as usize));
        for field in found {
            reply.element(field.name);
            if with_values {
                reply.element(field.value);
            }
        }
        Ok(())
    }
}
