//! Taking the first or last members out: ZPOPMIN, ZPOPMAX, ZMPOP, and their forms that wait for some to come.
use super::{TAKEN_KEY, spec};
use crate::{
    commands::{
        BlockingCommand, Command, Outcome, Patience, Progress, WriteCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    resp::Reply,
    store::{Changes, Event, Kind, SortedSet, Stored, sorted_set::Direction},
};
use bytes::Bytes;

/// Which end of a sorted set.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Min,
    Max,
}
impl End {
    fn event(self) -> &'static str {
        if self == End::Min { "zpopmin" } else { "zpopmax" }
    }
    /// The command that takes from this end without waiting, by which effects tell of the others.
    fn command(self) -> &'static [u8] {
        if self == End::Min { b"ZPOPMIN" } else { b"ZPOPMAX" }
    }
}

/// What is written around the members.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    /// A member and its score, or nothing.
    Pair,
    /// Members with their scores.
    Pairs,
    /// The key, a member, its score.
    KeyAndPair,
    /// The key, and a list of pairs in either protocol.
    KeyAndPairs,
}

/// Takes up to `count` members out of the sorted set at a key, and replies with them. `None` if there is no such key:
/// then nothing was replied.
fn pop(
    changes: &mut Changes,
    key: &[u8],
    end: End,
    count: usize,
    shape: Shape,
    reply: &mut Reply,
) -> Result<Option<usize>, CommandError> {
    let Some(set) = changes.value_mut::<SortedSet>(key)? else { return Ok(None) };
    let (len, count) = (set.len(), count.min(set.len()));
    let (ranks, direction) = match end {
        End::Min => (0..count, Direction::Forward),
        End::Max => (len - count..len, Direction::Backward),
    };
    match shape {
        Shape::Pair => reply.array(2 * count),
        Shape::Pairs => reply.scored(count),
        Shape::KeyAndPair => {
            reply.array(1 + 2 * count);
            reply.bulk(key);
        }
        Shape::KeyAndPairs => {
            reply.array(2);
            reply.bulk(key);
            reply.array(count);
        }
    }
    for (member, score) in set.range(ranks.clone(), direction) {
        match shape {
            Shape::Pairs => reply.scored_member(member, score),
            _ => {
                if shape == Shape::KeyAndPairs {
                    reply.array(2);
                }
                reply.element(member);
                reply.double(score);
            }
        }
    }
    if count == 0 {
        return Ok(Some(0));
    }
    // What goes as a whole is not taken apart first.
    if count < len {
        set.remove_range(ranks);
    }
    changes.modified(Event::SortedSet, end.event(), key);
    changes.also_dirty(count as u64 - 1);
    if count == len {
        changes.remove_emptied(key);
    }
    Ok(Some(count))
}

struct Pop {
    key: Bytes,
    count: Option<usize>,
}
impl Pop {
    fn parse(args: &mut Args) -> Result<Pop, CommandError> {
        let key = args.bytes()?;
        let count = match args.remaining() {
            0 => None,
            1 => Some(args.at_least(0, "ERR value is out of range, must be positive")?),
            _ => return Err(CommandError::Syntax),
        };
        Ok(Pop { key, count })
    }
    fn run(&self, changes: &mut Changes, reply: &mut Reply, end: End) -> Outcome {
        let shape = if self.count.is_none() { Shape::Pair } else { Shape::Pairs };
        if pop(changes, &self.key, end, self.count.unwrap_or(1), shape, reply)?.is_none() {
            reply.array(0);
        }
        Ok(())
    }
}
const fn pop_spec(name: &'static str) -> Spec {
    spec(name, AtLeast(2))
        .keys(TAKEN_KEY)
        .flags(FAST)
        .since("5.0.0")
        .complexity("O(log(N)*M), where N is the size of the sorted set and M how many members go.")
        .syntax("key [count]")
}

pub struct ZPopMin(Pop);
impl Command for ZPopMin {
    const SPEC: Spec =
        pop_spec("ZPOPMIN").summary("Takes the members with the lowest scores out, and answers them.");
    fn parse(args: &mut Args) -> Result<ZPopMin, CommandError> {
        Pop::parse(args).map(ZPopMin)
    }
}
impl WriteCommand for ZPopMin {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        self.0.run(changes, reply, End::Min)
    }
}

pub struct ZPopMax(Pop);
impl Command for ZPopMax {
    const SPEC: Spec =
        pop_spec("ZPOPMAX").summary("Takes the members with the highest scores out, and answers them.");
    fn parse(args: &mut Args) -> Result<ZPopMax, CommandError> {
        Pop::parse(args).map(ZPopMax)
    }
}
impl WriteCommand for ZPopMax {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        self.0.run(changes, reply, End::Max)
    }
}

/// Takes from the first of several keys that has anything.
struct PopFirst {
    keys: Vec<Bytes>,
    end: End,
    count: usize,
    shape: Shape,
    /// How long a wait lasts, ms; `None`: for ever.
    lasts_ms: Option<i64>,
}
impl PopFirst {
    /// Takes what ZMPOP and BZMPOP have in common.
    fn parse(args: &mut Args) -> Result<PopFirst, CommandError> {
        let keys = args.counted_keys("ERR numkeys should be greater than 0")?;
        let end = args.one_of(&[("MIN", End::Min), ("MAX", End::Max)]).ok_or(CommandError::Syntax)?;
        let mut count = 1;
        if args.remaining() >= 2 && args.option("COUNT") {
            count = args.at_least(1, "ERR count should be greater than 0")?;
        }
        args.end()?;
        Ok(PopFirst { keys, end, count, shape: Shape::KeyAndPairs, lasts_ms: None })
    }
    /// Takes keys and a timeout.
    fn parse_one(args: &mut Args, end: End) -> Result<PopFirst, CommandError> {
        let keys = (1..args.remaining()).map(|_| args.bytes()).collect::<Result<_, _>>()?;
        let lasts_ms = args.timeout_seconds()?;
        Ok(PopFirst { keys, end, count: 1, shape: Shape::KeyAndPair, lasts_ms })
    }
    fn run(&self, changes: &mut Changes, reply: &mut Reply) -> Result<Progress, CommandError> {
        for key in &self.keys {
            let Some(count) = pop(changes, key, self.end, self.count, self.shape, reply)? else { continue };
            match self.shape {
                Shape::KeyAndPair => changes.rewrite(&[self.end.command(), key]),
                _ => {
                    changes.rewrite(&[self.end.command(), key, itoa::Buffer::new().format(count).as_bytes()])
                }
            }
            return Ok(Progress::Done);
        }
        Ok(Progress::Waits)
    }
    fn patience(&self) -> Patience {
        Patience::for_keys(&self.keys, Kind::SortedSet, self.lasts_ms)
    }
}

pub struct ZMPop(PopFirst);
impl Command for ZMPop {
    const SPEC: Spec = spec("ZMPOP", AtLeast(4))
        .keys(&[counted_keys(1, RW | ACCESS | DELETE)])
        .since("7.0.0")
        .complexity("O(K) + O(M*log(N)), where K is the number of keys, N the size of the sorted set and M how many members go.")
        .syntax("numkeys key [key ...] <MIN|MAX> [COUNT count]")
        .summary("Takes members out of the first of several sorted sets that has any.");
    fn parse(args: &mut Args) -> Result<ZMPop, CommandError> {
        PopFirst::parse(args).map(ZMPop)
    }
}
impl WriteCommand for ZMPop {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        if self.0.run(changes, reply)? == Progress::Waits {
            reply.null_array();
        }
        Ok(())
    }
}

pub struct BZMPop(PopFirst);
impl Command for BZMPop {
    const SPEC: Spec = spec("BZMPOP", AtLeast(5))
        .keys(&[counted_keys(2, RW | ACCESS | DELETE)])
        .flags(BLOCKING)
        .since("7.0.0")
        .complexity("O(K) + O(M*log(N)), where K is the number of keys, N the size of the sorted set and M how many members go.")
        .syntax("timeout numkeys key [key ...] <MIN|MAX> [COUNT count]")
        .summary("Takes members out of the first of several sorted sets that has any; waits for some if none has.");
    fn parse(args: &mut Args) -> Result<BZMPop, CommandError> {
        let lasts_ms = args.timeout_seconds();
        let pop = PopFirst::parse(args)?;
        Ok(BZMPop(PopFirst { lasts_ms: lasts_ms?, ..pop }))
    }
}
impl BlockingCommand for BZMPop {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Result<Progress, CommandError> {
        self.0.run(changes, reply)
    }
    fn patience(&self) -> Patience {
        self.0.patience()
    }
}

const fn blocking_spec(name: &'static str) -> Spec {
    const KEYS: &[KeySpec] = &[key_range(1, -2, RW | ACCESS | DELETE)];
    const HISTORY: &[(&str, &str)] =
        &[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")];
    spec(name, AtLeast(3))
        .keys(KEYS)
        .flags(BLOCKING | FAST)
        .since("5.0.0")
        .complexity("O(log(N)), where N is the size of the sorted set.")
        .syntax("key [key ...] timeout")
        .history(HISTORY)
}

pub struct BZPopMin(PopFirst);
impl Command for BZPopMin {
    const SPEC: Spec = blocking_spec("BZPOPMIN").summary(
        "Takes the member with the lowest score out of the first sorted set that has any; waits if none has.",
    );
    fn parse(args: &mut Args) -> Result<BZPopMin, CommandError> {
        PopFirst::parse_one(args, End::Min).map(BZPopMin)
    }
}
impl BlockingCommand for BZPopMin {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Result<Progress, CommandError> {
        self.0.run(changes, reply)
    }
    fn patience(&self) -> Patience {
        self.0.patience()
    }
}

pub struct BZPopMax(PopFirst);
impl Command for BZPopMax {
    const SPEC: Spec = blocking_spec("BZPOPMAX")
        .summary("Takes the member with the highest score out of the first sorted set that has any; waits if none has.");
    fn parse(args: &mut Args) -> Result<BZPopMax, CommandError> {
        PopFirst::parse_one(args, End::Max).map(BZPopMax)
    }
}
impl BlockingCommand for BZPopMax {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Result<Progress, CommandError> {
        self.0.run(changes, reply)
    }
    fn patience(&self) -> Patience {
        self.0.patience()
    }
}
