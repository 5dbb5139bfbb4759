//! DUMP and RESTORE: a value as bytes that another server of the kind takes.
use super::spec;
use crate::{
    commands::{
        Command, Outcome, ReadCommand, WriteCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    formats::rdb::dump,
    resp::Reply,
    store::{Changes, Event, View},
};
use bytes::Bytes;

const COMPLEXITY: &str = "O(N) with N the bytes of the value; O(N*log(N)) for a sorted set with N members";

pub struct Dump(Bytes);
impl Command for Dump {
    const SPEC: Spec = spec("DUMP", Exactly(2))
        .keys(&[key(1, RO | ACCESS)])
        .since("2.6.0")
        .complexity(COMPLEXITY)
        .syntax("key")
        .tips(&["nondeterministic_output"])
        .summary("Returns a value as bytes that RESTORE takes, here or elsewhere.");
    fn parse(args: &mut Args) -> Result<Dump, CommandError> {
        Ok(Dump(args.bytes()?))
    }
}
impl ReadCommand for Dump {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        match view.lookup(&self.0) {
            Some(entry) => {
                reply.shared_bulk(&dump::seal(entry, view.store.compresses_dumps).into());
            }
            None => reply.null(),
        }
        Ok(())
    }
}

pub struct Restore {
    key: Bytes,
    /// What the client said, and what is wrong with it, which is told later.
    ttl: Bytes,
    payload: Bytes,
    options: Options,
    /// What the client wrote behind the payload.
    option_words: Vec<Bytes>,
    name: &'static str,
}
#[derive(Default)]
struct Options {
    replaces: bool,
    /// The time to live is a moment, in ms since 1970.
    absolute: bool,
    usage: Option<Usage>,
}
enum Usage {
    IdleSeconds(u64),
    Frequency(u8),
}

const SYNTAX: &str = "key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]";
const fn restore(spec: Spec) -> Spec {
    spec.keys(const { &[key(1, OW | UPDATE)] })
        .categories(category("keyspace") | category("dangerous"))
        .complexity(COMPLEXITY)
        .syntax(SYNTAX)
        .history(&[
            ("3.0.0", "Added the `REPLACE` modifier."),
            ("5.0.0", "Added the `ABSTTL` modifier."),
            ("5.0.0", "Added the `IDLETIME` and `FREQ` options."),
        ])
}

impl Command for Restore {
    const SPEC: Spec = restore(spec("RESTORE", AtLeast(4)))
        .flags(DENY_OOM)
        .since("2.6.0")
        .summary("Makes a key of what DUMP returned.");
    fn parse(args: &mut Args) -> Result<Restore, CommandError> {
        let (key, ttl, payload) = (args.bytes()?, args.bytes()?, args.bytes()?);
        let option_words = args.split_off(0).rest();
        let options = Options::parse(args)?;
        Ok(Restore { key, ttl, payload, options, option_words, name: "RESTORE" })
    }
}
impl Options {
    fn parse(args: &mut Args) -> Result<Options, CommandError> {
        let mut options = Options::default();
        while !args.is_empty() {
            let is_more = args.remaining() >= 2;
            let (idles, counts) = match options.usage {
                None => (is_more, is_more),
                Some(Usage::IdleSeconds(_)) => (is_more, false),
                Some(Usage::Frequency(_)) => (false, is_more),
            };
            if args.option("REPLACE") {
                options.replaces = true;
            } else if args.option("ABSTTL") {
                options.absolute = true;
            } else if idles && args.option("IDLETIME") {
                let seconds = u64::try_from(args.integer()?);
                let seconds =
                    seconds.map_err(|_| CommandError::fixed("ERR Invalid IDLETIME value, must be >= 0"))?;
                options.usage = Some(Usage::IdleSeconds(seconds));
            } else if counts && args.option("FREQ") {
                let counter = u8::try_from(args.integer()?);
                let counter = counter
                    .map_err(|_| CommandError::fixed("ERR Invalid FREQ value, must be >= 0 and <= 255"))?;
                options.usage = Some(Usage::Frequency(counter));
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }
}

impl WriteCommand for Restore {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let exists = changes.lookup(&self.key).is_some();
        if exists && !self.options.replaces {
            return Err(CommandError::fixed("BUSYKEY Target key name already exists."));
        }
        let ttl = crate::data::number::parse_integer(&self.ttl).ok_or(CommandError::NotAnInteger)?;
        if ttl < 0 {
            return Err(CommandError::fixed("ERR Invalid TTL value, must be >= 0"));
        }
        let body = dump::open(&self.payload, !changes.store.skips_checksums)
            .map_err(|_| CommandError::fixed("ERR DUMP payload version or checksum are wrong"))?;
        let content = dump::decode_body(&body, &changes.limits()).map_err(|damage| {
            // The client is told no more than by Redis; whoever looks for the reason finds it here.
            tracing::debug!("What a client wants to restore is damaged: {damage}");
            CommandError::fixed("ERR Bad data format")
        })?;
        if exists {
            changes.remove(&self.key);
        }
        let deadline = match (ttl, self.options.absolute) {
            (0, _) => None,
            (_, true) => Some(ttl),
            (_, false) => Some(changes.now_ms().saturating_add(ttl)),
        };
        if deadline.is_some_and(|deadline| deadline <= changes.due_until_ms()) {
            self.tell_gone(exists, changes);
        } else {
            let clock = self.clock(changes);
            changes.load(&self.key, content, deadline, clock);
            self.tell_restored(deadline, changes);
        }
        reply.ok();
        Ok(())
    }
}

impl Restore {
    /// What is restored has expired already: all that it does is to delete what stood there.
    fn tell_gone(&self, existed: bool, changes: &mut Changes) {
        changes.rewrite_as_nothing();
        if existed {
            changes.rewrite(&[b"DEL", &self.key]);
            changes.modified(Event::Generic, "del", &self.key);
        }
    }
    fn tell_restored(&self, deadline: Option<i64>, changes: &mut Changes) {
        changes.modified(Event::Generic, "restore", &self.key);
        if let Some(deadline) = deadline.filter(|_| !self.options.absolute) {
            // Elsewhere, or later, a time to live would end at another moment.
            let (name, digits) = (self.name.as_bytes(), deadline.to_string());
            let mut words: Vec<&[u8]> = vec![name, &self.key, digits.as_bytes(), &self.payload];
            words.extend(self.option_words.iter().map(|word| &word[..]));
            words.push(b"ABSTTL");
            changes.rewrite(&words);
        }
    }
    fn clock(&self, changes: &Changes) -> Option<u32> {
        let clock = changes.store.access_clock();
        match self.options.usage {
            None => None,
            Some(Usage::IdleSeconds(seconds)) => Some(clock.idle_for(seconds)),
            Some(Usage::Frequency(counter)) => Some(clock.with_frequency(counter)),
        }
    }
}

/// RESTORE for a key that a cluster is moving here.
pub struct RestoreAsking(Restore);
impl Command for RestoreAsking {
    const SPEC: Spec = restore(Spec::new(Group::Server, "RESTORE-ASKING", AtLeast(4)))
        .flags(DENY_OOM | ASKING | SYSTEM)
        .since("3.0.0")
        .summary("Makes a key of what DUMP returned, while a cluster moves it.");
    fn parse(args: &mut Args) -> Result<RestoreAsking, CommandError> {
        Ok(RestoreAsking(Restore { name: "RESTORE-ASKING", ..Restore::parse(args)? }))
    }
}
impl WriteCommand for RestoreAsking {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        self.0.run(changes, reply)
    }
}
