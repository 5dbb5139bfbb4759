//! MONITOR.
use super::spec;
use crate::{
    commands::{
        Backstage, BackstageCommand, Command, Outcome,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    resp::Reply,
};
use std::sync::atomic::Ordering::Relaxed;

pub struct Monitor;
impl Command for Monitor {
    const SPEC: Spec = spec("MONITOR", Exactly(1))
        .complexity("")
        .flags(ADMIN | NO_SCRIPT | LOADING | STALE)
        .summary("Shows this client every command that the server executes, as it does.");
    fn parse(_: &mut Args) -> Result<Monitor, CommandError> {
        Ok(Monitor)
    }
}
impl BackstageCommand for Monitor {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        let Backstage { changes, monitors, board, caller, .. } = backstage;
        if changes.record.is_in_block() {
            return Err(CommandError::fixed("ERR MONITOR isn't allowed for DENY BLOCKING client"));
        }
        // Who is gone has said so before, and would be remembered for ever.
        let Some(record) = board.roster.get(caller.client) else { return Ok(()) };
        // As with Redis, who monitors already is not even answered.
        if monitors.add(caller.client) {
            record.monitors.store(true, Relaxed);
            board.vitals.monitors.store(monitors.count(), Relaxed);
            reply.ok();
        }
        Ok(())
    }
}
