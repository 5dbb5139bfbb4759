//! Load: what the generators of the differential tests make, and what only replication can judge (times, chance).
use crate::{
    generators::{Generator, all_generators},
    node::{Node, until},
    peers::Step,
    random::{Argument, Random, line},
    support::client::encode,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// Commands that tell of a server or a connection, not of data; or that compute for a second.
const LEFT_OUT: &[&str] =
    &["CLIENT", "COMMAND", "ECHO", "PFSELFTEST", "PING", "RESET", "SCRIPT DEBUG", "SCRIPT KILL", "TIME"];

pub fn generators() -> Vec<&'static Generator> {
    let wanted = |generator: &&Generator| {
        !LEFT_OUT.iter().any(|name| {
            generator.command.strip_prefix(name).is_some_and(|rest| !rest.starts_with(|c| c != ' '))
        })
    };
    all_generators().into_iter().filter(wanted).collect()
}

/// What may be among the commands besides what everybody knows.
#[derive(Clone, Copy)]
pub struct Extras {
    /// Keys that expire while the load runs.
    pub short_lived: bool,
    /// Commands that only ours has.
    pub newer: bool,
    /// What Redis as a master does without telling its replicas.
    pub untold_by_redis: bool,
}

impl Extras {
    /// What goes everywhere.
    pub const COMMON: Extras = Extras { short_lived: false, newer: false, untold_by_redis: false };
}

/// A field that is not set for OVERFLOW FAIL makes the string longer all the same, and no replica hears of it.
fn is_untold_by_redis(arguments: &[Argument]) -> bool {
    arguments[0].eq_ignore_ascii_case(b"BITFIELD")
        && arguments.iter().any(|argument| argument.eq_ignore_ascii_case(b"FAIL"))
}

/// Some commands: one, or a transaction.
pub fn some(random: &mut Random, generators: &[&'static Generator], extras: Extras) -> Vec<Vec<Argument>> {
    let mut commands = match random.below(12) {
        0 => {
            let steps = Step::transaction(random, generators);
            steps.into_iter().map(|step| step.arguments).collect()
        }
        1 | 2 => vec![extra(random, extras)],
        _ => vec![Step::random(random, generators).arguments],
    };
    commands.retain(|arguments| extras.untold_by_redis || !is_untold_by_redis(arguments));
    commands
}

/// A command whose effect is told, as it would be another one elsewhere.
fn extra(random: &mut Random, extras: Extras) -> Vec<Argument> {
    const BY_CHANCE: &str =
        "redis.call('SET', KEYS[1], math.random(100)) return redis.pcall('SPOP', KEYS[2])";
    const BY_TIME: &str = "redis.call('XADD', KEYS[1], '*', 't', redis.call('TIME')[2]) \
                           redis.pcall('PEXPIRE', KEYS[2], 100000) redis.call('SELECT', ARGV[1]) \
                           return redis.call('APPEND', KEYS[2], 'x')";
    let [one, two] = [random.key(), random.key()];
    let words = |words: &[&str]| words.iter().map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>();
    let with = |before: &[&str], key: &Argument, after: &[&str]| {
        [words(before), vec![key.clone()], words(after)].concat()
    };
    let soon = (1 + random.below(400)).to_string();
    let field = format!("f{}", random.below(8));
    let count = random.below(5).to_string();
    match random.below(if extras.newer { 15 } else { 10 }) {
        0 => with(&["SPOP"], &one, &[]),
        1 => with(&["SPOP"], &one, &[&count]),
        2 => with(&["XADD"], &one, &["*", "f", "by the clock"]),
        3 if random.below(2) == 0 => {
            // Redis tells that with `=` and LIMIT.
            with(&["XADD"], &one, &["MAXLEN", "~", "2", "LIMIT", &count, "*", "f", &soon])
        }
        3 => with(&["XADD"], &one, &["MAXLEN", "~", "4", "*", "f", &soon]),
        4 => [words(&["EVAL", BY_CHANCE, "2"]), vec![one, two]].concat(),
        5 => {
            [words(&["EVAL", BY_TIME, "2"]), vec![one, two], words(&[&random.below(4).to_string()])].concat()
        }
        6 => words(&["PUBLISH", "beside", &soon]),
        7 if extras.short_lived => with(&["PEXPIRE"], &one, &[&soon]),
        8 if extras.short_lived => with(&["SET"], &one, &[&soon, "PX", &soon]),
        9 if extras.short_lived => with(&["GETEX"], &one, &["PX", &soon]),
        7..=9 => with(&["GETEX"], &one, &["EX", "1000"]),
        10 | 11 if extras.short_lived => with(&["HPEXPIRE"], &one, &[&soon, "FIELDS", "1", &field]),
        12 if extras.short_lived => with(&["HSETEX"], &one, &["PX", &soon, "FIELDS", "1", &field, "v"]),
        10..=12 => with(&["HEXPIRE"], &one, &["1000", "FIELDS", "1", &field]),
        13 => with(&["HGETDEL"], &one, &["FIELDS", "1", &field]),
        _ => with(&["HGETEX"], &one, &["EX", "2000", "FIELDS", "1", &field]),
    }
}

pub fn lines(commands: &[Vec<Argument>]) -> String {
    commands.iter().map(|arguments| line(arguments)).collect::<Vec<_>>().join("\n")
}

/// A client that writes until it is told to stop.
pub struct Loader {
    ended: Arc<AtomicBool>,
    commands: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}
impl Loader {
    pub fn start(node: &Node, seed: u64, extras: Extras) -> Loader {
        let (ended, commands) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (is_over, count, mut client) = (ended.clone(), commands.clone(), node.connect());
        let (mut random, generators) = (Random::new(seed), generators());
        let thread = thread::spawn(move || {
            while !is_over.load(Relaxed) {
                let some = some(&mut random, &generators, extras);
                let request: Vec<u8> = some.iter().flat_map(|arguments| encode(arguments)).collect();
                // The server may be killed.
                if client.send_raw(&request).is_err() || some.iter().any(|_| client.try_receive().is_err()) {
                    return;
                }
                count.fetch_add(some.len(), Relaxed);
                // Constant, not overwhelming: all servers share few cores with others.
                thread::sleep(Duration::from_micros(200));
            }
            // It may have been since the last time.
            if client.send_raw(&encode(&["DISCARD"])).is_ok() {
                let _ = client.try_receive();
            }
        });
        Loader { ended, commands, thread: Some(thread) }
    }
    pub fn stop(mut self) {
        self.end();
    }
    /// Not before so many commands have been run.
    pub fn stop_after(self, commands: usize) {
        until("the load has run", || self.commands.load(Relaxed) >= commands);
        self.stop();
    }
    fn end(&mut self) {
        self.ended.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("who writes");
        }
    }
}
impl Drop for Loader {
    fn drop(&mut self) {
        self.ended.store(true, Relaxed);
    }
}
