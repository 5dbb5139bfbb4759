//! What is pending: XACK takes entries off the list, XPENDING shows it.
use super::{
    ids::{Ids, parse_end, parse_rest, parse_start, reply_id},
    no_group, spec,
};
use crate::{
    commands::{
        Command, Outcome, ReadCommand, WriteCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    data::stream::{Group, StreamId},
    resp::Reply,
    store::{Changes, Stream, View},
};
use bytes::Bytes;

pub struct XAck {
    key: Bytes,
    group: Bytes,
    ids: Ids,
}
impl Command for XAck {
    const SPEC: Spec = spec("XACK", AtLeast(4))
        .keys(&[key(1, RW | UPDATE)])
        .flags(FAST)
        .complexity("O(1) for each entry")
        .syntax("key group id [id ...]")
        .summary("Acknowledges entries that were delivered to a consumer of a group.");
    fn parse(args: &mut Args) -> Result<XAck, CommandError> {
        Ok(XAck { key: args.bytes()?, group: args.bytes()?, ids: parse_rest(args) })
    }
}
impl WriteCommand for XAck {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let stream = changes.value_read_mut::<Stream>(&self.key)?;
        let Some(group) = stream.and_then(|stream| stream.groups.get_mut(&self.group[..])) else {
            reply.integer(0);
            return Ok(());
        };
        let ids = self.ids.as_ref().map_err(Clone::clone)?;
        let count = ids.iter().filter(|id| group.acknowledge(**id).is_some()).count();
        changes.also_dirty(count as u64);
        reply.integer(count as i64);
        Ok(())
    }
}

struct Details {
    start: StreamId,
    end: StreamId,
    count: usize,
    idle_ms_min: i64,
    consumer: Option<Bytes>,
}
impl Details {
    fn parse(args: &mut Args) -> Result<Details, CommandError> {
        if !(3..=6).contains(&args.remaining()) {
            return Err(CommandError::Syntax);
        }
        let idle_ms_min = if args.option("IDLE") { args.integer()? } else { 0 };
        if args.remaining() < 3 {
            return Err(CommandError::Syntax);
        }
        let (start, end) = (args.word()?, args.word()?);
        let count = args.integer()?.max(0) as usize;
        let (start, end) = (parse_start(start)?, parse_end(end)?);
        let consumer = args.bytes().ok();
        // Redis looks at no word behind the consumer.
        args.skip_rest();
        Ok(Details { start, end, count, idle_ms_min, consumer })
    }
    fn reply(&self, group: &Group, now_ms: i64, reply: &mut Reply) {
        let consumer = self.consumer.as_ref().map(|name| group.find(name));
        if consumer == Some(None) {
            return reply.array(0);
        }
        let ids = self.start..=self.end;
        let place = reply.defer();
        let mut written = 0;
        let pending = group.pending_within(ids, consumer.flatten()).filter(|(_, it)| {
            self.idle_ms_min == 0 || now_ms.wrapping_sub(it.delivered_ms) >= self.idle_ms_min
        });
        for (id, it) in pending.take(self.count) {
            reply.array(4);
            reply_id(reply, id);
            reply.bulk(group.consumer(it.consumer).name());
            reply.integer(now_ms.saturating_sub(it.delivered_ms).max(0));
            reply.integer(it.deliveries as i64);
            written += 1;
        }
        reply.settle_array(place, written);
    }
}

pub struct XPending {
    key: Bytes,
    group: Bytes,
    details: Option<Details>,
}
impl Command for XPending {
    const SPEC: Spec = spec("XPENDING", AtLeast(3))
        .keys(&[key(1, RO | ACCESS)])
        .complexity("O(N) in the number of entries that are returned, or looked at if IDLE is given; O(C) in the number of consumers for the summary")
        .syntax("key group [[IDLE min-idle-time] start end count [consumer]]")
        .summary("Tells which entries of a group were delivered and are not acknowledged, or how many.")
        .tips(&["nondeterministic_output"])
        .history(&[("6.2.0", "`IDLE`, and ends of the range may be left out.")]);
    fn parse(args: &mut Args) -> Result<XPending, CommandError> {
        let (key, group) = (args.bytes()?, args.bytes()?);
        let details = if args.is_empty() { None } else { Some(Details::parse(args)?) };
        Ok(XPending { key, group, details })
    }
}
impl ReadCommand for XPending {
    fn run(&mut self, view: &View, reply: &mut Reply) -> Outcome {
        let stream = view.value::<Stream>(&self.key)?;
        let group = stream.and_then(|stream| stream.groups.get(&self.group[..]));
        let group = group.ok_or_else(|| no_group(&self.key, &self.group))?;
        match &self.details {
            Some(details) => details.reply(group, view.now_ms(), reply),
            None => reply_summary(group, reply),
        }
        Ok(())
    }
}
/// How many entries are pending, the first and the last of them, and how many each consumer has.
fn reply_summary(group: &Group, reply: &mut Reply) {
    let pending = group.pending();
    reply.array(4);
    reply.integer(pending.len() as i64);
    let Some((first, last)) = pending.first_key_value().zip(pending.last_key_value()) else {
        reply.null();
        reply.null();
        return reply.null_array();
    };
    reply_id(reply, *first.0);
    reply_id(reply, *last.0);
    let busy = || group.consumers().filter(|consumer| !consumer.pending().is_empty());
    reply.array(busy().count());
    for consumer in busy() {
        reply.array(2);
        reply.bulk(consumer.name());
        reply.bulk_integer(consumer.pending().len() as i64);
    }
}
