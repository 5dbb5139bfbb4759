//! Scripts and functions. A script calls what other generators would make, so that its conversions meet all kinds of values.

use super::{Generator, exact};
use crate::compare::Compare;
use crate::random::{Argument, Random};

pub const GENERATORS: &[Generator] = &[
    exact("EVAL", script),
    exact("EVAL", script),
    exact("EVAL_RO", script),
    exact("EVALSHA", by_sum),
    exact("EVALSHA_RO", by_sum),
    exact("SCRIPT LOAD", |r| vec![body(r)]),
    exact("SCRIPT EXISTS", |r| vec![sum(r), sum(r)]),
    exact("SCRIPT FLUSH", |r| if r.chance(20) { vec!["sync".into()] } else { vec![] }),
    exact("SCRIPT KILL", |_| vec![]),
    // Redis refuses it while replies are pending, as they are in a transaction.
    Generator { command: "SCRIPT DEBUG", make: |_| vec!["no".into()], compare: Compare::Type },
    exact("FCALL", call),
    exact("FCALL_RO", call),
    exact("FUNCTION LOAD", library),
    exact("FUNCTION DELETE", |r| vec![name(r)]),
    exact("FUNCTION FLUSH", |_| vec![]),
    exact("FUNCTION KILL", |_| vec![]),
    exact("FUNCTION STATS", |_| vec![]),
    // One library's functions have no order, and several libraries neither.
    Generator { command: "FUNCTION LIST", make: |_| vec![], compare: Compare::Type },
    // Compressed, or of another version.
    Generator { command: "FUNCTION DUMP", make: |_| vec![], compare: Compare::Type },
    exact("FUNCTION RESTORE", |r| vec![r.value()]),
];

const BODIES: &[&str] = &[
    "return redis.call('GET', KEYS[1])",
    "return redis.pcall('INCR', KEYS[1])",
    "return redis.call('SET', KEYS[1], ARGV[1] or 'x')",
    "redis.setresp(3) return redis.call('TYPE', KEYS[1])",
    "return {KEYS, ARGV, #KEYS, #ARGV}",
    "local t = redis.pcall('LRANGE', KEYS[1], 0, -1) return t",
    "redis.call('RPUSH', KEYS[1], unpack(ARGV)) return redis.call('LLEN', KEYS[1])",
    "return {tonumber(ARGV[1]), tostring(tonumber(ARGV[1]))}",
    "local ok, e = pcall(redis.call, 'HSET', KEYS[1], 'f', 1) return {ok, e}",
    "return redis.call('DEL', unpack(KEYS))",
    "error(ARGV[1])",
    "return {ok = ARGV[1]}",
    "return {err = ARGV[1]}",
    "return redis.error_reply(ARGV[1])",
    "return redis.sha1hex(ARGV[1])",
    "return redis.call('NOSUCH')",
    "return #redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')",
    "return cjson.encode(redis.call('SORT', KEYS[1], 'ALPHA'))",
];

fn body(random: &mut Random) -> Argument {
    (*random.pick(BODIES)).into()
}

/// A count of keys, so many keys, and arguments.
fn keys_and_arguments(random: &mut Random) -> Vec<Argument> {
    let keys = 1 + random.below(2);
    let mut words: Vec<Argument> = vec![match random.below(30) {
        0 => random.integer(),
        _ => keys.to_string().into(),
    }];
    words.extend((0..keys).map(|_| random.key()));
    words.extend((0..random.below(3)).map(|_| random.value()));
    words
}

fn script(random: &mut Random) -> Vec<Argument> {
    [vec![body(random)], keys_and_arguments(random)].concat()
}

/// The sum of the first of the scripts, of none, or no sum.
fn sum(random: &mut Random) -> Argument {
    match random.below(4) {
        0 => random.value(),
        1 => "0".repeat(40).into(),
        _ => "d3c21d0c2b9ca22f82737626a27bcaf5d288f99f".into(),
    }
}

fn by_sum(random: &mut Random) -> Vec<Argument> {
    [vec![sum(random)], keys_and_arguments(random)].concat()
}

fn name(random: &mut Random) -> Argument {
    format!("lib{}", random.below(3)).into()
}

fn library(random: &mut Random) -> Vec<Argument> {
    let mut words: Vec<Argument> = if random.chance(40) { vec!["REPLACE".into()] } else { vec![] };
    let (library, function) = (random.below(3), random.below(3));
    let body = random.pick(BODIES);
    words.push(
        format!(
            "#!lua name=lib{library}\nredis.register_function('f{function}', function(KEYS, ARGV) {body} end)"
        )
        .into(),
    );
    words
}

fn call(random: &mut Random) -> Vec<Argument> {
    let function: Argument = format!("f{}", random.below(3)).into();
    [vec![function], keys_and_arguments(random)].concat()
}
