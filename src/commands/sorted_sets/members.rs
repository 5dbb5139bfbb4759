//! Asking for single members: ZCARD, ZSCORE, ZMSCORE, ZRANK, ZREVRANK.
use super::{READ_KEY, len_of, spec};
use crate::{
    commands::{
        Command, Outcome, ReadCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    resp::Reply,
    store::{SortedSet, View, sorted_set::Direction},
};
use bytes::Bytes;

pub struct ZCard(Bytes);
impl Command for ZCard {
    const SPEC: Spec = spec("ZCARD", Exactly(2))
        .keys(&[key(1, RO)])
        .flags(FAST)
        .since("1.2.0")
        .syntax("key")
        .summary("Answers how many members a sorted set has.");
    fn parse(args: &mut Args) -> Result<ZCard, CommandError> {
        Ok(ZCard(args.bytes()?))
    }
}
impl ReadCommand for ZCard {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        reply.integer(len_of(view.value(&self.0)?) as i64);
        Ok(())
    }
}

fn reply_score(reply: &mut Reply, score: Option<f64>) {
    match score {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
}

pub struct ZScore {
    key: Bytes,
    member: Bytes,
}
impl Command for ZScore {
    const SPEC: Spec = spec("ZSCORE", Exactly(3))
        .keys(READ_KEY)
        .flags(FAST)
        .since("1.2.0")
        .syntax("key member")
        .summary("Answers the score of a member.");
    fn parse(args: &mut Args) -> Result<ZScore, CommandError> {
        Ok(ZScore { key: args.bytes()?, member: args.bytes()? })
    }
}
impl ReadCommand for ZScore {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let set = view.value::<SortedSet>(&self.key)?;
        reply_score(reply, set.and_then(|set| set.score(&self.member)));
        Ok(())
    }
}

pub struct ZMScore {
    key: Bytes,
    members: Vec<Bytes>,
}
impl Command for ZMScore {
    const SPEC: Spec = spec("ZMSCORE", AtLeast(3))
        .keys(READ_KEY)
        .flags(FAST)
        .since("6.2.0")
        .complexity("O(N), where N is how many members are asked for.")
        .syntax("key member [member ...]")
        .summary("Answers the scores of several members.");
    fn parse(args: &mut Args) -> Result<ZMScore, CommandError> {
        Ok(ZMScore { key: args.bytes()?, members: args.rest() })
    }
}
impl ReadCommand for ZMScore {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let set = view.value::<SortedSet>(&self.key)?;
        reply.array(self.members.len());
        self.members.iter().for_each(|member| reply_score(reply, set.and_then(|set| set.score(member))));
        Ok(())
    }
}

struct RankOf {
    key: Bytes,
    member: Bytes,
    with_score: bool,
}
impl RankOf {
    fn parse(args: &mut Args, name: &str) -> Result<RankOf, CommandError> {
        let (key, member) = (args.bytes()?, args.bytes()?);
        if args.remaining() > 1 {
            return Err(CommandError::Arity(name.to_string()));
        }
        Ok(RankOf { key, member, with_score: args.option("WITHSCORE") })
    }
    fn run(&self, view: &View, reply: &mut Reply, direction: Direction) -> Outcome {
        let set = view.value::<SortedSet>(&self.key)?;
        match set.and_then(|set| set.rank(&self.member, direction)) {
            Some((rank, score)) if self.with_score => {
                reply.array(2);
                reply.integer(rank as i64);
                reply.double(score);
            }
            Some((rank, _)) => reply.integer(rank as i64),
            None if self.with_score => reply.null_array(),
            None => reply.null(),
        }
        Ok(())
    }
}
const fn rank_spec(name: &'static str) -> Spec {
    const HISTORY: &[(&str, &str)] = &[("7.2.0", "Added the optional `WITHSCORE` argument.")];
    spec(name, AtLeast(3))
        .keys(READ_KEY)
        .flags(FAST)
        .since("2.0.0")
        .complexity("O(log(N)), where N is the size of the sorted set.")
        .syntax("key member [WITHSCORE]")
        .history(HISTORY)
}

pub struct ZRank(RankOf);
impl Command for ZRank {
    const SPEC: Spec =
        rank_spec("ZRANK").summary("Answers how many members come before one, from the lowest score on.");
    fn parse(args: &mut Args) -> Result<ZRank, CommandError> {
        RankOf::parse(args, "zrank").map(ZRank)
    }
}
impl ReadCommand for ZRank {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        self.0.run(view, reply, Direction::Forward)
    }
}

pub struct ZRevRank(RankOf);
impl Command for ZRevRank {
    const SPEC: Spec =
        rank_spec("ZREVRANK").summary("Answers how many members come before one, from the highest score on.");
    fn parse(args: &mut Args) -> Result<ZRevRank, CommandError> {
        RankOf::parse(args, "zrevrank").map(ZRevRank)
    }
}
impl ReadCommand for ZRevRank {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        self.0.run(view, reply, Direction::Backward)
    }
}
