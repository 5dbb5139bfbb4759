//! Fields by their names: HSET, HMSET, HSETNX, HDEL, HGET, HMGET, HEXISTS, HSTRLEN.
use super::{Names, bury_due, names, remove_if_empty, spec};
use crate::{
    commands::{
        Command, Outcome, ReadCommand, WriteCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    resp::Reply,
    store::{Changes, Event, Field, Hash, View},
};
use bytes::Bytes;
use smallvec::SmallVec;

pub type Pairs = SmallVec<[(Bytes, Bytes); 1]>;

/// All arguments that are left, as fields and values of a command of this name.
pub fn pairs(args: &mut Args, command: &'static str) -> Result<Pairs, CommandError> {
    if args.remaining() % 2 == 1 {
        return Err(CommandError::Arity(command.into()));
    }
    let mut pairs = Pairs::with_capacity(args.remaining() / 2);
    while !args.is_empty() {
        pairs.push((args.bytes()?, args.bytes()?));
    }
    Ok(pairs)
}
/// Sets fields, and tells how many are new.
fn set_all(changes: &mut Changes, key: &[u8], pairs: &Pairs) -> Result<usize, CommandError> {
    let limits = changes.limits();
    let new = changes.edit_or_insert_with(key, Hash::default, |hash| {
        let words = pairs.iter().flat_map(|(name, value)| [&name[..], &value[..]]);
        hash.make_room(pairs.len(), words, &limits);
        pairs.iter().filter(|(name, value)| hash.set(name, value, &limits)).count()
    })?;
    changes.modified(Event::Hash, "hset", key);
    changes.also_dirty(pairs.len() as u64 - 1);
    Ok(new)
}

pub struct HSet {
    key: Bytes,
    pairs: Pairs,
}
impl Command for HSet {
    const SPEC: Spec = spec("HSET", AtLeast(4))
        .keys(&[key(1, RW | UPDATE)])
        .flags(DENY_OOM | FAST)
        .complexity("O(1) for each field")
        .syntax("key field value [field value ...]")
        .summary("Sets fields of a hash, which is created if there is none.")
        .history(&[("4.0.0", "Takes several fields.")]);
    fn parse(args: &mut Args) -> Result<HSet, CommandError> {
        Ok(HSet { key: args.bytes()?, pairs: pairs(args, "hset")? })
    }
}
impl WriteCommand for HSet {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let new = set_all(changes, &self.key, &self.pairs)?;
        reply.integer(new as i64);
        Ok(())
    }
}

pub struct HMSet {
    key: Bytes,
    pairs: Pairs,
}
impl Command for HMSet {
    const SPEC: Spec = spec("HMSET", AtLeast(4))
        .keys(&[key(1, RW | UPDATE)])
        .flags(DENY_OOM | FAST)
        .complexity("O(N)")
        .syntax("key field value [field value ...]")
        .summary("Sets fields of a hash, as HSET does.")
        .deprecated("4.0.0", "`HSET`");
    fn parse(args: &mut Args) -> Result<HMSet, CommandError> {
        Ok(HMSet { key: args.bytes()?, pairs: pairs(args, "hmset")? })
    }
}
impl WriteCommand for HMSet {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        set_all(changes, &self.key, &self.pairs)?;
        reply.ok();
        Ok(())
    }
}

pub struct HSetNx {
    key: Bytes,
    name: Bytes,
    value: Bytes,
}
impl Command for HSetNx {
    const SPEC: Spec = spec("HSETNX", Exactly(4))
        .keys(&[key(1, RW | INSERT)])
        .flags(DENY_OOM | FAST)
        .syntax("key field value")
        .summary("Sets a field of a hash unless it has it already.");
    fn parse(args: &mut Args) -> Result<HSetNx, CommandError> {
        Ok(HSetNx { key: args.bytes()?, name: args.bytes()?, value: args.bytes()? })
    }
}
impl WriteCommand for HSetNx {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let HSetNx { key, name, value } = self;
        bury_due(changes, key, std::slice::from_ref(name))?;
        let limits = changes.limits();
        let new = changes.edit_or_insert_with(key, Hash::default, |hash| {
            hash.get(name).is_none() && {
                hash.make_room(1, [&name[..], &value[..]].into_iter(), &limits);
                hash.set(name, value, &limits)
            }
        })?;
        if new {
            changes.modified(Event::Hash, "hset", key);
        }
        reply.integer(new as i64);
        Ok(())
    }
}

pub struct HDel {
    key: Bytes,
    names: Names,
}
impl Command for HDel {
    const SPEC: Spec = spec("HDEL", AtLeast(3))
        .keys(&[key(1, RW | DELETE)])
        .flags(FAST)
        .complexity("O(N)")
        .syntax("key field [field ...]")
        .summary("Deletes fields of a hash, and the hash itself with its last field.")
        .history(&[("2.4.0", "Takes several fields.")]);
    fn parse(args: &mut Args) -> Result<HDel, CommandError> {
        Ok(HDel { key: args.bytes()?, names: names(args)? })
    }
}
impl WriteCommand for HDel {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let HDel { key, names } = self;
        // A field that is due counts: it stands there until somebody deletes it.
        let remove = |hash: &mut Hash| names.iter().filter(|name| hash.remove(name)).count();
        let gone = changes.edit::<Hash, usize>(key, remove)?.unwrap_or(0);
        if gone > 0 {
            changes.modified(Event::Hash, "hdel", key);
            changes.also_dirty(gone as u64 - 1);
            remove_if_empty(changes, key)?;
        }
        reply.integer(gone as i64);
        Ok(())
    }
}

/// A field that a reader looks up. One that is due is not there, and noted to be deleted.
fn look<'a>(view: &View<'a>, key: &[u8], name: &Bytes) -> Result<Option<Field<'a>>, CommandError> {
    let field = view.value::<Hash>(key)?.and_then(|hash| hash.get(name));
    if field.is_some_and(|field| field.is_due(view.due_until_ms())) {
        view.note_due_fields(key, vec![name.clone()]);
        return Ok(None);
    }
    Ok(field)
}

pub struct HGet(Bytes, Bytes);
impl Command for HGet {
    const SPEC: Spec = spec("HGET", Exactly(3))
        .keys(&[key(1, RO | ACCESS)])
        .flags(FAST)
        .syntax("key field")
        .summary("Reads a field of a hash.");
    fn parse(args: &mut Args) -> Result<HGet, CommandError> {
        Ok(HGet(args.bytes()?, args.bytes()?))
    }
}
impl ReadCommand for HGet {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        match look(view, &self.0, &self.1)? {
            Some(field) => reply.element(field.value),
            None => reply.null(),
        }
        Ok(())
    }
}

pub struct HMGet {
    key: Bytes,
    names: Names,
}
impl Command for HMGet {
    const SPEC: Spec = spec("HMGET", AtLeast(3))
        .keys(&[key(1, RO | ACCESS)])
        .flags(FAST)
        .complexity("O(N)")
        .syntax("key field [field ...]")
        .summary("Reads several fields of a hash.");
    fn parse(args: &mut Args) -> Result<HMGet, CommandError> {
        Ok(HMGet { key: args.bytes()?, names: names(args)? })
    }
}
impl ReadCommand for HMGet {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let hash = view.value::<Hash>(&self.key)?;
        let mut due = Vec::new();
        reply.array(self.names.len());
        for name in &self.names {
            match hash.and_then(|hash| hash.get(name)) {
                Some(field) if field.is_due(view.due_until_ms()) => {
                    due.push(name.clone());
                    reply.null()
                }
                Some(field) => reply.element(field.value),
                None => reply.null(),
            }
        }
        if !due.is_empty() {
            view.note_due_fields(&self.key, due);
        }
        Ok(())
    }
}

pub struct HExists(Bytes, Bytes);
impl Command for HExists {
    const SPEC: Spec = spec("HEXISTS", Exactly(3))
        .keys(&[key(1, RO)])
        .flags(FAST)
        .syntax("key field")
        .summary("Tells whether a hash has a field.");
    fn parse(args: &mut Args) -> Result<HExists, CommandError> {
        Ok(HExists(args.bytes()?, args.bytes()?))
    }
}
impl ReadCommand for HExists {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        reply.integer(look(view, &self.0, &self.1)?.is_some() as i64);
        Ok(())
    }
}

pub struct HStrLen(Bytes, Bytes);
impl Command for HStrLen {
    const SPEC: Spec = spec("HSTRLEN", Exactly(3))
        .keys(&[key(1, RO)])
        .flags(FAST)
        .since("3.2.0")
        .syntax("key field")
        .summary("Tells how long the value of a field of a hash is.");
    fn parse(args: &mut Args) -> Result<HStrLen, CommandError> {
        Ok(HStrLen(args.bytes()?, args.bytes()?))
    }
}
impl ReadCommand for HStrLen {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let length = look(view, &self.0, &self.1)?.map_or(0, |field| field.value.len());
        reply.integer(length as i64);
        Ok(())
    }
}
