//! Keys that get another name or another place: RENAME, RENAMENX, COPY, MOVE.
//!
//! A value is never copied byte by byte for this if it is large: it moves with its entry, or is shared.
use super::spec;
use crate::{
    commands::{
        Command, Outcome, WriteCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    resp::Reply,
    store::{Changes, Event},
};
use bytes::Bytes;

const SAME_OBJECT: CommandError = CommandError::fixed("ERR source and destination objects are the same");

/// What happens if the new name is taken.
#[derive(Clone, Copy, PartialEq)]
enum Taken {
    Overwrite,
    LeaveAlone,
}
/// Renames a key, and tells whether it did.
fn rename(changes: &mut Changes, from: &[u8], to: &[u8], taken: Taken) -> Result<bool, CommandError> {
    if changes.lookup(from).is_none() {
        return Err(CommandError::NoSuchKey);
    }
    if from == to || changes.lookup(to).is_some() && taken == Taken::LeaveAlone {
        return Ok(false);
    }
    changes.rename(from, to);
    changes.modified(Event::Generic, "rename_from", from);
    changes.also_modified_in(changes.db, Event::Generic, "rename_to", to);
    Ok(true)
}

pub struct Rename {
    from: Bytes,
    to: Bytes,
}
impl Command for Rename {
    const SPEC: Spec = spec("RENAME", Exactly(3))
        .keys(&[key(1, RW | ACCESS | DELETE), key(2, OW | UPDATE)])
        .syntax("key newkey")
        .summary("Renames a key; what stood at the new name is overwritten.");
    fn parse(args: &mut Args) -> Result<Rename, CommandError> {
        Ok(Rename { from: args.bytes()?, to: args.bytes()? })
    }
}
impl WriteCommand for Rename {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        rename(changes, &self.from, &self.to, Taken::Overwrite)?;
        reply.ok();
        Ok(())
    }
}

pub struct RenameNx {
    from: Bytes,
    to: Bytes,
}
impl Command for RenameNx {
    const SPEC: Spec = spec("RENAMENX", Exactly(3))
        .keys(&[key(1, RW | ACCESS | DELETE), key(2, OW | INSERT)])
        .flags(FAST)
        .syntax("key newkey")
        .summary("Renames a key, unless the new name is taken.")
        .history(&[("3.2.0", "The same name twice is no error any more.")]);
    fn parse(args: &mut Args) -> Result<RenameNx, CommandError> {
        Ok(RenameNx { from: args.bytes()?, to: args.bytes()? })
    }
}
impl WriteCommand for RenameNx {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let renamed = rename(changes, &self.from, &self.to, Taken::LeaveAlone)?;
        reply.integer(renamed as i64);
        Ok(())
    }
}

pub struct Copy {
    from: Bytes,
    to: Bytes,
    /// The client's own if not given.
    db: Option<usize>,
    taken: Taken,
}
impl Command for Copy {
    const SPEC: Spec = spec("COPY", AtLeast(3))
        .keys(&[key(1, RO | ACCESS), key(2, OW | UPDATE)])
        .flags(DENY_OOM)
        .since("6.2.0")
        .complexity("O(N)")
        .syntax("source destination [DB destination-db] [REPLACE]")
        .summary("Copies a key, with its deadline, to another name or another database.");
    fn parse(args: &mut Args) -> Result<Copy, CommandError> {
        let (from, to) = (args.bytes()?, args.bytes()?);
        let mut copy = Copy { from, to, db: None, taken: Taken::LeaveAlone };
        while !args.is_empty() {
            if args.option("REPLACE") {
                copy.taken = Taken::Overwrite;
            } else if args.remaining() >= 2 && args.option("DB") {
                copy.db = Some(args.database()?);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(copy)
    }
}
impl WriteCommand for Copy {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let to_db = self.db.unwrap_or(changes.db);
        if to_db == changes.db && self.from == self.to {
            return Err(SAME_OBJECT);
        }
        // It deletes what has expired, and does not count as a reading: that comes behind it.
        let _ = changes.lookup(&self.from);
        let copies = changes.view().lookup(&self.from).is_some()
            && (changes.lookup_in(to_db, &self.to).is_none() || self.taken == Taken::Overwrite);
        if copies {
            changes.copy(&self.from, to_db, &self.to);
            changes.modified_in(to_db, Event::Generic, "copy_to", &self.to);
        }
        reply.integer(copies as i64);
        Ok(())
    }
}

pub struct Move {
    key: Bytes,
    db: usize,
}
impl Command for Move {
    const SPEC: Spec = spec("MOVE", Exactly(3))
        .keys(&[key(1, RW | ACCESS | UPDATE)])
        .flags(FAST)
        .syntax("key db")
        .summary("Moves a key to another database, unless it exists there.");
    fn parse(args: &mut Args) -> Result<Move, CommandError> {
        Ok(Move { key: args.bytes()?, db: args.database()? })
    }
}
impl WriteCommand for Move {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        if self.db == changes.db {
            return Err(SAME_OBJECT);
        }
        let moves = changes.lookup(&self.key).is_some() && changes.lookup_in(self.db, &self.key).is_none();
        if moves {
            changes.carry(&self.key, self.db);
            changes.modified(Event::Generic, "move_from", &self.key);
            changes.also_modified_in(self.db, Event::Generic, "move_to", &self.key);
        }
        reply.integer(moves as i64);
        Ok(())
    }
}
