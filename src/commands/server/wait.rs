//! WAITAOF: until what was written is safe.
use crate::{
    commands::{
        Awaited, BlockingCommand, Command, Patience, Progress,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    resp::Reply,
    store::Changes,
};

pub struct WaitAof {
    /// Whether it must be on the medium of this server.
    local: bool,
    /// On the media of how many replicas it must be.
    replicas: u64,
    until_ms: Option<i64>,
    /// The commit in which the writes are that came before.
    commit: Option<u64>,
    is_local: bool,
}
impl Command for WaitAof {
    const SPEC: Spec = Spec::new(Group::Generic, "WAITAOF", Exactly(4))
        .flags(BLOCKING)
        .categories(category("connection"))
        .since("7.2.0")
        .complexity("O(1)")
        .syntax("numlocal numreplicas timeout")
        .tips(&["request_policy:all_shards", "response_policy:agg_min"])
        .summary("Waits until all writes so far are synced to the append-only file, here and on replicas.");
    fn parse(args: &mut Args) -> Result<WaitAof, CommandError> {
        let local = args.integer_between(0, 1)? == 1;
        let replicas = args.integer()?;
        let replicas = u64::try_from(replicas)
            .map_err(|_| CommandError::fixed("ERR value is out of range, must be positive"))?;
        Ok(WaitAof { local, replicas, until_ms: args.timeout_ms()?, commit: None, is_local: false })
    }
}
impl BlockingCommand for WaitAof {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Result<Progress, CommandError> {
        let record = &changes.record;
        if self.local && !record.log.is_wanted {
            return Err(CommandError::fixed(
                "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
            ));
        }
        let commit = *self.commit.get_or_insert(record.last_commit());
        self.is_local = record.log.is_on && record.log.synced >= commit;
        if self.local && !self.is_local || self.replicas > 0 {
            return Ok(Progress::Waits);
        }
        self.give_up(reply);
        Ok(Progress::Done)
    }
    fn patience(&self) -> Patience {
        Patience { awaited: Awaited::Log, until_ms: self.until_ms }
    }
    fn give_up(&self, reply: &mut Reply) {
        reply.array(2);
        reply.integer(self.is_local.into());
        // Nobody replicates from this server yet.
        reply.integer(0);
    }
}
