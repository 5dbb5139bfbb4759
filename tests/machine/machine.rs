//! The machine and what it holds.
use crate::DATABASES;
use bytes::{Bytes, BytesMut};
use callboard::{
    board::Board,
    commands::{
        Caller,
        args::Context,
        registry::{self, Registry},
        stage::Stage,
        value_digest,
    },
    config::Config,
    data::wheel::Wheel,
    resp::{Decoder, Limits, Reply, Request, decode::Decoded},
    store::{EntryRef, Hash, Kind, ObjectRef, Stream, Wants},
};
use std::collections::BTreeMap;

/// A stage with the wheel that tells it what is due.
pub struct Machine {
    pub stage: Stage,
    pub wheel: Wheel,
}
/// By key: the value, and the deadline.
pub type Data = BTreeMap<String, (String, Option<i64>)>;

impl Machine {
    pub fn new(seed: u64, now_ms: i64) -> Machine {
        let board = Board::new(Config::default(), None, seed, now_ms);
        let wants = Wants { effects: true, ..Wants::default() };
        Machine { stage: Stage::new(board, seed, wants), wheel: Wheel::new(now_ms as u64) }
    }
    /// Runs a command; an error is its text.
    pub fn perform(&mut self, request: &Request, db: usize, now_ms: i64) -> Option<String> {
        self.stage.begin(now_ms);
        self.perform_now(request, db)
    }
    fn perform_now(&mut self, request: &Request, db: usize) -> Option<String> {
        let (databases, now_ms) = (self.stage.store.databases().len(), self.stage.store.now_ms());
        let context = Context { databases, db, string_bytes_max: 1 << 20, now_ms, obeyed: false };
        let mut reply = Reply::default();
        match Registry::get().resolve(request).and_then(|node| {
            let task = registry::parse(node, request, context)?;
            Ok((node, task))
        }) {
            Ok((node, mut task)) => {
                let caller = Caller { db, ..Caller::default() };
                self.stage.perform(node, &mut task, request, caller, &mut reply);
            }
            Err(error) => reply.error(&error),
        }
        self.take_deadlines();
        let reply = String::from_utf8_lossy(reply.as_bytes()).into_owned();
        reply.starts_with('-').then_some(reply)
    }
    pub fn take_deadlines(&mut self) {
        for (deadline_ms, item) in self.stage.store.take_deadlines() {
            self.wheel.insert(deadline_ms, item);
        }
    }
    pub fn expire_due(&mut self, now_ms: i64) {
        self.stage.begin(now_ms);
        let (mut items, mut due) = (Vec::new(), Vec::new());
        while self.wheel.advance(now_ms as u64, 100, &mut items) {}
        items.into_iter().for_each(|item| self.stage.store.check_item(item, &mut due));
        for due in due {
            self.stage.changes(Caller::default()).expire_due(&due, usize::MAX);
        }
        self.take_deadlines();
    }
    /// Replays a log at this moment, as it is loaded: nothing is due meanwhile.
    pub fn replay(&mut self, log: &[u8], now_ms: i64) {
        self.stage.begin(now_ms);
        self.stage.store.keep_what_is_due();
        let mut buffer = BytesMut::from(log);
        let (mut decoder, mut db) = (Decoder::default(), 0);
        let limits = Limits { bulk_bytes: 1 << 29, authenticated: true };
        while !buffer.is_empty() {
            let Ok(Decoded::Request(request)) = decoder.decode(&mut buffer, limits, false) else {
                panic!("the effects are not whole requests");
            };
            if matches!(request.get(0), Some(b"MULTI" | b"EXEC")) {
                continue;
            }
            if request.get(0) == Some(b"SELECT") {
                db = String::from_utf8_lossy(request.get(1).unwrap()).parse().unwrap();
            } else if let Some(error) = self.perform_now(&request, db) {
                let words: Vec<_> = request.iter().map(String::from_utf8_lossy).collect();
                panic!("{words:?} failed when replayed: {error}");
            }
        }
    }
    /// All there is, by database.
    pub fn all_data(&self) -> Vec<Data> {
        let databases = self.stage.store.databases().iter().map(|database| {
            let mut data = Data::new();
            database.scan_all(&mut |entry| {
                let key = String::from_utf8_lossy(entry.key()).into_owned();
                data.insert(key, (value_of(entry), entry.deadline()));
            });
            data
        });
        databases.take(DATABASES).collect()
    }
    /// The same, when all that is due has expired. Nothing may be left whose time has come, and the counts must agree.
    pub fn data(&self, now_ms: i64) -> Vec<Data> {
        let databases = self.stage.store.databases().iter().map(|database| {
            let (mut data, mut parted) = (Data::new(), 0);
            database.scan_all(&mut |entry| {
                let key = String::from_utf8_lossy(entry.key()).into_owned();
                let late = entry.deadline().is_some_and(|deadline| deadline <= now_ms);
                assert!(!late, "the wheel forgot {key}, due at {:?}", entry.deadline());
                let first = entry.object().and_then(ObjectRef::next_deadline);
                let late = first.is_some_and(|deadline| deadline <= now_ms);
                assert!(!late, "the wheel forgot parts of {key}, due at {first:?}");
                parted += first.is_some() as usize;
                data.insert(key, (value_of(entry), entry.deadline()));
            });
            let volatile = data.values().filter(|(_, deadline)| deadline.is_some()).count();
            assert_eq!((database.len(), database.volatile()), (data.len(), volatile));
            assert_eq!(database.parted(), parted);
            data
        });
        databases.collect()
    }
}

/// What a value says, in a form to compare.
pub fn value_of(entry: EntryRef) -> String {
    match entry.kind() {
        Kind::String => format!("{:?}", entry.text().to_bytes()),
        Kind::Stream => format!("stream {} {}", value_digest(entry), past_of(entry)),
        Kind::Hash => format!("{:?}", entry.value().map(fields_of)),
        kind => format!("{} {}", kind.name(), value_digest(entry)),
    }
}
/// Digests do not tell the deadlines of fields.
fn fields_of(hash: &Hash) -> BTreeMap<Bytes, (Bytes, Option<i64>)> {
    let mut fields = BTreeMap::new();
    hash.for_each(|field| {
        fields.insert(field.name.to_bytes(), (field.value.to_bytes(), field.deadline));
    });
    fields
}

/// What a stream knows beyond its entries. Effects do not tell when consumers were seen, nor that they looked once more
/// at what is pending for them.
fn past_of(entry: EntryRef) -> String {
    let Some(Stream { log, groups }) = entry.value() else { return String::new() };
    let mut text = format!("{} {} {}", log.last_id(), log.max_deleted_id(), log.entries_added());
    for (name, group) in groups {
        let consumers =
            group.consumers().map(|consumer| (consumer.name().escape_ascii(), consumer.pending()));
        let consumers: Vec<_> = consumers.map(|(name, pending)| format!("{name} {pending:?}")).collect();
        let (name, last, read) = (name.escape_ascii(), group.last_id, group.entries_read);
        text += &format!("; {name} at {last} ({read:?}): {}", consumers.join(", "));
    }
    text
}
