//! SCRIPT: the scripts that are kept.
use super::spec;
use crate::{
    board::BusyWith,
    commands::{
        Backstage, BackstageCommand, Command, Entry, Outcome, SessionCommand,
        args::Args,
        backstage,
        error::CommandError,
        help::reply_help,
        session,
        session::Session,
        spec::{Arity::*, *},
    },
    resp::Reply,
    script::{Keep, Scripts},
};
use bytes::Bytes;
use std::sync::atomic::Ordering::Relaxed;

pub const SUBCOMMANDS: &[Entry] = &[
    session::<Debug>(),
    backstage::<Exists>(),
    backstage::<Flush>(),
    session::<Help>(),
    session::<Kill>(),
    backstage::<Load>(),
];

/// SYNC or ASYNC. Either way the old interpreter goes at once: its strings are many small allocations of this thread.
pub fn parse_flush(args: &mut Args, otherwise: &'static str) -> Outcome {
    if args.is_empty() || (args.remaining() == 1 && args.one_of(&[("SYNC", ()), ("ASYNC", ())]).is_some()) {
        return Ok(());
    }
    Err(CommandError::fixed(otherwise))
}

pub struct Load(Bytes);
impl Command for Load {
    const SPEC: Spec = spec("LOAD", Exactly(3))
        .since("2.6.0")
        .flags(NO_SCRIPT | STALE)
        .complexity("O(N) with N being the length in bytes of the script body.")
        .syntax("script")
        .summary("Keeps a script, without running it.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]);
    fn parse(args: &mut Args) -> Result<Load, CommandError> {
        Ok(Load(args.bytes()?))
    }
}
impl BackstageCommand for Load {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        let (_, script) = backstage.scripting.scripts().load(&self.0, Keep::Always)?;
        reply.bulk(script.name.as_bytes());
        Ok(())
    }
}

pub struct Exists(Vec<Bytes>);
impl Command for Exists {
    const SPEC: Spec = spec("EXISTS", AtLeast(3))
        .since("2.6.0")
        .flags(NO_SCRIPT)
        .complexity("O(N) with N being the number of scripts to check.")
        .syntax("sha1 [sha1 ...]")
        .summary("Which of these scripts are kept.")
        .tips(&["request_policy:all_shards", "response_policy:agg_logical_and"]);
    fn parse(args: &mut Args) -> Result<Exists, CommandError> {
        Ok(Exists(args.rest()))
    }
}
impl BackstageCommand for Exists {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        let scripts = backstage.scripting.known_scripts();
        reply.array(self.0.len());
        for word in &self.0 {
            let is_kept = Scripts::parse_sha(word)
                .is_some_and(|sha| scripts.is_some_and(|scripts| scripts.contains(&sha)));
            reply.integer(is_kept.into());
        }
        Ok(())
    }
}

pub struct Flush;
impl Command for Flush {
    const SPEC: Spec = spec("FLUSH", AtLeast(2))
        .since("2.6.0")
        .flags(NO_SCRIPT)
        .complexity("O(N) with N being the number of scripts in cache")
        .syntax("[ASYNC | SYNC]")
        .summary("Forgets all scripts.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .history(&[("6.2.0", "Added the `ASYNC` and `SYNC` flushing mode modifiers.")]);
    fn parse(args: &mut Args) -> Result<Flush, CommandError> {
        parse_flush(args, "ERR SCRIPT FLUSH only support SYNC|ASYNC option")?;
        Ok(Flush)
    }
}
impl BackstageCommand for Flush {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        drop(backstage.scripting.take_scripts());
        reply.ok();
        Ok(())
    }
}

/// Ends the script or function that keeps everybody waiting.
///
/// # Errors
/// If there is none, it is of the other kind, or it has changed data.
pub fn kill(session: &Session, what: BusyWith) -> Outcome {
    let busy = &session.board.busy;
    let Some(with) = busy.with() else {
        return Err(CommandError::fixed("NOTBUSY No scripts in execution right now."));
    };
    if busy.wrote.load(Relaxed) {
        return Err(CommandError::fixed(
            "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the \
             script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.",
        ));
    }
    if with != what {
        return Err(with.refusal());
    }
    busy.kill();
    Ok(())
}

pub struct Kill;
impl Command for Kill {
    const SPEC: Spec = spec("KILL", Exactly(2))
        .since("2.6.0")
        .flags(NO_SCRIPT | ALLOW_BUSY)
        .summary("Ends the script that keeps everybody waiting.")
        .tips(&["request_policy:all_shards", "response_policy:one_succeeded"])
        .acts_on_others();
    fn parse(_: &mut Args) -> Result<Kill, CommandError> {
        Ok(Kill)
    }
}
impl SessionCommand for Kill {
    fn run(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome {
        kill(session, BusyWith::Script)?;
        reply.ok();
        Ok(())
    }
}

pub enum Debug {
    No,
    Yes,
}
impl Command for Debug {
    const SPEC: Spec = spec("DEBUG", Exactly(3))
        .since("3.2.0")
        .flags(NO_SCRIPT)
        .syntax("<YES | SYNC | NO>")
        .summary("Whether the scripts of this connection run in a debugger; there is none.");
    fn parse(args: &mut Args) -> Result<Debug, CommandError> {
        match args.one_of(&[("NO", Debug::No as u8), ("YES", Debug::Yes as u8), ("SYNC", Debug::Yes as u8)]) {
            Some(0) => Ok(Debug::No),
            Some(_) => Ok(Debug::Yes),
            None => Err(CommandError::fixed("ERR Use SCRIPT DEBUG YES/SYNC/NO")),
        }
    }
}
impl SessionCommand for Debug {
    fn run(&mut self, _: &mut Session, reply: &mut Reply) -> Outcome {
        match self {
            Debug::No => reply.ok(),
            Debug::Yes => {
                return Err(CommandError::fixed("ERR There is no debugger of scripts in this server"));
            }
        }
        Ok(())
    }
}

const LINES: &[&str] = &[
    "DEBUG (YES|SYNC|NO)",
    "    Whether scripts run in a debugger: there is none, so only NO is taken.",
    "EXISTS <sha1> [<sha1> ...]",
    "    Which of these scripts are kept.",
    "FLUSH [ASYNC|SYNC]",
    "    Forget all scripts.",
    "KILL",
    "    End the script that keeps everybody waiting.",
    "LOAD <script>",
    "    Keep a script, without running it.",
];
pub struct Help;
impl Command for Help {
    const SPEC: Spec =
        spec("HELP", Exactly(2)).since("5.0.0").flags(LOADING | STALE).summary("What SCRIPT can be asked.");
    fn parse(_: &mut Args) -> Result<Help, CommandError> {
        Ok(Help)
    }
}
impl SessionCommand for Help {
    fn run(&mut self, _: &mut Session, reply: &mut Reply) -> Outcome {
        reply_help(reply, "SCRIPT", LINES);
        Ok(())
    }
}
