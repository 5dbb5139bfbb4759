//! Random load on a master; each replica, at whatever remove, ends with the same data.
use crate::{
    load::{Extras, generators, lines, some},
    node::{
        Make::{self, Ours, Redis},
        Node, until,
    },
    number,
    random::{Argument, Random, line},
    shrink::shrink,
    state::{converge, difference},
    support::{Certificates, Client, Protocol, Value, client::encode},
};
use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Instant,
};

/// The same in every run, so that what a run finds was made by what has changed.
const SEED: u64 = 40_519_273_001;
const SEQUENCES: u64 = 40;
const STEPS_MAX: usize = 120;

#[test]
fn redis_follows_ours() {
    run(&[Ours, Redis]);
}
#[test]
fn ours_follows_redis() {
    run(&[Redis, Ours]);
}
#[test]
fn ours_follows_ours() {
    run(&[Ours, Ours]);
}
#[test]
fn ours_behind_redis_behind_ours() {
    run(&[Ours, Redis, Ours]);
}
#[test]
fn redis_behind_ours_behind_redis() {
    run(&[Redis, Ours, Redis]);
}
#[test]
fn ours_behind_ours_behind_ours() {
    run(&[Ours, Ours, Ours]);
}

fn run(makes: &[Make]) {
    play(makes, None, SEQUENCES);
}
/// Plays so many sequences, over TLS if there are certificates, and then with many clients.
pub fn play(makes: &[Make], certificates: Option<&Arc<Certificates>>, sequences: u64) {
    let seed = number("REPLICATION_SEED", SEED);
    let mut chain = Chain::start(makes, certificates);
    for seed in seed..seed + number("REPLICATION_SEQUENCES", sequences) {
        // Past the harness' capture: a run that was killed can be repeated, too.
        let _ = writeln!(std::io::stderr(), "{makes:?} REPLICATION_SEED={seed} REPLICATION_SEQUENCES=1");
        chain.check_sequence(seed);
    }
    chain.check_many_clients(seed);
}

/// Each follows the one before.
struct Chain {
    nodes: Vec<Node>,
    clients: Vec<Client>,
}

/// When the first replica begins anew, with all data.
#[derive(Clone, Copy, PartialEq)]
enum Anew {
    Never,
    InTheMiddle,
}

impl Chain {
    fn start(makes: &[Make], certificates: Option<&Arc<Certificates>>) -> Chain {
        // Streams of few entries have several nodes.
        let start = |make: &Make| Node::start_with(*make, &["--stream-node-max-entries", "3"], certificates);
        let nodes: Vec<Node> = makes.iter().map(start).collect();
        for pair in nodes.windows(2) {
            pair[1].follow(pair[0].link_port());
        }
        let clients = nodes.iter().map(Node::connect).collect();
        Chain { nodes, clients }
    }

    fn extras(&self, short_lived: bool) -> Extras {
        let newer = self.nodes.iter().all(|node| node.make == Ours);
        Extras { short_lived, newer, untold_by_redis: self.nodes[0].make == Ours }
    }

    fn check_sequence(&mut self, seed: u64) {
        let (mut random, generators) = (Random::new(seed), generators());
        let count = 1 + random.below(STEPS_MAX);
        let extras = self.extras(false);
        let mut commands = Vec::new();
        while commands.len() < count {
            commands.extend(some(&mut random, &generators, extras));
        }
        let anew = if seed.is_multiple_of(10) { Anew::InTheMiddle } else { Anew::Never };
        let Some(first) = self.play(&commands, anew) else { return };
        // The whole cause may be gone without a full synchronization.
        let anew = if self.play(&commands, Anew::Never).is_some() { Anew::Never } else { anew };
        let fewest = shrink(&commands, |commands| self.play(commands, anew).is_some());
        let difference = self
            .play(&fewest, anew)
            .unwrap_or_else(|| format!("seen once, but not again, so it depends on time:\n{first}"));
        panic!("REPLICATION_SEED={seed} REPLICATION_SEQUENCES=1\n\n{}\n\n{difference}", lines(&fewest));
    }

    /// Plays the commands on fresh data, and tells of a difference.
    fn play(&mut self, commands: &[Vec<Argument>], anew: Anew) -> Option<String> {
        let master = &mut self.clients[0];
        for fresh in [&["RESET"][..], &["FLUSHALL"], &["FUNCTION", "FLUSH"], &["SCRIPT", "FLUSH"]] {
            assert!(!master.call(fresh).is_error(), "{fresh:?}");
        }
        let (before, after) = commands.split_at(commands.len() / 2);
        send_all(master, before);
        if anew == Anew::InTheMiddle {
            self.nodes[1].done(&["REPLICAOF", "NO", "ONE"]);
            self.nodes[1].done(&["REPLICAOF", "127.0.0.1", &self.nodes[0].link_port().to_string()]);
        }
        send_all(master, after);
        // What is left of a sequence may end within a transaction.
        master.call(&["DISCARD"]);
        converge(&mut self.clients);
        difference(&mut self.clients)
    }
}

/// All at once, as a pipeline.
fn send_all(client: &mut Client, commands: &[Vec<Argument>]) {
    let request: Vec<u8> = commands.iter().flat_map(|arguments| encode(arguments)).collect();
    client.send_raw(&request).expect("the server takes our commands");
    commands.iter().for_each(|_| drop(client.receive()));
}

const WRITERS: u64 = 4;
const STEPS_OF_A_WRITER: usize = 1500;

/// What a writer did, and when.
type Journal = Vec<(Instant, Vec<Argument>)>;

impl Chain {
    /// Many at once: writers, clients that wait, a publisher, and onlookers at the replicas who try everything.
    fn check_many_clients(&mut self, seed: u64) {
        self.clients[0].call(&["FLUSHALL"]);
        let (nodes, extras, ended) = (&self.nodes, self.extras(true), AtomicBool::new(false));
        let ended = &ended;
        let subscriber = subscribe(nodes.last().expect("a replica"));
        let journal: Journal = thread::scope(|scope| {
            for wait in WAITS {
                let client = nodes[0].connect();
                scope.spawn(move || wait_again_and_again(client, wait, ended));
            }
            for (index, node) in nodes.iter().enumerate().skip(1) {
                let client = node.connect();
                scope.spawn(move || try_everything(client, seed + index as u64, ended));
            }
            let writers: Vec<_> = (0..WRITERS)
                .map(|index| {
                    let client = nodes[0].connect();
                    scope.spawn(move || write(client, Random::new(seed + 100 + index), extras))
                })
                .collect();
            let publisher = scope.spawn(|| publish(nodes[0].connect()));
            let written = writers.into_iter().flat_map(|writer| writer.join().expect("a writer")).collect();
            publisher.join().expect("the publisher");
            ended.store(true, Ordering::Relaxed);
            written
        });
        await_messages(subscriber);
        let master = &mut self.clients[0];
        until("what was to expire soon has expired", || !has_short_lived(master));
        converge(&mut self.clients);
        if let Some(difference) = difference(&mut self.clients) {
            panic!(
                "many clients, REPLICATION_SEED={seed}\n{difference}\n\n{}",
                last_of(journal, &difference)
            );
        }
    }
}

fn write(mut client: Client, mut random: Random, extras: Extras) -> Journal {
    let (mut journal, generators) = (Journal::new(), generators());
    while journal.len() < STEPS_OF_A_WRITER {
        let commands = some(&mut random, &generators, extras);
        send_all(&mut client, &commands);
        journal.extend(commands.into_iter().map(|arguments| (Instant::now(), arguments)));
    }
    journal
}

/// The writers use the same keys.
const WAITS: &[&[&str]] = &[
    &["BLPOP", "k0", "k1", "k2", "0.05"],
    &["BLMOVE", "k3", "k4", "LEFT", "RIGHT", "0.05"],
    &["BZPOPMIN", "k0", "k3", "k5", "0.05"],
    &["XREADGROUP", "GROUP", "g0", "waiting", "BLOCK", "50", "STREAMS", "k2", ">"],
    &["XREADGROUP", "GROUP", "g1", "waiting", "BLOCK", "50", "NOACK", "STREAMS", "k4", ">"],
];

fn wait_again_and_again(mut client: Client, wait: &[&str], ended: &AtomicBool) {
    while !ended.load(Ordering::Relaxed) {
        if client.call(wait).is_error() {
            // Another type, or no group: not at once again.
            client.call(&["BLPOP", "nobody writes this", "0.01"]);
        }
    }
}

/// Whatever a client asks of a replica, its data stay those of the master.
fn try_everything(mut client: Client, seed: u64, ended: &AtomicBool) {
    let mut random = Random::new(seed);
    let mut generators = generators();
    // Redis lets it write the cached count into the value, also at a replica.
    generators.retain(|generator| generator.command != "PFCOUNT");
    while !ended.load(Ordering::Relaxed) {
        let commands =
            some(&mut random, &generators, Extras { short_lived: true, newer: false, untold_by_redis: true });
        // A script that replicas let run would count, too.
        send_all(&mut client, &commands);
    }
}

const MESSAGES: usize = 300;

fn subscribe(node: &Node) -> Client {
    let mut subscriber = node.connect();
    subscriber.hello(Protocol::Resp3);
    assert!(matches!(subscriber.call(&["SUBSCRIBE", "news"]), Value::Push(_)));
    subscriber
}

fn publish(mut client: Client) {
    for number in 0..MESSAGES {
        client.call(&["PUBLISH", "news", &number.to_string()]);
    }
}

/// Each message comes once, in its place.
fn await_messages(mut subscriber: Client) {
    for number in 0..MESSAGES {
        let expected = ["message".to_string(), "news".into(), number.to_string()];
        assert_eq!(subscriber.receive(), Value::Push(expected.map(Value::bulk).to_vec()));
    }
}

/// Whether there are keys or fields that will soon be gone. Who looks at a key that has expired makes it go.
fn has_short_lived(master: &mut Client) -> bool {
    const SOON: &str = "
        local found = 0
        for db = 0, 3 do
            redis.call('SELECT', db)
            local keys = redis.call('KEYS', '*')
            -- What is due and not deleted yet is counted here, and not shown there.
            found = found + redis.call('DBSIZE') - #keys
            for _, key in ipairs(keys) do
                local ttls = {redis.call('PTTL', key)}
                local kind = redis.call('TYPE', key)['ok']
                if ARGV[1] == 'fields' and kind == 'hash' then
                    local fields = redis.call('HKEYS', key)
                    found = found + redis.call('HLEN', key) - #fields
                    for first = 1, #fields, 100 do
                        local part = {unpack(fields, first, math.min(first + 99, #fields))}
                        for _, ttl in ipairs(redis.call('HPTTL', key, 'FIELDS', #part, unpack(part))) do
                            ttls[#ttls + 1] = ttl
                        end
                    end
                end
                for _, ttl in ipairs(ttls) do
                    if ttl >= 0 and ttl < 10000 then found = found + 1 end
                end
            end
        end
        return found";
    for database in 0..4 {
        master.call(&["SELECT", &database.to_string()]);
        master.call(&["SCAN", "0", "COUNT", "1000000"]);
    }
    master.call(&["SELECT", "0"]);
    let knows_fields = !master.call(&["HPTTL", "none", "FIELDS", "1", "f"]).is_error();
    let found = master.call(&["EVAL", SOON, "0", if knows_fields { "fields" } else { "keys" }]);
    found.integer() > 0
}

/// The last commands that may have touched what differs.
fn last_of(mut journal: Journal, difference: &str) -> String {
    const LAST: usize = 40;
    journal.sort_by_key(|(at, _)| *at);
    let names: Vec<&str> = difference
        .lines()
        .filter_map(|line| line.split_once(": ").filter(|(database, _)| database.parse::<u8>().is_ok()))
        .map(|(_, name)| name)
        .collect();
    let everywhere = ["FLUSHALL", "FLUSHDB", "SWAPDB", "SELECT", "MULTI", "EXEC"];
    let touches = |text: &String| {
        text.split(' ').any(|word| names.contains(&word) || everywhere.contains(&&*word.to_uppercase()))
    };
    let touching: Vec<String> =
        journal.iter().map(|(_, arguments)| line(arguments)).filter(touches).collect();
    touching[touching.len().saturating_sub(LAST)..].join("\n")
}
