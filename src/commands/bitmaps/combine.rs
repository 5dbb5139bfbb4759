//! Whole strings, bit by bit: BITOP.
use super::spec;
use crate::{
    commands::{
        Command, Outcome, WriteCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    data::bits::{BitOperation, combine, invert},
    resp::Reply,
    store::{Changes, Deadline, Event, Text, TextRef},
};
use bytes::Bytes;

/// The operation with its sources: NOT has one.
enum Operation {
    Combine(BitOperation, Vec<Bytes>),
    Not(Bytes),
}
pub struct BitOp {
    destination: Bytes,
    operation: Operation,
}
impl Command for BitOp {
    const SPEC: Spec = spec("BITOP", AtLeast(4))
        .keys(&[key(2, OW | UPDATE), keys(3, 1, RO | ACCESS)])
        .flags(DENY_OOM)
        .since("2.6.0")
        .complexity("O(N)")
        .syntax("<AND|OR|XOR|NOT> destkey key [key ...]")
        .summary("Combines strings bit by bit and keeps the result at another key.");
    fn parse(args: &mut Args) -> Result<BitOp, CommandError> {
        let combination = args.one_of(&[
            ("AND", Some(BitOperation::And)),
            ("OR", Some(BitOperation::Or)),
            ("XOR", Some(BitOperation::Xor)),
            ("NOT", None),
        ]);
        let combination = combination.ok_or(CommandError::Syntax)?;
        let destination = args.bytes()?;
        let operation = match combination {
            Some(operation) => Operation::Combine(operation, args.rest()),
            None if args.remaining() == 1 => Operation::Not(args.bytes()?),
            None => {
                return Err(CommandError::fixed("ERR BITOP NOT must be called with a single source key."));
            }
        };
        Ok(BitOp { destination, operation })
    }
}
impl BitOp {
    /// The result. It is made before anything is written, as the destination may be one of the sources.
    fn result(&self, changes: &mut Changes) -> Result<Vec<u8>, CommandError> {
        let mut source = |key: &Bytes| Ok(changes.source(key)?.map(TextRef::to_bytes).unwrap_or_default());
        match &self.operation {
            Operation::Not(key) => Ok(invert(&source(key)?)),
            Operation::Combine(operation, keys) => {
                let sources = keys.iter().map(source).collect::<Result<Vec<Bytes>, CommandError>>()?;
                let sources: Vec<&[u8]> = sources.iter().map(|bytes| &bytes[..]).collect();
                Ok(combine(*operation, &sources))
            }
        }
    }
}
impl WriteCommand for BitOp {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let result = self.result(changes)?;
        let length = result.len();
        if length > 0 {
            // As bytes even if they happen to be the digits of a number: more bits may follow.
            changes.overwrite_string(&self.destination, Text::Shared(result.into()), Deadline::Clear);
            changes.modified(Event::String, "set", &self.destination);
        } else if changes.lookup(&self.destination).is_some() {
            changes.remove(&self.destination);
            changes.modified(Event::Generic, "del", &self.destination);
        }
        reply.integer(length as i64);
        Ok(())
    }
}
