//! Looking at entries: XLEN, XRANGE, XREVRANGE.
use super::{
    ids::{parse_end, parse_start},
    reply_entries, spec,
};
use crate::{
    commands::{
        Command, Outcome, ReadCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    data::stream::StreamId,
    resp::Reply,
    store::{Stream, View},
};
use bytes::Bytes;

pub struct XLen(Bytes);
impl Command for XLen {
    const SPEC: Spec = spec("XLEN", Exactly(2))
        .keys(&[key(1, RO)])
        .flags(FAST)
        .syntax("key")
        .summary("Tells how many entries a stream has.");
    fn parse(args: &mut Args) -> Result<XLen, CommandError> {
        Ok(XLen(args.bytes()?))
    }
}
impl ReadCommand for XLen {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let stream = view.value::<Stream>(&self.0)?;
        reply.integer(stream.map_or(0, |stream| stream.log.len()) as i64);
        Ok(())
    }
}

struct Range {
    key: Bytes,
    start: StreamId,
    end: StreamId,
    /// `None`: all.
    count: Option<usize>,
}
impl Range {
    fn parse(args: &mut Args, backwards: bool) -> Result<Range, CommandError> {
        let key = args.bytes()?;
        let (first, second) = (args.word()?, args.word()?);
        let (start, end) = if backwards { (second, first) } else { (first, second) };
        let (start, end) = (parse_start(start)?, parse_end(end)?);
        let mut count = None;
        while !args.is_empty() {
            if args.remaining() < 2 || !args.option("COUNT") {
                return Err(CommandError::Syntax);
            }
            count = Some(args.integer()?.max(0) as usize);
        }
        Ok(Range { key, start, end, count })
    }
    fn run(&self, view: &View, reply: &mut Reply, backwards: bool) -> Outcome {
        match (view.value::<Stream>(&self.key)?, self.count) {
            (None, _) => reply.array(0),
            (Some(_), Some(0)) => reply.null_array(),
            (Some(stream), count) if backwards => {
                let entries = stream.log.range_back(self.start, self.end);
                reply_entries(reply, entries, count.unwrap_or(0));
            }
            (Some(stream), count) => {
                let entries = stream.log.range(self.start, self.end);
                reply_entries(reply, entries, count.unwrap_or(0));
            }
        }
        Ok(())
    }
}

const fn range_spec(name: &'static str) -> Spec {
    spec(name, AtLeast(4))
        .keys(const { &[key(1, RO | ACCESS)] })
        .complexity("O(N) in the number of entries that are returned")
        .history(&[("6.2.0", "Ends of the range may be left out: `(`.")])
}

pub struct XRange(Range);
impl Command for XRange {
    const SPEC: Spec = range_spec("XRANGE")
        .syntax("key start end [COUNT count]")
        .summary("Returns the entries of a stream within a range of IDs.");
    fn parse(args: &mut Args) -> Result<XRange, CommandError> {
        Range::parse(args, false).map(XRange)
    }
}
impl ReadCommand for XRange {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        self.0.run(view, reply, false)
    }
}

pub struct XRevRange(Range);
impl Command for XRevRange {
    const SPEC: Spec = range_spec("XREVRANGE")
        .syntax("key end start [COUNT count]")
        .summary("Returns the entries of a stream within a range of IDs, the last one first.");
    fn parse(args: &mut Args) -> Result<XRevRange, CommandError> {
        Range::parse(args, true).map(XRevRange)
    }
}
impl ReadCommand for XRevRange {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        self.0.run(view, reply, true)
    }
}
