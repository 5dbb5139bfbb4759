//! Changing lists in the middle: LSET, LINSERT, LREM, LTRIM.
use super::{removed, settle, spec};
use crate::{
    commands::{
        Command, Outcome, WriteCommand,
        args::Args,
        error::CommandError,
        span::{Span, index_among},
        spec::{Arity::*, *},
    },
    data::listpack::Needle,
    resp::Reply,
    store::{Changes, End, Event, List, Stored},
};
use bytes::Bytes;
use std::ops::ControlFlow;

pub struct LSet {
    key: Bytes,
    /// One that is none fails only where there is a list.
    index: Result<i64, CommandError>,
    element: Bytes,
}
impl Command for LSet {
    const SPEC: Spec = spec("LSET", Exactly(4))
        .keys(&[key(1, RW | UPDATE)])
        .flags(DENY_OOM)
        .complexity("O(N)")
        .syntax("key index element")
        .summary("Puts another element in the place of one.");
    fn parse(args: &mut Args) -> Result<LSet, CommandError> {
        Ok(LSet { key: args.bytes()?, index: args.integer(), element: args.bytes()? })
    }
}
impl WriteCommand for LSet {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let limits = changes.limits();
        let list = changes.value_mut::<List>(&self.key)?.ok_or(CommandError::NoSuchKey)?;
        let index = self.index.clone()?;
        list.grow(1, self.element.len(), &limits);
        let index = index_among(index, list.len());
        if !index.is_some_and(|index| list.replace(index, &self.element)) {
            return Err(CommandError::fixed("ERR index out of range"));
        }
        list.shrink(&limits);
        changes.modified(Event::List, "lset", &self.key);
        reply.ok();
        Ok(())
    }
}

pub struct LInsert {
    key: Bytes,
    /// On which side of the pivot.
    towards: End,
    pivot: Bytes,
    element: Bytes,
}
impl Command for LInsert {
    const SPEC: Spec = spec("LINSERT", Exactly(5))
        .keys(&[key(1, RW | INSERT)])
        .flags(DENY_OOM)
        .since("2.2.0")
        .complexity("O(N)")
        .syntax("key <BEFORE|AFTER> pivot element")
        .summary("Adds an element beside the first one that equals another.");
    fn parse(args: &mut Args) -> Result<LInsert, CommandError> {
        let key = args.bytes()?;
        let towards =
            args.one_of(&[("BEFORE", End::Head), ("AFTER", End::Tail)]).ok_or(CommandError::Syntax)?;
        Ok(LInsert { key, towards, pivot: args.bytes()?, element: args.bytes()? })
    }
}
impl WriteCommand for LInsert {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let limits = changes.limits();
        let Some(list) = changes.value_mut::<List>(&self.key)? else {
            reply.integer(0);
            return Ok(());
        };
        list.grow(1, self.element.len(), &limits);
        let Some(index) = first_index(list, &self.pivot) else {
            reply.integer(-1);
            return Ok(());
        };
        list.insert(index, self.towards, &self.element);
        reply.integer(list.len() as i64);
        changes.modified(Event::List, "linsert", &self.key);
        Ok(())
    }
}
fn first_index(list: &List, element: &[u8]) -> Option<usize> {
    let needle = Needle::new(element);
    let (mut index, mut found) = (0, None);
    list.walk(0, End::Tail, |element| {
        if needle.equals(element) {
            found = Some(index);
            return ControlFlow::Break(());
        }
        index += 1;
        ControlFlow::Continue(())
    });
    found
}

pub struct LRem {
    key: Bytes,
    /// How many, from the head, or negative from the tail; 0: all.
    count: i64,
    element: Bytes,
}
impl Command for LRem {
    const SPEC: Spec = spec("LREM", Exactly(4))
        .keys(&[key(1, RW | DELETE)])
        .complexity("O(N+M)")
        .syntax("key count element")
        .summary("Removes elements that equal one.");
    fn parse(args: &mut Args) -> Result<LRem, CommandError> {
        Ok(LRem {
            key: args.bytes()?,
            count: args.integer_between(-i64::MAX, i64::MAX)?,
            element: args.bytes()?,
        })
    }
}
impl WriteCommand for LRem {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let limits = changes.limits();
        let Some(list) = changes.value_mut::<List>(&self.key)? else {
            reply.integer(0);
            return Ok(());
        };
        let from = if self.count < 0 { End::Tail } else { End::Head };
        let max = if self.count == 0 { usize::MAX } else { self.count.unsigned_abs() as usize };
        let count = list.remove_matching(&Needle::new(&self.element), from, max);
        if count > 0 {
            let emptied = settle(list, &limits);
            removed(changes, "lrem", &self.key, count, emptied);
        }
        reply.integer(count as i64);
        Ok(())
    }
}

pub struct LTrim {
    key: Bytes,
    span: Span,
}
impl Command for LTrim {
    const SPEC: Spec = spec("LTRIM", Exactly(4))
        .keys(&[key(1, RW | DELETE)])
        .complexity("O(N)")
        .syntax("key start stop")
        .summary("Removes the elements outside a range.");
    fn parse(args: &mut Args) -> Result<LTrim, CommandError> {
        Ok(LTrim { key: args.bytes()?, span: Span::parse(args)? })
    }
}
impl WriteCommand for LTrim {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        reply.ok();
        let limits = changes.limits();
        let Some(list) = changes.value_mut::<List>(&self.key)? else { return Ok(()) };
        let len = list.len();
        let kept = self.span.among(len);
        list.remove_range(kept.end, len - kept.end);
        list.remove_range(0, kept.start);
        let emptied = settle(list, &limits);
        removed(changes, "ltrim", &self.key, len - kept.len(), emptied);
        Ok(())
    }
}
