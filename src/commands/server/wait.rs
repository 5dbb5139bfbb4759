//! WAIT and WAITAOF: until what was written is safe, with replicas or on media.
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

const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(Group::Generic, name, arity)
        .flags(BLOCKING)
        .categories(category("connection"))
        .complexity("O(1)")
}

pub struct Wait {
    replicas: i64,
    lasts_ms: Option<i64>,
    /// Where in the stream the writes end that came before.
    offset: Option<u64>,
    applied: usize,
}
impl Command for Wait {
    const SPEC: Spec = spec("WAIT", Exactly(3))
        .since("3.0.0")
        .syntax("numreplicas timeout")
        .tips(&["request_policy:all_shards", "response_policy:agg_min"])
        .summary(
            "Waits until so many replicas have applied all writes of the client so far; tells how many have.",
        );
    fn parse(args: &mut Args) -> Result<Wait, CommandError> {
        let replicas = args.integer()?;
        let lasts_ms = args.timeout_ms()?;
        Ok(Wait { replicas, lasts_ms, offset: None, applied: 0 })
    }
}
impl BlockingCommand for Wait {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Result<Progress, CommandError> {
        let record = &changes.record;
        if record.stream.follows {
            return Err(CommandError::fixed(
                "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is \
                 configured to be writable (which is not the default) writes to replicas are just local and are not \
                 propagated.",
            ));
        }
        let offset = *self.offset.get_or_insert(record.last_offset());
        self.applied = record.stream.applied(offset);
        if (self.applied as i64) < self.replicas {
            return Ok(Progress::Waits);
        }
        self.give_up(reply);
        Ok(Progress::Done)
    }
    fn patience(&self) -> Patience {
        Patience { awaited: Awaited::Copies { replicas: self.replicas }, lasts_ms: self.lasts_ms }
    }
    fn give_up(&self, reply: &mut Reply) {
        reply.integer(self.applied as i64);
    }
}

pub struct WaitAof {
    /// Whether it must be on the medium of this server.
    local: bool,
    /// On the media of how many replicas it must be.
    replicas: u64,
    lasts_ms: Option<i64>,
    /// The commit in which the writes are that came before, and where in the stream they end.
    place: Option<(u64, u64)>,
    is_local: bool,
    synced: usize,
}
impl Command for WaitAof {
    const SPEC: Spec = spec("WAITAOF", Exactly(4))
        .since("7.2.0")
        .syntax("numlocal numreplicas timeout")
        .tips(&["request_policy:all_shards", "response_policy:agg_min"])
        .summary("Waits until all writes so far are synced to the append-only file, here and on replicas.");
    fn parse(args: &mut Args) -> Result<WaitAof, CommandError> {
        let local = args.integer_between(0, 1)? == 1;
        let replicas = u64::try_from(args.integer()?)
            .map_err(|_| CommandError::fixed("ERR value is out of range, must be positive"))?;
        let lasts_ms = args.timeout_ms()?;
        Ok(WaitAof { local, replicas, lasts_ms, place: None, is_local: false, synced: 0 })
    }
}
impl BlockingCommand for WaitAof {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Result<Progress, CommandError> {
        let record = &changes.record;
        if record.stream.follows {
            return Err(CommandError::fixed(
                "ERR WAITAOF cannot be used with replica instances. Please also note that writes to replicas are just \
                 local and are not propagated.",
            ));
        }
        if self.local && !record.log.is_wanted {
            return Err(CommandError::fixed(
                "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
            ));
        }
        let (commit, offset) = *self.place.get_or_insert((record.last_commit(), record.last_offset()));
        self.is_local = record.log.is_on && record.log.synced.max(record.log.posted) >= commit;
        self.synced = record.stream.synced(offset);
        if self.local && !self.is_local || (self.synced as u64) < self.replicas {
            return Ok(Progress::Waits);
        }
        self.give_up(reply);
        Ok(Progress::Done)
    }
    fn patience(&self) -> Patience {
        Patience { awaited: Awaited::Log, lasts_ms: self.lasts_ms }
    }
    fn give_up(&self, reply: &mut Reply) {
        reply.array(2);
        reply.integer(self.is_local.into());
        reply.integer(self.synced as i64);
    }
}
