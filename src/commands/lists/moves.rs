//! From one list to another, or to the other end of the same: LMOVE, RPOPLPUSH.
use super::{end, name, pop_event, push_event, removed, settle, spec};
use crate::{
    commands::{
        Command, Outcome, WriteCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    resp::Reply,
    store::{Changes, End, Event, List},
};
use bytes::Bytes;

/// What is taken where and put where.
pub struct Move {
    pub source: Bytes,
    pub destination: Bytes,
    from: End,
    to: End,
}
impl Move {
    pub fn parse(args: &mut Args) -> Result<Move, CommandError> {
        Ok(Move { source: args.bytes()?, destination: args.bytes()?, from: end(args)?, to: end(args)? })
    }
    /// From the tail to the head, as RPOPLPUSH does.
    pub fn parse_around(args: &mut Args) -> Result<Move, CommandError> {
        Ok(Move { source: args.bytes()?, destination: args.bytes()?, from: End::Tail, to: End::Head })
    }
    /// Moves an element and replies with it; false if there is no source.
    pub fn run(&self, changes: &mut Changes, reply: &mut Reply) -> Result<bool, CommandError> {
        let limits = changes.limits();
        if changes.value_mut::<List>(&self.source)?.is_none() {
            return Ok(false);
        }
        // Nothing is taken before it is known that it can be put down.
        changes.value_mut::<List>(&self.destination)?;
        let Some(source) = changes.value_mut::<List>(&self.source)? else { return Ok(false) };
        let Some(element) = source.end(self.from) else { return Ok(false) };
        let element = element.to_bytes();
        source.pop(self.from);
        let destination = changes.value_or_insert_with::<List>(&self.destination, List::default)?;
        destination.grow(1, element.len(), &limits);
        destination.push(self.to, &element);
        reply.bulk(&element);
        changes.also_modified_in(changes.db, Event::List, push_event(self.to), &self.destination);
        let source = changes.value_mut::<List>(&self.source)?;
        let emptied = source.is_some_and(|source| settle(source, &limits));
        removed(changes, pop_event(self.from), &self.source, 1, emptied);
        Ok(true)
    }
    /// The command that does the same without ever waiting.
    pub fn rewrite(&self, changes: &mut Changes) {
        let (from, to) = (name(self.from).as_bytes(), name(self.to).as_bytes());
        changes.rewrite(&[b"LMOVE", &self.source, &self.destination, from, to]);
    }
}

pub struct LMove(Move);
impl Command for LMove {
    const SPEC: Spec = spec("LMOVE", Exactly(5))
        .keys(&[key(1, RW | ACCESS | DELETE), key(2, RW | INSERT)])
        .flags(DENY_OOM)
        .since("6.2.0")
        .syntax("source destination <LEFT|RIGHT> <LEFT|RIGHT>")
        .summary("Moves an element from an end of a list to an end of another one, or of the same.");
    fn parse(args: &mut Args) -> Result<LMove, CommandError> {
        Move::parse(args).map(LMove)
    }
}
impl WriteCommand for LMove {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        if !self.0.run(changes, reply)? {
            reply.null();
        }
        Ok(())
    }
}

pub struct RPopLPush(Move);
impl Command for RPopLPush {
    const SPEC: Spec = spec("RPOPLPUSH", Exactly(3))
        .keys(&[key(1, RW | ACCESS | DELETE), key(2, RW | INSERT)])
        .flags(DENY_OOM)
        .since("1.2.0")
        .syntax("source destination")
        .summary("Moves the last element of a list to the head of another one, or of the same.")
        .deprecated("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments");
    fn parse(args: &mut Args) -> Result<RPopLPush, CommandError> {
        Move::parse_around(args).map(RPopLPush)
    }
}
impl WriteCommand for RPopLPush {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        if !self.0.run(changes, reply)? {
            reply.null();
        }
        Ok(())
    }
}
