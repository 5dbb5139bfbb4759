//! XREADGROUP: new entries to a consumer of a group, or once more those that it was given before.
use super::{
    ids::reply_id,
    no_group,
    read::{Reader, Reading, STREAMS, Wanted, begin, locate_streams},
    reply_entry, spec,
    telling::Telling,
};
use crate::{
    commands::{
        BlockingCommand, Command, Outcome, Patience, Progress,
        args::Args,
        error::{CommandError, shown},
        spec::{Arity::*, *},
    },
    data::stream::{ConsumerNumber, Group, Log, Pending, StreamId},
    resp::Reply,
    store::{Changes, Stream},
};
use bytes::Bytes;

pub struct XReadGroup {
    reading: Reading,
    group: Bytes,
    consumer: Bytes,
}
impl Command for XReadGroup {
    const SPEC: Spec = spec("XREADGROUP", AtLeast(7))
        .keys(&[KeySpec { begin: Begin::Keyword("STREAMS", 4), ..STREAMS }])
        .locate(locate_streams)
        .flags(BLOCKING)
        .complexity("O(M) in the number of entries that are returned")
        .syntax("GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key [key ...] id [id ...]")
        .summary("Gives entries of streams to a consumer of a group, and waits for some if it shall.");
    fn parse(args: &mut Args) -> Result<XReadGroup, CommandError> {
        let mut reading = Reading::parse(args, Reader::Group)?;
        let (group, consumer) = reading.group.take().ok_or(CommandError::Syntax)?;
        Ok(XReadGroup { reading, group, consumer })
    }
}

impl XReadGroup {
    /// # Errors
    /// If a stream or its group is not there, or an ID is none.
    fn check(&self, changes: &mut Changes) -> Outcome {
        for (key, wanted) in &self.reading.streams {
            let stream = changes.source_value::<Stream>(key)?;
            if stream.is_none_or(|stream| !stream.groups.contains_key(&self.group[..])) {
                return Err(CommandError::text_of(format!(
                    "NOGROUP No such key '{}' or consumer group '{}' in XREADGROUP with GROUP option",
                    shown(key),
                    shown(&self.group)
                )));
            }
            if let Wanted::Invalid(error) = wanted {
                return Err(error.clone());
            }
        }
        Ok(())
    }
    /// Reads one stream; says whether anything was written for it.
    fn read_one(
        &self,
        changes: &mut Changes,
        (key, wanted): &(Bytes, Wanted),
        reply: &mut Reply,
    ) -> Result<bool, CommandError> {
        let (now_ms, mut telling) = (changes.now_ms(), Telling::new(changes));
        let Some(Stream { log, groups }) = changes.value_mut::<Stream>(key)? else { return Ok(false) };
        let group = groups.get_mut(&self.group[..]).ok_or_else(|| no_group(key, &self.group))?;
        let (consumer, is_new) = group.see_consumer(&self.consumer, now_ms);
        let last_id = group.last_id;
        let reads = match wanted {
            Wanted::After(id) => {
                begin(reply, key);
                repeat(log, group, consumer, *id, self.count_max(), now_ms, reply);
                true
            }
            _ if log.top_id().is_some_and(|top| top > last_id) => {
                begin(reply, key);
                self.deliver(log, group, consumer, now_ms, &mut telling, reply);
                telling.position(group);
                true
            }
            _ => false,
        };
        let (last_id, moved) = (group.last_id, group.last_id != last_id);
        if is_new {
            telling.new_consumer(changes, key, &self.consumer);
        }
        changes.also_dirty(moved as u64);
        telling.write(changes, key, &self.group, last_id);
        Ok(reads)
    }
    fn count_max(&self) -> usize {
        if self.reading.count == 0 { usize::MAX } else { self.reading.count }
    }
    /// Delivers what lies behind the group's last ID. Unless it is forgotten at once, it is pending from now on.
    fn deliver(
        &self,
        log: &Log,
        group: &mut Group,
        consumer: ConsumerNumber,
        now_ms: i64,
        telling: &mut Telling,
        reply: &mut Reply,
    ) {
        let place = reply.defer();
        let mut written = 0;
        let first = group.last_id.next().unwrap_or(StreamId::MAX);
        for entry in log.range(first, StreamId::MAX).take(self.count_max()) {
            group.advance(log, entry.id);
            reply_entry(reply, &entry);
            written += 1;
            if !self.reading.forgets {
                let pending = Pending { delivered_ms: now_ms, deliveries: 1, consumer };
                group.assign(entry.id, pending);
                group.consumer_mut(consumer).active_ms = Some(now_ms);
                telling.claim(entry.id, &self.consumer, &pending);
            }
        }
        reply.settle_array(place, written);
    }
}
/// Shows a consumer what is pending for it behind an ID; null for the fields of an entry that is deleted.
fn repeat(
    log: &Log,
    group: &mut Group,
    consumer: ConsumerNumber,
    after: StreamId,
    count_max: usize,
    now_ms: i64,
    reply: &mut Reply,
) {
    let pending = group.consumer(consumer).pending();
    let ids: Vec<StreamId> =
        after.next().map_or(Vec::new(), |first| pending.range(first..).take(count_max).copied().collect());
    reply.array(ids.len());
    for id in ids {
        match log.get(id) {
            Some(entry) => {
                reply_entry(reply, &entry);
                group.redeliver(id, now_ms);
            }
            None => {
                reply.array(2);
                reply_id(reply, id);
                reply.null_array();
            }
        }
    }
}
impl BlockingCommand for XReadGroup {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Result<Progress, CommandError> {
        // What is told are the deliveries, never the command: it would deliver something else later.
        changes.rewrite_as_nothing();
        self.check(changes)?;
        let place = reply.defer();
        let mut count = 0;
        for stream in &self.reading.streams {
            count += self.read_one(changes, stream, reply)? as usize;
        }
        if count == 0 {
            return Ok(self.reading.nothing(reply));
        }
        reply.settle_paired_map(place, count);
        Ok(Progress::Done)
    }
    /// It hears of any change, as it ends when its group is gone.
    fn patience(&self) -> Patience {
        self.reading.patience(true)
    }
}
