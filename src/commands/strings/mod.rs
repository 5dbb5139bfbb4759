//! Strings: binary-safe values of up to `proto-max-bulk-len` bytes.
//!
//! A string that is the canonical text of an integer is stored as one; short ones stand inside their entry, longer
//! ones are held by reference count (see `store::entry`). Which of these it is shows only in OBJECT ENCODING.
mod counters;
mod lcs;
mod ranges;

use super::{
    Command, Entry, Outcome, ReadCommand, WriteCommand,
    args::Args,
    error::CommandError,
    key_positions::{KeyPosition, KeyPositions},
    read,
    spec::{Arity::*, *},
    write,
};
use crate::{
    data::number::parse_integer,
    resp::{Reply, Request},
    store::{Changes, Deadline, Event, Text, TextRef, View},
};
use bytes::Bytes;

pub static COMMANDS: &[Entry] = &[
    read::<Get>(),
    write::<Set>(),
    write::<SetNx>(),
    write::<SetEx>(),
    write::<PSetEx>(),
    write::<GetSet>(),
    write::<GetDel>(),
    write::<GetEx>(),
    read::<MGet>(),
    write::<MSet>(),
    write::<MSetNx>(),
    read::<StrLen>(),
    write::<ranges::Append>(),
    write::<ranges::SetRange>(),
    read::<ranges::GetRange>(),
    read::<ranges::SubStr>(),
    write::<counters::Incr>(),
    write::<counters::Decr>(),
    write::<counters::IncrBy>(),
    write::<counters::DecrBy>(),
    write::<counters::IncrByFloat>(),
    read::<lcs::Lcs>(),
];

const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(Group::String, name, arity)
}

/// Writes a string as a bulk reply, without a copy where it is large.
pub(super) fn reply_text(reply: &mut Reply, text: TextRef) {
    match text {
        TextRef::Integer(n) => reply.bulk_integer(n),
        TextRef::Inline(bytes) => reply.bulk(bytes),
        TextRef::Shared(bytes) => reply.shared_bulk(bytes),
    }
}
pub(super) fn reply_text_or_null(reply: &mut Reply, text: Option<TextRef>) {
    match text {
        Some(text) => reply_text(reply, text),
        None => reply.null(),
    }
}

/// A deadline as a client gives it. It becomes a moment only when the command runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum When {
    /// ms from now.
    In(i64),
    /// ms since 1970.
    At(i64),
}
impl When {
    /// ms since 1970.
    ///
    /// # Errors
    /// If it does not fit, for a command of this name.
    pub fn resolve(self, now_ms: i64, command: &'static str) -> Result<i64, CommandError> {
        match self {
            When::At(at) => Ok(at),
            When::In(ms) => ms.checked_add(now_ms).ok_or(CommandError::InvalidExpire(command)),
        }
    }
    fn positive(
        number: i64,
        unit_ms: i64,
        absolute: bool,
        command: &'static str,
    ) -> Result<When, CommandError> {
        let ms =
            number.checked_mul(unit_ms).filter(|&ms| ms > 0).ok_or(CommandError::InvalidExpire(command))?;
        Ok(if absolute { When::At(ms) } else { When::In(ms) })
    }
}

/// `EX`, `PX`, `EXAT` or `PXAT` with its number as it was written: it is looked at when all options are taken.
#[derive(Clone, Copy)]
struct TimeOption<'a> {
    unit_ms: i64,
    absolute: bool,
    number: &'a [u8],
}
impl<'a> TimeOption<'a> {
    /// Takes such an option into `given`, which may hold the same one already: then the last one counts. False if none
    /// stands next that may.
    fn take(args: &mut Args<'a>, given: &mut Option<TimeOption<'a>>) -> Result<bool, CommandError> {
        const UNITS: [(&str, (i64, bool)); 4] =
            [("EX", (1000, false)), ("PX", (1, false)), ("EXAT", (1000, true)), ("PXAT", (1, true))];
        let Some((unit_ms, absolute)) = args.one_of(&UNITS) else { return Ok(false) };
        if given.is_some_and(|given| (given.unit_ms, given.absolute) != (unit_ms, absolute)) {
            return Ok(false);
        }
        *given = Some(TimeOption { unit_ms, absolute, number: args.word()? });
        Ok(true)
    }
    /// # Errors
    /// If the number is none, or not a time for a command of this name.
    fn when(self, command: &'static str) -> Result<When, CommandError> {
        let number = parse_integer(self.number).ok_or(CommandError::NotAnInteger)?;
        When::positive(number, self.unit_ms, self.absolute, command)
    }
}

/// Tells the append-only file and replicas `SET key value PXAT deadline`: relative times mean something else later.
fn rewrite_as_set(changes: &mut Changes, key: &[u8], value: &[u8], deadline: i64) {
    changes.rewrite(&[b"SET", key, value, b"PXAT", deadline.to_string().as_bytes()]);
}

pub struct Get {
    key: Bytes,
}
impl Command for Get {
    const SPEC: Spec = spec("GET", Exactly(2))
        .keys(&[key(1, RO | ACCESS)])
        .flags(FAST)
        .syntax("key")
        .summary("Reads the string at a key.");
    fn parse(args: &mut Args) -> Result<Get, CommandError> {
        Ok(Get { key: args.bytes()? })
    }
}
impl ReadCommand for Get {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        reply_text_or_null(reply, view.string(&self.key)?);
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Condition {
    IfMissing,
    IfPresent,
}
/// What SET does with the deadline.
#[derive(Clone, Copy, PartialEq)]
enum Lifetime {
    Forever,
    KeepTtl,
    Until(When),
}
/// SET reads its key only under the option GET.
fn locate_key_of_set(request: &Request, found: &mut KeyPositions) {
    let gets = request.iter().skip(3).any(|word| word.eq_ignore_ascii_case(b"GET"));
    found.push(KeyPosition { index: 1, flags: if gets { RW | ACCESS | UPDATE } else { OW | UPDATE } });
}
pub struct Set {
    key: Bytes,
    value: Bytes,
    condition: Option<Condition>,
    lifetime: Lifetime,
    get: bool,
}
impl Command for Set {
    const SPEC: Spec = spec("SET", AtLeast(3))
        .keys(&[key(1, RW | ACCESS | UPDATE | VARIABLE_FLAGS)
            .notes("RW and ACCESS due to the optional `GET` argument")])
        .locate(locate_key_of_set)
        .flags(DENY_OOM)
        .syntax("key value [NX|XX] [GET] [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|KEEPTTL]")
        .summary("Stores a string at a key, whatever stood there, with conditions and a deadline if wanted.")
        .history(&[
            ("2.6.12", "Deadlines and conditions: `EX`, `PX`, `NX`, `XX`."),
            ("6.0.0", "`KEEPTTL`."),
            ("6.2.0", "`GET`, and deadlines as moments: `EXAT`, `PXAT`."),
            ("7.0.0", "`GET` goes with `NX`."),
        ]);
    fn parse(args: &mut Args) -> Result<Set, CommandError> {
        let (key, value) = (args.bytes()?, args.value()?);
        let mut set = Set { key, value, condition: None, lifetime: Lifetime::Forever, get: false };
        let mut time = None;
        while !args.is_empty() {
            if args.option("GET") {
                set.get = true;
            } else if let Some(condition) =
                args.one_of(&[("NX", Condition::IfMissing), ("XX", Condition::IfPresent)])
            {
                if set.condition.is_some_and(|other| other != condition) {
                    return Err(CommandError::Syntax);
                }
                set.condition = Some(condition);
            } else if time.is_none() && args.option("KEEPTTL") {
                set.lifetime = Lifetime::KeepTtl;
            } else if set.lifetime == Lifetime::KeepTtl || !TimeOption::take(args, &mut time)? {
                return Err(CommandError::Syntax);
            }
        }
        if let Some(time) = time {
            set.lifetime = Lifetime::Until(time.when("set")?);
        }
        Ok(set)
    }
}
impl WriteCommand for Set {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let deadline = match self.lifetime {
            Lifetime::Forever => Deadline::Clear,
            Lifetime::KeepTtl => Deadline::Keep,
            Lifetime::Until(when) => Deadline::At(when.resolve(changes.now_ms(), "set")?),
        };
        if self.get {
            reply_text_or_null(reply, changes.source(&self.key)?);
        }
        if let Some(condition) = self.condition {
            let present = changes.lookup(&self.key).is_some();
            if present != (condition == Condition::IfPresent) {
                if !self.get {
                    reply.null();
                }
                return Ok(());
            }
        }
        let text = Text::smallest(&self.value);
        match self.get || self.condition.is_some() {
            true => changes.set_string(&self.key, text, deadline),
            false => changes.overwrite_string(&self.key, text, deadline),
        }
        changes.modified(Event::String, "set", &self.key);
        if let Deadline::At(at) = deadline {
            changes.event_in(changes.db, Event::Generic, "expire", &self.key);
            rewrite_as_set(changes, &self.key, &self.value, at);
        } else if self.get {
            self.rewrite_without_get(changes);
        }
        if !self.get {
            reply.ok();
        }
        Ok(())
    }
}
impl Set {
    /// What it gave back matters to nobody but the client.
    fn rewrite_without_get(&self, changes: &mut Changes) {
        let mut words: Vec<&[u8]> = vec![b"SET", &self.key, &self.value];
        words.extend((self.lifetime == Lifetime::KeepTtl).then_some(&b"KEEPTTL"[..]));
        changes.rewrite(&words);
    }
}

pub struct SetNx {
    key: Bytes,
    value: Bytes,
}
impl Command for SetNx {
    const SPEC: Spec = spec("SETNX", Exactly(3))
        .keys(&[key(1, OW | INSERT)])
        .flags(DENY_OOM | FAST)
        .syntax("key value")
        .summary("Stores a string at a key that is free.")
        .deprecated("2.6.12", "`SET … NX`");
    fn parse(args: &mut Args) -> Result<SetNx, CommandError> {
        Ok(SetNx { key: args.bytes()?, value: args.value()? })
    }
}
impl WriteCommand for SetNx {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let missing = changes.lookup(&self.key).is_none();
        if missing {
            changes.set_string(&self.key, Text::smallest(&self.value), Deadline::Clear);
            changes.modified(Event::String, "set", &self.key);
        }
        reply.integer(missing as i64);
        Ok(())
    }
}

/// SETEX and PSETEX differ in the unit of their second argument.
struct SetWithTtl {
    key: Bytes,
    when: When,
    value: Bytes,
}
impl SetWithTtl {
    fn parse(args: &mut Args, unit_ms: i64, name: &'static str) -> Result<SetWithTtl, CommandError> {
        let key = args.bytes()?;
        let number = args.integer()?;
        Ok(SetWithTtl { key, when: When::positive(number, unit_ms, false, name)?, value: args.value()? })
    }
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply, name: &'static str) -> Outcome {
        let at = self.when.resolve(changes.now_ms(), name)?;
        changes.overwrite_string(&self.key, Text::smallest(&self.value), Deadline::At(at));
        changes.modified(Event::String, "set", &self.key);
        changes.event_in(changes.db, Event::Generic, "expire", &self.key);
        rewrite_as_set(changes, &self.key, &self.value, at);
        reply.ok();
        Ok(())
    }
}
pub struct SetEx(SetWithTtl);
impl Command for SetEx {
    const SPEC: Spec = spec("SETEX", Exactly(4))
        .keys(&[key(1, OW | UPDATE)])
        .flags(DENY_OOM)
        .since("2.0.0")
        .syntax("key seconds value")
        .summary("Stores a string that lives for some seconds.")
        .deprecated("2.6.12", "`SET … EX`");
    fn parse(args: &mut Args) -> Result<SetEx, CommandError> {
        SetWithTtl::parse(args, 1000, "setex").map(SetEx)
    }
}
impl WriteCommand for SetEx {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        self.0.run(changes, reply, "setex")
    }
}
pub struct PSetEx(SetWithTtl);
impl Command for PSetEx {
    const SPEC: Spec = spec("PSETEX", Exactly(4))
        .keys(&[key(1, OW | UPDATE)])
        .flags(DENY_OOM)
        .since("2.6.0")
        .syntax("key milliseconds value")
        .summary("Stores a string that lives for some milliseconds.")
        .deprecated("2.6.12", "`SET … PX`");
    fn parse(args: &mut Args) -> Result<PSetEx, CommandError> {
        SetWithTtl::parse(args, 1, "psetex").map(PSetEx)
    }
}
impl WriteCommand for PSetEx {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        self.0.run(changes, reply, "psetex")
    }
}

pub struct GetSet {
    key: Bytes,
    value: Bytes,
}
impl Command for GetSet {
    const SPEC: Spec = spec("GETSET", Exactly(3))
        .keys(&[key(1, RW | ACCESS | UPDATE)])
        .flags(DENY_OOM | FAST)
        .syntax("key value")
        .summary("Stores a string and gives back the one it replaces.")
        .deprecated("6.2.0", "`SET … GET`");
    fn parse(args: &mut Args) -> Result<GetSet, CommandError> {
        Ok(GetSet { key: args.bytes()?, value: args.value()? })
    }
}
impl WriteCommand for GetSet {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        reply_text_or_null(reply, changes.source(&self.key)?);
        changes.set_string(&self.key, Text::smallest(&self.value), Deadline::Clear);
        changes.modified(Event::String, "set", &self.key);
        changes.rewrite(&[b"SET", &self.key, &self.value]);
        Ok(())
    }
}

pub struct GetDel {
    key: Bytes,
}
impl Command for GetDel {
    const SPEC: Spec = spec("GETDEL", Exactly(2))
        .keys(&[key(1, RW | ACCESS | DELETE)])
        .flags(FAST)
        .since("6.2.0")
        .syntax("key")
        .summary("Takes a string out: gives it back and removes the key.");
    fn parse(args: &mut Args) -> Result<GetDel, CommandError> {
        Ok(GetDel { key: args.bytes()? })
    }
}
impl WriteCommand for GetDel {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let Some(text) = changes.source(&self.key)? else {
            reply.null();
            return Ok(());
        };
        reply_text(reply, text);
        changes.remove(&self.key);
        changes.modified(Event::Generic, "del", &self.key);
        changes.rewrite(&[b"DEL", &self.key]);
        Ok(())
    }
}

enum NewDeadline {
    Unchanged,
    Persist,
    /// A time that is none fails only where there is a key.
    Until(Result<When, CommandError>),
}
pub struct GetEx {
    key: Bytes,
    deadline: NewDeadline,
}
impl Command for GetEx {
    const SPEC: Spec = spec("GETEX", AtLeast(2))
        .keys(&[key(1, RW | ACCESS | UPDATE).notes("RW and UPDATE because it changes the TTL")])
        .flags(FAST)
        .since("6.2.0")
        .syntax("key [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|PERSIST]")
        .summary("Reads a string and sets, or takes away, its deadline.");
    fn parse(args: &mut Args) -> Result<GetEx, CommandError> {
        let (key, mut time, mut persist) = (args.bytes()?, None, false);
        while !args.is_empty() {
            if time.is_none() && args.option("PERSIST") {
                persist = true;
            } else if persist || !TimeOption::take(args, &mut time)? {
                return Err(CommandError::Syntax);
            }
        }
        let deadline = match time {
            Some(time) => NewDeadline::Until(time.when("getex")),
            None if persist => NewDeadline::Persist,
            None => NewDeadline::Unchanged,
        };
        Ok(GetEx { key, deadline })
    }
}
impl WriteCommand for GetEx {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let (key, now_ms) = (&self.key, changes.now_ms());
        let Some(text) = changes.source(key)? else {
            reply.null();
            return Ok(());
        };
        reply_text(reply, text);
        match &self.deadline {
            NewDeadline::Until(when) => {
                let at = when.clone()?.resolve(now_ms, "getex")?;
                if at <= changes.due_until_ms() {
                    changes.remove(key);
                    changes.modified(Event::Generic, "del", key);
                    changes.rewrite(&[b"DEL", key]);
                } else {
                    changes.set_deadline(key, Some(at));
                    changes.modified(Event::Generic, "expire", key);
                    changes.rewrite(&[b"PEXPIREAT", key, at.to_string().as_bytes()]);
                }
            }
            NewDeadline::Persist if changes.lookup(key).is_some_and(|e| e.deadline().is_some()) => {
                changes.set_deadline(key, None);
                changes.modified(Event::Generic, "persist", key);
                changes.rewrite(&[b"PERSIST", key]);
            }
            NewDeadline::Persist | NewDeadline::Unchanged => {}
        }
        Ok(())
    }
}

pub struct MGet {
    keys: Vec<Bytes>,
}
impl Command for MGet {
    const SPEC: Spec = spec("MGET", AtLeast(2))
        .keys(&[keys(1, 1, RO | ACCESS)])
        .flags(FAST)
        .complexity("O(N)")
        .syntax("key [key ...]")
        .summary("Reads the strings at several keys at one moment.")
        .tips(&["request_policy:multi_shard"]);
    fn parse(args: &mut Args) -> Result<MGet, CommandError> {
        Ok(MGet { keys: args.rest() })
    }
}
impl ReadCommand for MGet {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        reply.array(self.keys.len());
        for key in &self.keys {
            // A key of another type counts as missing here: MGET never fails.
            reply_text_or_null(reply, view.string(key).unwrap_or(None));
        }
        Ok(())
    }
}

/// The pairs of MSET and MSETNX.
fn pairs(args: &mut Args, name: &str) -> Result<Vec<(Bytes, Bytes)>, CommandError> {
    if args.remaining() % 2 == 1 {
        return Err(CommandError::Arity(name.to_string()));
    }
    let mut pairs = Vec::with_capacity(args.remaining() / 2);
    while !args.is_empty() {
        pairs.push((args.bytes()?, args.value()?));
    }
    Ok(pairs)
}
fn set_all(changes: &mut Changes, pairs: &[(Bytes, Bytes)]) {
    for (key, value) in pairs {
        changes.overwrite_string(key, Text::smallest(value), Deadline::Clear);
        changes.modified(Event::String, "set", key);
    }
}

pub struct MSet {
    pairs: Vec<(Bytes, Bytes)>,
}
impl Command for MSet {
    const SPEC: Spec = spec("MSET", AtLeast(3))
        .keys(&[keys(1, 2, OW | UPDATE)])
        .flags(DENY_OOM)
        .since("1.0.1")
        .complexity("O(N)")
        .syntax("key value [key value ...]")
        .summary("Stores strings at several keys at one moment.")
        .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"]);
    fn parse(args: &mut Args) -> Result<MSet, CommandError> {
        Ok(MSet { pairs: pairs(args, "mset")? })
    }
}
impl WriteCommand for MSet {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        set_all(changes, &self.pairs);
        reply.ok();
        Ok(())
    }
}

pub struct MSetNx {
    pairs: Vec<(Bytes, Bytes)>,
}
impl Command for MSetNx {
    const SPEC: Spec = spec("MSETNX", AtLeast(3))
        .keys(&[keys(1, 2, OW | INSERT)])
        .flags(DENY_OOM)
        .since("1.0.1")
        .complexity("O(N)")
        .syntax("key value [key value ...]")
        .summary("Stores strings at several keys, if every one of them is free.");
    fn parse(args: &mut Args) -> Result<MSetNx, CommandError> {
        Ok(MSetNx { pairs: pairs(args, "msetnx")? })
    }
}
impl WriteCommand for MSetNx {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let all_missing = self.pairs.iter().all(|(key, _)| changes.lookup(key).is_none());
        if all_missing {
            set_all(changes, &self.pairs);
        }
        reply.integer(all_missing as i64);
        Ok(())
    }
}

pub struct StrLen {
    key: Bytes,
}
impl Command for StrLen {
    const SPEC: Spec = spec("STRLEN", Exactly(2))
        .keys(&[key(1, RO)])
        .flags(FAST)
        .since("2.2.0")
        .syntax("key")
        .summary("How many bytes a string has.");
    fn parse(args: &mut Args) -> Result<StrLen, CommandError> {
        Ok(StrLen { key: args.bytes()? })
    }
}
impl ReadCommand for StrLen {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        reply.integer(view.string(&self.key)?.map_or(0, TextRef::len) as i64);
        Ok(())
    }
}
