//! Making clients wait, and ending their wait.
use super::{COMMON, at_most, spec};
use crate::{
    board::PauseScope,
    commands::{
        Backstage, BackstageCommand, Command, ControlCommand, Office, Outcome,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
        waiting::Ending,
    },
    data::number::parse_integer,
    resp::Reply,
};

pub struct Pause {
    milliseconds: i64,
    scope: PauseScope,
}
impl Command for Pause {
    const SPEC: Spec = spec("PAUSE", AtLeast(3))
        .since("3.0.0")
        .flags(COMMON | ADMIN)
        .syntax("timeout [WRITE|ALL]")
        .summary("Lets the commands of all clients wait for some milliseconds, or only those that write.")
        .history(&[("6.2.0", "`WRITE`, and `ALL` as the word for what it did before.")]);
    fn parse(args: &mut Args) -> Result<Pause, CommandError> {
        at_most(args, 2)?;
        let timeout = args.word()?;
        let scope = if args.is_empty() {
            PauseScope::All
        } else {
            args.one_of(&[("WRITE", PauseScope::Writes), ("ALL", PauseScope::All)])
                .ok_or(CommandError::fixed("ERR CLIENT PAUSE mode must be WRITE or ALL"))?
        };
        Ok(Pause { milliseconds: duration(timeout, args.context().now_ms)?, scope })
    }
}
/// A time from now, in ms, that ends before time does.
fn duration(word: &[u8], now_ms: i64) -> Result<i64, CommandError> {
    match parse_integer(word) {
        None => Err(CommandError::fixed("ERR timeout is not an integer or out of range")),
        Some(..=-1) => Err(CommandError::fixed("ERR timeout is negative")),
        Some(ms) if ms > i64::MAX - now_ms => Err(CommandError::fixed("ERR timeout is out of range")),
        Some(ms) => Ok(ms),
    }
}
impl ControlCommand for Pause {
    fn run(&mut self, office: &mut dyn Office, reply: &mut Reply) -> Outcome {
        office.pause(self.scope, self.milliseconds);
        reply.ok();
        Ok(())
    }
}

pub struct Unpause;
impl Command for Unpause {
    const SPEC: Spec = spec("UNPAUSE", Exactly(2))
        .since("6.2.0")
        .flags(COMMON | ADMIN)
        .complexity("O(N)")
        .summary("Ends a pause at once.");
    fn parse(_: &mut Args) -> Result<Unpause, CommandError> {
        Ok(Unpause)
    }
}
impl ControlCommand for Unpause {
    fn run(&mut self, office: &mut dyn Office, reply: &mut Reply) -> Outcome {
        office.unpause();
        reply.ok();
        Ok(())
    }
}

/// Who only waits for a pause to end cannot be unblocked.
pub struct Unblock {
    client: i64,
    how: Ending,
}
impl Command for Unblock {
    const SPEC: Spec = spec("UNBLOCK", AtLeast(3))
        .since("5.0.0")
        .flags(COMMON | ADMIN)
        .complexity("O(log N)")
        .syntax("client-id [TIMEOUT|ERROR]")
        .summary("Ends the wait of a client that is blocked, as if its time were over or by an error.");
    fn parse(args: &mut Args) -> Result<Unblock, CommandError> {
        at_most(args, 2)?;
        let id = args.word()?;
        let how = if args.is_empty() {
            Ending::TimeOver
        } else {
            args.one_of(&[("TIMEOUT", Ending::TimeOver), ("ERROR", Ending::Unblocked)])
                .ok_or(CommandError::fixed("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"))?
        };
        let client = parse_integer(id).ok_or(CommandError::NotAnInteger)?;
        Ok(Unblock { client, how })
    }
}
impl BackstageCommand for Unblock {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        let ended = backstage.waiting.end(self.client as u64, self.how);
        reply.integer(ended as i64);
        Ok(())
    }
}
