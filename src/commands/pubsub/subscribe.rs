//! SUBSCRIBE and UNSUBSCRIBE for channels, patterns and shard channels.
//!
//! Each name is acknowledged by a push of its own: the word of the command, the name, and how many subscriptions are
//! left. Channels and patterns are counted together, shard channels by themselves.
use super::spec;
use crate::{
    board::Topic,
    commands::{
        Broker, BrokerCommand, Command, Outcome,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    resp::Reply,
};
use bytes::Bytes;

/// What may be said while nothing else may; scripts have nobody to tell.
const COMMON: Flags = PUBSUB | NO_SCRIPT | LOADING | STALE | WHILE_SUBSCRIBED;

/// Shard channels stand where keys do, so that a cluster finds their node.
const SHARD_CHANNELS: &[KeySpec] = &[keys(1, 1, NOT_KEY)];

fn acknowledge(word: &str, topic: Topic, name: Option<&Bytes>, broker: &dyn Broker, reply: &mut Reply) {
    reply.push(3);
    reply.bulk(word.as_bytes());
    match name {
        Some(name) => reply.bulk(name),
        None => reply.null(),
    }
    let count = match topic {
        Topic::ShardChannel => broker.count(topic),
        _ => broker.count(Topic::Channel) + broker.count(Topic::Pattern),
    };
    reply.integer(count as i64);
}

fn subscribe(word: &str, topic: Topic, names: &[Bytes], broker: &mut dyn Broker, reply: &mut Reply) {
    for name in names {
        broker.subscribe(topic, name);
        acknowledge(word, topic, Some(name), broker, reply);
    }
}
/// Without names, all are meant; and where there are none, that is acknowledged once.
fn unsubscribe(word: &str, topic: Topic, names: &[Bytes], broker: &mut dyn Broker, reply: &mut Reply) {
    let all = if names.is_empty() { broker.subscribed(topic) } else { Vec::new() };
    let names = if names.is_empty() { &all } else { names };
    if names.is_empty() {
        acknowledge(word, topic, None, broker, reply);
    }
    for name in names {
        broker.unsubscribe(topic, name);
        acknowledge(word, topic, Some(name), broker, reply);
    }
}

pub struct Subscribe(Vec<Bytes>);
impl Command for Subscribe {
    const SPEC: Spec = spec("SUBSCRIBE", AtLeast(2))
        .since("2.0.0")
        .flags(COMMON)
        .complexity("O(N)")
        .syntax("channel [channel ...]")
        .summary("Has all messages sent to this client that are published to these channels.");
    fn parse(args: &mut Args) -> Result<Subscribe, CommandError> {
        Ok(Subscribe(args.rest()))
    }
}
impl BrokerCommand for Subscribe {
    fn run(&mut self, broker: &mut dyn Broker, reply: &mut Reply) -> Outcome {
        subscribe("subscribe", Topic::Channel, &self.0, broker, reply);
        Ok(())
    }
}

pub struct PSubscribe(Vec<Bytes>);
impl Command for PSubscribe {
    const SPEC: Spec = spec("PSUBSCRIBE", AtLeast(2))
        .since("2.0.0")
        .flags(COMMON)
        .complexity("O(N)")
        .syntax("pattern [pattern ...]")
        .summary("Has all messages sent to this client that are published to channels of such names.");
    fn parse(args: &mut Args) -> Result<PSubscribe, CommandError> {
        Ok(PSubscribe(args.rest()))
    }
}
impl BrokerCommand for PSubscribe {
    fn run(&mut self, broker: &mut dyn Broker, reply: &mut Reply) -> Outcome {
        subscribe("psubscribe", Topic::Pattern, &self.0, broker, reply);
        Ok(())
    }
}

pub struct SSubscribe(Vec<Bytes>);
impl Command for SSubscribe {
    const SPEC: Spec = spec("SSUBSCRIBE", AtLeast(2))
        .since("7.0.0")
        .flags(COMMON)
        .keys(SHARD_CHANNELS)
        .complexity("O(N)")
        .syntax("shardchannel [shardchannel ...]")
        .summary("Has all messages sent to this client that are published to these shard channels.");
    fn parse(args: &mut Args) -> Result<SSubscribe, CommandError> {
        Ok(SSubscribe(args.rest()))
    }
}
impl BrokerCommand for SSubscribe {
    fn run(&mut self, broker: &mut dyn Broker, reply: &mut Reply) -> Outcome {
        // The older two may do so, because clients rely on it.
        if broker.is_in_transaction() {
            return Err(CommandError::fixed("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client"));
        }
        subscribe("ssubscribe", Topic::ShardChannel, &self.0, broker, reply);
        Ok(())
    }
}

pub struct Unsubscribe(Vec<Bytes>);
impl Command for Unsubscribe {
    const SPEC: Spec = spec("UNSUBSCRIBE", AtLeast(1))
        .since("2.0.0")
        .flags(COMMON)
        .complexity("O(N)")
        .syntax("[channel [channel ...]]")
        .summary("Ends this client's subscriptions to these channels, or to all.");
    fn parse(args: &mut Args) -> Result<Unsubscribe, CommandError> {
        Ok(Unsubscribe(args.rest()))
    }
}
impl BrokerCommand for Unsubscribe {
    fn run(&mut self, broker: &mut dyn Broker, reply: &mut Reply) -> Outcome {
        unsubscribe("unsubscribe", Topic::Channel, &self.0, broker, reply);
        Ok(())
    }
}

pub struct PUnsubscribe(Vec<Bytes>);
impl Command for PUnsubscribe {
    const SPEC: Spec = spec("PUNSUBSCRIBE", AtLeast(1))
        .since("2.0.0")
        .flags(COMMON)
        .complexity("O(N)")
        .syntax("[pattern [pattern ...]]")
        .summary("Ends this client's subscriptions to these patterns, or to all.");
    fn parse(args: &mut Args) -> Result<PUnsubscribe, CommandError> {
        Ok(PUnsubscribe(args.rest()))
    }
}
impl BrokerCommand for PUnsubscribe {
    fn run(&mut self, broker: &mut dyn Broker, reply: &mut Reply) -> Outcome {
        unsubscribe("punsubscribe", Topic::Pattern, &self.0, broker, reply);
        Ok(())
    }
}

pub struct SUnsubscribe(Vec<Bytes>);
impl Command for SUnsubscribe {
    const SPEC: Spec = spec("SUNSUBSCRIBE", AtLeast(1))
        .since("7.0.0")
        .flags(COMMON)
        .keys(SHARD_CHANNELS)
        .complexity("O(N)")
        .syntax("[shardchannel [shardchannel ...]]")
        .summary("Ends this client's subscriptions to these shard channels, or to all.");
    fn parse(args: &mut Args) -> Result<SUnsubscribe, CommandError> {
        Ok(SUnsubscribe(args.rest()))
    }
}
impl BrokerCommand for SUnsubscribe {
    fn run(&mut self, broker: &mut dyn Broker, reply: &mut Reply) -> Outcome {
        unsubscribe("sunsubscribe", Topic::ShardChannel, &self.0, broker, reply);
        Ok(())
    }
}
