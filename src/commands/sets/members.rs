//! Members by name: SADD, SREM, SMOVE, SISMEMBER, SMISMEMBER, SCARD.
use super::spec;
use crate::{
    commands::{
        Command, Outcome, ReadCommand, WriteCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    resp::Reply,
    store::{Changes, Event, Kind, Set, Stored, View},
};
use bytes::Bytes;
use smallvec::SmallVec;

/// The members that a command names.
type Named = SmallVec<[Bytes; 1]>;

fn named(args: &mut Args) -> Result<Named, CommandError> {
    let mut members = Named::with_capacity(args.remaining());
    while !args.is_empty() {
        members.push(args.bytes()?);
    }
    Ok(members)
}

pub struct SAdd {
    key: Bytes,
    members: Named,
}
impl Command for SAdd {
    const SPEC: Spec = spec("SADD", AtLeast(3))
        .keys(&[key(1, RW | INSERT)])
        .flags(DENY_OOM | FAST)
        .complexity("O(1) for each member.")
        .syntax("key member [member ...]")
        .summary("Adds members to a set, which is made if there is none.")
        .history(&[("2.4.0", "Several members at once.")]);
    fn parse(args: &mut Args) -> Result<SAdd, CommandError> {
        Ok(SAdd { key: args.bytes()?, members: named(args)? })
    }
}
impl WriteCommand for SAdd {
    #[inline]
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let limits = changes.limits();
        let (key, members) = (&self.key, &self.members);
        let set = changes.value_or_insert_with(key, || Set::new(&members[0], members.len(), &limits))?;
        set.expect(members.len(), &limits);
        let added = members.iter().filter(|member| set.insert(member, &limits)).count();
        if added > 0 {
            changes.modified(Event::Set, "sadd", key);
            changes.also_dirty(added as u64 - 1);
        }
        reply.integer(added as i64);
        Ok(())
    }
}

pub struct SRem {
    key: Bytes,
    members: Named,
}
impl Command for SRem {
    const SPEC: Spec = spec("SREM", AtLeast(3))
        .keys(&[key(1, RW | DELETE)])
        .flags(FAST)
        .complexity("O(N)")
        .syntax("key member [member ...]")
        .summary("Removes members from a set, and the set with its last one.")
        .history(&[("2.4.0", "Several members at once.")]);
    fn parse(args: &mut Args) -> Result<SRem, CommandError> {
        Ok(SRem { key: args.bytes()?, members: named(args)? })
    }
}
impl WriteCommand for SRem {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let (mut removed, mut emptied) = (0, false);
        if let Some(set) = changes.value_mut::<Set>(&self.key)? {
            removed = self.members.iter().filter(|member| set.remove(member)).count();
            emptied = set.is_empty();
        }
        if removed > 0 {
            changes.modified(Event::Set, "srem", &self.key);
            changes.also_dirty(removed as u64 - 1);
        }
        if emptied {
            changes.remove_emptied(&self.key);
        }
        reply.integer(removed as i64);
        Ok(())
    }
}

pub struct SMove {
    from: Bytes,
    to: Bytes,
    member: Bytes,
}
impl Command for SMove {
    const SPEC: Spec = spec("SMOVE", Exactly(4))
        .keys(&[key(1, RW | ACCESS | DELETE), key(2, RW | INSERT)])
        .flags(FAST)
        .syntax("source destination member")
        .summary("Moves a member from one set to another.");
    fn parse(args: &mut Args) -> Result<SMove, CommandError> {
        Ok(SMove { from: args.bytes()?, to: args.bytes()?, member: args.bytes()? })
    }
}
impl SMove {
    /// Tells whether the member was there.
    fn apply(&self, changes: &mut Changes) -> Result<bool, CommandError> {
        // Both keys count as used, and expire, whatever comes of it.
        let target_is_wrong = changes.lookup(&self.to).is_some_and(|entry| entry.kind() != Kind::Set);
        let Some(source) = changes.value_mut::<Set>(&self.from)? else { return Ok(false) };
        if target_is_wrong {
            return Err(CommandError::WrongType);
        }
        if self.from == self.to {
            return Ok(source.contains(&self.member));
        }
        if !source.remove(&self.member) {
            return Ok(false);
        }
        let emptied = source.is_empty();
        changes.modified(Event::Set, "srem", &self.from);
        if emptied {
            changes.remove_emptied(&self.from);
        }
        let limits = changes.limits();
        let target = changes.value_or_insert_with(&self.to, || Set::new(&self.member, 1, &limits))?;
        if target.insert(&self.member, &limits) {
            changes.modified(Event::Set, "sadd", &self.to);
        }
        Ok(true)
    }
}
impl WriteCommand for SMove {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        reply.integer(self.apply(changes)? as i64);
        Ok(())
    }
}

pub struct SIsMember {
    key: Bytes,
    member: Bytes,
}
impl Command for SIsMember {
    const SPEC: Spec = spec("SISMEMBER", Exactly(3))
        .keys(&[key(1, RO)])
        .flags(FAST)
        .syntax("key member")
        .summary("Tells whether a set has a member.");
    fn parse(args: &mut Args) -> Result<SIsMember, CommandError> {
        Ok(SIsMember { key: args.bytes()?, member: args.bytes()? })
    }
}
impl ReadCommand for SIsMember {
    #[inline]
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let set = view.value::<Set>(&self.key)?;
        reply.integer(set.is_some_and(|set| set.contains(&self.member)) as i64);
        Ok(())
    }
}

pub struct SMIsMember {
    key: Bytes,
    members: Named,
}
impl Command for SMIsMember {
    const SPEC: Spec = spec("SMISMEMBER", AtLeast(3))
        .keys(&[key(1, RO | ACCESS)])
        .flags(FAST)
        .since("6.2.0")
        .complexity("O(N)")
        .syntax("key member [member ...]")
        .summary("Tells which of several members a set has.");
    fn parse(args: &mut Args) -> Result<SMIsMember, CommandError> {
        Ok(SMIsMember { key: args.bytes()?, members: named(args)? })
    }
}
impl ReadCommand for SMIsMember {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let set = view.value::<Set>(&self.key)?;
        reply.array(self.members.len());
        for member in &self.members {
            reply.integer(set.is_some_and(|set| set.contains(member)) as i64);
        }
        Ok(())
    }
}

pub struct SCard(Bytes);
impl Command for SCard {
    const SPEC: Spec = spec("SCARD", Exactly(2))
        .keys(&[key(1, RO)])
        .flags(FAST)
        .syntax("key")
        .summary("Tells how many members a set has.");
    fn parse(args: &mut Args) -> Result<SCard, CommandError> {
        Ok(SCard(args.bytes()?))
    }
}
impl ReadCommand for SCard {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        reply.integer(view.value::<Set>(&self.0)?.map_or(0, Set::len) as i64);
        Ok(())
    }
}
