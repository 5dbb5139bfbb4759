//! Two things at once: HGETEX reads fields and sets how long they live, HSETEX writes them so, HGETDEL reads and deletes
//! them. They came with Redis 8.
use super::{
    Names, bury_due, counted,
    deadlines::{Time, note, tell},
    fields::{Pairs, pairs},
    names, remove_if_empty, spec,
};
use crate::{
    commands::{
        Command, Outcome, WriteCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    resp::Reply,
    store::{Changes, Event, Hash},
};
use bytes::Bytes;

const NO_COUNT: &str = "ERR Number of fields must be a positive integer";

/// Replies the values of fields, and tells which of them are there.
fn read<'a>(
    changes: &mut Changes,
    key: &[u8],
    names: &'a Names,
    reply: &mut Reply,
) -> Result<Vec<&'a [u8]>, CommandError> {
    bury_due(changes, key, names)?;
    let hash = changes.source_value::<Hash>(key)?;
    let mut there = Vec::new();
    reply.array(names.len());
    for name in names {
        match hash.and_then(|hash| hash.get(name)) {
            Some(field) => {
                there.push(&name[..]);
                reply.element(field.value)
            }
            None => reply.null(),
        }
    }
    Ok(there)
}

/// What becomes of the deadlines of fields.
#[derive(Clone, Copy)]
enum Lifetime {
    Keep,
    Forever,
    Until(Time),
}

pub struct HGetEx {
    key: Bytes,
    lifetime: Lifetime,
    names: Names,
}
impl Command for HGetEx {
    const SPEC: Spec = spec("HGETEX", AtLeast(5))
        .keys(&[key(1, RW | ACCESS | UPDATE)])
        .flags(FAST)
        .since("8.0.0")
        .complexity("O(N)")
        .syntax("key [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|PERSIST] FIELDS numfields field [field ...]")
        .summary("Reads fields of a hash, and sets or takes away their deadlines.");
    fn parse(args: &mut Args) -> Result<HGetEx, CommandError> {
        let key = args.bytes()?;
        let lifetime = match Time::option(args, "hgetex")? {
            Some(time) => Lifetime::Until(time),
            None if args.option("PERSIST") => Lifetime::Forever,
            None => Lifetime::Keep,
        };
        counted(args, 1, NO_COUNT)?;
        Ok(HGetEx { key, lifetime, names: names(args)? })
    }
}
impl WriteCommand for HGetEx {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let HGetEx { key, lifetime, names } = self;
        let there = read(changes, key, names, reply)?;
        match lifetime {
            Lifetime::Keep => Ok(()),
            Lifetime::Until(time) => expire(changes, key, time.at(changes.now_ms()), &there),
            Lifetime::Forever => {
                let persist = |hash: &mut Hash, name: &[u8]| {
                    let volatile = hash.get(name).is_some_and(|field| field.deadline.is_some());
                    volatile && hash.set_deadline(name, None)
                };
                let changed = changes
                    .edit(key, |hash: &mut Hash| there.iter().filter(|name| persist(hash, name)).count())?;
                if changed.unwrap_or(0) > 0 {
                    changes.modified(Event::Hash, "hpersist", key);
                    let count = there.len().to_string();
                    let head = [&b"HPERSIST"[..], key, b"FIELDS", count.as_bytes()];
                    changes.rewrite(&[&head[..], &there].concat());
                }
                Ok(())
            }
        }
    }
}
/// Gives fields that are there a deadline; deletes them if it has passed already.
fn expire(changes: &mut Changes, key: &[u8], at: i64, names: &[&[u8]]) -> Outcome {
    let past = at <= changes.now_ms();
    changes.edit(key, |hash: &mut Hash| {
        names.iter().for_each(|name| {
            let _ = if past { hash.remove(name) } else { hash.set_deadline(name, Some(at)) };
        })
    })?;
    let (set, deleted) = if past { (&[][..], names) } else { (names, &[][..]) };
    note(changes, key, at, None, set, deleted)
}

#[derive(Clone, Copy)]
enum Condition {
    /// FNX: none of the fields is there.
    NoneThere,
    /// FXX: all of them are.
    AllThere,
}
pub struct HSetEx {
    key: Bytes,
    condition: Option<Condition>,
    lifetime: Lifetime,
    pairs: Pairs,
}
impl Command for HSetEx {
    const SPEC: Spec = spec("HSETEX", AtLeast(6))
        .keys(&[key(1, RW | UPDATE)])
        .flags(DENY_OOM | FAST)
        .since("8.0.0")
        .complexity("O(N)")
        .syntax("key [FNX|FXX] [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|KEEPTTL] FIELDS numfields field value [field value ...]")
        .summary("Sets fields of a hash with a deadline, under a condition if wanted.");
    fn parse(args: &mut Args) -> Result<HSetEx, CommandError> {
        let key = args.bytes()?;
        let condition = args.one_of(&[("FNX", Condition::NoneThere), ("FXX", Condition::AllThere)]);
        let lifetime = match Time::option(args, "hsetex")? {
            Some(time) => Lifetime::Until(time),
            None if args.option("KEEPTTL") => Lifetime::Keep,
            None => Lifetime::Forever,
        };
        counted(args, 2, NO_COUNT)?;
        Ok(HSetEx { key, condition, lifetime, pairs: pairs(args, "hsetex")? })
    }
}
impl HSetEx {
    fn admits(&self, hash: Option<&Hash>) -> bool {
        let is_there = |name: &Bytes| hash.is_some_and(|hash| hash.get(name).is_some());
        match self.condition {
            None => true,
            Some(Condition::NoneThere) => !self.pairs.iter().any(|(name, _)| is_there(name)),
            Some(Condition::AllThere) => self.pairs.iter().all(|(name, _)| is_there(name)),
        }
    }
    fn set(&self, changes: &mut Changes) -> Outcome {
        let HSetEx { key, pairs, lifetime, .. } = self;
        let limits = changes.limits();
        changes.edit_or_insert_with(key, Hash::default, |hash| {
            let words = pairs.iter().flat_map(|(name, value)| [&name[..], &value[..]]);
            hash.make_room(pairs.len(), words, &limits);
            for (name, value) in pairs {
                match lifetime {
                    Lifetime::Keep => hash.set_in_place(name, value, &limits),
                    _ => hash.set(name, value, &limits),
                };
            }
        })?;
        changes.modified(Event::Hash, "hset", key);
        changes.also_dirty(pairs.len() as u64 - 1);
        Ok(())
    }
}
impl WriteCommand for HSetEx {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let names: Names = self.pairs.iter().map(|(name, _)| name.clone()).collect();
        bury_due(changes, &self.key, &names)?;
        let admitted = self.admits(changes.source_value::<Hash>(&self.key)?);
        reply.integer(admitted as i64);
        if !admitted {
            return Ok(());
        }
        let Lifetime::Until(time) = self.lifetime else { return self.set(changes) };
        let (key, at) = (&self.key, time.at(changes.now_ms()));
        let mut names: Vec<&[u8]> = names.iter().map(|name| &name[..]).collect();
        names.sort_unstable();
        names.dedup();
        if at <= changes.now_ms() {
            // They would be gone at once: what stands there goes, and nothing comes.
            let hash = changes.source_value::<Hash>(key)?;
            names.retain(|name| hash.is_some_and(|hash| hash.get(name).is_some()));
            return expire(changes, key, at, &names);
        }
        self.set(changes)?;
        changes.edit(key, |hash: &mut Hash| {
            names.iter().for_each(|name| {
                hash.set_deadline(name, Some(at));
            })
        })?;
        changes.event_in(changes.db, Event::Hash, "hexpire", key);
        let words = self.pairs.iter().flat_map(|(name, value)| [&name[..], &value[..]]);
        changes.rewrite(&[&b"HSET"[..], key].into_iter().chain(words).collect::<Vec<_>>());
        tell(changes, key, at, None, &names);
        Ok(())
    }
}

pub struct HGetDel {
    key: Bytes,
    names: Names,
}
impl Command for HGetDel {
    const SPEC: Spec = spec("HGETDEL", AtLeast(5))
        .keys(&[key(1, RW | ACCESS | DELETE)])
        .flags(FAST)
        .since("8.0.0")
        .complexity("O(N)")
        .syntax("key FIELDS numfields field [field ...]")
        .summary("Reads fields of a hash and deletes them.");
    fn parse(args: &mut Args) -> Result<HGetDel, CommandError> {
        let key = args.bytes()?;
        counted(args, 1, NO_COUNT)?;
        Ok(HGetDel { key, names: names(args)? })
    }
}
impl WriteCommand for HGetDel {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let HGetDel { key, names } = self;
        bury_due(changes, key, names)?;
        // A name that comes twice is read once: then it is gone.
        let gone = changes.edit(key, |hash: &mut Hash| {
            let mut gone = Vec::new();
            reply.array(names.len());
            for name in names.iter() {
                match hash.get(name) {
                    Some(field) => reply.element(field.value),
                    None => reply.null(),
                }
                if hash.remove(name) {
                    gone.push(&name[..]);
                }
            }
            gone
        })?;
        let Some(gone) = gone else {
            reply.array(names.len());
            names.iter().for_each(|_| reply.null());
            return Ok(());
        };
        if !gone.is_empty() {
            changes.modified(Event::Hash, "hdel", key);
            changes.also_dirty(gone.len() as u64 - 1);
            changes.rewrite(&[&[&b"HDEL"[..], key][..], &gone].concat());
            remove_if_empty(changes, key)?;
        }
        Ok(())
    }
}
