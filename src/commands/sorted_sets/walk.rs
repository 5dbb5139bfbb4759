//! Members at random and one after the other: ZRANDMEMBER, ZSCAN.
use super::{Name, READ_KEY, reply_items, spec};
use crate::{
    commands::{
        Command, Outcome, ReadCommand,
        args::Args,
        error::CommandError,
        keys::walk::Step,
        spec::{Arity::*, *},
    },
    resp::Reply,
    store::{SortedSet, Stored, View, sorted_set::Direction},
};
use bytes::Bytes;
use std::collections::HashSet;

pub struct ZRandMember {
    key: Bytes,
    /// `None` asks for a single one; negative: that many, any of them more than once.
    count: Option<i64>,
    with_scores: bool,
}
/// Members that one reply may name, when they may come again and again.
const REPEATED_MAX: u64 = 1 << 27;

impl Command for ZRandMember {
    const SPEC: Spec = spec("ZRANDMEMBER", AtLeast(2))
        .keys(READ_KEY)
        .since("6.2.0")
        .complexity("O(N*log(M)), where N is how many members are answered and M the size of the sorted set.")
        .syntax("key [count [WITHSCORES]]")
        .summary("Answers members chosen at random, each with the same chance.")
        .tips(&["nondeterministic_output"]);
    fn parse(args: &mut Args) -> Result<ZRandMember, CommandError> {
        let key = args.bytes()?;
        if args.is_empty() {
            return Ok(ZRandMember { key, count: None, with_scores: false });
        }
        let count = args.integer_between(-i64::MAX, i64::MAX)?;
        let with_scores = args.remaining() == 1 && args.option("WITHSCORES");
        args.end()?;
        if with_scores && count.unsigned_abs() > i64::MAX as u64 / 2 {
            return Err(CommandError::OutOfRange);
        }
        Ok(ZRandMember { key, count: Some(count), with_scores })
    }
}
impl ReadCommand for ZRandMember {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let Some(set) = view.value::<SortedSet>(&self.key)? else {
            match self.count {
                Some(_) => reply.array(0),
                None => reply.null(),
            }
            return Ok(());
        };
        let mut rng = fastrand::Rng::with_seed(view.store.random());
        let mut draw = || rng.usize(..set.len());
        match self.count {
            None => {
                let rank = draw();
                for (member, _) in set.range(rank..rank + 1, Direction::Forward) {
                    reply.element(member);
                }
            }
            Some(count) if count < 0 && count.unsigned_abs() > REPEATED_MAX => {
                return Err(CommandError::OutOfRange);
            }
            Some(count) if count < 0 => {
                let ranks = (0..count.unsigned_abs() as usize).map(|_| draw());
                self.reply_ranks(set, ranks, reply);
            }
            Some(count) if count as usize >= set.len() => {
                reply_items(reply, set.iter(), self.with_scores);
            }
            Some(count) => {
                let ranks = distinct(count as usize, set.len(), &mut rng);
                self.reply_ranks(set, ranks.into_iter(), reply);
            }
        }
        Ok(())
    }
}
impl ZRandMember {
    /// Replies with the members of these ranks.
    fn reply_ranks(&self, set: &SortedSet, ranks: impl ExactSizeIterator<Item = usize>, reply: &mut Reply) {
        match self.with_scores {
            true => reply.scored(ranks.len()),
            false => reply.array(ranks.len()),
        }
        for rank in ranks {
            for (member, score) in set.range(rank..rank + 1, Direction::Forward) {
                match self.with_scores {
                    true => reply.scored_member(member, score),
                    false => reply.element(member),
                }
            }
        }
    }
}
/// `count` different numbers below `end`, each choice with the same chance (R. Floyd's algorithm).
fn distinct(count: usize, end: usize, rng: &mut fastrand::Rng) -> Vec<usize> {
    let mut chosen = HashSet::with_capacity(count);
    let mut numbers = Vec::with_capacity(count);
    for last in end - count..end {
        let drawn = rng.usize(..=last);
        let number = if chosen.insert(drawn) { drawn } else { last };
        chosen.insert(number);
        numbers.push(number);
    }
    rng.shuffle(&mut numbers);
    numbers
}

pub struct ZScan {
    key: Bytes,
    cursor: u64,
    /// Where there is no such key, nobody asks whether the options are right.
    step: Result<Step, CommandError>,
}
impl Command for ZScan {
    const SPEC: Spec = spec("ZSCAN", AtLeast(3))
        .keys(READ_KEY)
        .since("2.8.0")
        .complexity("O(1) for every call, O(N) for a walk from end to end.")
        .syntax("key cursor [MATCH pattern] [COUNT count]")
        .summary("Goes through the members of a sorted set and their scores, some with every call.")
        .tips(&["nondeterministic_output"]);
    fn parse(args: &mut Args) -> Result<ZScan, CommandError> {
        let (key, cursor) = (args.bytes()?, Step::cursor(args)?);
        let step = ZScan::parse_step(args);
        args.rest();
        Ok(ZScan { key, cursor, step })
    }
}
impl ZScan {
    fn parse_step(args: &mut Args) -> Result<Step, CommandError> {
        let mut step = Step::default();
        while !args.is_empty() {
            if step.option(args)? {
                continue;
            }
            return Err(match args.option("NOVALUES") {
                true => CommandError::fixed("ERR NOVALUES option can only be used in HSCAN"),
                false => CommandError::Syntax,
            });
        }
        Ok(step)
    }
}
impl ReadCommand for ZScan {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let (mut found, mut next) = (Vec::new(), 0);
        if let Some(set) = view.value::<SortedSet>(&self.key)? {
            let step = self.step.as_ref().map_err(CommandError::clone)?;
            next = set.scan(self.cursor, step.count, &mut |member, score| {
                if step.names.admit(member) {
                    found.push((Name::from_slice(member), set.scanned_text(score)));
                }
            });
        }
        reply.array(2);
        reply.bulk(itoa::Buffer::new().format(next).as_bytes());
        reply.array(2 * found.len());
        for (member, score) in found {
            reply.bulk(&member);
            reply.bulk(score.as_bytes());
        }
        Ok(())
    }
}
