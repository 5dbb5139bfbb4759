//! Two things at once: HGETEX reads fields and sets how long they live, HSETEX writes them so, HGETDEL reads and deletes
//! them. They came with Redis 8.
use super::{
    Names, bury_due, counted,
    deadlines::{Asked, Time, Unit, asked, note, tell},
    fields::{Pairs, pairs},
    names, remove_if_empty, spec,
};
use crate::{
    commands::{
        Command, Outcome, WriteCommand,
        args::Args,
        error::{CommandError, shown},
        spec::{Arity::*, *},
    },
    resp::Reply,
    store::{Changes, Event, Hash},
};
use bytes::Bytes;
use std::collections::BTreeMap;

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
    order: Asked<(Lifetime, Names)>,
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
        let order = asked(args, |args| {
            let lifetime = match Time::option(args, "hgetex")? {
                Some(time) => Lifetime::Until(time),
                None if args.option("PERSIST") => Lifetime::Forever,
                None => Lifetime::Keep,
            };
            counted(args, NO_COUNT)?;
            Ok((lifetime, names(args)?))
        });
        Ok(HGetEx { key, order })
    }
}
impl WriteCommand for HGetEx {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let HGetEx { key, order } = self;
        changes.source_value::<Hash>(key)?;
        let (lifetime, names) = order.as_ref().map_err(CommandError::clone)?;
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
    let past = at <= changes.due_until_ms();
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
/// What stands before the fields that HSETEX sets, in any order.
#[derive(Clone, Copy, Default)]
struct Options {
    condition: Option<Condition>,
    /// `None`: the fields live forever.
    lifetime: Option<Lifetime>,
}
impl Options {
    /// Takes everything up to `FIELDS`, and that word too.
    fn parse(args: &mut Args) -> Result<Options, CommandError> {
        const CONDITIONS: [(&str, Condition); 2] =
            [("FNX", Condition::NoneThere), ("FXX", Condition::AllThere)];
        let mut options = Options::default();
        while !args.option("FIELDS") {
            if let Some(condition) = args.one_of(&CONDITIONS) {
                options.set_condition(condition)?;
            } else if let Some(unit) = args.one_of(&Unit::WORDS) {
                options.allow_lifetime()?;
                options.lifetime = Some(Lifetime::Until(unit.parse(args, "hsetex")?));
            } else if args.option("KEEPTTL") {
                options.allow_lifetime()?;
                options.lifetime = Some(Lifetime::Keep);
            } else {
                let word = args.peek().ok_or(CommandError::Arity("hsetex".into()))?;
                return Err(CommandError::text_of(format!("ERR unknown argument: {}", shown(word))));
            }
        }
        Ok(options)
    }
    fn set_condition(&mut self, condition: Condition) -> Outcome {
        const TWO: CommandError =
            CommandError::fixed("ERR Only one of FXX or FNX arguments can be specified");
        self.condition.replace(condition).map_or(Ok(()), |_| Err(TWO))
    }
    fn allow_lifetime(&self) -> Outcome {
        const TWO: CommandError =
            CommandError::fixed("ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified");
        self.lifetime.map_or(Ok(()), |_| Err(TWO))
    }
}
/// A count of pairs, and so many pairs to the end of the arguments.
fn counted_pairs(args: &mut Args) -> Result<Pairs, CommandError> {
    const NO_COUNT: &str = "ERR invalid number of fields";
    let wrong = || CommandError::Arity("hsetex".into());
    if args.remaining() < 3 {
        return Err(wrong());
    }
    let count = args.at_least(1, NO_COUNT)?;
    if i32::try_from(count).is_err() {
        return Err(CommandError::fixed(NO_COUNT));
    }
    if args.remaining() != 2 * count {
        return Err(wrong());
    }
    pairs(args, "hsetex")
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
        let Options { condition, lifetime } = Options::parse(args)?;
        let lifetime = lifetime.unwrap_or(Lifetime::Forever);
        Ok(HSetEx { key, condition, lifetime, pairs: counted_pairs(args)? })
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
        // As commands that Redis knows since long: HSETEX is younger than the versions that read what we write.
        let words = pairs.iter().flat_map(|(name, value)| [&name[..], &value[..]]);
        changes.rewrite(&[&b"HSET"[..], key].into_iter().chain(words).collect::<Vec<_>>());
        Ok(())
    }
    /// The deadlines that these fields have, and which have them.
    fn deadlines<'a>(&self, hash: Option<&Hash>, names: &[&'a [u8]]) -> BTreeMap<i64, Vec<&'a [u8]>> {
        let mut found: BTreeMap<i64, Vec<&[u8]>> = BTreeMap::new();
        for name in names {
            if let Some(at) = hash.and_then(|hash| hash.get(name)).and_then(|field| field.deadline) {
                found.entry(at).or_default().push(name);
            }
        }
        found
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
        let key = &self.key;
        let mut names: Vec<&[u8]> = names.iter().map(|name| &name[..]).collect();
        names.sort_unstable();
        names.dedup();
        let time = match self.lifetime {
            Lifetime::Until(time) => time,
            Lifetime::Forever => return self.set(changes),
            Lifetime::Keep => {
                // HSET takes them away; whoever is told that is told them, too.
                let kept = self.deadlines(changes.source_value::<Hash>(key)?, &names);
                self.set(changes)?;
                kept.iter().for_each(|(at, names)| tell(changes, key, *at, None, names));
                return Ok(());
            }
        };
        let at = time.at(changes.now_ms());
        if at <= changes.due_until_ms() {
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
        tell(changes, key, at, None, &names);
        Ok(())
    }
}

pub struct HGetDel {
    key: Bytes,
    names: Asked<Names>,
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
        let names = asked(args, |args| {
            counted(args, NO_COUNT)?;
            names(args)
        });
        Ok(HGetDel { key, names })
    }
}
impl WriteCommand for HGetDel {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let HGetDel { key, names } = self;
        changes.source_value::<Hash>(key)?;
        let names = names.as_ref().map_err(CommandError::clone)?;
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
