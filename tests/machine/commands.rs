//! Random commands, made of the syntax in their specs.
use crate::DATABASES;
use callboard::commands::{
    Access,
    registry::{Node, Registry},
    spec::PUBSUB,
};

/// Few of each, so that commands meet.
const KEYS: usize = 12;
const FIELDS: usize = 6;

pub fn random_command(rng: &mut fastrand::Rng, now_ms: i64) -> Vec<Vec<u8>> {
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
    // MIGRATE needs another server, and waits for it outside of the machine; shard channels are no data.
    let is_alone = node.full_name != "migrate" && node.spec().flags & PUBSUB == 0;
    let has_keys = node.entry.parse.is_some() && !node.spec().keys.is_empty();
    is_alone && (node.entry.access == Access::Write || has_keys)
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
        "ttl" => rng.i64(-1..10_000).to_string().into(),
        "serialized-value" => DUMPS[rng.usize(..DUMPS.len())].to_vec(),
        "frequency" => rng.u8(..).to_string().into(),
        "bit" => rng.u8(0..2).to_string().into(),
        "offset" => rng.usize(..200).to_string().into(),
        "script" => SCRIPTS[rng.usize(..SCRIPTS.len())].into(),
        "function-code" => LIBRARY.into(),
        "function" => "mixed".into(),
        "library-name" => "lib".into(),
        // Of no script.
        "sha1" => "f".repeat(40).into(),
        "arg" => random_value(rng),
        "db" | "destination-db" | "index1" | "index2" => rng.usize(..DATABASES).to_string().into(),
        unknown => panic!("no generator for the argument '{unknown}': add one here"),
    }
}
/// What DUMP gave for a value of each kind, and something that it did not.
const DUMPS: [&[u8]; 5] = [
    b"\x00\x04text\x0a\x00\x7c\xf3\x26\x6d\xca\xb5\xa5\x31",
    b"\x12\x01\x02\x0c\x0c\x00\x00\x00\x02\x00\x81\x61\x02\x01\x01\xff\x0a\x00\x94\x96\x2b\x23\xac\x17\xaa\x85",
    b"\x11\x14\x14\x00\x00\x00\x04\x00\x81\x61\x02\x01\x01\x81\x62\x02\x83\x32\x2e\x35\x04\xff\x0a\x00\xd4\x4c\x6e\xa4\xf6\x44\xd9\xd7",
    b"\x10\x12\x12\x00\x00\x00\x04\x00\x81\x66\x02\x81\x76\x02\x81\x67\x02\x0c\x01\xff\x0a\x00\xde\x13\x39\x93\xf7\x83\x81\x7e",
    b"no dump",
];
/// Scripts that write by random, by error, and not at all.
const SCRIPTS: [&str; 4] = [
    "for i, key in ipairs(KEYS) do redis.pcall('SPOP', key) redis.pcall('SET', key, i, 'PX', 300 * i) end return #ARGV",
    "local n = redis.pcall('INCRBYFLOAT', 'key:1', 0.5) redis.call('RPUSH', 'key:2', tostring(n)) return redis.call('GET', 'key:3')",
    "redis.call('SELECT', 1) redis.call('SET', 'key:4', ARGV[1] or 'none') redis.call('SELECT', 0) error('half-way')",
    "#!lua flags=no-writes\nreturn redis.call('EXISTS', 'key:1')",
];
const LIBRARY: &str = "#!lua name=lib\nredis.register_function('mixed', function(keys, args) redis.pcall('HSET', keys[1] or 'key:5', 'field:1', 'v') \
                       return redis.pcall('LPOP', 'key:2') end)";
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
