//! PUBLISH and SPUBLISH. They run in the Keyspace, in order with all other commands, and leave what they have to say in the
//! record, among the keyspace events.
use super::spec;
use crate::{
    board::Topic,
    commands::{
        Backstage, BackstageCommand, Command, Outcome,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    resp::Reply,
    store::Announcement,
};
use bytes::Bytes;
use smallvec::SmallVec;
use std::mem::take;

const COMMON: Flags = PUBSUB | LOADING | STALE | FAST | MAY_REPLICATE;

/// Says something, if anybody hears it. Replicas have listeners of their own.
fn announce(backstage: &mut Backstage, receivers: usize, announcement: Announcement, reply: &mut Reply) {
    if backstage.changes.record.stream.is_on {
        let words: SmallVec<[&[u8]; 3]> = backstage.request.iter().collect();
        backstage.changes.record.tell_replicas(backstage.changes.db, words.into_iter());
    }
    if receivers > 0 {
        backstage.changes.record.announcements.push(announcement);
    }
    reply.integer(receivers as i64);
}

pub struct Publish {
    channel: Bytes,
    message: Bytes,
}
impl Command for Publish {
    const SPEC: Spec = spec("PUBLISH", Exactly(3))
        .since("2.0.0")
        .flags(COMMON)
        .complexity("O(N+M)")
        .syntax("channel message")
        .summary("Sends a message to all who listen to the channel, and tells how many they are.");
    fn parse(args: &mut Args) -> Result<Publish, CommandError> {
        Ok(Publish { channel: args.bytes()?, message: args.bytes()? })
    }
}
impl BackstageCommand for Publish {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        let receivers = backstage.board.subscriptions.receivers(&self.channel);
        let (channel, message) = (take(&mut self.channel), take(&mut self.message));
        announce(backstage, receivers, Announcement::Message { channel, message }, reply);
        Ok(())
    }
}

pub struct SPublish {
    channel: Bytes,
    message: Bytes,
}
impl Command for SPublish {
    const SPEC: Spec = spec("SPUBLISH", Exactly(3))
        .since("7.0.0")
        .flags(COMMON)
        .keys(&[key(1, NOT_KEY)])
        .complexity("O(N)")
        .syntax("shardchannel message")
        .summary("Sends a message to all who listen to the shard channel, and tells how many they are.");
    fn parse(args: &mut Args) -> Result<SPublish, CommandError> {
        Ok(SPublish { channel: args.bytes()?, message: args.bytes()? })
    }
}
impl BackstageCommand for SPublish {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        let receivers = backstage.board.subscriptions.count(Topic::ShardChannel, &self.channel);
        let (channel, message) = (take(&mut self.channel), take(&mut self.message));
        announce(backstage, receivers, Announcement::ShardMessage { channel, message }, reply);
        Ok(())
    }
}
