//! How long fields live: HEXPIRE and its three kin, HTTL and its three kin, HPERSIST.
//!
//! As with keys, the kin differ in the unit of their number, and in whether it counts from now or from 1970. Each field
//! has an answer of its own.
use super::{Names, counted, names, remove_if_empty, spec};
use crate::{
    commands::{
        Command, Outcome, ReadCommand, WriteCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    resp::Reply,
    store::{Changes, Event, Hash, View},
};
use bytes::Bytes;

const SECOND_MS: i64 = 1000;
const MILLISECOND: i64 = 1;

pub type HExpire = SetDeadline<SECOND_MS, false>;
pub type HPExpire = SetDeadline<MILLISECOND, false>;
pub type HExpireAt = SetDeadline<SECOND_MS, true>;
pub type HPExpireAt = SetDeadline<MILLISECOND, true>;
pub type HTtl = GetDeadline<SECOND_MS, false>;
pub type HPTtl = GetDeadline<MILLISECOND, false>;
pub type HExpireTime = GetDeadline<SECOND_MS, true>;
pub type HPExpireTime = GetDeadline<MILLISECOND, true>;

/// The latest deadline that a field can have, in ms since 1970: 46 bits, as in Redis.
const DEADLINE_MAX_MS: i64 = (1 << 46) - 1;

// Answers for one field.
const NO_FIELD: i64 = -2;
const NO_DEADLINE: i64 = -1;
const NOT_ADMITTED: i64 = 0;
const DONE: i64 = 1;
const DELETED: i64 = 2;

/// A moment as a client gives it; it is fixed only when the command runs.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    /// ms, from now or from 1970.
    ms: i64,
    absolute: bool,
}
impl Time {
    /// Takes a number of units.
    ///
    /// # Errors
    /// If it is none, or not a time for a command of this name.
    pub fn parse(
        args: &mut Args,
        unit_ms: i64,
        absolute: bool,
        command: &'static str,
    ) -> Result<Time, CommandError> {
        let number = args.integer()?;
        if number < 0 {
            return Err(CommandError::fixed("ERR invalid expire time, must be >= 0"));
        }
        let base_ms = if absolute { 0 } else { args.context().now_ms };
        let ms = number.checked_mul(unit_ms).filter(|&ms| ms <= DEADLINE_MAX_MS - base_ms);
        Ok(Time { ms: ms.ok_or(CommandError::InvalidExpire(command))?, absolute })
    }
    /// Takes `EX`, `PX`, `EXAT` or `PXAT` with its number, if one of them stands next.
    ///
    /// # Errors
    /// As [`Time::parse`].
    pub fn option(args: &mut Args, command: &'static str) -> Result<Option<Time>, CommandError> {
        let unit = args.one_of(&Unit::WORDS);
        unit.map(|unit| unit.parse(args, command)).transpose()
    }
    /// ms since 1970.
    pub fn at(self, now_ms: i64) -> i64 {
        let base_ms = if self.absolute { 0 } else { now_ms };
        base_ms.saturating_add(self.ms).min(DEADLINE_MAX_MS)
    }
}

/// In what a time is given.
#[derive(Clone, Copy, Debug)]
pub struct Unit {
    ms: i64,
    absolute: bool,
}
impl Unit {
    pub const WORDS: [(&'static str, Unit); 4] = [
        ("EX", Unit { ms: SECOND_MS, absolute: false }),
        ("PX", Unit { ms: MILLISECOND, absolute: false }),
        ("EXAT", Unit { ms: SECOND_MS, absolute: true }),
        ("PXAT", Unit { ms: MILLISECOND, absolute: true }),
    ];
    /// Takes a number of these units.
    ///
    /// # Errors
    /// As [`Time::parse`].
    pub fn parse(self, args: &mut Args, command: &'static str) -> Result<Time, CommandError> {
        Time::parse(args, self.ms, self.absolute, command)
    }
}

/// What the old deadline must be for a new one to be set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Condition {
    /// NX
    Absent,
    /// XX
    Present,
    /// GT; a field without a deadline never expires, so none is later.
    Earlier,
    /// LT
    Later,
}
impl Condition {
    const WORDS: [(&'static str, Condition); 4] = [
        ("NX", Condition::Absent),
        ("XX", Condition::Present),
        ("GT", Condition::Earlier),
        ("LT", Condition::Later),
    ];
    fn word(self) -> &'static str {
        Condition::WORDS.iter().find(|(_, condition)| *condition == self).map_or("", |(word, _)| word)
    }
    fn holds(self, old: Option<i64>, new: i64) -> bool {
        match self {
            Condition::Absent => old.is_none(),
            Condition::Present => old.is_some(),
            Condition::Earlier => old.is_some_and(|old| old < new),
            Condition::Later => old.is_none_or(|old| old > new),
        }
    }
}

/// Tells, as an effect, of a deadline that fields got.
pub fn tell(changes: &mut Changes, key: &[u8], at: i64, condition: Option<Condition>, names: &[&[u8]]) {
    let (mut moment, mut count) = (itoa::Buffer::new(), itoa::Buffer::new());
    let mut words = vec![&b"HPEXPIREAT"[..], key, moment.format(at).as_bytes()];
    words.extend(condition.map(|condition| condition.word().as_bytes()));
    words.extend([&b"FIELDS"[..], count.format(names.len()).as_bytes()]);
    words.extend(names);
    changes.rewrite(&words);
}

/// What was asked of a key; or what is wrong with it, which is told only if the key holds no value of another type.
pub type Asked<T> = Result<T, CommandError>;
pub fn asked<T>(args: &mut Args, parse: impl FnOnce(&mut Args) -> Asked<T>) -> Asked<T> {
    let asked = parse(args);
    // All that is left is wrong, too.
    args.rest();
    asked
}

pub struct SetDeadline<const UNIT_MS: i64, const ABSOLUTE: bool> {
    key: Bytes,
    order: Asked<Order>,
}
struct Order {
    time: Time,
    condition: Option<Condition>,
    names: Names,
}
impl<const UNIT_MS: i64, const ABSOLUTE: bool> SetDeadline<UNIT_MS, ABSOLUTE> {
    /// The name as errors repeat it.
    const NAME: &'static str = match (UNIT_MS, ABSOLUTE) {
        (SECOND_MS, false) => "hexpire",
        (_, false) => "hpexpire",
        (SECOND_MS, true) => "hexpireat",
        (_, true) => "hpexpireat",
    };
    const fn named(name: &'static str, syntax: &'static str) -> Spec {
        spec(name, AtLeast(6))
            .keys(const { &[key(1, RW | UPDATE)] })
            .flags(DENY_OOM | FAST)
            .since("7.4.0")
            .complexity("O(N)")
            .syntax(syntax)
    }
}
impl<const UNIT_MS: i64, const ABSOLUTE: bool> Command for SetDeadline<UNIT_MS, ABSOLUTE> {
    const SPEC: Spec = match (UNIT_MS, ABSOLUTE) {
        (SECOND_MS, false) => {
            Self::named("HEXPIRE", "key seconds [NX|XX|GT|LT] FIELDS numfields field [field ...]")
                .summary("Lets fields of a hash expire in some seconds.")
        }
        (_, false) => {
            Self::named("HPEXPIRE", "key milliseconds [NX|XX|GT|LT] FIELDS numfields field [field ...]")
                .summary("Lets fields of a hash expire in some milliseconds.")
        }
        (SECOND_MS, true) => {
            Self::named("HEXPIREAT", "key unix-time-seconds [NX|XX|GT|LT] FIELDS numfields field [field ...]")
                .summary("Lets fields of a hash expire at a moment given in seconds of Unix time.")
        }
        (_, true) => Self::named(
            "HPEXPIREAT",
            "key unix-time-milliseconds [NX|XX|GT|LT] FIELDS numfields field [field ...]",
        )
        .summary("Lets fields of a hash expire at a moment given in milliseconds of Unix time."),
    };
    fn parse(args: &mut Args) -> Result<Self, CommandError> {
        let key = args.bytes()?;
        let order = asked(args, |args| {
            let time = Time::parse(args, UNIT_MS, ABSOLUTE, Self::NAME)?;
            let condition = args.one_of(&Condition::WORDS);
            counted(args, "ERR Parameter `numFields` should be greater than 0")?;
            Ok(Order { time, condition, names: names(args)? })
        });
        Ok(SetDeadline { key, order })
    }
}
impl<const UNIT_MS: i64, const ABSOLUTE: bool> WriteCommand for SetDeadline<UNIT_MS, ABSOLUTE> {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let SetDeadline { key, order } = self;
        let Order { time, condition, names } = match order {
            Ok(order) => order,
            Err(error) => {
                changes.source_value::<Hash>(key)?;
                return Err(error.clone());
            }
        };
        let at = time.at(changes.now_ms());
        let past = at <= changes.due_until_ms();
        // A field that is due and still there gets a new deadline as any other.
        let set = |hash: &mut Hash, name: &Bytes| {
            let Some(old) = hash.get(name).map(|field| field.deadline) else { return NO_FIELD };
            if condition.is_some_and(|condition| !condition.holds(old, at)) {
                NOT_ADMITTED
            } else if past {
                hash.remove(name);
                DELETED
            } else {
                hash.set_deadline(name, Some(at));
                DONE
            }
        };
        let answers = changes.edit(key, |hash: &mut Hash| {
            hash.admit_deadlines();
            names.iter().map(|name| set(hash, name)).collect()
        })?;
        let answers: Vec<i64> = answers.unwrap_or_else(|| vec![NO_FIELD; names.len()]);
        let with = |answer: i64| {
            let those = names.iter().zip(&answers).filter(move |(_, is)| **is == answer);
            those.map(|(name, _)| &name[..]).collect::<Vec<_>>()
        };
        note(changes, key, at, *condition, &with(DONE), &with(DELETED))?;
        reply.array(answers.len());
        answers.iter().for_each(|&answer| reply.integer(answer));
        Ok(())
    }
}
/// Tells everyone that these fields got a deadline, and that those are deleted, because it has passed already.
pub fn note(
    changes: &mut Changes,
    key: &[u8],
    at: i64,
    condition: Option<Condition>,
    set: &[&[u8]],
    deleted: &[&[u8]],
) -> Outcome {
    let count = set.len() + deleted.len();
    if count == 0 {
        return Ok(());
    }
    changes.modified(Event::Hash, if deleted.is_empty() { "hexpire" } else { "hdel" }, key);
    changes.also_dirty(count as u64 - 1);
    changes.store.counts.expired_fields += deleted.len() as u64;
    deleted.iter().for_each(|name| changes.rewrite(&[b"HDEL", key, name]));
    if !set.is_empty() {
        tell(changes, key, at, condition, set);
    }
    remove_if_empty(changes, key)
}

pub struct GetDeadline<const UNIT_MS: i64, const ABSOLUTE: bool> {
    key: Bytes,
    names: Asked<Names>,
}
impl<const UNIT_MS: i64, const ABSOLUTE: bool> GetDeadline<UNIT_MS, ABSOLUTE> {
    const fn named(name: &'static str) -> Spec {
        spec(name, AtLeast(5))
            .keys(const { &[key(1, RO | ACCESS)] })
            .flags(FAST)
            .since("7.4.0")
            .complexity("O(N)")
            .syntax("key FIELDS numfields field [field ...]")
    }
}
impl<const UNIT_MS: i64, const ABSOLUTE: bool> Command for GetDeadline<UNIT_MS, ABSOLUTE> {
    const SPEC: Spec = match (UNIT_MS, ABSOLUTE) {
        (SECOND_MS, false) => {
            Self::named("HTTL").summary("Tells in how many seconds fields of a hash will expire.")
        }
        (_, false) => {
            Self::named("HPTTL").summary("Tells in how many milliseconds fields of a hash will expire.")
        }
        (SECOND_MS, true) => Self::named("HEXPIRETIME")
            .summary("Tells when fields of a hash will expire, in seconds of Unix time."),
        (_, true) => Self::named("HPEXPIRETIME")
            .summary("Tells when fields of a hash will expire, in milliseconds of Unix time."),
    };
    fn parse(args: &mut Args) -> Result<Self, CommandError> {
        let key = args.bytes()?;
        Ok(GetDeadline { key, names: asked(args, counted_names) })
    }
}
impl<const UNIT_MS: i64, const ABSOLUTE: bool> ReadCommand for GetDeadline<UNIT_MS, ABSOLUTE> {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let hash = view.value::<Hash>(&self.key)?;
        let names = self.names.as_ref().map_err(CommandError::clone)?;
        let base_ms = if ABSOLUTE { 0 } else { view.now_ms() };
        reply.array(names.len());
        for name in names {
            let field =
                hash.and_then(|hash| hash.get(name)).filter(|field| !field.is_due(view.due_until_ms()));
            reply.integer(match field.map(|field| field.deadline) {
                None => NO_FIELD,
                Some(None) => NO_DEADLINE,
                // Rounded up: a field that has some time left is not at 0.
                Some(Some(at)) => (at - base_ms + UNIT_MS - 1) / UNIT_MS,
            });
        }
        Ok(())
    }
}

/// Takes `FIELDS`, a count and the names.
fn counted_names(args: &mut Args) -> Asked<Names> {
    counted(args, "ERR Number of fields must be a positive integer")?;
    names(args)
}

pub struct HPersist {
    key: Bytes,
    names: Asked<Names>,
}
impl Command for HPersist {
    const SPEC: Spec = spec("HPERSIST", AtLeast(5))
        .keys(&[key(1, RW | UPDATE)])
        .flags(FAST)
        .since("7.4.0")
        .complexity("O(N)")
        .syntax("key FIELDS numfields field [field ...]")
        .summary("Takes the deadlines of fields of a hash away.");
    fn parse(args: &mut Args) -> Result<HPersist, CommandError> {
        let key = args.bytes()?;
        Ok(HPersist { key, names: asked(args, counted_names) })
    }
}
impl WriteCommand for HPersist {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let HPersist { key, names } = self;
        let names = match names {
            Ok(names) => names,
            Err(error) => {
                changes.source_value::<Hash>(key)?;
                return Err(error.clone());
            }
        };
        let due_until_ms = changes.due_until_ms();
        let persist = |hash: &mut Hash, name: &Bytes| match hash.get(name) {
            Some(field) if field.is_due(due_until_ms) => NO_FIELD,
            Some(field) if field.deadline.is_none() => NO_DEADLINE,
            Some(_) => {
                hash.set_deadline(name, None);
                DONE
            }
            None => NO_FIELD,
        };
        let answers =
            changes.edit(key, |hash: &mut Hash| names.iter().map(|name| persist(hash, name)).collect())?;
        let answers: Vec<i64> = answers.unwrap_or_else(|| vec![NO_FIELD; names.len()]);
        if answers.contains(&DONE) {
            changes.modified(Event::Hash, "hpersist", key);
        }
        reply.array(answers.len());
        answers.iter().for_each(|&answer| reply.integer(answer));
        Ok(())
    }
}
