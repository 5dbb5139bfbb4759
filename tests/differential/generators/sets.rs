//! Sets. Members are few, so that they meet again; a command of many takes a set across its thresholds.

use super::{Generator, exact};
use crate::compare::Compare;
use crate::random::{Argument, Random};

pub const GENERATORS: &[Generator] = &[
    exact("SADD", members),
    exact("SADD", members),
    exact("SADD", members),
    exact("SREM", members),
    exact("SMOVE", |r| vec![r.key(), r.key(), member(r)]),
    exact("SISMEMBER", |r| vec![r.key(), member(r)]),
    exact("SMISMEMBER", members),
    exact("SCARD", |r| vec![r.key()]),
    unordered("SMEMBERS", |r| vec![r.key()]),
    Generator { command: "SSCAN", make: scan, compare: Compare::Iteration },
    // Which members it takes is random, so it takes all or none.
    unordered("SPOP", |r| {
        let count =
            *r.pick(&["1000000", "1000000", "0", "-1", "a", "9223372036854775807", "9223372036854775808"]);
        vec![r.key(), count.as_bytes().to_vec()]
    }),
    Generator { command: "SRANDMEMBER", make: |r| vec![r.key()], compare: Compare::Type },
    unordered("SRANDMEMBER", |r| {
        let count = *r.pick(&["1000000", "0", "a", "-9223372036854775808", "9223372036854775808"]);
        vec![r.key(), count.as_bytes().to_vec()]
    }),
    unordered("SINTER", |r| r.keys(4)),
    unordered("SUNION", |r| r.keys(4)),
    unordered("SDIFF", |r| r.keys(6)),
    exact("SINTERCARD", counted),
    exact("SINTERSTORE", |r| [vec![r.key()], r.keys(4)].concat()),
    exact("SUNIONSTORE", |r| [vec![r.key()], r.keys(4)].concat()),
    exact("SDIFFSTORE", |r| [vec![r.key()], r.keys(6)].concat()),
];

const fn unordered(command: &'static str, make: fn(&mut Random) -> Vec<Argument>) -> Generator {
    Generator { command, make, compare: Compare::Unordered }
}

fn member(random: &mut Random) -> Argument {
    match random.below(40) {
        0 => vec![b'x'; *random.pick(&[63, 64, 65, 200])],
        1..=4 => random.value(),
        5..=12 => (0..1 + random.below(2)).map(|_| b'a' + random.below(4) as u8).collect(),
        13..=16 => random.integer(),
        _ => random.below(14).to_string().into_bytes(),
    }
}

fn members(random: &mut Random) -> Vec<Argument> {
    let mut arguments = vec![random.key()];
    match random.below(20) {
        // Nearly as many as a listpack takes, or an intset. One command does not name more: its length alone would
        // make 7.4, and not 7.0, choose a table.
        0 => {
            let first = random.below(200);
            arguments.extend((first..first + 120).map(|number| number.to_string().into_bytes()));
        }
        1 => {
            let first = random.below(20);
            arguments.extend((first..first + 120).map(|number| format!("m{number}").into_bytes()));
        }
        _ => {
            let count = *random.pick(&[1, 1, 2, 3, 10]);
            arguments.extend((0..count).map(|_| member(random)));
        }
    }
    arguments
}

fn scan(random: &mut Random) -> Vec<Argument> {
    let cursor = *random.pick(&["0", "0", "0", "0", "0", "0", "a", "18446744073709551616"]);
    let mut arguments = vec![random.key(), cursor.as_bytes().to_vec()];
    let count = *random.pick(&["1", "10", "1000000", "0", "-1", "a"]);
    let pattern = *random.pick(&["*", "a*", "1?", "m[1-3]*", "", "5"]);
    arguments.extend(random.options(&[&["COUNT", count], &["MATCH", pattern], &["NOVALUES"], &["FOO"]]));
    arguments
}

fn counted(random: &mut Random) -> Vec<Argument> {
    let keys = random.keys(3);
    let count = if random.chance(10) { random.integer() } else { keys.len().to_string().into_bytes() };
    let mut arguments = [vec![count], keys].concat();
    if random.chance(40) {
        arguments.extend([random.any_case("LIMIT"), random.integer()]);
    }
    arguments
}
