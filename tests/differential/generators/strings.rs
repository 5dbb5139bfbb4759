//! Strings.

use super::{Generator, exact};
use crate::random::{Argument, Random};

pub const GENERATORS: &[Generator] = &[
    exact("SET", set),
    exact("SET", |r| vec![r.key(), r.value()]),
    exact("GET", |r| vec![r.key()]),
    exact("GETSET", |r| vec![r.key(), r.value()]),
    exact("GETDEL", |r| vec![r.key()]),
    exact("GETEX", getex),
    exact("SETNX", |r| vec![r.key(), r.value()]),
    exact("SETEX", |r| vec![r.key(), r.span(1000), r.value()]),
    exact("PSETEX", |r| vec![r.key(), r.span(1), r.value()]),
    exact("MGET", |r| r.keys(4)),
    exact("MSET", pairs),
    exact("MSETNX", pairs),
    exact("APPEND", |r| vec![r.key(), r.value()]),
    exact("STRLEN", |r| vec![r.key()]),
    exact("SUBSTR", |r| vec![r.key(), r.integer(), r.integer()]),
    exact("GETRANGE", |r| vec![r.key(), r.integer(), r.integer()]),
    exact("SETRANGE", |r| vec![r.key(), r.offset(), r.value()]),
    exact("INCR", |r| vec![r.key()]),
    exact("DECR", |r| vec![r.key()]),
    exact("INCRBY", |r| vec![r.key(), r.integer()]),
    exact("DECRBY", |r| vec![r.key(), r.integer()]),
    exact("INCRBYFLOAT", |r| vec![r.key(), r.float()]),
    exact("LCS", lcs),
];

fn set(random: &mut Random) -> Vec<Argument> {
    let mut arguments = vec![random.key(), random.value()];
    arguments.extend(random.options(&[&["NX"], &["XX"], &["GET"], &["KEEPTTL"], &["FOO"]]));
    if random.chance(40) {
        let at = 2 + random.below(arguments.len() - 1);
        let deadline = deadline(random);
        arguments.splice(at..at, deadline);
    }
    arguments
}

fn deadline(random: &mut Random) -> Vec<Argument> {
    let option = *random.pick(&["EX", "PX", "EXAT", "PXAT"]);
    let time = match option {
        "EX" => random.span(1000),
        "PX" => random.span(1),
        "EXAT" => random.instant(1000),
        _ => random.instant(1),
    };
    vec![random.any_case(option), time]
}

fn getex(random: &mut Random) -> Vec<Argument> {
    let mut arguments = vec![random.key()];
    if random.chance(60) {
        arguments.extend(deadline(random));
    }
    if random.chance(30) {
        arguments.extend(random.options(&[&["PERSIST"], &["KEEPTTL"], &["NX"]]));
    }
    arguments
}

fn pairs(random: &mut Random) -> Vec<Argument> {
    let count = 1 + random.below(4);
    (0..count).flat_map(|_| [random.key(), random.value()]).collect()
}

fn lcs(random: &mut Random) -> Vec<Argument> {
    let mut arguments = vec![random.key(), random.key()];
    arguments.extend(random.options(&[
        &["LEN"],
        &["IDX"],
        &["IDX", "MINMATCHLEN", "2"],
        &["MINMATCHLEN", "-1"],
        &["MINMATCHLEN", "a"],
        &["WITHMATCHLEN"],
        &["FOO"],
    ]));
    arguments
}
