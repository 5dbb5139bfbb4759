//! XREAD, and the arguments that it shares with XREADGROUP.
use super::{ids::parse_strict, reply_entries, spec};
use crate::{
    commands::{
        Awaited, BlockingCommand, Command, Patience, Progress,
        args::Args,
        error::CommandError,
        key_positions::{KeyPosition, KeyPositions},
        spec::{Arity::*, *},
    },
    data::stream::{Log, StreamId},
    resp::{Reply, Request},
    store::{Changes, Kind, Stream},
};
use bytes::Bytes;

/// Which entries of a stream a client wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// Those behind this ID.
    After(StreamId),
    /// `$`: those that will come.
    Coming,
    /// `+`: the last one.
    Last,
    /// `>`: those that the group has not delivered.
    New,
    /// An ID that is none. It is told when the streams before it turn out to be ones.
    Invalid(CommandError),
}

/// The streams that are read, with what is wanted of each, and how.
pub struct Reading {
    pub streams: Vec<(Bytes, Wanted)>,
    /// Entries of a stream at the most; 0: all.
    pub count: usize,
    /// BLOCK: waits if there is nothing, for so long (ms), if a time is given.
    pub blocks: Option<Option<i64>>,
    /// Group and consumer.
    pub group: Option<(Bytes, Bytes)>,
    /// NOACK
    pub forgets: bool,
}

/// Which of the two commands is parsed.
#[derive(Clone, Copy, PartialEq)]
pub enum Reader {
    Plain,
    Group,
}
impl Reader {
    fn wanted(self, word: &[u8]) -> Wanted {
        const GROUP_ONLY: &str = "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.";
        match (self, word) {
            (Reader::Plain, b"$") => Wanted::Coming,
            (Reader::Plain, b"+") => Wanted::Last,
            (Reader::Plain, b">") => Wanted::Invalid(CommandError::fixed(GROUP_ONLY)),
            (Reader::Group, b">") => Wanted::New,
            (Reader::Group, b"$" | b"+") => Wanted::Invalid(meaningless(word[0] as char)),
            (_, word) => match parse_strict(word, 0) {
                // For Redis this is another way to say `>`.
                Ok(StreamId::MAX) if self == Reader::Group => Wanted::New,
                Ok(id) => Wanted::After(id),
                Err(error) => Wanted::Invalid(error),
            },
        }
    }
    /// # Errors
    /// If it is XREAD: this option is XREADGROUP's.
    fn takes(self, option: &str) -> Result<(), CommandError> {
        match self {
            Reader::Group => Ok(()),
            Reader::Plain => Err(CommandError::text_of(format!(
                "ERR The {option} option is only supported by XREADGROUP. You called XREAD instead."
            ))),
        }
    }
    fn unbalanced(self) -> CommandError {
        let (name, symbol) = if self == Reader::Plain { ("xread", '$') } else { ("xreadgroup", '>') };
        CommandError::text_of(format!(
            "ERR Unbalanced '{name}' list of streams: for each stream key an ID or '{symbol}' must be specified."
        ))
    }
}
fn meaningless(symbol: char) -> CommandError {
    CommandError::text_of(format!(
        "ERR The {symbol} ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer \
         by specifying a proper ID, or use the > ID to get new messages. The {symbol} ID would just return an empty \
         result set."
    ))
}

impl Reading {
    pub fn parse(args: &mut Args, reader: Reader) -> Result<Reading, CommandError> {
        let mut reading =
            Reading { streams: Vec::new(), count: 0, blocks: None, group: None, forgets: false };
        loop {
            let has_more = args.remaining() > 1;
            if has_more && args.option("BLOCK") {
                reading.blocks = Some(args.timeout_ms()?);
            } else if has_more && args.option("COUNT") {
                reading.count = args.integer()?.max(0) as usize;
            } else if has_more && args.option("STREAMS") {
                break;
            } else if args.remaining() > 2 && args.option("GROUP") {
                reader.takes("GROUP")?;
                reading.group = Some((args.bytes()?, args.bytes()?));
            } else if args.option("NOACK") {
                reader.takes("NOACK")?;
                reading.forgets = true;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        let rest = args.rest();
        if !rest.len().is_multiple_of(2) {
            return Err(reader.unbalanced());
        }
        if reader == Reader::Group && reading.group.is_none() {
            return Err(CommandError::fixed("ERR Missing GROUP option for XREADGROUP"));
        }
        let (keys, ids) = rest.split_at(rest.len() / 2);
        reading.streams = keys.iter().cloned().zip(ids.iter().map(|word| reader.wanted(word))).collect();
        Ok(reading)
    }
}
impl Reading {
    /// How it goes on when there was nothing to read.
    pub fn nothing(&self, reply: &mut Reply) -> Progress {
        if self.blocks.is_some() {
            return Progress::Waits;
        }
        reply.null_array();
        Progress::Done
    }
    pub fn patience(&self, of_any_change: bool) -> Patience {
        let keys = self.streams.iter().map(|(key, _)| key.clone()).collect();
        let awaited = Awaited::Keys { keys, kind: Kind::Stream, of_any_change };
        Patience { awaited, lasts_ms: self.blocks.flatten() }
    }
}

/// The keys of a request that reads streams. `STREAMS` may be a group's name or a key's, so the options are gone through.
pub fn locate_streams(request: &Request, found: &mut KeyPositions) {
    let mut index = 1;
    while let Some(word) = request.get(index) {
        index += match &word.to_ascii_uppercase()[..] {
            b"BLOCK" | b"COUNT" => 2,
            b"GROUP" => 3,
            b"NOACK" => 1,
            b"STREAMS" => break,
            _ => return,
        };
    }
    let words = request.len().saturating_sub(index + 1);
    if words.is_multiple_of(2) {
        let keys = index + 1..index + 1 + words / 2;
        found.extend(keys.map(|index| KeyPosition { index, flags: RO | ACCESS }));
    }
}
pub const STREAMS: KeySpec = KeySpec {
    begin: Begin::Keyword("STREAMS", 1),
    find: Find::Range { last: -1, step: 1, limit: 2 },
    flags: RO | ACCESS,
    notes: None,
};

pub struct XRead(Reading);
impl Command for XRead {
    const SPEC: Spec = spec("XREAD", AtLeast(4))
        .keys(&[STREAMS])
        .locate(locate_streams)
        .flags(BLOCKING)
        .complexity("")
        .syntax("[COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]")
        .summary("Returns the entries of streams behind given IDs, and waits for some if it shall.");
    fn parse(args: &mut Args) -> Result<XRead, CommandError> {
        Reading::parse(args, Reader::Plain).map(XRead)
    }
}
/// The ID behind which the entries stand that are wanted of a stream (of none, where it does not exist).
fn after(wanted: &Wanted, log: Option<&Log>) -> Result<StreamId, CommandError> {
    let last_id = log.map_or(StreamId::MIN, Log::last_id);
    match wanted {
        Wanted::After(id) => Ok(*id),
        Wanted::Invalid(error) => Err(error.clone()),
        Wanted::Coming | Wanted::New => Ok(last_id),
        Wanted::Last if log.is_none() => Ok(StreamId::MIN),
        Wanted::Last => {
            last_id.previous().ok_or(CommandError::fixed("ERR the stream last element ID is 0-0"))
        }
    }
}
/// Begins what is written for one stream.
pub fn begin(reply: &mut Reply, key: &[u8]) {
    reply.paired();
    reply.bulk(key);
}
impl BlockingCommand for XRead {
    fn run(&mut self, changes: &mut Changes, reply: &mut Reply) -> Result<Progress, CommandError> {
        let (view, mut found, mut missed) = (changes.view(), Vec::new(), Vec::new());
        for (key, wanted) in &mut self.0.streams {
            let key: &Bytes = key;
            let log = view.value::<Stream>(key)?.map(|stream| &stream.log);
            if log.is_none() {
                missed.push(key);
            }
            let after = after(wanted, log)?;
            if *wanted == Wanted::Coming {
                // What comes while it waits lies behind what is the end now.
                *wanted = Wanted::After(after);
            }
            let top = log.and_then(Log::top_id).filter(|&top| top > after);
            if let Some((log, first)) = log.filter(|_| top.is_some()).zip(after.next()) {
                found.push((key, log.range(first, StreamId::MAX)));
            }
        }
        // Redis looks at every key for its ID and once more for its entries: who hears of misses hears of both.
        missed.into_iter().for_each(|key| view.note_lookup(key, false));
        if found.is_empty() {
            return Ok(self.0.nothing(reply));
        }
        reply.paired_map(found.len());
        for (key, entries) in found {
            begin(reply, key);
            reply_entries(reply, entries, self.0.count);
        }
        Ok(Progress::Done)
    }
    fn patience(&self) -> Patience {
        self.0.patience(false)
    }
}
