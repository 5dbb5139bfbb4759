//! Taking away: XTRIM (and the options that it shares with XADD), XDEL; and XSETID, which corrects what is left.
use super::{
    ids::{Ids, parse_rest, parse_strict},
    spec,
};
use crate::{
    commands::{
        Command, Outcome, WriteCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    data::stream::{Log, StreamId, Threshold, Trim},
    resp::Reply,
    store::{Changes, EncodingLimits, Event, Stream},
};
use bytes::Bytes;

/// `MAXLEN|MINID [=|~] threshold [LIMIT count]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrimOption {
    to: Threshold,
    approximate: bool,
    /// `LIMIT`, where it is given.
    entries_max: Option<u64>,
}

/// The options as they are taken one by one: they may come in any order, and are judged at the end.
#[derive(Default)]
pub struct TrimOptions {
    to: Option<Threshold>,
    approximate: bool,
    limit: Option<i64>,
    /// Redis tells its replicas and its log what it did, with `=`, and leaves LIMIT where it stands.
    limit_goes_with_exact: bool,
}
impl TrimOptions {
    /// Takes an option of trimming if one stands next.
    pub fn take(&mut self, args: &mut Args) -> Result<bool, CommandError> {
        if args.remaining() < 2 {
            return Ok(false);
        }
        if args.option("LIMIT") {
            let limit = args.integer()?;
            if limit < 0 {
                return Err(CommandError::fixed("ERR The LIMIT argument must be >= 0."));
            }
            self.limit = Some(limit);
            self.limit_goes_with_exact = args.context().obeyed;
            return Ok(true);
        }
        let Some(by_id) = args.one_of(&[("MAXLEN", false), ("MINID", true)]) else { return Ok(false) };
        if self.to.is_some() {
            return Err(CommandError::fixed(
                "ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
            ));
        }
        // The last word is the threshold, whatever it looks like.
        self.approximate = args.remaining() > 1 && args.option("~");
        let _ = !self.approximate && args.remaining() > 1 && args.option("=");
        self.to = Some(if by_id {
            Threshold::Id(parse_strict(args.word()?, 0)?)
        } else {
            let length = u64::try_from(args.integer()?);
            Threshold::Length(
                length.map_err(|_| CommandError::fixed("ERR The MAXLEN argument must be >= 0."))?,
            )
        });
        Ok(true)
    }
    /// The options, if any were given.
    ///
    /// # Errors
    /// If LIMIT stands alone, or with exact trimming.
    pub fn finish(self) -> Result<Option<TrimOption>, CommandError> {
        let has_limit = self.limit.is_some();
        let to = match self.to {
            Some(to) if self.approximate || !has_limit || self.limit_goes_with_exact => to,
            None if !has_limit => return Ok(None),
            None if self.limit != Some(0) => {
                return Err(CommandError::fixed(
                    "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
                ));
            }
            _ => {
                return Err(CommandError::fixed(
                    "ERR syntax error, LIMIT cannot be used without the special ~ option",
                ));
            }
        };
        let entries_max = self.limit.map(|limit| limit as u64);
        Ok(Some(TrimOption { to, approximate: self.approximate, entries_max }))
    }
}
impl TrimOption {
    pub fn is_approximate(self) -> bool {
        self.approximate
    }
    pub fn apply(self, log: &mut Log, limits: EncodingLimits) -> u64 {
        // By itself, approximate trimming stops after a hundred nodes: nobody shall wait for it.
        let usual = || match limits.stream_node_entries_max.saturating_mul(100) {
            0 => 10_000,
            entries => entries.min(1_000_000) as u64,
        };
        let entries_max = if self.approximate { self.entries_max.unwrap_or_else(usual) } else { 0 };
        log.trim(Trim { to: self.to, approximate: self.approximate, entries_max })
    }
    /// What has the same effect on a stream that was cut to this: exactly, as nodes may be others elsewhere.
    pub fn words(self, log: &Log) -> [Bytes; 3] {
        let (by, threshold) = match self.to {
            Threshold::Length(length) => {
                ("MAXLEN", if self.approximate { log.len() } else { length }.to_string())
            }
            Threshold::Id(least) => {
                let cut = || log.first_held_id().unwrap_or(StreamId::MAX);
                ("MINID", if self.approximate { cut() } else { least }.to_string())
            }
        };
        [Bytes::from_static(by.as_bytes()), Bytes::from_static(b"="), threshold.into()]
    }
}

pub struct XTrim {
    key: Bytes,
    trim: TrimOption,
}
impl Command for XTrim {
    const SPEC: Spec = spec("XTRIM", AtLeast(4))
        .keys(&[key(1, RW | DELETE)])
        .complexity(
            "O(N), where N is the number of entries that go; they go by whole nodes, so that N counts little",
        )
        .syntax("key <MAXLEN|MINID> [=|~] threshold [LIMIT count]")
        .summary("Cuts entries off at the beginning of a stream.")
        .tips(&["nondeterministic_output"])
        .history(&[("6.2.0", "`MINID`, and `LIMIT`.")]);
    fn parse(args: &mut Args) -> Result<XTrim, CommandError> {
        let key = args.bytes()?;
        let mut options = TrimOptions::default();
        while options.take(args)? {}
        args.end()?;
        if options.limit == Some(0) && options.to.is_none() {
            options.limit = None;
        }
        let trim = options.finish()?;
        let none = "ERR syntax error, XTRIM must be called with a trimming strategy";
        Ok(XTrim { key, trim: trim.ok_or(CommandError::fixed(none))? })
    }
}
impl WriteCommand for XTrim {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let limits = changes.limits();
        let Some(stream) = changes.value_mut::<Stream>(&self.key)? else {
            reply.integer(0);
            return Ok(());
        };
        let trimmed = self.trim.apply(&mut stream.log, limits);
        if trimmed > 0 {
            let words = self.trim.is_approximate().then(|| self.trim.words(&stream.log));
            changes.modified(Event::Stream, "xtrim", &self.key);
            changes.also_dirty(trimmed - 1);
            if let Some([by, exactly, threshold]) = words {
                changes.rewrite(&[b"XTRIM", &self.key, &by, &exactly, &threshold]);
            }
        }
        reply.integer(trimmed as i64);
        Ok(())
    }
}

pub struct XDel {
    key: Bytes,
    ids: Ids,
}
impl Command for XDel {
    const SPEC: Spec = spec("XDEL", AtLeast(3))
        .keys(&[key(1, RW | DELETE)])
        .flags(FAST)
        .complexity("O(1) for each entry, however long the stream is")
        .syntax("key id [id ...]")
        .summary("Deletes entries of a stream.");
    fn parse(args: &mut Args) -> Result<XDel, CommandError> {
        Ok(XDel { key: args.bytes()?, ids: parse_rest(args) })
    }
}
impl WriteCommand for XDel {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let Some(stream) = changes.value_mut::<Stream>(&self.key)? else {
            reply.integer(0);
            return Ok(());
        };
        let ids = self.ids.as_ref().map_err(Clone::clone)?;
        let deleted = ids.iter().filter(|id| stream.log.delete(**id)).count() as u64;
        if deleted > 0 {
            changes.modified(Event::Stream, "xdel", &self.key);
            changes.also_dirty(deleted - 1);
        }
        reply.integer(deleted as i64);
        Ok(())
    }
}

pub struct XSetId {
    key: Bytes,
    last_id: StreamId,
    entries_added: Option<u64>,
    max_deleted_id: Option<StreamId>,
}
impl Command for XSetId {
    const SPEC: Spec = spec("XSETID", AtLeast(3))
        .keys(&[key(1, RW | UPDATE)])
        .flags(DENY_OOM | FAST)
        .syntax("key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]")
        .summary("Sets what a stream knows of its past, as replicas and files must.")
        .history(&[("7.0.0", "`ENTRIESADDED` and `MAXDELETEDID`.")]);
    fn parse(args: &mut Args) -> Result<XSetId, CommandError> {
        let (key, last_id) = (args.bytes()?, parse_strict(args.word()?, 0)?);
        let mut set = XSetId { key, last_id, entries_added: None, max_deleted_id: None };
        while !args.is_empty() {
            if args.remaining() < 2 {
                return Err(CommandError::Syntax);
            }
            if args.option("ENTRIESADDED") {
                let added = u64::try_from(args.integer()?);
                let negative = CommandError::fixed("ERR entries_added must be positive");
                set.entries_added = Some(added.map_err(|_| negative)?);
            } else if args.option("MAXDELETEDID") {
                let id = parse_strict(args.word()?, 0)?;
                if last_id < id {
                    return Err(CommandError::fixed(
                        "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
                    ));
                }
                // 0-0 is as good as nothing said.
                set.max_deleted_id = Some(id).filter(|&id| id != StreamId::MIN);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(set)
    }
}
impl XSetId {
    fn check(&self, log: &Log) -> Result<(), CommandError> {
        if self.last_id < log.max_deleted_id() {
            return Err(CommandError::fixed(
                "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id",
            ));
        }
        if log.top_id().is_some_and(|top| self.last_id < top) {
            return Err(CommandError::fixed(
                "ERR The ID specified in XSETID is smaller than the target stream top item",
            ));
        }
        if self.entries_added.is_some_and(|added| added < log.len()) {
            return Err(CommandError::fixed(
                "ERR The entries_added specified in XSETID is smaller than the target stream length",
            ));
        }
        Ok(())
    }
}
impl WriteCommand for XSetId {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let stream = changes.value_mut::<Stream>(&self.key)?.ok_or(CommandError::NoSuchKey)?;
        self.check(&stream.log)?;
        stream.log.set_ids(self.last_id, self.entries_added, self.max_deleted_id);
        changes.event_in(changes.db, Event::Stream, "xsetid", &self.key);
        changes.also_dirty(1);
        reply.ok();
        Ok(())
    }
}
