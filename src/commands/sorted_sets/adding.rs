//! Adding members and changing scores: ZADD, ZINCRBY.
use super::spec;
use crate::{
    commands::{
        Command, Outcome, WriteCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    resp::Reply,
    store::{
        Changes, Event, SortedSet,
        sorted_set::{Added, Adding, Change, NotANumber, Presence},
    },
};
use bytes::Bytes;
use smallvec::SmallVec;

impl From<NotANumber> for CommandError {
    fn from(_: NotANumber) -> CommandError {
        CommandError::fixed("ERR resulting score is not a number (NaN)")
    }
}

pub struct ZAdd {
    key: Bytes,
    adding: Adding,
    /// Members whose score changed are counted as well as new ones.
    counts_changes: bool,
    members: SmallVec<[(f64, Bytes); 1]>,
}
impl Command for ZAdd {
    const SPEC: Spec = spec("ZADD", AtLeast(4))
        .keys(&[key(1, RW | UPDATE)])
        .flags(DENY_OOM | FAST)
        .since("1.2.0")
        .complexity("O(log(N)) for each member, where N is the size of the sorted set.")
        .syntax("key [NX|XX] [GT|LT] [CH] [INCR] score member [score member ...]")
        .summary("Adds members with scores, or gives members other scores. Makes the sorted set where there is none.")
        .history(&[
            ("2.4.0", "Accepts multiple elements."),
            ("3.0.2", "Added the `XX`, `NX`, `CH` and `INCR` options."),
            ("6.2.0", "Added the `GT` and `LT` options."),
        ]);
    fn parse(args: &mut Args) -> Result<ZAdd, CommandError> {
        let key = args.bytes()?;
        let options = Options::parse(args);
        let count = args.remaining() / 2;
        if count == 0 || !args.remaining().is_multiple_of(2) {
            return Err(CommandError::Syntax);
        }
        let adding = options.check(count)?;
        let mut members = SmallVec::with_capacity(count);
        for _ in 0..count {
            members.push((args.double()?, args.bytes()?));
        }
        Ok(ZAdd { key, adding, counts_changes: options.ch, members })
    }
}

/// The words that may stand before the scores, each any number of times.
#[derive(Default)]
struct Options {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
    ch: bool,
    incr: bool,
}
impl Options {
    fn parse(args: &mut Args) -> Options {
        let mut options = Options::default();
        loop {
            let flag = match () {
                _ if args.option("NX") => &mut options.nx,
                _ if args.option("XX") => &mut options.xx,
                _ if args.option("GT") => &mut options.gt,
                _ if args.option("LT") => &mut options.lt,
                _ if args.option("CH") => &mut options.ch,
                _ if args.option("INCR") => &mut options.incr,
                _ => return options,
            };
            *flag = true;
        }
    }
    fn check(&self, members: usize) -> Result<Adding, CommandError> {
        let Options { nx, xx, gt, lt, incr, .. } = *self;
        if nx && xx {
            return Err(CommandError::fixed("ERR XX and NX options at the same time are not compatible"));
        }
        if (nx && (gt || lt)) || (gt && lt) {
            return Err(CommandError::fixed(
                "ERR GT, LT, and/or NX options at the same time are not compatible",
            ));
        }
        if incr && members > 1 {
            return Err(CommandError::fixed("ERR INCR option supports a single increment-element pair"));
        }
        let presence = if nx { Presence::New } else { [Presence::Any, Presence::Old][xx as usize] };
        let change = if gt { Change::Greater } else { [Change::Any, Change::Less][lt as usize] };
        Ok(Adding { presence, change, increments: incr })
    }
}

impl ZAdd {
    /// How many members are new, and how many were given another score; and what became of the last one.
    fn add_all(&self, changes: &mut Changes) -> Result<(u64, u64, Added), CommandError> {
        let limits = changes.limits();
        let set = if self.adding.presence == Presence::Old {
            match changes.value_mut::<SortedSet>(&self.key)? {
                Some(set) => set,
                None => return Ok((0, 0, Added::Refused)),
            }
        } else {
            let first_bytes = self.members[0].1.len();
            changes.value_or_insert_with(&self.key, || {
                SortedSet::new(self.members.len(), first_bytes, &limits)
            })?
        };
        set.expect(self.members.len(), &limits);
        let (mut new, mut rescored, mut last) = (0, 0, Added::Refused);
        for (score, member) in &self.members {
            last = set.add(member, *score, self.adding, &limits)?;
            new += matches!(last, Added::New(_)) as u64;
            rescored += matches!(last, Added::Rescored(_)) as u64;
        }
        Ok((new, rescored, last))
    }
}
impl WriteCommand for ZAdd {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let (new, rescored, last) = self.add_all(changes)?;
        if new + rescored > 0 {
            let event = if self.adding.increments { "zincr" } else { "zadd" };
            changes.modified(Event::SortedSet, event, &self.key);
            changes.also_dirty(new + rescored - 1);
        }
        if self.adding.increments {
            match last {
                Added::New(score) | Added::Rescored(score) | Added::Same(score) => reply.double(score),
                Added::Refused => reply.null(),
            }
        } else {
            reply.integer((new + if self.counts_changes { rescored } else { 0 }) as i64);
        }
        Ok(())
    }
}

pub struct ZIncrBy(ZAdd);
impl Command for ZIncrBy {
    const SPEC: Spec = spec("ZINCRBY", Exactly(4))
        .keys(&[key(1, RW | ACCESS | UPDATE)])
        .flags(DENY_OOM | FAST)
        .since("1.2.0")
        .complexity("O(log(N)), where N is the size of the sorted set.")
        .syntax("key increment member")
        .summary(
            "Adds to the score of a member, which counts as 0 where there is none. Answers the new score.",
        );
    fn parse(args: &mut Args) -> Result<ZIncrBy, CommandError> {
        let key = args.bytes()?;
        let members = SmallVec::from_iter([(args.double()?, args.bytes()?)]);
        let adding = Adding { increments: true, ..Adding::default() };
        Ok(ZIncrBy(ZAdd { key, adding, counts_changes: false, members }))
    }
}
impl WriteCommand for ZIncrBy {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        self.0.run(changes, reply)
    }
}
