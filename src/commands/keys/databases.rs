//! Whole databases: FLUSHDB, FLUSHALL, SWAPDB.
//!
//! A database that is flushed is replaced by an empty one, and freed off the data's thread. After SYNC the client's
//! reply waits until that is done; nobody else waits.
use crate::{
    commands::{
        Command, Outcome, WriteCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    data::number::parse_integer,
    resp::Reply,
    store::Changes,
};

const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(Group::Server, name, arity)
        .categories(category("keyspace") | category("dangerous"))
        .complexity("O(N)")
}
const fn flush(name: &'static str) -> Spec {
    spec(name, AtLeast(1))
        .syntax("[ASYNC|SYNC]")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .history(&[("4.0.0", "Added the `ASYNC` option."), ("6.2.0", "Added the `SYNC` option.")])
}
#[derive(Clone, Copy)]
enum Mode {
    Async,
    Sync,
    /// As `lazyfree-lazy-user-flush` has it.
    Usual,
}
impl Mode {
    /// Takes the one option that a flush may have. What else is left is a syntax error of the request.
    fn parse(args: &mut Args) -> Mode {
        let alone = args.remaining() == 1;
        let asked = || args.one_of(&[("ASYNC", Mode::Async), ("SYNC", Mode::Sync)]);
        alone.then(asked).flatten().unwrap_or(Mode::Usual)
    }
    /// As it was asked for, to those who do the same.
    fn tell(self, changes: &mut Changes, name: &[u8]) {
        match self {
            Mode::Async => changes.rewrite(&[name, b"ASYNC"]),
            Mode::Sync => changes.rewrite(&[name, b"SYNC"]),
            Mode::Usual => changes.rewrite(&[name]),
        }
    }
    fn finish(self, changes: &mut Changes, reply: &mut Reply) {
        changes.store.awaits_garbage |= match self {
            Mode::Async => false,
            Mode::Sync => true,
            Mode::Usual => !changes.store.flushes_lazily,
        };
        reply.ok();
    }
}

pub struct FlushDb(Mode);
impl Command for FlushDb {
    const SPEC: Spec = flush("FLUSHDB").summary("Deletes all keys of the database.");
    fn parse(args: &mut Args) -> Result<FlushDb, CommandError> {
        Ok(FlushDb(Mode::parse(args)))
    }
}
impl WriteCommand for FlushDb {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        changes.clear(changes.db);
        // Told even if there was nothing to delete here: a replica may hold more.
        self.0.tell(changes, b"FLUSHDB");
        self.0.finish(changes, reply);
        Ok(())
    }
}

pub struct FlushAll(Mode);
impl Command for FlushAll {
    const SPEC: Spec = flush("FLUSHALL").summary("Deletes all keys of all databases.");
    fn parse(args: &mut Args) -> Result<FlushAll, CommandError> {
        Ok(FlushAll(Mode::parse(args)))
    }
}
impl WriteCommand for FlushAll {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        (0..changes.store.databases().len()).for_each(|db| changes.clear(db));
        changes.record.emptied = true;
        self.0.tell(changes, b"FLUSHALL");
        self.0.finish(changes, reply);
        Ok(())
    }
}

pub struct SwapDb(usize, usize);
impl Command for SwapDb {
    const SPEC: Spec = spec("SWAPDB", Exactly(3))
        .flags(FAST)
        .since("4.0.0")
        .syntax("index1 index2")
        .summary("Exchanges two databases: clients of the one see the keys of the other from then on.");
    fn parse(args: &mut Args) -> Result<SwapDb, CommandError> {
        let a = index(args, "ERR invalid first DB index")?;
        let b = index(args, "ERR invalid second DB index")?;
        let databases = args.context().databases;
        let existing = |index: i32| {
            usize::try_from(index).ok().filter(|&db| db < databases).ok_or(CommandError::DbIndexOutOfRange)
        };
        Ok(SwapDb(existing(a)?, existing(b)?))
    }
}
fn index(args: &mut Args, invalid: &'static str) -> Result<i32, CommandError> {
    let number = parse_integer(args.word()?).and_then(|number| i32::try_from(number).ok());
    number.ok_or(CommandError::fixed(invalid))
}
impl WriteCommand for SwapDb {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        changes.swap(self.0, self.1);
        reply.ok();
        Ok(())
    }
}
