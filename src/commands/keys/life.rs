//! Whether a key is there: DEL, UNLINK, EXISTS, TYPE, TOUCH.
//!
//! DEL and UNLINK are one command here: a large value is freed off the data's thread in either case, so neither has
//! anything to wait for.
use super::spec;
use crate::{
    commands::{
        Command, Outcome, ReadCommand, WriteCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    resp::Reply,
    store::{Changes, Event, View},
};
use bytes::Bytes;

/// The tips of commands that count over many keys: a cluster's answers are added up.
const COUNTS_OVER_SHARDS: &[&str] = &["request_policy:multi_shard", "response_policy:agg_sum"];

const fn deletion(name: &'static str) -> Spec {
    spec(name, AtLeast(2))
        .keys(const { &[keys(1, 1, RM | DELETE)] })
        .syntax("key [key ...]")
        .tips(COUNTS_OVER_SHARDS)
}
fn delete(changes: &mut Changes, reply: &mut Reply, keys: &[Bytes]) -> Outcome {
    let mut count = 0;
    for key in keys {
        if changes.delete(key) {
            changes.modified(Event::Generic, "del", key);
            count += 1;
        }
    }
    reply.integer(count);
    Ok(())
}

pub struct Del(Vec<Bytes>);
impl Command for Del {
    const SPEC: Spec = deletion("DEL").complexity("O(N)").summary("Deletes keys, of whatever type.");
    fn parse(args: &mut Args) -> Result<Del, CommandError> {
        Ok(Del(args.rest()))
    }
}
impl WriteCommand for Del {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        delete(changes, reply, &self.0)
    }
}

pub struct Unlink(Vec<Bytes>);
impl Command for Unlink {
    const SPEC: Spec = deletion("UNLINK")
        .flags(FAST)
        .since("4.0.0")
        .summary("Deletes keys; the memory of large values is freed in the background.");
    fn parse(args: &mut Args) -> Result<Unlink, CommandError> {
        Ok(Unlink(args.rest()))
    }
}
impl WriteCommand for Unlink {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        delete(changes, reply, &self.0)
    }
}

pub struct Exists(Vec<Bytes>);
impl Command for Exists {
    const SPEC: Spec = spec("EXISTS", AtLeast(2))
        .keys(&[keys(1, 1, RO)])
        .flags(FAST)
        .complexity("O(N)")
        .syntax("key [key ...]")
        .summary("Tells how many of the keys exist; a key that is named twice counts twice.")
        .tips(COUNTS_OVER_SHARDS)
        .history(&[("3.0.3", "Takes several keys.")]);
    fn parse(args: &mut Args) -> Result<Exists, CommandError> {
        Ok(Exists(args.rest()))
    }
}
impl ReadCommand for Exists {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let count = self.0.iter().filter(|key| view.lookup_untouched(key).is_some()).count();
        reply.integer(count as i64);
        Ok(())
    }
}

pub struct Type(Bytes);
impl Command for Type {
    const SPEC: Spec = spec("TYPE", Exactly(2))
        .keys(&[key(1, RO)])
        .flags(FAST)
        .syntax("key")
        .summary("Tells the type of the value at a key, `none` if there is no such key.");
    fn parse(args: &mut Args) -> Result<Type, CommandError> {
        Ok(Type(args.bytes()?))
    }
}
impl ReadCommand for Type {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        reply.status(view.lookup_untouched(&self.0).map_or("none", |entry| entry.kind().name()));
        Ok(())
    }
}

pub struct Touch(Vec<Bytes>);
impl Command for Touch {
    const SPEC: Spec = spec("TOUCH", AtLeast(2))
        .keys(&[keys(1, 1, RO)])
        .flags(FAST)
        .since("3.2.1")
        .complexity("O(N)")
        .syntax("key [key ...]")
        .summary("Marks keys as used just now, and tells how many of them exist.")
        .tips(COUNTS_OVER_SHARDS);
    fn parse(args: &mut Args) -> Result<Touch, CommandError> {
        Ok(Touch(args.rest()))
    }
}
impl ReadCommand for Touch {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        // Moving the access clock is what the client asks for here, whatever it said by CLIENT NO-TOUCH.
        let view = View { touches: true, ..*view };
        let count = self.0.iter().filter(|key| view.lookup(key).is_some()).count();
        reply.integer(count as i64);
        Ok(())
    }
}
