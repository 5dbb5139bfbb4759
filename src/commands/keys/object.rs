//! OBJECT: how a value is held. Looking does not count as use: it would change what is being looked at.
use super::spec;
use crate::{
    commands::{
        Command, Outcome, ReadCommand, SessionCommand,
        args::Args,
        error::CommandError,
        help::reply_help,
        session::Session,
        spec::{Arity::*, *},
    },
    resp::Reply,
    store::{AccessPolicy, EntryRef, View},
};
use bytes::Bytes;

pub const SPEC: Spec = spec("OBJECT", AtLeast(2))
    .categories(0)
    .since("2.2.3")
    .complexity("Depends on subcommand.")
    .summary("Commands that tell how values are held.");

const fn subcommand(name: &'static str) -> Spec {
    spec(name, Exactly(3))
        .keys(const { &[key(2, RO)] })
        .since("2.2.3")
        .syntax("key")
        .tips(&["nondeterministic_output"])
}
/// Writes what `tell` says of the entry at a key, or null.
fn look(
    view: &View,
    key: &[u8],
    reply: &mut Reply,
    tell: impl FnOnce(EntryRef, &mut Reply) -> Outcome,
) -> Outcome {
    match view.lookup_unheard(key) {
        Some(entry) => tell(entry, reply),
        None => {
            reply.null();
            Ok(())
        }
    }
}

pub struct Encoding(Bytes);
impl Command for Encoding {
    const SPEC: Spec = subcommand("ENCODING").summary("Tells in which form a value is held.");
    fn parse(args: &mut Args) -> Result<Encoding, CommandError> {
        Ok(Encoding(args.bytes()?))
    }
}
impl ReadCommand for Encoding {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        look(view, &self.0, reply, |entry, reply| {
            reply.bulk(entry.encoding().as_bytes());
            Ok(())
        })
    }
}

pub struct Freq(Bytes);
impl Command for Freq {
    const SPEC: Spec = subcommand("FREQ")
        .since("4.0.0")
        .summary("Tells how often a key was used lately, on a logarithmic scale, under an LFU policy.");
    fn parse(args: &mut Args) -> Result<Freq, CommandError> {
        Ok(Freq(args.bytes()?))
    }
}
impl ReadCommand for Freq {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let clock = view.store.access_clock();
        look(view, &self.0, reply, |entry, reply| {
            if clock.policy == AccessPolicy::Recency {
                return Err(CommandError::fixed(
                    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
                ));
            }
            reply.integer(clock.frequency(entry.clock()) as i64);
            Ok(())
        })
    }
}

pub struct IdleTime(Bytes);
impl Command for IdleTime {
    const SPEC: Spec = subcommand("IDLETIME")
        .summary("Tells for how many seconds a key was not used, but under an LFU policy.");
    fn parse(args: &mut Args) -> Result<IdleTime, CommandError> {
        Ok(IdleTime(args.bytes()?))
    }
}
impl ReadCommand for IdleTime {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let clock = view.store.access_clock();
        look(view, &self.0, reply, |entry, reply| {
            if clock.policy != AccessPolicy::Recency {
                return Err(CommandError::fixed(
                    "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
                ));
            }
            reply.integer(clock.idle_seconds(entry.clock()) as i64);
            Ok(())
        })
    }
}

pub struct RefCount(Bytes);
impl Command for RefCount {
    const SPEC: Spec = subcommand("REFCOUNT").summary("Tells how many keys hold the very same value.");
    fn parse(args: &mut Args) -> Result<RefCount, CommandError> {
        Ok(RefCount(args.bytes()?))
    }
}
impl ReadCommand for RefCount {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        // Every entry has a value of its own; that small integers are not shared is the one visible difference.
        look(view, &self.0, reply, |_, reply| {
            reply.integer(1);
            Ok(())
        })
    }
}

pub struct Help;
impl Command for Help {
    const SPEC: Spec = spec("HELP", Exactly(2))
        .flags(LOADING | STALE)
        .since("6.2.0")
        .summary("Tells what OBJECT's subcommands do.");
    fn parse(_: &mut Args) -> Result<Help, CommandError> {
        Ok(Help)
    }
}
impl SessionCommand for Help {
    fn run(&mut self, _: &mut Session, reply: &mut Reply) -> Outcome {
        reply_help(
            reply,
            "OBJECT",
            &[
                "ENCODING <key>",
                "    Tells in which form the value at <key> is held.",
                "FREQ <key>",
                "    Tells how often <key> was used lately, on a logarithmic scale.",
                "IDLETIME <key>",
                "    Tells for how many seconds <key> was not used.",
                "REFCOUNT <key>",
                "    Tells how many keys hold the very same value.",
            ],
        );
        Ok(())
    }
}
