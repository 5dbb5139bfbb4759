//! The commands that wait for an element: BLPOP, BRPOP, BLMPOP, BLMOVE, BRPOPLPUSH.
//!
//! What they do is told to replicas as what their siblings do that never wait: where it is replayed there is something.
use super::{moves::Move, pop::FirstOf, pop::take_one, spec};
use crate::{
    commands::{
        BlockingCommand, Command, Patience, Progress,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    resp::Reply,
    store::{Changes, End, Kind},
};
use bytes::Bytes;

fn progress(done: bool) -> Progress {
    if done { Progress::Done } else { Progress::Waits }
}
fn patience(keys: &[Bytes], lasts_ms: Option<i64>) -> Patience {
    Patience::for_keys(keys, Kind::List, lasts_ms)
}

/// One element of the first list that there is.
struct BlockingPop {
    keys: Vec<Bytes>,
    lasts_ms: Option<i64>,
}
impl BlockingPop {
    fn parse(args: &mut Args) -> Result<BlockingPop, CommandError> {
        let mut keys = Vec::with_capacity(args.remaining() - 1);
        while args.remaining() > 1 {
            keys.push(args.bytes()?);
        }
        Ok(BlockingPop { keys, lasts_ms: args.timeout_seconds()? })
    }
    fn run(&self, end: End, changes: &mut Changes, reply: &mut Reply) -> Result<Progress, CommandError> {
        for key in &self.keys {
            let head = |reply: &mut Reply| {
                reply.array(2);
                reply.bulk(key);
            };
            if take_one(changes, key, end, reply, head)? {
                let name: &[u8] = if end == End::Head { b"LPOP" } else { b"RPOP" };
                changes.rewrite(&[name, key]);
                return Ok(Progress::Done);
            }
        }
        Ok(Progress::Waits)
    }
}

pub struct BLPop(BlockingPop);
impl Command for BLPop {
    const SPEC: Spec = spec("BLPOP", AtLeast(3))
        .keys(&[key_range(1, -2, RW | ACCESS | DELETE)])
        .flags(BLOCKING)
        .since("2.0.0")
        .complexity("O(N)")
        .syntax("key [key ...] timeout")
        .summary("Takes the first element of the first of several lists that is there, or waits for one.")
        .history(&[("6.0.0", "The timeout may have a fraction.")]);
    fn parse(args: &mut Args) -> Result<BLPop, CommandError> {
        BlockingPop::parse(args).map(BLPop)
    }
}
impl BlockingCommand for BLPop {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Result<Progress, CommandError> {
        self.0.run(End::Head, changes, reply)
    }
    fn patience(&self) -> Patience {
        patience(&self.0.keys, self.0.lasts_ms)
    }
}

pub struct BRPop(BlockingPop);
impl Command for BRPop {
    const SPEC: Spec = spec("BRPOP", AtLeast(3))
        .keys(&[key_range(1, -2, RW | ACCESS | DELETE)])
        .flags(BLOCKING)
        .since("2.0.0")
        .complexity("O(N)")
        .syntax("key [key ...] timeout")
        .summary("Takes the last element of the first of several lists that is there, or waits for one.")
        .history(&[("6.0.0", "The timeout may have a fraction.")]);
    fn parse(args: &mut Args) -> Result<BRPop, CommandError> {
        BlockingPop::parse(args).map(BRPop)
    }
}
impl BlockingCommand for BRPop {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Result<Progress, CommandError> {
        self.0.run(End::Tail, changes, reply)
    }
    fn patience(&self) -> Patience {
        patience(&self.0.keys, self.0.lasts_ms)
    }
}

pub struct BLMPop {
    first_of: FirstOf,
    lasts_ms: Option<i64>,
}
impl Command for BLMPop {
    const SPEC: Spec = spec("BLMPOP", AtLeast(5))
        .keys(&[counted_keys(2, RW | ACCESS | DELETE)])
        .flags(BLOCKING | MOVABLE_KEYS)
        .since("7.0.0")
        .complexity("O(N+M)")
        .syntax("timeout numkeys key [key ...] <LEFT|RIGHT> [COUNT count]")
        .summary("Takes elements from an end of the first of several lists that is there, or waits for one.");
    fn parse(args: &mut Args) -> Result<BLMPop, CommandError> {
        // What is wrong with the timeout is told last.
        let lasts_ms = args.timeout_seconds();
        Ok(BLMPop { first_of: FirstOf::parse(args)?, lasts_ms: lasts_ms? })
    }
}
impl BlockingCommand for BLMPop {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Result<Progress, CommandError> {
        self.first_of.take(changes, reply).map(progress)
    }
    fn patience(&self) -> Patience {
        patience(&self.first_of.keys, self.lasts_ms)
    }
}

pub struct BLMove {
    what: Move,
    lasts_ms: Option<i64>,
}
impl Command for BLMove {
    const SPEC: Spec = spec("BLMOVE", Exactly(6))
        .keys(&[key(1, RW | ACCESS | DELETE), key(2, RW | INSERT)])
        .flags(DENY_OOM | BLOCKING)
        .since("6.2.0")
        .syntax("source destination <LEFT|RIGHT> <LEFT|RIGHT> timeout")
        .summary("Moves an element from an end of a list to an end of another one, or waits for it.");
    fn parse(args: &mut Args) -> Result<BLMove, CommandError> {
        Ok(BLMove { what: Move::parse(args)?, lasts_ms: args.timeout_seconds()? })
    }
}
impl BlockingCommand for BLMove {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Result<Progress, CommandError> {
        let done = self.what.run(changes, reply)?;
        if done {
            self.what.rewrite(changes);
        }
        Ok(progress(done))
    }
    fn patience(&self) -> Patience {
        patience(std::slice::from_ref(&self.what.source), self.lasts_ms)
    }
    fn decline(&self, reply: &mut Reply) {
        reply.null();
    }
}

pub struct BRPopLPush(BLMove);
impl Command for BRPopLPush {
    const SPEC: Spec = spec("BRPOPLPUSH", Exactly(4))
        .keys(&[key(1, RW | ACCESS | DELETE), key(2, RW | INSERT)])
        .flags(DENY_OOM | BLOCKING)
        .since("2.2.0")
        .syntax("source destination timeout")
        .summary("Moves the last element of a list to the head of another one, or waits for it.")
        .history(&[("6.0.0", "The timeout may have a fraction.")])
        .deprecated("6.2.0", "`BLMOVE` with the `RIGHT` and `LEFT` arguments");
    fn parse(args: &mut Args) -> Result<BRPopLPush, CommandError> {
        Ok(BRPopLPush(BLMove { what: Move::parse_around(args)?, lasts_ms: args.timeout_seconds()? }))
    }
}
impl BlockingCommand for BRPopLPush {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Result<Progress, CommandError> {
        let what = &mut self.0.what;
        let done = what.run(changes, reply)?;
        if done {
            changes.rewrite(&[b"RPOPLPUSH", &what.source, &what.destination]);
        }
        Ok(progress(done))
    }
    fn patience(&self) -> Patience {
        self.0.patience()
    }
    fn decline(&self, reply: &mut Reply) {
        self.0.decline(reply)
    }
}
