//! XINFO: what a stream, its groups and their consumers are like.
use super::{ids::reply_id, no_group_in, reply_entries, reply_entry, spec, wrong_arguments};
use crate::{
    commands::{
        Command, Outcome, ReadCommand, SessionCommand,
        args::Args,
        error::CommandError,
        help::reply_help,
        session::Session,
        spec::{Arity::*, *},
    },
    data::stream::{Consumer, Group, Log, StreamId},
    resp::Reply,
    store::{self, View},
};
use bytes::Bytes;

pub const SPEC: Spec = spec("XINFO", AtLeast(2))
    .categories(0)
    .complexity("Depends on subcommand.")
    .summary("Commands that tell how streams and their groups are doing.");

const fn subcommand(name: &'static str, arity: Arity) -> Spec {
    spec(name, arity).keys(const { &[key(2, RO | ACCESS)] })
}

fn name(reply: &mut Reply, name: &str) {
    reply.bulk(name.as_bytes())
}
fn integer(reply: &mut Reply, label: &str, value: i64) {
    name(reply, label);
    reply.integer(value)
}
fn integer_or_null(reply: &mut Reply, label: &str, value: Option<i64>) {
    name(reply, label);
    match value {
        Some(value) => reply.integer(value),
        None => reply.null(),
    }
}
fn id(reply: &mut Reply, label: &str, value: StreamId) {
    name(reply, label);
    reply_id(reply, value)
}

pub struct Stream {
    key: Bytes,
    /// FULL, with so many entries, and pending ones of each group and consumer, at the most (0: all). What is wrong with
    /// it is told when the stream is there.
    full: Result<Option<usize>, CommandError>,
}
impl Command for Stream {
    const SPEC: Spec = subcommand("STREAM", AtLeast(3))
        .syntax("key [FULL [COUNT count]]")
        .summary("Tells of a stream: its length, its ends, and what it knows of its past.")
        .history(&[
            ("6.0.0", "`FULL`."),
            (
                "7.0.0",
                "Fields `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and `lag`.",
            ),
            ("7.2.0", "Field `active-time`; `seen-time` counts attempts, too."),
        ]);
    fn parse(args: &mut Args) -> Result<Stream, CommandError> {
        let key = args.bytes()?;
        let full = parse_full(args);
        args.skip_rest();
        Ok(Stream { key, full })
    }
}
fn parse_full(args: &mut Args) -> Result<Option<usize>, CommandError> {
    const COUNT: usize = 10;
    let wrong = wrong_arguments("XINFO", args.request().get(1).unwrap_or_default());
    match args.remaining() {
        0 => Ok(None),
        1 if args.option("FULL") => Ok(Some(COUNT)),
        3 if args.option("FULL") && args.option("COUNT") => {
            Ok(Some(usize::try_from(args.integer()?).unwrap_or(COUNT)))
        }
        _ => Err(wrong),
    }
}
impl ReadCommand for Stream {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let stream = view.value::<store::Stream>(&self.key)?.ok_or(CommandError::NoSuchKey)?;
        let full = self.full.as_ref().map_err(Clone::clone)?;
        reply.map(if full.is_some() { 9 } else { 10 });
        reply_log(&stream.log, reply);
        match full {
            None => reply_ends(stream, reply),
            Some(count) => reply_all(stream, *count, reply),
        }
        Ok(())
    }
}
fn reply_log(log: &Log, reply: &mut Reply) {
    let nodes = log.nodes().len() as i64;
    integer(reply, "length", log.len() as i64);
    integer(reply, "radix-tree-keys", nodes);
    // What holds the nodes in order counts as one more.
    integer(reply, "radix-tree-nodes", nodes + 1);
    id(reply, "last-generated-id", log.last_id());
    id(reply, "max-deleted-entry-id", log.max_deleted_id());
    integer(reply, "entries-added", log.entries_added() as i64);
    id(reply, "recorded-first-entry-id", log.first_id());
}
fn reply_ends(stream: &store::Stream, reply: &mut Reply) {
    integer(reply, "groups", stream.groups.len() as i64);
    let first = stream.log.range(StreamId::MIN, StreamId::MAX).next();
    let last = stream.log.range_back(StreamId::MIN, StreamId::MAX).next();
    for (label, entry) in [("first-entry", first), ("last-entry", last)] {
        name(reply, label);
        match entry {
            Some(entry) => reply_entry(reply, &entry),
            None => reply.null(),
        }
    }
}
fn reply_all(stream: &store::Stream, count: usize, reply: &mut Reply) {
    name(reply, "entries");
    reply_entries(reply, stream.log.range(StreamId::MIN, StreamId::MAX), count);
    name(reply, "groups");
    reply.array(stream.groups.len());
    let most = if count == 0 { usize::MAX } else { count };
    for (group_name, group) in &stream.groups {
        reply.map(7);
        name(reply, "name");
        reply.bulk(group_name);
        id(reply, "last-delivered-id", group.last_id);
        integer_or_null(reply, "entries-read", group.entries_read);
        integer_or_null(reply, "lag", stream.log.lag(group));
        integer(reply, "pel-count", group.pending().len() as i64);
        name(reply, "pending");
        reply.array(group.pending().len().min(most));
        for (&entry, pending) in group.pending().iter().take(most) {
            reply.array(4);
            reply_id(reply, entry);
            reply.bulk(group.consumer(pending.consumer).name());
            reply.integer(pending.delivered_ms);
            reply.integer(pending.deliveries as i64);
        }
        name(reply, "consumers");
        reply.array(group.consumers().len());
        group.consumers().for_each(|consumer| reply_consumer(group, consumer, most, reply));
    }
}
fn reply_consumer(group: &Group, consumer: &Consumer, most: usize, reply: &mut Reply) {
    reply.map(5);
    name(reply, "name");
    reply.bulk(consumer.name());
    integer(reply, "seen-time", consumer.seen_ms);
    integer(reply, "active-time", consumer.active_ms.unwrap_or(-1));
    integer(reply, "pel-count", consumer.pending().len() as i64);
    name(reply, "pending");
    let pending = consumer.pending().iter().filter_map(|id| group.pending().get_key_value(id));
    reply.array(consumer.pending().len().min(most));
    for (&entry, pending) in pending.take(most) {
        reply.array(3);
        reply_id(reply, entry);
        reply.integer(pending.delivered_ms);
        reply.integer(pending.deliveries as i64);
    }
}

pub struct Groups(Bytes);
impl Command for Groups {
    const SPEC: Spec = subcommand("GROUPS", Exactly(3))
        .syntax("key")
        .summary("Tells of the groups of a stream: how far each has come, and what is pending.")
        .history(&[("7.0.0", "Fields `entries-read` and `lag`.")]);
    fn parse(args: &mut Args) -> Result<Groups, CommandError> {
        Ok(Groups(args.bytes()?))
    }
}
impl ReadCommand for Groups {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let stream = view.value::<store::Stream>(&self.0)?.ok_or(CommandError::NoSuchKey)?;
        reply.array(stream.groups.len());
        for (group_name, group) in &stream.groups {
            reply.map(6);
            name(reply, "name");
            reply.bulk(group_name);
            integer(reply, "consumers", group.consumers().len() as i64);
            integer(reply, "pending", group.pending().len() as i64);
            id(reply, "last-delivered-id", group.last_id);
            integer_or_null(reply, "entries-read", group.entries_read);
            integer_or_null(reply, "lag", stream.log.lag(group));
        }
        Ok(())
    }
}

pub struct Consumers {
    key: Bytes,
    group: Bytes,
}
impl Command for Consumers {
    const SPEC: Spec = subcommand("CONSUMERS", Exactly(4))
        .syntax("key group")
        .summary("Tells of the consumers of a group: what is pending for each, and when it was there last.")
        .tips(&["nondeterministic_output"])
        .history(&[("7.2.0", "Field `inactive`; `idle` counts attempts, too.")]);
    fn parse(args: &mut Args) -> Result<Consumers, CommandError> {
        Ok(Consumers { key: args.bytes()?, group: args.bytes()? })
    }
}
impl ReadCommand for Consumers {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let stream = view.value::<store::Stream>(&self.key)?.ok_or(CommandError::NoSuchKey)?;
        let group = stream.groups.get(&self.group[..]);
        let group = group.ok_or_else(|| no_group_in(&self.key, &self.group))?;
        let now_ms = view.now_ms();
        reply.array(group.consumers().len());
        for consumer in group.consumers() {
            reply.map(4);
            name(reply, "name");
            reply.bulk(consumer.name());
            integer(reply, "pending", consumer.pending().len() as i64);
            integer(reply, "idle", now_ms.saturating_sub(consumer.seen_ms).max(0));
            let inactive = consumer.active_ms.map_or(-1, |active| now_ms.saturating_sub(active));
            integer(reply, "inactive", inactive);
        }
        Ok(())
    }
}

pub struct Help;
impl Command for Help {
    const SPEC: Spec =
        spec("HELP", Exactly(2)).flags(LOADING | STALE).summary("Tells what XINFO's subcommands do.");
    fn parse(_: &mut Args) -> Result<Help, CommandError> {
        Ok(Help)
    }
}
impl SessionCommand for Help {
    fn run(&mut self, _: &mut Session, reply: &mut Reply) -> Outcome {
        reply_help(
            reply,
            "XINFO",
            &[
                "CONSUMERS <key> <group>",
                "    Tells of the consumers of <group>.",
                "GROUPS <key>",
                "    Tells of the groups of the stream.",
                "STREAM <key> [FULL [COUNT <count>]]",
                "    Tells of the stream; with FULL, of its entries and groups, too.",
            ],
        );
        Ok(())
    }
}
