//! FUNCTION: libraries of functions, which belong to the data: they are saved, logged and replicated.
use super::{
    changing,
    library_list::List,
    script::{kill, parse_flush},
    spec,
};
use crate::{
    board::BusyWith,
    commands::{
        Backstage, BackstageCommand, Command, Entry, Outcome, SessionCommand,
        args::Args,
        backstage,
        error::{CommandError, shown},
        help::reply_help,
        session,
        session::Session,
        spec::{Arity::*, *},
    },
    resp::Reply,
    script::{Policy, functions},
};
use bytes::Bytes;
use std::sync::atomic::Ordering::Relaxed;

pub const SUBCOMMANDS: &[Entry] = &[
    changing::<Delete>(),
    backstage::<Dump>(),
    changing::<Flush>(),
    session::<Help>(),
    session::<Kill>(),
    backstage::<List>(),
    changing::<Load>(),
    changing::<Restore>(),
    session::<Stats>(),
];

const TIPS: &[&str] = &["request_policy:all_shards", "response_policy:all_succeeded"];

fn too_many(args: &Args) -> CommandError {
    let word = shown(args.request().get(1).unwrap_or_default());
    CommandError::text_of(format!(
        "ERR unknown subcommand or wrong number of arguments for '{word}'. Try FUNCTION HELP."
    ))
}

/// The libraries have changed.
fn note_change(backstage: &mut Backstage) {
    backstage.changes.record.dirty += 1;
    backstage.scripting.post(backstage.board);
}

pub struct Load {
    replaces: bool,
    source: Bytes,
}
impl Command for Load {
    const SPEC: Spec = spec("LOAD", AtLeast(3))
        .since("7.0.0")
        .flags(DENY_OOM | NO_SCRIPT)
        .complexity("O(1) (considering compilation time is redundant)")
        .syntax("[REPLACE] function-code")
        .summary("Makes a library of functions.")
        .tips(TIPS);
    fn parse(args: &mut Args) -> Result<Load, CommandError> {
        let mut replaces = false;
        while args.remaining() > 1 {
            if !args.option("REPLACE") {
                let word = shown(args.word()?).into_owned();
                return Err(CommandError::text_of(format!("ERR Unknown option given: {word}")));
            }
            replaces = true;
        }
        Ok(Load { replaces, source: Bytes::copy_from_slice(args.word()?) })
    }
}
impl BackstageCommand for Load {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        // What comes from a log was loaded in time when it was new.
        let time_max = (!backstage.board.archive.is_loading()).then_some(functions::LOAD_TIME_MAX);
        let name = backstage.scripting.libraries().load(&self.source, self.replaces, time_max)?;
        note_change(backstage);
        reply.bulk(name.as_bytes());
        Ok(())
    }
}

pub struct Delete(Bytes);
impl Command for Delete {
    const SPEC: Spec = spec("DELETE", Exactly(3))
        .since("7.0.0")
        .flags(NO_SCRIPT)
        .syntax("library-name")
        .summary("Deletes a library and its functions.")
        .tips(TIPS);
    fn parse(args: &mut Args) -> Result<Delete, CommandError> {
        Ok(Delete(args.bytes()?))
    }
}
impl BackstageCommand for Delete {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        let name = str::from_utf8(&self.0).unwrap_or_default();
        if !backstage.scripting.libraries().delete(name) {
            return Err(CommandError::fixed("ERR Library not found"));
        }
        note_change(backstage);
        reply.ok();
        Ok(())
    }
}

pub struct Flush;
impl Command for Flush {
    const SPEC: Spec = spec("FLUSH", AtLeast(2))
        .since("7.0.0")
        .flags(NO_SCRIPT)
        .complexity("O(N) where N is the number of functions deleted")
        .syntax("[ASYNC | SYNC]")
        .summary("Deletes all libraries.")
        .tips(TIPS);
    fn parse(args: &mut Args) -> Result<Flush, CommandError> {
        if args.remaining() > 1 {
            return Err(too_many(args));
        }
        parse_flush(args, "ERR FUNCTION FLUSH only supports SYNC|ASYNC option")?;
        Ok(Flush)
    }
}
impl BackstageCommand for Flush {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        drop(backstage.scripting.take_libraries());
        note_change(backstage);
        reply.ok();
        Ok(())
    }
}

pub struct Dump;
impl Command for Dump {
    const SPEC: Spec = spec("DUMP", Exactly(2))
        .since("7.0.0")
        .flags(NO_SCRIPT)
        .complexity("O(N) where N is the number of functions")
        .summary("All libraries as one value, for FUNCTION RESTORE.");
    fn parse(_: &mut Args) -> Result<Dump, CommandError> {
        Ok(Dump)
    }
}
impl BackstageCommand for Dump {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        let compresses = backstage.changes.store.compresses_dumps;
        reply.bulk(&backstage.scripting.libraries().dump(compresses));
        Ok(())
    }
}

pub struct Restore {
    payload: Bytes,
    policy: Policy,
}
impl Command for Restore {
    const SPEC: Spec = spec("RESTORE", AtLeast(3))
        .since("7.0.0")
        .flags(DENY_OOM | NO_SCRIPT)
        .complexity("O(N) where N is the number of functions on the payload")
        .syntax("serialized-value [FLUSH | APPEND | REPLACE]")
        .summary("Makes the libraries of a value that FUNCTION DUMP gave.")
        .tips(TIPS);
    fn parse(args: &mut Args) -> Result<Restore, CommandError> {
        let payload = args.bytes()?;
        if args.remaining() > 1 {
            return Err(too_many(args));
        }
        let policies = [("APPEND", Policy::Append), ("REPLACE", Policy::Replace), ("FLUSH", Policy::Flush)];
        let policy = match args.is_empty() {
            true => Policy::Append,
            false => args.one_of(&policies).ok_or(CommandError::fixed(
                "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.",
            ))?,
        };
        Ok(Restore { payload, policy })
    }
}
impl BackstageCommand for Restore {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        backstage.scripting.libraries().restore(&self.payload, self.policy)?;
        note_change(backstage);
        reply.ok();
        Ok(())
    }
}

pub struct Kill;
impl Command for Kill {
    const SPEC: Spec = spec("KILL", Exactly(2))
        .since("7.0.0")
        .flags(NO_SCRIPT | ALLOW_BUSY)
        .summary("Ends the function that keeps everybody waiting.")
        .tips(&["request_policy:all_shards", "response_policy:one_succeeded"])
        .acts_on_others();
    fn parse(_: &mut Args) -> Result<Kill, CommandError> {
        Ok(Kill)
    }
}
impl SessionCommand for Kill {
    fn run(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome {
        kill(session, BusyWith::Function)?;
        reply.ok();
        Ok(())
    }
}

pub struct Stats;
impl Command for Stats {
    const SPEC: Spec = spec("STATS", Exactly(2))
        .since("7.0.0")
        .flags(NO_SCRIPT | ALLOW_BUSY)
        .summary("The function that runs, and how many there are.")
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
        .acts_on_others();
    fn parse(_: &mut Args) -> Result<Stats, CommandError> {
        Ok(Stats)
    }
}
impl SessionCommand for Stats {
    fn run(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome {
        let busy = &session.board.busy;
        if busy.with() == Some(BusyWith::Script) {
            return Err(BusyWith::Script.refusal());
        }
        reply.map(2);
        reply.bulk(b"running_script");
        match busy.slow() {
            None => reply.null(),
            Some(slow) => {
                reply.map(3);
                reply.bulk(b"name");
                reply.bulk(slow.name.as_bytes());
                reply.bulk(b"command");
                reply.array(slow.words.len());
                slow.words.iter().for_each(|word| reply.bulk(word));
                reply.bulk(b"duration_ms");
                reply.integer(slow.started.elapsed().as_millis() as i64);
            }
        }
        reply.bulk(b"engines");
        reply.map(1);
        reply.bulk(functions::ENGINE.as_bytes());
        reply.map(2);
        reply.bulk(b"libraries_count");
        reply.integer(busy.libraries.load(Relaxed) as i64);
        reply.bulk(b"functions_count");
        reply.integer(busy.functions.load(Relaxed) as i64);
        Ok(())
    }
}

const LINES: &[&str] = &[
    "LOAD [REPLACE] <FUNCTION CODE>",
    "    Make a library; its first line says its name.",
    "DELETE <LIBRARY NAME>",
    "    Delete a library.",
    "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
    "    All libraries with their functions, or those whose names match; with their code if asked.",
    "STATS",
    "    The function that runs, and how many functions and libraries there are.",
    "KILL",
    "    End the function that keeps everybody waiting.",
    "FLUSH [ASYNC|SYNC]",
    "    Delete all libraries.",
    "DUMP",
    "    All libraries as one value.",
    "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
    "    Make the libraries of such a value: instead of all there are (FLUSH), beside them (APPEND, unless told",
    "    otherwise), or instead of those with the same names (REPLACE).",
];
pub struct Help;
impl Command for Help {
    const SPEC: Spec =
        spec("HELP", Exactly(2)).since("7.0.0").flags(LOADING | STALE).summary("What FUNCTION can be asked.");
    fn parse(_: &mut Args) -> Result<Help, CommandError> {
        Ok(Help)
    }
}
impl SessionCommand for Help {
    fn run(&mut self, _: &mut Session, reply: &mut Reply) -> Outcome {
        reply_help(reply, "FUNCTION", LINES);
        Ok(())
    }
}
