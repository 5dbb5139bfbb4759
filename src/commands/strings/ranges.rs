//! Parts of strings: APPEND, SETRANGE, GETRANGE, SUBSTR.
use super::{reply_text, spec};
use crate::{
    commands::{
        Command, Outcome, ReadCommand, WriteCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    resp::Reply,
    store::{Changes, Deadline, Event, Text, TextRef, View},
};
use bytes::Bytes;

pub struct Append {
    key: Bytes,
    value: Bytes,
    bytes_max: usize,
}
impl Command for Append {
    const SPEC: Spec = spec("APPEND", Exactly(3))
        .keys(&[key(1, RW | INSERT)])
        .flags(DENY_OOM | FAST)
        .since("2.0.0")
        .syntax("key value")
        .summary("Adds bytes at the end of a string; a missing key counts as empty.");
    fn parse(args: &mut Args) -> Result<Append, CommandError> {
        let bytes_max = args.context().string_bytes_max;
        Ok(Append { key: args.bytes()?, value: args.value()?, bytes_max })
    }
}
impl WriteCommand for Append {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let old = changes.string(&self.key)?.map(TextRef::len);
        let length = old.unwrap_or(0) + self.value.len();
        if old.is_some() && length > self.bytes_max {
            return Err(CommandError::StringTooLong);
        }
        match old {
            None => changes.set_string(&self.key, Text::smallest(&self.value), Deadline::Clear),
            Some(_) => changes.edit_string(&self.key, length, |bytes| bytes.extend_from_slice(&self.value)),
        }
        changes.modified(Event::String, "append", &self.key);
        reply.integer(length as i64);
        Ok(())
    }
}

pub struct SetRange {
    key: Bytes,
    offset: usize,
    value: Bytes,
    bytes_max: usize,
}
impl Command for SetRange {
    const SPEC: Spec = spec("SETRANGE", Exactly(4))
        .keys(&[key(1, RW | UPDATE)])
        .flags(DENY_OOM)
        .since("2.2.0")
        .syntax("key offset value")
        .summary("Writes bytes over a string from an offset on, filling any gap with zero bytes.");
    fn parse(args: &mut Args) -> Result<SetRange, CommandError> {
        let bytes_max = args.context().string_bytes_max;
        let key = args.bytes()?;
        let offset = usize::try_from(args.integer()?)
            .map_err(|_| CommandError::fixed("ERR offset is out of range"))?;
        Ok(SetRange { key, offset, value: args.bytes()?, bytes_max })
    }
}
impl WriteCommand for SetRange {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let old = changes.string(&self.key)?.map_or(0, TextRef::len);
        if self.value.is_empty() {
            reply.integer(old as i64);
            return Ok(());
        }
        let end = self.offset.saturating_add(self.value.len());
        if end > self.bytes_max {
            return Err(CommandError::StringTooLong);
        }
        changes.edit_string(&self.key, end, |bytes| {
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[self.offset..end].copy_from_slice(&self.value);
        });
        changes.modified(Event::String, "setrange", &self.key);
        reply.integer(old.max(end) as i64);
        Ok(())
    }
}

/// A range of bytes as clients give it: both ends included, negative ones counted from the end.
struct Range {
    key: Bytes,
    start: i64,
    end: i64,
}
impl Range {
    fn parse(args: &mut Args) -> Result<Range, CommandError> {
        Ok(Range { key: args.bytes()?, start: args.integer()?, end: args.integer()? })
    }
    /// The range in a string of `length` bytes.
    fn resolve(&self, length: usize) -> std::ops::Range<usize> {
        let length = length as i64;
        if self.start < 0 && self.end < 0 && self.start > self.end {
            return 0..0;
        }
        let from_end = |index: i64| if index < 0 { index.saturating_add(length).max(0) } else { index };
        let (start, end) = (from_end(self.start), from_end(self.end).min(length - 1));
        if start > end { 0..0 } else { start as usize..end as usize + 1 }
    }
    fn run(&self, view: &View, reply: &mut Reply) -> Outcome {
        match view.string(&self.key)? {
            None => reply.bulk(b""),
            Some(TextRef::Shared(bytes)) => reply.shared_bulk(&bytes.slice(self.resolve(bytes.len()))),
            Some(text) if self.resolve(text.len()) == (0..text.len()) => reply_text(reply, text),
            Some(text) => {
                let mut digits = itoa::Buffer::new();
                let bytes = text.bytes(&mut digits);
                reply.bulk(&bytes[self.resolve(bytes.len())])
            }
        }
        Ok(())
    }
}

pub struct GetRange(Range);
impl Command for GetRange {
    const SPEC: Spec = spec("GETRANGE", Exactly(4))
        .keys(&[key(1, RO | ACCESS)])
        .since("2.4.0")
        .complexity("O(N)")
        .syntax("key start end")
        .summary("The part of a string between two offsets, both included.");
    fn parse(args: &mut Args) -> Result<GetRange, CommandError> {
        Range::parse(args).map(GetRange)
    }
}
impl ReadCommand for GetRange {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        self.0.run(view, reply)
    }
}

pub struct SubStr(Range);
impl Command for SubStr {
    const SPEC: Spec = spec("SUBSTR", Exactly(4))
        .keys(&[key(1, RO | ACCESS)])
        .complexity("O(N)")
        .syntax("key start end")
        .summary("The older name of GETRANGE.")
        .deprecated("2.0.0", "`GETRANGE`");
    fn parse(args: &mut Args) -> Result<SubStr, CommandError> {
        Range::parse(args).map(SubStr)
    }
}
impl ReadCommand for SubStr {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        self.0.run(view, reply)
    }
}
