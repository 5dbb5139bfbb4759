//! What keys there are: KEYS, SCAN, RANDOMKEY, DBSIZE.
//!
//! Keys whose deadline has passed are hidden. DBSIZE alone counts them: it is one read, not a walk.
use super::spec;
use crate::{
    commands::{
        Command, Outcome, ReadCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    data::{glob, number::parse_integer},
    resp::Reply,
    store::{EntryRef, View},
};
use bytes::Bytes;

/// A pattern that names are held against.
#[derive(Clone, Debug, Default)]
pub enum Names {
    #[default]
    Any,
    /// No special character: one name only.
    One(Bytes),
    Matching(Bytes),
}
impl Names {
    pub fn of(pattern: Bytes) -> Names {
        if &pattern[..] == b"*" {
            Names::Any
        } else if glob::literal_prefix(&pattern).len() == pattern.len() {
            Names::One(pattern)
        } else {
            Names::Matching(pattern)
        }
    }
    pub fn admit(&self, name: &[u8]) -> bool {
        match self {
            Names::Any => true,
            Names::One(only) => only == name,
            Names::Matching(pattern) => glob::matches(pattern, name, false),
        }
    }
}

/// What SCAN and its kin (HSCAN, SSCAN, ZSCAN) have in common.
#[derive(Clone, Debug)]
pub struct Step {
    pub names: Names,
    /// How many items to look at, about; at least 1.
    pub count: usize,
}
impl Default for Step {
    fn default() -> Step {
        Step { names: Names::Any, count: 10 }
    }
}
impl Step {
    /// Takes MATCH or COUNT with its value; false if neither stands next.
    ///
    /// # Errors
    /// If the count is not a positive integer.
    pub fn option(&mut self, args: &mut Args) -> Result<bool, CommandError> {
        if args.remaining() < 2 {
            return Ok(false);
        }
        if args.option("MATCH") {
            self.names = Names::of(args.bytes()?);
        } else if args.option("COUNT") {
            let count = usize::try_from(args.integer()?).ok();
            self.count = count.filter(|&count| count > 0).ok_or(CommandError::Syntax)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }
    /// Takes all arguments that are left, where MATCH and COUNT are the only options (SSCAN, ZSCAN).
    ///
    /// # Errors
    /// If one of them is something else, or wrong. They are taken all the same.
    pub fn of_members(args: &mut Args) -> Result<Step, CommandError> {
        let mut step = Step::default();
        let mut outcome = Ok(());
        while !args.is_empty() && outcome.is_ok() {
            outcome = match step.option(args) {
                Ok(true) => Ok(()),
                Ok(false) if args.option("NOVALUES") => {
                    Err(CommandError::fixed("ERR NOVALUES option can only be used in HSCAN"))
                }
                Ok(false) => Err(CommandError::Syntax),
                Err(error) => Err(error),
            };
        }
        args.rest();
        outcome.map(|()| step)
    }
    /// Takes the cursor that the step goes on from.
    ///
    /// # Errors
    /// If it is none.
    pub fn cursor(args: &mut Args) -> Result<u64, CommandError> {
        cursor_of(args.word()?).ok_or(CommandError::fixed("ERR invalid cursor"))
    }
}

/// Reads an unsigned number as C's strtoull does: blanks and a sign may stand before it, and a negative one counts from the
/// top. But one that fits into 64 bits with its sign is none if it is below 0.
fn cursor_of(word: &[u8]) -> Option<u64> {
    if let Some(number) = parse_integer(word) {
        return u64::try_from(number).ok();
    }
    let blanks = word.iter().take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r')).count();
    let text = std::str::from_utf8(&word[blanks..]).ok()?;
    let (digits, is_negative) = match text.strip_prefix('-') {
        Some(digits) => (digits, true),
        None => (text.strip_prefix('+').unwrap_or(text), false),
    };
    let number: u64 = digits.parse().ok().filter(|_| !digits.starts_with('+'))?;
    Some(if is_negative { number.wrapping_neg() } else { number })
}

pub struct Scan {
    cursor: u64,
    step: Step,
    /// Name of a type, in any case. An unknown one is no error: no key is of it.
    kind: Option<Bytes>,
}
impl Command for Scan {
    const SPEC: Spec = spec("SCAN", AtLeast(2))
        .since("2.8.0")
        .syntax("cursor [MATCH pattern] [COUNT count] [TYPE type]")
        .summary("Goes through the keys of the database, some with every call.")
        .tips(&["nondeterministic_output", "request_policy:special", "response_policy:special"])
        .history(&[("6.0.0", "Added the `TYPE` option.")]);
    fn parse(args: &mut Args) -> Result<Scan, CommandError> {
        let mut scan = Scan { cursor: Step::cursor(args)?, step: Step::default(), kind: None };
        while !args.is_empty() {
            if scan.step.option(args)? {
                continue;
            } else if args.remaining() >= 2 && args.option("TYPE") {
                scan.kind = Some(args.bytes()?);
            } else if args.option("NOVALUES") {
                return Err(CommandError::fixed("ERR NOVALUES option can only be used in HSCAN"));
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(scan)
    }
}
impl Scan {
    fn admits(&self, entry: EntryRef) -> bool {
        let is_of = |kind: &Bytes| kind.eq_ignore_ascii_case(entry.kind().name().as_bytes());
        self.kind.as_ref().is_none_or(is_of) && self.step.names.admit(entry.key())
    }
}
impl ReadCommand for Scan {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let mut found: Vec<&[u8]> = Vec::new();
        let next = view.database().scan(self.cursor, self.step.count, &mut |entry| {
            // Every key that is passed and whose deadline has passed is noted, whether asked for or not.
            if view.alive(view.db, entry).is_some() && self.admits(entry) {
                found.push(entry.key());
            }
        });
        reply.array(2);
        reply.bulk(next.to_string().as_bytes());
        reply.array(found.len());
        found.iter().for_each(|key| reply.bulk(key));
        Ok(())
    }
}

pub struct Keys(Names);
impl Command for Keys {
    const SPEC: Spec = spec("KEYS", Exactly(2))
        .categories(category("keyspace") | category("dangerous"))
        .complexity("O(N)")
        .syntax("pattern")
        .summary("Tells all keys whose names match a pattern.")
        .tips(&["request_policy:all_shards", "nondeterministic_output_order"]);
    fn parse(args: &mut Args) -> Result<Keys, CommandError> {
        Ok(Keys(Names::of(args.bytes()?)))
    }
}
impl ReadCommand for Keys {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let (place, mut count) = (reply.defer(), 0);
        let mut tell = |entry: EntryRef| {
            if view.is_alive(entry) && self.0.admit(entry.key()) {
                reply.bulk(entry.key());
                count += 1;
            }
        };
        match &self.0 {
            Names::One(name) => view.database().find(name).into_iter().for_each(&mut tell),
            _ => view.database().scan_all(&mut tell),
        }
        reply.settle_array(place, count);
        Ok(())
    }
}

pub struct RandomKey;
impl Command for RandomKey {
    const SPEC: Spec = spec("RANDOMKEY", Exactly(1)).summary("Tells the name of a random key.").tips(&[
        "request_policy:all_shards",
        "response_policy:special",
        "nondeterministic_output",
    ]);
    fn parse(_: &mut Args) -> Result<RandomKey, CommandError> {
        Ok(RandomKey)
    }
}
impl ReadCommand for RandomKey {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        match drawn(view).or_else(|| first_alive(view)) {
            Some(entry) => reply.bulk(entry.key()),
            None => reply.null(),
        }
        Ok(())
    }
}
/// An entry that lives, each as likely as the others; none if nearly all have expired.
fn drawn<'a>(view: &View<'a>) -> Option<EntryRef<'a>> {
    const DRAWS_MAX: usize = 100;
    (0..DRAWS_MAX).find_map(|_| {
        let entry = view.database().random(&mut || view.store.random())?;
        view.alive(view.db, entry)
    })
}
/// The first entry that lives behind a random place, or else the first of all.
fn first_alive<'a>(view: &View<'a>) -> Option<EntryRef<'a>> {
    const CURSOR_BITS: u32 = 48;
    for start in [view.store.random() >> (u64::BITS - CURSOR_BITS), 0] {
        let (mut cursor, mut found) = (start, None);
        loop {
            cursor = view.database().scan(cursor, 1, &mut |entry| {
                found = found.or_else(|| view.alive(view.db, entry));
            });
            if found.is_some() {
                return found;
            }
            if cursor == 0 {
                break;
            }
        }
    }
    None
}

pub struct DbSize;
impl Command for DbSize {
    const SPEC: Spec = Spec::new(Group::Server, "DBSIZE", Exactly(1))
        .categories(category("keyspace"))
        .flags(FAST)
        .summary("Tells how many keys the database holds.")
        .tips(&["request_policy:all_shards", "response_policy:agg_sum"]);
    fn parse(_: &mut Args) -> Result<DbSize, CommandError> {
        Ok(DbSize)
    }
}
impl ReadCommand for DbSize {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        reply.integer(view.database().len() as i64);
        Ok(())
    }
}
