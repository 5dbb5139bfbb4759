//! How long a key lives: EXPIRE and its three kin, TTL and its three kin, PERSIST.
//!
//! The kin differ in the unit of their number, and in whether it counts from now or from 1970: two constant
//! parameters of one type. A deadline that has passed already deletes the key at once; the log is told of that
//! deletion, and of any other deadline as a moment, because a span of time would mean something else when replayed.
use super::spec;
use crate::{
    commands::{
        Command, Outcome, ReadCommand, WriteCommand,
        args::Args,
        error::{CommandError, shown},
        spec::{Arity::*, *},
    },
    data::number::parse_integer,
    resp::Reply,
    store::{Changes, Event, View},
};
use bytes::Bytes;
use smallvec::SmallVec;

const SECOND_MS: i64 = 1000;
const MILLISECOND: i64 = 1;

pub type Expire = SetDeadline<SECOND_MS, false>;
pub type PExpire = SetDeadline<MILLISECOND, false>;
pub type ExpireAt = SetDeadline<SECOND_MS, true>;
pub type PExpireAt = SetDeadline<MILLISECOND, true>;
pub type Ttl = GetDeadline<SECOND_MS, false>;
pub type PTtl = GetDeadline<MILLISECOND, false>;
pub type ExpireTime = GetDeadline<SECOND_MS, true>;
pub type PExpireTime = GetDeadline<MILLISECOND, true>;

/// What the old deadline must be for a new one to be set. No deadline counts as one that never comes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Condition {
    /// NX
    Absent,
    /// XX
    Present,
    /// GT
    Earlier,
    /// LT
    Later,
}
type Conditions = SmallVec<[Condition; 2]>;
impl Condition {
    /// All that are left of the arguments.
    fn parse_all(args: &mut Args) -> Result<Conditions, CommandError> {
        use Condition::{Absent, Earlier, Later, Present};
        let mut found = Conditions::new();
        while let Some(word) = args.peek() {
            match args.one_of(&[("NX", Absent), ("XX", Present), ("GT", Earlier), ("LT", Later)]) {
                Some(condition) if !found.contains(&condition) => found.push(condition),
                Some(_) => {}
                None => {
                    return Err(CommandError::text_of(format!("ERR Unsupported option {}", shown(word))));
                }
            }
        }
        if found.contains(&Absent) && found.len() > 1 {
            return Err(CommandError::fixed(
                "ERR NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if found.contains(&Earlier) && found.contains(&Later) {
            return Err(CommandError::fixed("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(found)
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

pub struct SetDeadline<const UNIT_MS: i64, const ABSOLUTE: bool> {
    key: Bytes,
    /// In units, from now or from 1970.
    number: i64,
    conditions: Conditions,
}
impl<const UNIT_MS: i64, const ABSOLUTE: bool> SetDeadline<UNIT_MS, ABSOLUTE> {
    /// The name as errors repeat it.
    const NAME: &'static str = match (UNIT_MS, ABSOLUTE) {
        (SECOND_MS, false) => "expire",
        (_, false) => "pexpire",
        (SECOND_MS, true) => "expireat",
        (_, true) => "pexpireat",
    };
    const fn named(name: &'static str, syntax: &'static str) -> Spec {
        spec(name, AtLeast(3))
            .keys(const { &[key(1, RW | UPDATE)] })
            .flags(FAST)
            .syntax(syntax)
            .history(&[("7.0.0", "Added the `NX`, `XX`, `GT` and `LT` options.")])
    }
    /// ms since 1970.
    fn moment(&self, now_ms: i64) -> Result<i64, CommandError> {
        let base_ms = if ABSOLUTE { 0 } else { now_ms };
        self.number
            .checked_mul(UNIT_MS)
            .and_then(|ms| ms.checked_add(base_ms))
            .ok_or(CommandError::InvalidExpire(Self::NAME))
    }
}
impl<const UNIT_MS: i64, const ABSOLUTE: bool> Command for SetDeadline<UNIT_MS, ABSOLUTE> {
    const SPEC: Spec = match (UNIT_MS, ABSOLUTE) {
        (SECOND_MS, false) => {
            Self::named("EXPIRE", "key seconds [NX|XX|GT|LT]").summary("Lets a key expire in some seconds.")
        }
        (_, false) => Self::named("PEXPIRE", "key milliseconds [NX|XX|GT|LT]")
            .since("2.6.0")
            .summary("Lets a key expire in some milliseconds."),
        (SECOND_MS, true) => Self::named("EXPIREAT", "key unix-time-seconds [NX|XX|GT|LT]")
            .since("1.2.0")
            .summary("Lets a key expire at a moment given in seconds of Unix time."),
        (_, true) => Self::named("PEXPIREAT", "key unix-time-milliseconds [NX|XX|GT|LT]")
            .since("2.6.0")
            .summary("Lets a key expire at a moment given in milliseconds of Unix time."),
    };
    fn parse(args: &mut Args) -> Result<Self, CommandError> {
        let (key, number) = (args.bytes()?, args.word()?);
        // What is wrong with an option is told before what is wrong with the number.
        let conditions = Condition::parse_all(args)?;
        Ok(SetDeadline { key, number: parse_integer(number).ok_or(CommandError::NotAnInteger)?, conditions })
    }
}
impl<const UNIT_MS: i64, const ABSOLUTE: bool> WriteCommand for SetDeadline<UNIT_MS, ABSOLUTE> {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let (key, at) = (&self.key, self.moment(changes.now_ms())?);
        let admitted = changes
            .lookup(key)
            .map(|entry| entry.deadline())
            .is_some_and(|old| self.conditions.iter().all(|condition| condition.holds(old, at)));
        if admitted && at <= changes.due_until_ms() {
            changes.remove(key);
            changes.modified(Event::Generic, "del", key);
            changes.rewrite(&[b"DEL", key]);
        } else if admitted {
            changes.set_deadline(key, Some(at));
            changes.modified(Event::Generic, "expire", key);
            changes.rewrite(&[b"PEXPIREAT", key, itoa::Buffer::new().format(at).as_bytes()]);
        }
        reply.integer(admitted as i64);
        Ok(())
    }
}

pub struct GetDeadline<const UNIT_MS: i64, const ABSOLUTE: bool>(Bytes);
impl<const UNIT_MS: i64, const ABSOLUTE: bool> GetDeadline<UNIT_MS, ABSOLUTE> {
    const fn named(name: &'static str) -> Spec {
        spec(name, Exactly(2)).keys(const { &[key(1, RO | ACCESS)] }).flags(FAST).syntax("key")
    }
    const fn span(name: &'static str) -> Spec {
        Self::named(name)
            .tips(&["nondeterministic_output"])
            .history(&[("2.8.0", "-2 tells a missing key from one without a deadline.")])
    }
}
impl<const UNIT_MS: i64, const ABSOLUTE: bool> Command for GetDeadline<UNIT_MS, ABSOLUTE> {
    const SPEC: Spec = match (UNIT_MS, ABSOLUTE) {
        (SECOND_MS, false) => Self::span("TTL").summary("Tells in how many seconds a key will expire."),
        (_, false) => {
            Self::span("PTTL").since("2.6.0").summary("Tells in how many milliseconds a key will expire.")
        }
        (SECOND_MS, true) => Self::named("EXPIRETIME")
            .since("7.0.0")
            .summary("Tells when a key will expire, in seconds of Unix time."),
        (_, true) => Self::named("PEXPIRETIME")
            .since("7.0.0")
            .summary("Tells when a key will expire, in milliseconds of Unix time."),
    };
    fn parse(args: &mut Args) -> Result<Self, CommandError> {
        Ok(GetDeadline(args.bytes()?))
    }
}
impl<const UNIT_MS: i64, const ABSOLUTE: bool> ReadCommand for GetDeadline<UNIT_MS, ABSOLUTE> {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        const NO_KEY: i64 = -2;
        const NO_DEADLINE: i64 = -1;
        let base_ms = if ABSOLUTE { 0 } else { view.now_ms() };
        let number = match view.lookup_untouched(&self.0).map(|entry| entry.deadline()) {
            None => NO_KEY,
            Some(None) => NO_DEADLINE,
            // Rounded to the nearest unit.
            Some(Some(at)) => (at - base_ms).saturating_add(UNIT_MS / 2) / UNIT_MS,
        };
        reply.integer(number);
        Ok(())
    }
}

pub struct Persist(Bytes);
impl Command for Persist {
    const SPEC: Spec = spec("PERSIST", Exactly(2))
        .keys(&[key(1, RW | UPDATE)])
        .flags(FAST)
        .since("2.2.0")
        .syntax("key")
        .summary("Takes a key's deadline away.");
    fn parse(args: &mut Args) -> Result<Persist, CommandError> {
        Ok(Persist(args.bytes()?))
    }
}
impl WriteCommand for Persist {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let volatile = changes.lookup(&self.0).is_some_and(|entry| entry.deadline().is_some());
        if volatile {
            changes.set_deadline(&self.0, None);
            changes.modified(Event::Generic, "persist", &self.0);
        }
        reply.integer(volatile as i64);
        Ok(())
    }
}
