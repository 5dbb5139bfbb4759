//! The two servers, and one sequence played on both.

use crate::compare::{Compare, Then, equal, is_known, is_made_large, is_new_encoding, known, same};
use crate::events::{self, told};
use crate::generators::Generator;
use crate::random::{Argument, Random, line};
use crate::support::{Client, Listener, Protocol, Server, Value, ours, redis_server};

pub const DATABASES: usize = 4;

/// One command of a sequence.
#[derive(Clone)]
pub struct Step {
    pub arguments: Vec<Argument>,
    compare: Compare,
}

/// Commands that cannot be compared with an argument more or less: MULTI would put what has no one reply into EXEC's, PFSELFTEST computes for a second, random members differ,
/// and 7.0 would reply as many of them as the largest integer says.
const AS_MADE: &[&str] = &["MULTI", "PFSELFTEST", "SPOP", "SRANDMEMBER"];

impl Step {
    pub fn random(random: &mut Random, generators: &[&'static Generator]) -> Step {
        let generator = random.pick(generators);
        let mut arguments: Vec<Argument> =
            generator.command.split(' ').map(|word| random.any_case(word)).collect();
        let words = arguments.len();
        arguments.extend((generator.make)(random));
        // Another argument may be a timeout of an hour.
        let as_made = AS_MADE.contains(&generator.command) || waits(generator.command);
        match random.below(60) {
            0 if arguments.len() > words && !as_made => drop(arguments.pop()),
            1 if !as_made => arguments.push(random.value()),
            _ => {}
        }
        Step { arguments, compare: generator.compare }
    }

    /// A transaction: commands that can be compared where they stand in one reply with others.
    pub fn transaction(random: &mut Random, generators: &[&'static Generator]) -> Vec<Step> {
        let word = |name: &str| Step { arguments: vec![name.into()], compare: Compare::Exact };
        let mut steps = vec![word("MULTI")];
        for _ in 0..random.below(7) {
            let step = Step::random(random, generators);
            if step.compare == Compare::Exact && !is_known(&step.arguments) {
                steps.push(step);
            }
        }
        steps.push(word(if random.chance(90) { "EXEC" } else { "DISCARD" }));
        steps
    }

    pub fn line(&self) -> String {
        line(&self.arguments)
    }
}

/// Whether a command may wait for a time that its arguments say.
fn waits(command: &str) -> bool {
    ["BL", "BR", "BZ"].iter().any(|beginning| command.starts_with(beginning))
}

pub struct Peers {
    /// The servers live as long as their clients.
    _servers: [Server; 3],
    ours: [Client; 2],
    judge: Client,
    /// Who hears what happens on each, in the same order.
    listeners: [Listener; 3],
}

impl Peers {
    pub fn start() -> Peers {
        // Streams of few entries have several nodes.
        const OPTIONS: &[&str] = &["--stream-node-max-entries", "3", "--enable-debug-command", "yes"];
        let ours_with = |threads| Server::start(&ours(), &[OPTIONS, &["--io-threads", threads]].concat());
        let servers = [ours_with("1"), ours_with("2"), Server::start(&redis_server(), OPTIONS)];
        let [one, two, judge] = servers.each_ref().map(Server::connect);
        let listeners = servers.each_ref().map(Listener::new);
        Peers { _servers: servers, ours: [one, two], judge, listeners }
    }

    /// Plays the steps on fresh data; the error tells the first difference.
    pub fn play(&mut self, io_threads: usize, protocol: Protocol, steps: &[Step]) -> Result<(), String> {
        let mut pair = [&mut self.ours[io_threads], &mut self.judge];
        let (ours, judges) = self.listeners.split_at_mut(2);
        let mut listeners = [&mut ours[io_threads], &mut judges[0]];
        for client in &mut pair {
            client.call(&["RESET"]);
            client.hello(protocol);
            client.call(&["FLUSHALL"]);
            client.call(&["FUNCTION", "FLUSH"]);
            client.call(&["SCRIPT", "FLUSH"]);
        }
        // What the last sequence left behind, and its end, are no part of this one.
        let _ = listeners.each_mut().map(|listener| told(listener));
        let mut queues = false;
        for step in steps {
            // Shrinking may take the end of a transaction away: its array would hold what is not compared exactly.
            if queues && (step.compare != Compare::Exact || is_known(&step.arguments)) {
                continue;
            }
            let [ours, theirs] = [0, 1].map(|index| step.compare.ask(pair[index], &step.arguments));
            let told = listeners.each_mut().map(|listener| told(listener));
            queues = match &step.arguments[0].to_ascii_uppercase()[..] {
                b"MULTI" => queues || !theirs.is_error(),
                b"EXEC" | b"DISCARD" => false,
                _ => queues,
            };
            if same(step.compare, &ours, &theirs) {
                match events::difference(&step.arguments, &ours, told) {
                    None => continue,
                    Some(difference) => return Err(format!("{}\n{difference}", step.line())),
                }
            }
            match known(&step.arguments, &ours, &theirs) {
                Some(Then::GoOn) => continue,
                Some(Then::Stop) => return Ok(()),
                None => {}
            }
            let [ours, theirs] = [ours, theirs].map(|value| value.render(protocol));
            return Err(format!("{}\n-- ours\n{ours}\n-- redis-server\n{theirs}", step.line()));
        }
        // What is left of a sequence may end within a transaction.
        pair.iter_mut().for_each(|client| drop(client.call(&["DISCARD"])));
        let [ours, theirs] = pair.each_mut().map(|client| libraries(client));
        if ours != theirs {
            return Err(format!(
                "at the end these libraries\n-- ours\n{ours:?}\n-- redis-server\n{theirs:?}"
            ));
        }
        let [ours, theirs] = pair.each_mut().map(|client| key_space(client));
        // A script may have done it.
        let sorts = |word: &Argument| word.to_ascii_uppercase().windows(4).any(|part| part == b"SORT");
        let sorted = steps.iter().any(|step| step.arguments.iter().any(sorts));
        match ours.iter().zip(&theirs).find(|(ours, theirs)| !ours.same(theirs, sorted)) {
            Some((ours, theirs)) => {
                Err(format!("at the end\n-- ours\n{ours:?}\n-- redis-server\n{theirs:?}"))
            }
            None if ours.len() != theirs.len() => {
                Err(format!("at the end {} and {} keys", ours.len(), theirs.len()))
            }
            None => exchange(&ours, pair),
        }
    }
}

/// Each server restores what the other dumps, and then has what it had before.
fn exchange(keys: &[Key], mut pair: [&mut Client; 2]) -> Result<(), String> {
    const COPY: &[u8] = b"a copy of what the other has";
    for Key { database, name, pttl_ms, kind, .. } in keys {
        let name = name.bytes();
        let dumps = pair.each_mut().map(|client| {
            client.call(&["SELECT", &database.to_string()]);
            client.call(&[&b"DUMP"[..], name])
        });
        // Digests tell whether a key is volatile. One may have expired since.
        let ttl: &[u8] = if *pttl_ms < 0 { b"0" } else { b"100000" };
        for (client, dump) in pair.iter_mut().zip(dumps.iter().rev()) {
            let Value::Bulk(dump) = dump else { continue };
            let restored = client.call(&[&b"RESTORE"[..], COPY, ttl, dump, b"REPLACE"]);
            // Consumers that asked in vain need a version that 7.0 does not know.
            let is_newer = kind == "stream" && dump[dump.len() - 10] > 10;
            if restored != Value::ok() && !is_newer {
                return Err(format!("{restored:?} for the other's DUMP of {name:?}: {dump:?}"));
            }
            let digests = [COPY, name].map(|key| client.call(&[&b"DEBUG"[..], b"DIGEST-VALUE", key]));
            if restored == Value::ok() && digests[0] != digests[1] && *pttl_ms < 0 {
                return Err(format!("{name:?} is another value when it is restored from {dump:?}"));
            }
        }
    }
    Ok(())
}

#[derive(Debug)]
struct Key {
    database: usize,
    name: Value,
    kind: String,
    encoding: Value,
    value: Value,
    pttl_ms: i64,
}

impl Key {
    /// `sorted`: SORT ran, for which Redis makes a large sorted set of a small one, although it only reads.
    fn same(&self, other: &Key, sorted: bool) -> bool {
        (self.database, &self.name, &self.kind) == (other.database, &other.name, &other.kind)
            && equal(&self.value, &other.value)
            && (self.encoding == other.encoding
                || is_new_encoding(&self.encoding, &other.encoding)
                || sorted && is_made_large(&self.encoding, &other.encoding))
            && (self.pttl_ms - other.pttl_ms).abs() <= 2000
            && (self.pttl_ms < 0) == (other.pttl_ms < 0)
    }
}

/// The names of the libraries of functions, in order.
fn libraries(client: &mut Client) -> Vec<Value> {
    let listed = client.call(&["FUNCTION", "LIST"]).items();
    let mut names: Vec<Value> = listed.iter().filter_map(|library| library.field("library_name")).collect();
    names.sort();
    names
}

/// Every key of every database, in order.
fn key_space(client: &mut Client) -> Vec<Key> {
    let mut found = Vec::new();
    for database in 0..DATABASES {
        client.call(&["SELECT", &database.to_string()]);
        let mut names = client.call(&["KEYS", "*"]).items();
        names.sort();
        for name in names {
            let key = name.bytes().to_vec();
            let kind = client.call(&[&b"TYPE"[..], &key]).text();
            let value = read(client, &kind, &key);
            let encoding = client.call(&[&b"OBJECT"[..], b"ENCODING", &key]);
            let pttl_ms = client.call(&[&b"PTTL"[..], &key]).integer();
            found.push(Key { database, name, kind, encoding, value, pttl_ms });
        }
    }
    found
}

/// The whole value of a key; members of types without an order are sorted.
fn read(client: &mut Client, kind: &str, key: &[u8]) -> Value {
    let (command, range): (&str, &[&str]) = match kind {
        "string" => ("GET", &[]),
        "list" => ("LRANGE", &["0", "-1"]),
        "zset" => ("ZRANGE", &["0", "-1", "WITHSCORES"]),
        "stream" => ("XRANGE", &["-", "+"]),
        "set" => ("SMEMBERS", &[]),
        "hash" => ("HGETALL", &[]),
        _ => panic!("a type without a reader here: {kind}"),
    };
    let mut arguments = vec![command.as_bytes(), key];
    arguments.extend(range.iter().map(|word| word.as_bytes()));
    match client.call(&arguments) {
        Value::Set(mut items) => {
            items.sort();
            Value::Set(items)
        }
        Value::Array(mut items) if kind == "set" => {
            items.sort();
            Value::Array(items)
        }
        Value::Map(mut pairs) => {
            pairs.sort();
            Value::Map(pairs)
        }
        Value::Array(items) if kind == "hash" => {
            let mut pairs: Vec<_> = items.chunks(2).map(<[Value]>::to_vec).collect();
            pairs.sort();
            Value::Array(pairs.concat())
        }
        other => other,
    }
}
