//! Adding at an end: LPUSH, RPUSH, and the forms that add only to a list that is there.
use super::{push_event, spec};
use crate::{
    commands::{
        Command, Outcome, WriteCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    resp::Reply,
    store::{Changes, End, Event, List, Stored},
};
use bytes::Bytes;
use smallvec::SmallVec;

struct Push {
    key: Bytes,
    elements: SmallVec<[Bytes; 1]>,
}
impl Push {
    fn parse(args: &mut Args) -> Result<Push, CommandError> {
        let key = args.bytes()?;
        let mut elements = SmallVec::with_capacity(args.remaining());
        while !args.is_empty() {
            elements.push(args.bytes()?);
        }
        Ok(Push { key, elements })
    }
    /// The elements come to stand in the list one after the other: of several that are added at the head, the last
    /// one is the first then.
    #[inline]
    fn run(&self, end: End, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let limits = changes.limits();
        let list = changes.value_or_insert_with::<List>(&self.key, List::default)?;
        list.grow(self.elements.len(), self.elements.iter().map(Bytes::len).sum(), &limits);
        for element in &self.elements {
            list.push(end, element);
        }
        reply.integer(list.len() as i64);
        changes.modified(Event::List, push_event(end), &self.key);
        changes.also_dirty(self.elements.len() as u64 - 1);
        Ok(())
    }
    fn run_if_present(&self, end: End, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        if changes.value_mut::<List>(&self.key)?.is_some() {
            return self.run(end, changes, reply);
        }
        reply.integer(0);
        Ok(())
    }
}

pub struct LPush(Push);
impl Command for LPush {
    const SPEC: Spec = spec("LPUSH", AtLeast(3))
        .keys(&[key(1, RW | INSERT)])
        .flags(DENY_OOM | FAST)
        .complexity("O(1) for each element.")
        .syntax("key element [element ...]")
        .summary("Adds elements at the head of a list, which is made if there is none.")
        .history(&[("2.4.0", "Several elements at once.")]);
    fn parse(args: &mut Args) -> Result<LPush, CommandError> {
        Push::parse(args).map(LPush)
    }
}
impl WriteCommand for LPush {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        self.0.run(End::Head, changes, reply)
    }
}

pub struct RPush(Push);
impl Command for RPush {
    const SPEC: Spec = spec("RPUSH", AtLeast(3))
        .keys(&[key(1, RW | INSERT)])
        .flags(DENY_OOM | FAST)
        .complexity("O(1) for each element.")
        .syntax("key element [element ...]")
        .summary("Adds elements at the tail of a list, which is made if there is none.")
        .history(&[("2.4.0", "Several elements at once.")]);
    fn parse(args: &mut Args) -> Result<RPush, CommandError> {
        Push::parse(args).map(RPush)
    }
}
impl WriteCommand for RPush {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        self.0.run(End::Tail, changes, reply)
    }
}

pub struct LPushX(Push);
impl Command for LPushX {
    const SPEC: Spec = spec("LPUSHX", AtLeast(3))
        .keys(&[key(1, RW | INSERT)])
        .flags(DENY_OOM | FAST)
        .since("2.2.0")
        .complexity("O(1) for each element.")
        .syntax("key element [element ...]")
        .summary("Adds elements at the head of a list that is there.")
        .history(&[("4.0.0", "Several elements at once.")]);
    fn parse(args: &mut Args) -> Result<LPushX, CommandError> {
        Push::parse(args).map(LPushX)
    }
}
impl WriteCommand for LPushX {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        self.0.run_if_present(End::Head, changes, reply)
    }
}

pub struct RPushX(Push);
impl Command for RPushX {
    const SPEC: Spec = spec("RPUSHX", AtLeast(3))
        .keys(&[key(1, RW | INSERT)])
        .flags(DENY_OOM | FAST)
        .since("2.2.0")
        .complexity("O(1) for each element.")
        .syntax("key element [element ...]")
        .summary("Adds elements at the tail of a list that is there.")
        .history(&[("4.0.0", "Several elements at once.")]);
    fn parse(args: &mut Args) -> Result<RPushX, CommandError> {
        Push::parse(args).map(RPushX)
    }
}
impl WriteCommand for RPushX {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        self.0.run_if_present(End::Tail, changes, reply)
    }
}
