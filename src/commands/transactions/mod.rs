//! Transactions: what a client asks between MULTI and EXEC is kept by its connection, and then run by the Keyspace in
//! one go, so that nothing comes between. WATCH makes that depend on keys that nobody has changed meanwhile.
mod queue;

use super::{
    Access, Backstage, BackstageCommand, Command, Entry, Outcome, SessionCommand, Task,
    args::Args,
    backstage,
    error::CommandError,
    session,
    session::Session,
    spec::{Arity::*, *},
};
use crate::resp::Reply;
use bytes::Bytes;
pub use queue::{Queue, Queued, Transaction, Verdict, runs_at_once};
use std::sync::atomic::Ordering::Relaxed;

pub static COMMANDS: &[Entry] = &[
    session::<Multi>(),
    entry(EXEC, |_| Ok(Task::Transaction(Transaction::of(Verdict::Execute)))),
    entry(DISCARD, |_| Ok(Task::Transaction(Transaction::of(Verdict::Discard)))),
    backstage::<Watch>(),
    backstage::<Unwatch>(),
];

const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(Group::Transactions, name, arity)
}
const fn entry(spec: Spec, parse: super::Parse) -> Entry {
    Entry { spec, access: Access::Neither, parse: Some(parse), subcommands: &[] }
}
/// All but EXEC.
const QUICK: Flags = NO_SCRIPT | LOADING | STALE | FAST | ALLOW_BUSY;

const EXEC: Spec = spec("EXEC", Exactly(1))
    .since("1.2.0")
    .flags(NO_SCRIPT | LOADING | STALE | SKIP_SLOWLOG)
    .complexity("Depends on commands in the transaction")
    .summary("Runs all commands of the transaction, with nothing between them.");
const DISCARD: Spec = spec("DISCARD", Exactly(1))
    .since("2.0.0")
    .flags(QUICK)
    .complexity("O(N), when N is the number of queued commands")
    .summary("Forgets the transaction.");

pub struct Multi;
impl Command for Multi {
    const SPEC: Spec = spec("MULTI", Exactly(1)).since("1.2.0").flags(QUICK).summary("Starts a transaction.");
    fn parse(_: &mut Args) -> Result<Multi, CommandError> {
        Ok(Multi)
    }
}
impl SessionCommand for Multi {
    fn run(&mut self, session: &mut Session, reply: &mut Reply) -> Outcome {
        if session.transaction.is_some() {
            return Err(CommandError::fixed("ERR MULTI calls can not be nested"));
        }
        session.transaction = Some(Box::default());
        session.record.queued_commands.store(0, Relaxed);
        reply.ok();
        Ok(())
    }
}

pub struct Watch {
    keys: Vec<Bytes>,
}
impl Command for Watch {
    const SPEC: Spec = spec("WATCH", AtLeast(2))
        .since("2.2.0")
        .flags(QUICK)
        .keys(&[keys(1, 1, RO)])
        .complexity("O(1) for every key.")
        .syntax("key [key ...]")
        .summary("Makes the next transaction depend on keys: if one of them changes before, it is not run.");
    fn parse(args: &mut Args) -> Result<Watch, CommandError> {
        // They may be watched for long, and the buffer of the request is large.
        let keys = args.rest().iter().map(|key| Bytes::copy_from_slice(key)).collect();
        Ok(Watch { keys })
    }
}
impl BackstageCommand for Watch {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        let Backstage { changes, watches, board, caller, .. } = backstage;
        // Who is gone has said so before, and would be remembered for ever.
        if let Some(record) = board.roster.get(caller.client) {
            for key in &self.keys {
                watches.watch(caller.client, caller.db, key, changes.store, &mut changes.record.interests);
            }
            record.watched_keys.store(watches.count_of(caller.client), Relaxed);
        }
        reply.ok();
        Ok(())
    }
}

pub struct Unwatch;
impl Command for Unwatch {
    const SPEC: Spec =
        spec("UNWATCH", Exactly(1)).since("2.2.0").flags(QUICK).summary("Forgets about watched keys.");
    fn parse(_: &mut Args) -> Result<Unwatch, CommandError> {
        Ok(Unwatch)
    }
}
impl BackstageCommand for Unwatch {
    fn run(&mut self, backstage: &mut Backstage, reply: &mut Reply) -> Outcome {
        let client = backstage.caller.client;
        backstage.watches.unwatch(client, &mut backstage.changes.record.interests);
        if let Some(record) = backstage.board.roster.get(client) {
            record.watched_keys.store(0, Relaxed);
        }
        reply.ok();
        Ok(())
    }
}
