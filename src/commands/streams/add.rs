//! XADD.
use super::{
    ids::{Given, parse_open, reply_id},
    node_limits, spec,
    trim::{TrimOption, TrimOptions},
};
use crate::{
    commands::{
        Command, Outcome, WriteCommand,
        args::Args,
        error::CommandError,
        spec::{Arity::*, *},
    },
    data::stream::{AppendError, ID_TEXT_BYTES_MAX, Log, StreamId},
    resp::{Reply, Request},
    store::{Changes, Deadline, EncodingLimits, Event, Stream},
};
use smallvec::SmallVec;

pub struct XAdd {
    /// The key is its second word, and the fields and values stand from `first_field` on.
    request: Request,
    first_field: u32,
    /// NOMKSTREAM
    only_existing: bool,
    /// `None` for `*`.
    id: Option<Given>,
    trim: Option<Box<TrimOption>>,
}
impl Command for XAdd {
    const SPEC: Spec = spec("XADD", AtLeast(5))
        .keys(&[key(1, RW | UPDATE)
            .notes("UPDATE, not INSERT: with trimming, an entry may go for each that comes")])
        .flags(DENY_OOM | FAST)
        .complexity("O(1) to add; O(N) where N entries are cut off")
        .syntax("key [NOMKSTREAM] [<MAXLEN|MINID> [=|~] threshold [LIMIT count]] <*|id> field value [field value ...]")
        .summary("Adds an entry to a stream, which is created if there is none.")
        .tips(&["nondeterministic_output"])
        .history(&[
            ("6.2.0", "`NOMKSTREAM`, `MINID` and `LIMIT`."),
            ("7.0.0", "An ID may give its milliseconds only: `ms-*`."),
        ]);
    fn parse(args: &mut Args) -> Result<XAdd, CommandError> {
        args.word()?;
        let (mut only_existing, mut trim) = (false, TrimOptions::default());
        let id = loop {
            if args.option("*") {
                break None;
            }
            if args.option("NOMKSTREAM") {
                only_existing = true;
            } else if !trim.take(args)? {
                break match args.peek() {
                    Some(_) => Some(parse_open(args.word()?, 0)?),
                    None => None,
                };
            }
        };
        let trim = trim.finish()?.map(Box::new);
        if args.remaining() < 2 || args.remaining() % 2 == 1 {
            return Err(CommandError::Arity("xadd".into()));
        }
        if id == Some(Given::Whole(StreamId::MIN)) {
            return Err(CommandError::fixed("ERR The ID specified in XADD must be greater than 0-0"));
        }
        let request = args.request().clone();
        let first_field = (request.len() - args.remaining()) as u32;
        args.skip_rest();
        Ok(XAdd { request, first_field, only_existing, id, trim })
    }
}

const EXHAUSTED: CommandError =
    CommandError::fixed("ERR The stream has exhausted the last possible ID, unable to add more items");
const NOT_ABOVE: CommandError =
    CommandError::fixed("ERR The ID specified in XADD is equal or smaller than the target stream top item");
impl From<AppendError> for CommandError {
    fn from(error: AppendError) -> CommandError {
        match error {
            AppendError::NotAbove => NOT_ABOVE,
            AppendError::TooLarge => CommandError::fixed("ERR Elements are too large to be stored"),
        }
    }
}

impl XAdd {
    fn key(&self) -> &[u8] {
        self.request.get(1).unwrap_or_default()
    }
    /// The ID that an entry gets behind the last one.
    fn new_id(&self, last: StreamId, now_ms: i64) -> Result<StreamId, CommandError> {
        if last == StreamId::MAX {
            return Err(EXHAUSTED);
        }
        match self.id {
            Some(Given::Whole(id)) => Ok(id),
            Some(Given::Time(ms)) if ms == last.ms => {
                Ok(StreamId::new(ms, last.seq.checked_add(1).ok_or(NOT_ABOVE)?))
            }
            Some(Given::Time(ms)) => Ok(StreamId::new(ms, 0)),
            None => last.following(now_ms.max(0) as u64).ok_or(EXHAUSTED),
        }
    }
    /// Adds the entry, and cuts off what the options say: how much that was.
    fn add(
        &self,
        log: &mut Log,
        now_ms: i64,
        limits: EncodingLimits,
    ) -> Result<(StreamId, u64), CommandError> {
        let id = self.new_id(log.last_id(), now_ms)?;
        let pairs: SmallVec<[&[u8]; 16]> = self.request.iter().skip(self.first_field as usize).collect();
        log.append(id, &pairs, node_limits(limits))?;
        Ok((id, self.trim.as_ref().map_or(0, |trim| trim.apply(log, limits))))
    }
    /// What of the request means something else when it runs again: an ID or a length that the stream decided.
    fn is_open(&self) -> bool {
        !matches!(self.id, Some(Given::Whole(_)))
            || self.trim.as_ref().is_some_and(|trim| trim.is_approximate())
    }
    /// Tells the append-only file and replicas what came out of it.
    fn tell(&self, changes: &mut Changes, id: StreamId) {
        let trim = self.trim.as_ref();
        let log = changes.view().value::<Stream>(self.key()).ok().flatten().map(|stream| &stream.log);
        let trim = trim.zip(log).map(|(trim, log)| trim.words(log));
        let mut text = [0; ID_TEXT_BYTES_MAX];
        let mut words: SmallVec<[&[u8]; 16]> = SmallVec::new();
        words.extend([&b"XADD"[..], self.key()]);
        words.extend(trim.iter().flatten().map(|word| &word[..]));
        words.push(id.text(&mut text));
        words.extend(self.request.iter().skip(self.first_field as usize));
        changes.rewrite(&words);
    }
}
impl WriteCommand for XAdd {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Outcome {
        let (now_ms, limits) = (changes.now_ms(), changes.limits());
        let (id, trimmed) = match changes.value_mut::<Stream>(self.key())? {
            Some(stream) => self.add(&mut stream.log, now_ms, limits)?,
            None if self.only_existing => {
                reply.null();
                return Ok(());
            }
            None => {
                let mut stream = Stream::default();
                let added = self.add(&mut stream.log, now_ms, limits)?;
                changes.set_value(self.key(), stream, Deadline::Clear);
                added
            }
        };
        changes.modified(Event::Stream, "xadd", self.key());
        if trimmed > 0 {
            changes.event_in(changes.db, Event::Stream, "xtrim", self.key());
        }
        if self.is_open() && changes.record.wants.effects {
            self.tell(changes, id);
        }
        reply_id(reply, id);
        Ok(())
    }
}
