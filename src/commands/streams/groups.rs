//! XGROUP: groups of consumers, and the consumers in them.
use super::{
    ids::{parse_strict, parse_with_ends},
    no_group_in, spec, wrong_arguments,
};
use crate::{
    commands::{
        Command, Outcome, SessionCommand, WriteCommand,
        args::Args,
        error::CommandError,
        help::reply_help,
        session::Session,
        spec::{Arity::*, *},
    },
    data::stream::{self, StreamId},
    resp::Reply,
    store::{Changes, Event, Stream},
};
use bytes::Bytes;

pub const SPEC: Spec = spec("XGROUP", AtLeast(2))
    .categories(0)
    .complexity("Depends on subcommand.")
    .summary("Commands about the consumer groups of streams.");

const fn subcommand(name: &'static str, arity: Arity, keys: &'static [KeySpec]) -> Spec {
    spec(name, arity).keys(keys)
}

/// Where a group is set to.
#[derive(Clone, Debug, PartialEq)]
enum Position {
    /// `$`: the stream's last ID.
    Last,
    At(StreamId),
}
impl Position {
    fn resolve(&self, log: &stream::Log) -> StreamId {
        match self {
            Position::Last => log.last_id(),
            Position::At(id) => *id,
        }
    }
}

/// The arguments that CREATE and SETID have in common.
struct Place {
    key: Bytes,
    group: Bytes,
    /// What is wrong with it is told when the stream is there.
    position: Result<Position, CommandError>,
    entries_read: Option<i64>,
    /// MKSTREAM
    makes_stream: bool,
    /// Options are given more than once: too many words, when all else is well.
    surplus: Option<CommandError>,
}
impl Place {
    fn parse(
        args: &mut Args,
        parse_id: fn(&[u8], u64) -> Result<StreamId, CommandError>,
        may_make_stream: bool,
    ) -> Result<Place, CommandError> {
        let subcommand = args.request().get(1).unwrap_or_default();
        let wrong = || wrong_arguments("XGROUP", subcommand);
        let (key, group) = (args.bytes()?, args.bytes()?);
        let position = match args.word()? {
            b"$" => Ok(Position::Last),
            word => parse_id(word, 0).map(Position::At),
        };
        let words_max = if may_make_stream { 3 } else { 2 };
        let surplus = (args.remaining() > words_max).then(wrong);
        let mut place = Place { key, group, position, entries_read: None, makes_stream: false, surplus };
        while !args.is_empty() {
            if may_make_stream && args.option("MKSTREAM") {
                place.makes_stream = true;
            } else if args.remaining() > 1 && args.option("ENTRIESREAD") {
                place.entries_read = match args.integer()? {
                    -1 => None,
                    ..=-2 => {
                        return Err(CommandError::fixed("ERR value for ENTRIESREAD must be positive or -1"));
                    }
                    read => Some(read),
                };
            } else {
                return Err(wrong());
            }
        }
        Ok(place)
    }
    /// # Errors
    /// What is wrong with the position.
    fn position(&self) -> Result<&Position, CommandError> {
        match &self.surplus {
            Some(error) => Err(error.clone()),
            None => self.position.as_ref().map_err(Clone::clone),
        }
    }
}

fn no_key() -> CommandError {
    CommandError::fixed(
        "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.",
    )
}
/// The group of a stream that must be there.
fn group<'a>(
    changes: &'a mut Changes,
    key: &[u8],
    name: &[u8],
) -> Result<&'a mut stream::Group, CommandError> {
    let stream = changes.value_mut::<Stream>(key)?.ok_or_else(no_key)?;
    stream.groups.get_mut(name).ok_or_else(|| no_group_in(key, name))
}
/// States a change of a group. Redis does not count it as a change of the key to those who watch that.
fn changed(changes: &mut Changes, event: &'static str, key: &[u8]) {
    changes.also_dirty(1);
    changes.event_in(changes.db, Event::Stream, event, key);
}

pub struct Create(Place);
impl Command for Create {
    const SPEC: Spec = subcommand("CREATE", AtLeast(5), &[key(2, RW | INSERT)])
        .flags(DENY_OOM)
        .syntax("key group <id|$> [MKSTREAM] [ENTRIESREAD entries-read]")
        .summary("Creates a group, which begins behind an ID.")
        .history(&[("7.0.0", "`ENTRIESREAD`.")]);
    fn parse(args: &mut Args) -> Result<Create, CommandError> {
        Place::parse(args, parse_strict, true).map(Create)
    }
}
impl WriteCommand for Create {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let place = &self.0;
        let is_there = changes.value_mut::<Stream>(&place.key)?.is_some();
        if !is_there && !place.makes_stream {
            return Err(no_key());
        }
        let position = place.position()?;
        let stream = changes.value_or_insert_with::<Stream>(&place.key, Stream::default)?;
        if stream.groups.contains_key(&place.group[..]) {
            return Err(CommandError::fixed("BUSYGROUP Consumer Group name already exists"));
        }
        let group = stream::Group::new(position.resolve(&stream.log), place.entries_read);
        stream.groups.insert(place.group[..].into(), group);
        if is_there {
            changed(changes, "xgroup-create", &place.key);
        } else {
            changes.modified(Event::Stream, "xgroup-create", &place.key);
        }
        reply.ok();
        Ok(())
    }
}

pub struct SetId(Place);
impl Command for SetId {
    const SPEC: Spec = subcommand("SETID", AtLeast(5), &[key(2, RW | UPDATE)])
        .syntax("key group <id|$> [ENTRIESREAD entries-read]")
        .summary("Sets a group to an ID: what lies behind is new to it.")
        .history(&[("7.0.0", "`ENTRIESREAD`.")]);
    fn parse(args: &mut Args) -> Result<SetId, CommandError> {
        Place::parse(args, parse_with_ends, false).map(SetId)
    }
}
impl WriteCommand for SetId {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let place = &self.0;
        group(changes, &place.key, &place.group)?;
        let position = place.position()?;
        if let Some(Stream { log, groups }) = changes.value_mut::<Stream>(&place.key)?
            && let Some(group) = groups.get_mut(&place.group[..])
        {
            group.last_id = position.resolve(log);
            group.entries_read = place.entries_read;
        }
        changed(changes, "xgroup-setid", &place.key);
        reply.ok();
        Ok(())
    }
}

pub struct Destroy {
    key: Bytes,
    group: Bytes,
}
impl Command for Destroy {
    const SPEC: Spec = subcommand("DESTROY", Exactly(4), &[key(2, RW | DELETE)])
        .complexity("O(N) in the number of entries that are pending in the group")
        .syntax("key group")
        .summary("Deletes a group with its consumers and what is pending for them.");
    fn parse(args: &mut Args) -> Result<Destroy, CommandError> {
        Ok(Destroy { key: args.bytes()?, group: args.bytes()? })
    }
}
impl WriteCommand for Destroy {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let stream = changes.value_mut::<Stream>(&self.key)?.ok_or_else(no_key)?;
        let was_there = stream.groups.remove(&self.group[..]).is_some();
        if was_there {
            // Who waits for something from this group is told that it is gone.
            changes.modified(Event::Stream, "xgroup-destroy", &self.key);
        }
        reply.integer(was_there as i64);
        Ok(())
    }
}

/// A consumer of a group, by name.
struct Named {
    key: Bytes,
    group: Bytes,
    consumer: Bytes,
}
impl Named {
    fn parse(args: &mut Args) -> Result<Named, CommandError> {
        Ok(Named { key: args.bytes()?, group: args.bytes()?, consumer: args.bytes()? })
    }
}

pub struct CreateConsumer(Named);
impl Command for CreateConsumer {
    const SPEC: Spec = subcommand("CREATECONSUMER", Exactly(5), &[key(2, RW | INSERT)])
        .flags(DENY_OOM)
        .since("6.2.0")
        .syntax("key group consumer")
        .summary("Adds a consumer to a group.");
    fn parse(args: &mut Args) -> Result<CreateConsumer, CommandError> {
        Named::parse(args).map(CreateConsumer)
    }
}
impl WriteCommand for CreateConsumer {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let (named, now_ms) = (&self.0, changes.now_ms());
        let group = group(changes, &named.key, &named.group)?;
        let is_new = group.add_consumer(&named.consumer, now_ms).is_some();
        if is_new {
            changed(changes, "xgroup-createconsumer", &named.key);
        }
        reply.integer(is_new as i64);
        Ok(())
    }
}

pub struct DelConsumer(Named);
impl Command for DelConsumer {
    const SPEC: Spec = subcommand("DELCONSUMER", Exactly(5), &[key(2, RW | DELETE)])
        .syntax("key group consumer")
        .summary("Removes a consumer from a group with what is pending for it.");
    fn parse(args: &mut Args) -> Result<DelConsumer, CommandError> {
        Named::parse(args).map(DelConsumer)
    }
}
impl WriteCommand for DelConsumer {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let named = &self.0;
        let removed = group(changes, &named.key, &named.group)?.remove_consumer(&named.consumer);
        if removed.is_some() {
            changed(changes, "xgroup-delconsumer", &named.key);
        }
        reply.integer(removed.unwrap_or(0) as i64);
        Ok(())
    }
}

pub struct Help;
impl Command for Help {
    const SPEC: Spec =
        spec("HELP", Exactly(2)).flags(LOADING | STALE).summary("Tells what XGROUP's subcommands do.");
    fn parse(_: &mut Args) -> Result<Help, CommandError> {
        Ok(Help)
    }
}
impl SessionCommand for Help {
    fn run(&mut self, _: &mut Session, reply: &mut Reply) -> Outcome {
        reply_help(
            reply,
            "XGROUP",
            &[
                "CREATE <key> <group> <id|$> [option]",
                "    Creates <group>, which begins behind <id>. Options are:",
                "    * MKSTREAM",
                "      Creates the stream, too, if there is none.",
                "    * ENTRIESREAD <count>",
                "      Says how many entries the stream has had up to <id>.",
                "CREATECONSUMER <key> <group> <consumer>",
                "    Adds <consumer> to <group>.",
                "DELCONSUMER <key> <group> <consumer>",
                "    Removes <consumer> with what is pending for it.",
                "DESTROY <key> <group>",
                "    Deletes <group>.",
                "SETID <key> <group> <id|$> [ENTRIESREAD <count>]",
                "    Sets <group> to <id>.",
            ],
        );
        Ok(())
    }
}
