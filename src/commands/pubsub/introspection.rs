//! PUBSUB: what is listened to, and by how many.
use super::spec;
use crate::{
    board::Topic,
    commands::{
        Command, Outcome, SessionCommand,
        args::Args,
        error::{CommandError, shown},
        help::reply_help,
        session::Session,
        spec::{Arity::*, *},
    },
    resp::Reply,
};
use bytes::Bytes;

const COMMON: Flags = PUBSUB | LOADING | STALE;

/// The one argument that there may be.
fn pattern(args: &mut Args) -> Result<Option<Bytes>, CommandError> {
    if args.remaining() > 1 {
        let word = args.request().get(1).unwrap_or_default();
        return Err(CommandError::text_of(format!(
            "ERR unknown subcommand or wrong number of arguments for '{}'. Try PUBSUB HELP.",
            shown(word)
        )));
    }
    Ok(args.bytes().ok())
}
fn list(session: &Session, topic: Topic, pattern: &Option<Bytes>, reply: &mut Reply) {
    let channels = session.board.subscriptions.channels(topic, pattern.as_deref());
    reply.array(channels.len());
    channels.iter().for_each(|channel| reply.bulk(channel));
}
fn count(session: &Session, topic: Topic, channels: &[Bytes], reply: &mut Reply) {
    reply.array(channels.len() * 2);
    for channel in channels {
        reply.bulk(channel);
        reply.integer(session.board.subscriptions.count(topic, channel) as i64);
    }
}

pub struct Channels(Option<Bytes>);
impl Command for Channels {
    const SPEC: Spec = spec("CHANNELS", AtLeast(2))
        .since("2.8.0")
        .flags(COMMON)
        .complexity("O(N)")
        .syntax("[pattern]")
        .summary("The channels that somebody is subscribed to, other than by a pattern.");
    fn parse(args: &mut Args) -> Result<Channels, CommandError> {
        Ok(Channels(pattern(args)?))
    }
}
impl SessionCommand for Channels {
    fn run(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome {
        list(session, Topic::Channel, &self.0, reply);
        Ok(())
    }
}

pub struct ShardChannels(Option<Bytes>);
impl Command for ShardChannels {
    const SPEC: Spec = spec("SHARDCHANNELS", AtLeast(2))
        .since("7.0.0")
        .flags(COMMON)
        .complexity("O(N)")
        .syntax("[pattern]")
        .summary("The shard channels that somebody is subscribed to.");
    fn parse(args: &mut Args) -> Result<ShardChannels, CommandError> {
        Ok(ShardChannels(pattern(args)?))
    }
}
impl SessionCommand for ShardChannels {
    fn run(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome {
        list(session, Topic::ShardChannel, &self.0, reply);
        Ok(())
    }
}

pub struct NumSub(Vec<Bytes>);
impl Command for NumSub {
    const SPEC: Spec = spec("NUMSUB", AtLeast(2))
        .since("2.8.0")
        .flags(COMMON)
        .complexity("O(N)")
        .syntax("[channel [channel ...]]")
        .summary("How many are subscribed to each of these channels, other than by a pattern.");
    fn parse(args: &mut Args) -> Result<NumSub, CommandError> {
        Ok(NumSub(args.rest()))
    }
}
impl SessionCommand for NumSub {
    fn run(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome {
        count(session, Topic::Channel, &self.0, reply);
        Ok(())
    }
}

pub struct ShardNumSub(Vec<Bytes>);
impl Command for ShardNumSub {
    const SPEC: Spec = spec("SHARDNUMSUB", AtLeast(2))
        .since("7.0.0")
        .flags(COMMON)
        .complexity("O(N)")
        .syntax("[shardchannel [shardchannel ...]]")
        .summary("How many are subscribed to each of these shard channels.");
    fn parse(args: &mut Args) -> Result<ShardNumSub, CommandError> {
        Ok(ShardNumSub(args.rest()))
    }
}
impl SessionCommand for ShardNumSub {
    fn run(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome {
        count(session, Topic::ShardChannel, &self.0, reply);
        Ok(())
    }
}

pub struct NumPat;
impl Command for NumPat {
    const SPEC: Spec = spec("NUMPAT", Exactly(2))
        .since("2.8.0")
        .flags(COMMON)
        .summary("How many patterns somebody is subscribed to; each counts once.");
    fn parse(_: &mut Args) -> Result<NumPat, CommandError> {
        Ok(NumPat)
    }
}
impl SessionCommand for NumPat {
    fn run(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome {
        reply.integer(session.board.subscriptions.names(Topic::Pattern) as i64);
        Ok(())
    }
}

const LINES: &[&str] = &[
    "CHANNELS [<pattern>]",
    "    The channels with subscribers; those that match the pattern, if one is given.",
    "NUMPAT",
    "    How many patterns have subscribers.",
    "NUMSUB [<channel> ...]",
    "    How many are subscribed to each of these channels, those by pattern left out.",
    "SHARDCHANNELS [<pattern>]",
    "    The shard channels with subscribers; those that match the pattern, if one is given.",
    "SHARDNUMSUB [<shardchannel> ...]",
    "    How many are subscribed to each of these shard channels.",
];

pub struct Help;
impl Command for Help {
    const SPEC: Spec = spec("HELP", Exactly(2))
        .since("6.2.0")
        .flags(LOADING | STALE)
        .categories(0)
        .summary("Lists these subcommands.");
    fn parse(_: &mut Args) -> Result<Help, CommandError> {
        Ok(Help)
    }
}
impl SessionCommand for Help {
    fn run(&mut self, _: &mut Session, reply: &mut Reply) -> Outcome {
        reply_help(reply, "PUBSUB", LINES);
        Ok(())
    }
}
