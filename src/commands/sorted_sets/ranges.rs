//! Stretches of sorted sets: ZRANGE and its many older forms, ZRANGESTORE, ZCOUNT, ZLEXCOUNT.
use super::{Name, READ_KEY, len_of, member_range, reply_items, score_range, spec, store};
use crate::{
    commands::{
        Command, Outcome, ReadCommand, WriteCommand,
        args::Args,
        error::CommandError,
        span::Span,
        spec::{Arity::*, *},
    },
    resp::Reply,
    store::{
        Changes, SortedSet, Stored, View,
        sorted_set::{Direction, MemberRange, ScoreRange},
    },
};
use bytes::Bytes;
use std::ops::Range;

/// By what the bounds of a stretch are given.
#[derive(Clone, Copy, PartialEq)]
pub enum By {
    Rank,
    Score,
    Member,
}
/// A stretch of a sorted set, as a client names it.
#[derive(Clone, Debug)]
pub enum Selection {
    /// Ranks in the direction of the walk.
    Ranks(Span),
    Scores(ScoreRange),
    Members(MemberRange),
}
impl Selection {
    /// Takes two bounds, the one that the walk meets first before the other.
    pub fn parse(args: &mut Args, by: By, direction: Direction) -> Result<Selection, CommandError> {
        if by == By::Rank {
            return Span::parse(args).map(Selection::Ranks);
        }
        let (one, other) = (args.bytes()?, args.bytes()?);
        let (min, max) = if direction == Direction::Forward { (one, other) } else { (other, one) };
        match by {
            By::Score => score_range(&min, &max).map(Selection::Scores),
            _ => member_range(&min, &max).map(Selection::Members),
        }
    }
    /// The ranks that it is in a sorted set, counted from the lowest score.
    pub fn ranks(&self, set: &SortedSet, direction: Direction) -> Range<usize> {
        match self {
            Selection::Ranks(span) => {
                let ranks = span.among(set.len());
                match direction {
                    Direction::Forward => ranks,
                    Direction::Backward => set.len() - ranks.end..set.len() - ranks.start,
                }
            }
            Selection::Scores(range) => set.ranks_of_scores(range),
            Selection::Members(range) => set.ranks_of_members(range, direction),
        }
    }
}

/// What of a sorted set is asked for, and in which direction.
struct Query {
    selection: Selection,
    direction: Direction,
    /// Members of the stretch that are passed over, and how many are taken then (negative: all).
    offset: i64,
    limit: i64,
    with_scores: bool,
}
/// What the name of a command leaves open.
#[derive(Clone, Copy)]
struct Form {
    by: Option<By>,
    direction: Option<Direction>,
    scores: bool,
}
impl Form {
    /// Everything is said by options.
    const OPEN: Form = Form { by: None, direction: None, scores: true };
    const fn of(by: By, direction: Direction) -> Form {
        Form { by: Some(by), direction: Some(direction), scores: true }
    }
}

impl Query {
    fn parse(args: &mut Args, form: Form) -> Result<Query, CommandError> {
        let mut bounds = args.split_off(2);
        let Form { mut by, mut direction, scores } = form;
        let (mut offset, mut limit, mut with_scores) = (0, -1, false);
        while !args.is_empty() {
            if scores && args.option("WITHSCORES") {
                with_scores = true;
            } else if args.remaining() >= 3 && args.option("LIMIT") {
                (offset, limit) = (args.integer()?, args.integer()?);
            } else if direction.is_none() && args.option("REV") {
                direction = Some(Direction::Backward);
            } else if by.is_none() && args.option("BYLEX") {
                by = Some(By::Member);
            } else if by.is_none() && args.option("BYSCORE") {
                by = Some(By::Score);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        let (by, direction) = (by.unwrap_or(By::Rank), direction.unwrap_or(Direction::Forward));
        if by == By::Rank {
            if limit != -1 {
                return Err(CommandError::fixed(
                    "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
                ));
            }
            // Asked for with all behind it, it goes unnoticed.
            offset = 0;
        }
        if with_scores && by == By::Member {
            return Err(CommandError::fixed(
                "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
            ));
        }
        let selection = Selection::parse(&mut bounds, by, direction)?;
        Ok(Query { selection, direction, offset, limit, with_scores })
    }
    /// The ranks that are asked for, counted from the lowest score.
    fn ranks(&self, set: &SortedSet) -> Range<usize> {
        let ranks = self.selection.ranks(set, self.direction);
        let Some(offset) = self.offset_among(ranks.len(), set) else { return 0..0 };
        let count = usize::try_from(self.limit).unwrap_or(usize::MAX).min(ranks.len() - offset);
        match self.direction {
            Direction::Forward => ranks.start + offset..ranks.start + offset + count,
            Direction::Backward => ranks.end - offset - count..ranks.end - offset,
        }
    }
    /// How many of so many members are passed over; `None` if none is left for certain.
    ///
    /// A negative offset counts from the far end of the stretch, as in Redis; but there only the large encoding knows it,
    /// while in the compact one nothing is left.
    fn offset_among(&self, len: usize, set: &SortedSet) -> Option<usize> {
        match usize::try_from(self.offset) {
            Ok(offset) => Some(offset.min(len)),
            Err(_) if set.is_packed() => None,
            Err(_) => len.checked_sub(usize::try_from(self.offset.unsigned_abs()).ok()?),
        }
    }
    fn run(&self, key: &[u8], view: &View, reply: &mut Reply) -> Outcome {
        match view.value::<SortedSet>(key)? {
            Some(set) => {
                reply_items(reply, set.range(self.ranks(set), self.direction), self.with_scores);
            }
            None => reply.array(0),
        }
        Ok(())
    }
}

const OF_N_AND_M: &str =
    "O(log(N)+M), where N is the size of the sorted set and M how many members are answered.";
const fn range_spec(name: &'static str, arity: Arity) -> Spec {
    spec(name, arity).keys(READ_KEY).complexity(OF_N_AND_M)
}

macro_rules! range_command {
    ($Type:ident, $form:expr, $spec:expr) => {
        pub struct $Type {
            key: Bytes,
            query: Query,
        }
        impl Command for $Type {
            const SPEC: Spec = $spec;
            fn parse(args: &mut Args) -> Result<$Type, CommandError> {
                Ok($Type { key: args.bytes()?, query: Query::parse(args, $form)? })
            }
        }
        impl ReadCommand for $Type {
            fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
                self.query.run(&self.key, view, reply)
            }
        }
    };
}
range_command!(
    ZRange,
    Form::OPEN,
    range_spec("ZRANGE", AtLeast(4))
        .since("1.2.0")
        .syntax("key start stop [BYSCORE|BYLEX] [REV] [LIMIT offset count] [WITHSCORES]")
        .summary("Answers a stretch of a sorted set: between two ranks, two scores or two names.")
        .history(&[("6.2.0", "Added the `REV`, `BYSCORE`, `BYLEX` and `LIMIT` options.")])
);
range_command!(
    ZRevRange,
    Form::of(By::Rank, Direction::Backward),
    range_spec("ZREVRANGE", AtLeast(4))
        .since("1.2.0")
        .syntax("key start stop [WITHSCORES]")
        .summary("Answers the members between two ranks, the highest score first.")
        .deprecated("6.2.0", "`ZRANGE` with the `REV` argument")
);
range_command!(
    ZRangeByScore,
    Form::of(By::Score, Direction::Forward),
    range_spec("ZRANGEBYSCORE", AtLeast(4))
        .since("1.0.5")
        .syntax("key min max [WITHSCORES] [LIMIT offset count]")
        .summary("Answers the members with scores between two bounds.")
        .history(&[("2.0.0", "Added the `WITHSCORES` modifier.")])
        .deprecated("6.2.0", "`ZRANGE` with the `BYSCORE` argument")
);
range_command!(
    ZRevRangeByScore,
    Form::of(By::Score, Direction::Backward),
    range_spec("ZREVRANGEBYSCORE", AtLeast(4))
        .since("2.2.0")
        .syntax("key max min [WITHSCORES] [LIMIT offset count]")
        .summary("Answers the members with scores between two bounds, the highest first.")
        .history(&[("2.1.6", "`min` and `max` can be exclusive.")])
        .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments")
);
range_command!(
    ZRangeByLex,
    Form::of(By::Member, Direction::Forward),
    range_spec("ZRANGEBYLEX", AtLeast(4))
        .since("2.8.9")
        .syntax("key min max [LIMIT offset count]")
        .summary("Answers the members between two names, where all scores are equal.")
        .deprecated("6.2.0", "`ZRANGE` with the `BYLEX` argument")
);
range_command!(
    ZRevRangeByLex,
    Form::of(By::Member, Direction::Backward),
    range_spec("ZREVRANGEBYLEX", AtLeast(4))
        .since("2.8.9")
        .syntax("key max min [LIMIT offset count]")
        .summary("Answers the members between two names, the last first, where all scores are equal.")
        .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments")
);

pub struct ZRangeStore {
    destination: Bytes,
    source: Bytes,
    query: Query,
}
impl Command for ZRangeStore {
    const SPEC: Spec = spec("ZRANGESTORE", AtLeast(5))
        .keys(&[key(1, OW | UPDATE), key(2, RO | ACCESS)])
        .flags(DENY_OOM)
        .since("6.2.0")
        .complexity("O(log(N)+M), where N is the size of the sorted set and M how many members are stored.")
        .syntax("dst src min max [BYSCORE|BYLEX] [REV] [LIMIT offset count]")
        .summary("Sets a key to a stretch of a sorted set.");
    fn parse(args: &mut Args) -> Result<ZRangeStore, CommandError> {
        let (destination, source) = (args.bytes()?, args.bytes()?);
        Ok(ZRangeStore {
            destination,
            source,
            query: Query::parse(args, Form { scores: false, ..Form::OPEN })?,
        })
    }
}
impl WriteCommand for ZRangeStore {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let mut digits = itoa::Buffer::new();
        let items: Vec<(Name, f64)> = match changes.source_value::<SortedSet>(&self.source)? {
            Some(set) => set
                .range(self.query.ranks(set), Direction::Forward)
                .map(|(member, score)| (Name::from_slice(member.bytes(&mut digits)), score))
                .collect(),
            None => Vec::new(),
        };
        store(changes, &self.destination, &items, "zrangestore", reply);
        Ok(())
    }
}

/// Answers how many members a stretch has.
fn count(view: &View, key: &[u8], selection: &Selection, reply: &mut Reply) -> Outcome {
    let set = view.value::<SortedSet>(key)?;
    let count = set.map_or(0, |set| selection.ranks(set, Direction::Forward).len());
    debug_assert!(count <= len_of(set));
    reply.integer(count as i64);
    Ok(())
}
macro_rules! count_command {
    ($Type:ident, $by:ident, $spec:expr) => {
        pub struct $Type {
            key: Bytes,
            selection: Selection,
        }
        impl Command for $Type {
            const SPEC: Spec = $spec
                .keys(READ_KEY)
                .flags(FAST)
                .complexity("O(log(N)), where N is the size of the sorted set.")
                .syntax("key min max");
            fn parse(args: &mut Args) -> Result<$Type, CommandError> {
                Ok($Type {
                    key: args.bytes()?,
                    selection: Selection::parse(args, By::$by, Direction::Forward)?,
                })
            }
        }
        impl ReadCommand for $Type {
            fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
                count(view, &self.key, &self.selection, reply)
            }
        }
    };
}
count_command!(
    ZCount,
    Score,
    spec("ZCOUNT", Exactly(4))
        .since("2.0.0")
        .summary("Answers how many members have scores between two bounds.")
);
count_command!(
    ZLexCount,
    Member,
    spec("ZLEXCOUNT", Exactly(4))
        .since("2.8.9")
        .summary("Answers how many members stand between two names, where all scores are equal.")
);
