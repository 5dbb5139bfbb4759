//! Are effects the truth? The append-only file and every replica are built from nothing else.
//!
//! Random commands run on one stage, while time moves and keys expire, by lookups and by the wheel. The effects
//! that it wrote are replayed into an empty second stage, and both must hold the same data. Replay happens at the
//! beginning of time, as it does when a log is loaded: nothing expires by itself there, deletions are all in the log.
//! At the end both come to the same moment, and what is due by then expires by the wheel alone.
//!
//! The commands come from the registry, their arguments from the syntax in their specs: a new command takes part by
//! being registered. A new kind of argument needs a line in [`argument`], a new type of value one in [`value_of`].
use bytes::{Bytes, BytesMut};
use callboard::{
    board::Board,
    commands::{
        Access, Caller,
        args::Context,
        registry::{self, Node, Registry},
        stage::Stage,
        value_digest,
    },
    config::Config,
    data::wheel::Wheel,
    resp::{Decoder, Limits, Reply, Request, decode::Decoded},
    store::{EntryRef, Hash, Kind, ObjectRef, Stream, Wants},
};
use std::collections::BTreeMap;

const START_MS: i64 = 1_700_000_000_000;
const SEEDS: u64 = 800;
/// Short runs: what fails is then short to read, and less is forgotten before it is compared.
const COMMANDS_PER_SEED: usize = 60;
/// Few of each, so that commands meet.
const KEYS: usize = 12;
const FIELDS: usize = 6;
const DATABASES: usize = 3;

/// `EFFECTS_SEEDS` says how many runs, `EFFECTS_SEED` which is the first.
#[test]
fn what_effects_tell_is_what_happened() {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
    };
    let first = number("EFFECTS_SEED", 0);
    (first..first + number("EFFECTS_SEEDS", SEEDS)).for_each(check);
}

fn check(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut original = Machine::new(seed, START_MS);
    let (mut now_ms, mut log, mut told) = (START_MS, Vec::new(), Vec::new());
    for _ in 0..COMMANDS_PER_SEED {
        if rng.u8(..5) == 0 {
            now_ms += rng.i64(0..3000);
            if rng.bool() {
                original.expire_due(now_ms);
            }
        }
        let words = random_command(&mut rng, now_ms);
        told.push(words.iter().map(|word| shorten(word)).collect::<Vec<_>>().join(" "));
        original.perform(&Request::from_args(&words), rng.usize(..DATABASES), now_ms);
        log.extend(original.stage.record.take_effects());
    }
    original.expire_due(now_ms);
    log.extend(original.stage.record.take_effects());

    let mut replayed = Machine::new(seed + 1, 0);
    replayed.replay(&log);
    replayed.expire_due(now_ms);
    for (db, (mut is, mut was)) in replayed.data(now_ms).into_iter().zip(original.data(now_ms)).enumerate() {
        let same = is == was;
        let (all, both) = (is.clone(), was.clone());
        is.retain(|key, data| both.get(key) != Some(data));
        was.retain(|key, data| all.get(key) != Some(data));
        assert!(same, "seed {seed}, database {db}: replayed {is:#?}\nwas {was:#?}\nafter {told:#?}");
    }
}

/// Bytes as a person reads them, the longest ones in part.
fn shorten(bytes: &[u8]) -> String {
    const SHOWN_BYTES: usize = 40;
    match bytes.len() {
        0..=SHOWN_BYTES => bytes.escape_ascii().to_string(),
        length => format!("{}…({length} bytes)", bytes[..SHOWN_BYTES].escape_ascii()),
    }
}

/// A lock that is taken and given back leaves an item in the wheel each time; none may be kept alive by the next lock.
#[test]
fn the_wheel_does_not_gather_items_of_a_key_that_comes_and_goes() {
    let mut machine = Machine::new(1, START_MS);
    for now_ms in START_MS..START_MS + 2000 {
        machine.expire_due(now_ms);
        machine.perform(&Request::from_args(&["SET", "lock", "me", "NX", "PX", "100"]), 0, now_ms);
        if now_ms % 10 != 0 {
            machine.perform(&Request::from_args(&["DEL", "lock"]), 0, now_ms);
        }
        machine.perform(&Request::from_args(&["SET", "lock", "me", "PX", "100"]), 0, now_ms);
    }
    assert!(machine.wheel.len() <= 200, "{} items", machine.wheel.len());
}

/// A stage with the wheel that tells it what is due.
struct Machine {
    stage: Stage,
    wheel: Wheel,
}
/// By key: the value, and the deadline.
type Data = BTreeMap<String, (String, Option<i64>)>;

impl Machine {
    fn new(seed: u64, now_ms: i64) -> Machine {
        let board = Board::new(Config::default(), None, seed, now_ms);
        let wants = Wants { effects: true, ..Wants::default() };
        Machine { stage: Stage::new(board, seed, wants), wheel: Wheel::new(now_ms as u64) }
    }
    /// Runs a command; an error is its text.
    fn perform(&mut self, request: &Request, db: usize, now_ms: i64) -> Option<String> {
        let databases = self.stage.store.databases().len();
        let context = Context { databases, db, string_bytes_max: 1 << 20, now_ms };
        let mut reply = Reply::default();
        self.stage.begin(now_ms);
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
    fn take_deadlines(&mut self) {
        for (deadline_ms, item) in self.stage.store.take_deadlines() {
            self.wheel.insert(deadline_ms, item);
        }
    }
    fn expire_due(&mut self, now_ms: i64) {
        self.stage.begin(now_ms);
        let (mut items, mut due) = (Vec::new(), Vec::new());
        while self.wheel.advance(now_ms as u64, 100, &mut items) {}
        items.into_iter().for_each(|item| self.stage.store.check_item(item, &mut due));
        for due in due {
            self.stage.changes(Caller::default()).expire_due(&due, usize::MAX);
        }
        self.take_deadlines();
    }
    fn replay(&mut self, log: &[u8]) {
        const BEGINNING_MS: i64 = 0;
        let mut buffer = BytesMut::from(log);
        let (mut decoder, mut db) = (Decoder::default(), 0);
        let limits = Limits { bulk_bytes: 1 << 29, authenticated: true };
        while !buffer.is_empty() {
            let Ok(Decoded::Request(request)) = decoder.decode(&mut buffer, limits, false) else {
                panic!("the effects are not whole requests");
            };
            if request.get(0) == Some(b"SELECT") {
                db = String::from_utf8_lossy(request.get(1).unwrap()).parse().unwrap();
            } else if let Some(error) = self.perform(&request, db, BEGINNING_MS) {
                let words: Vec<_> = request.iter().map(String::from_utf8_lossy).collect();
                panic!("{words:?} failed when replayed: {error}");
            }
        }
    }
    /// All there is, by database. Nothing may be left whose time has come, and the counts must agree.
    fn data(&self, now_ms: i64) -> Vec<Data> {
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
fn value_of(entry: EntryRef) -> String {
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

fn random_command(rng: &mut fastrand::Rng, now_ms: i64) -> Vec<Vec<u8>> {
    let mut nodes: Vec<&Node> = Registry::get().all().filter(|node| concerns_keys(node)).collect();
    nodes.sort_by_key(|node| node.full_name);
    // Whole databases go rarely: else there would never be much in them.
    let rare = |node: &&Node| ["flushall", "flushdb"].contains(&node.full_name);
    let node = loop {
        let node = nodes[rng.usize(..nodes.len())];
        if !rare(&node) || rng.u8(..10) == 0 {
            break node;
        }
    };
    let mut words: Vec<Vec<u8>> = node.full_name.split('|').map(|word| word.as_bytes().to_vec()).collect();
    let syntax = tokens(node.spec().syntax);
    write_sequence(&parse_sequence(&mut &syntax[..]), rng, now_ms, &mut words);
    count_fields(&mut words, node.spec().syntax);
    count_keys(&mut words);
    words
}
/// Tells the true count of fields (or of fields with values) where a count is told.
fn count_fields(words: &mut [Vec<u8>], syntax: &str) {
    let width = if syntax.contains("field value") { 2 } else { 1 };
    if let Some(at) = words.iter().position(|word| word == b"FIELDS") {
        words[at + 1] = ((words.len() - at - 2) / width).to_string().into();
    }
}

/// Tells the true count of keys where a count is told.
fn count_keys(words: &mut [Vec<u8>]) {
    if let Some(at) = words.iter().position(|word| word == b"numkeys") {
        let count = words[at + 1..].iter().take_while(|word| word.starts_with(b"key:")).count();
        words[at] = count.to_string().into();
    }
}

/// Whether a command writes, or looks at keys: what it finds expired is deleted, and some keep an answer.
fn concerns_keys(node: &Node) -> bool {
    node.entry.access == Access::Write || (node.entry.parse.is_some() && !node.spec().keys.is_empty())
}

/// A piece of a command's syntax.
enum Part {
    /// A literal in upper case, or the name of an argument.
    Word(String),
    /// One of several sequences; `[…]`, which may be left out; `… ...`, which may come again.
    Group { alternatives: Vec<Vec<Part>>, optional: bool, repeats: bool },
}
fn tokens(syntax: &str) -> Vec<String> {
    let mut spaced = syntax.to_string();
    for mark in ["[", "]", "<", ">", "|"] {
        spaced = spaced.replace(mark, &format!(" {mark} "));
    }
    spaced.split_whitespace().map(str::to_string).collect()
}
/// Parses to the end, or up to the mark that ends an alternative.
fn parse_sequence(rest: &mut &[String]) -> Vec<Part> {
    let mut parts = Vec::new();
    while let Some((token, behind)) = rest.split_first() {
        match token.as_str() {
            "]" | ">" | "|" => break,
            "[" | "<" => {
                *rest = behind;
                parts.push(parse_group(rest, token == "["));
            }
            word => {
                parts.push(Part::Word(word.to_string()));
                *rest = behind;
            }
        }
    }
    parts
}
fn parse_group(rest: &mut &[String], optional: bool) -> Part {
    let mut alternatives = Vec::new();
    loop {
        alternatives.push(parse_sequence(rest));
        let (end, behind) = rest.split_first().expect("a group is closed");
        *rest = behind;
        if end != "|" {
            break;
        }
    }
    let is_dots = |part: &Part| matches!(part, Part::Word(word) if word == "...");
    let repeats = alternatives.iter().any(|parts| parts.last().is_some_and(is_dots));
    alternatives.iter_mut().for_each(|parts| parts.retain(|part| !is_dots(part)));
    Part::Group { alternatives, optional, repeats }
}
fn write_sequence(parts: &[Part], rng: &mut fastrand::Rng, now_ms: i64, words: &mut Vec<Vec<u8>>) {
    for part in parts {
        match part {
            Part::Word(word) if word.chars().all(|c| !c.is_ascii_lowercase()) => {
                words.push(word.clone().into())
            }
            Part::Word(name) => words.push(argument(name, rng, now_ms)),
            Part::Group { alternatives, optional, repeats } => {
                let mut again = !optional || rng.bool();
                while again {
                    let chosen = &alternatives[rng.usize(..alternatives.len())];
                    write_sequence(chosen, rng, now_ms, words);
                    again = *repeats && rng.bool();
                }
            }
        }
    }
}

/// An argument as its name in the syntax means it.
fn argument(name: &str, rng: &mut fastrand::Rng, now_ms: i64) -> Vec<u8> {
    match name {
        "key" | "key1" | "key2" | "newkey" | "source" | "destination" | "destkey" | "sourcekey" | "dst"
        | "src" => format!("key:{}", rng.usize(..KEYS)).into(),
        "member" | "member1" | "member2" => format!("m{}", rng.usize(..FIELDS)).into(),
        // Of members, not of scores.
        "min" if rng.bool() => "-".into(),
        "max" if rng.bool() => "+".into(),
        "score" | "weight" | "min" | "max" => (rng.i64(-8..8) as f64 / 4.0).to_string().into(),
        "longitude" | "latitude" => rng.i64(-80..80).to_string().into(),
        "radius" | "width" | "height" => rng.i64(1..5000).to_string().into(),
        // Counted when all is written.
        "numkeys" => name.into(),
        // Nobody waits long here.
        "timeout" => "0.001".into(),
        "pivot" => rng.u8(..).to_string().into(),
        "index" | "stop" | "rank" | "limit" | "num-matches" | "len" => rng.i64(-3..20).to_string().into(),
        "value" => random_value(rng),
        "numfields" => "1".into(),
        "cursor" => "0".into(),
        "pattern" => "*".into(),
        "seconds" => rng.i64(-1..10).to_string().into(),
        "milliseconds" => rng.i64(-1000..10_000).to_string().into(),
        "unix-time-seconds" => (now_ms / 1000 + rng.i64(-2..10)).to_string().into(),
        "unix-time-milliseconds" => (now_ms + rng.i64(-2000..10_000)).to_string().into(),
        "increment" | "decrement" => rng.i64(-5..5).to_string().into(),
        "id" | "threshold" | "lastid" | "last-id" | "max-deleted-id" => {
            format!("{}-{}", rng.usize(..20), rng.usize(..3)).into()
        }
        "field" => format!("field:{}", rng.usize(..FIELDS)).into(),
        "group" | "consumer" => format!("{name}:{}", rng.usize(..2)).into(),
        "entries-added" | "entries-read" => rng.usize(..50).to_string().into(),
        "min-idle-time" | "ms" => (1000 * rng.usize(..3)).to_string().into(),
        "element" => rng.u8(..).to_string().into(),
        "encoding" => format!("{}{}", if rng.bool() { 'i' } else { 'u' }, rng.u8(1..64)).into(),
        "subcommand" => "TODENSE".into(),
        "start" | "end" | "count" | "min-match-len" => rng.i64(-10..200).to_string().into(),
        "bit" => rng.u8(0..2).to_string().into(),
        "offset" => rng.usize(..200).to_string().into(),
        "db" | "destination-db" | "index1" | "index2" => rng.usize(..DATABASES).to_string().into(),
        unknown => panic!("no generator for the argument '{unknown}': add one here"),
    }
}
/// In every form that a string is held in.
fn random_value(rng: &mut fastrand::Rng) -> Vec<u8> {
    match rng.u8(..10) {
        // A bit, for those who set bits.
        8 | 9 => rng.u8(0..2).to_string().into(),
        0..4 => rng.i64(-100..100).to_string().into(),
        4 | 5 => vec![rng.u8(..); rng.usize(..60)],
        6 => vec![rng.u8(..); rng.usize(200..300)],
        _ => vec![rng.u8(..); rng.usize(4000..70_000)],
    }
}
