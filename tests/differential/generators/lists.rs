//! Lists. Elements are few, so that they are found again; some are long, so that lists outgrow a listpack.

use super::{Generator, exact};
use crate::random::{Argument, Random};

pub const GENERATORS: &[Generator] = &[
    exact("LPUSH", elements),
    exact("RPUSH", elements),
    exact("RPUSH", elements),
    exact("LPUSHX", elements),
    exact("RPUSHX", elements),
    exact("LPOP", pop),
    exact("RPOP", pop),
    exact("LMPOP", first_of),
    exact("LLEN", |r| vec![r.key()]),
    exact("LINDEX", |r| vec![r.key(), r.integer()]),
    exact("LRANGE", |r| vec![r.key(), r.integer(), r.integer()]),
    exact("LPOS", positions),
    exact("LSET", |r| vec![r.key(), r.integer(), element(r)]),
    exact("LINSERT", insert),
    exact("LREM", |r| vec![r.key(), r.integer(), element(r)]),
    exact("LTRIM", |r| vec![r.key(), r.integer(), r.integer()]),
    exact("LMOVE", |r| vec![r.key(), r.key(), end(r), end(r)]),
    exact("RPOPLPUSH", |r| vec![r.key(), r.key()]),
    exact("BLPOP", |r| waiting(r, |r| r.keys(3))),
    exact("BRPOP", |r| waiting(r, |r| r.keys(3))),
    exact("BLMOVE", |r| waiting(r, |r| vec![r.key(), r.key(), end(r), end(r)])),
    exact("BRPOPLPUSH", |r| waiting(r, |r| vec![r.key(), r.key()])),
    exact("BLMPOP", |r| {
        let timeout = timeout(r);
        [vec![timeout], first_of(r)].concat()
    }),
];

fn element(random: &mut Random) -> Argument {
    match random.below(20) {
        0 => vec![b'x'; *random.pick(&[4000, 8180, 8192, 9000])],
        1..=4 => random.value(),
        _ => random.below(12).to_string().into_bytes(),
    }
}

fn elements(random: &mut Random) -> Vec<Argument> {
    let count = *random.pick(&[1, 1, 2, 3, 10, 100]);
    let mut arguments = vec![random.key()];
    arguments.extend((0..count).map(|_| element(random)));
    arguments
}

fn end(random: &mut Random) -> Argument {
    let end = *random.pick(&["LEFT", "LEFT", "LEFT", "RIGHT", "RIGHT", "RIGHT", "UP"]);
    random.any_case(end)
}

fn pop(random: &mut Random) -> Vec<Argument> {
    let mut arguments = vec![random.key()];
    if random.chance(40) {
        arguments.push(random.integer());
    }
    arguments
}

fn first_of(random: &mut Random) -> Vec<Argument> {
    let keys = random.keys(3);
    let count = if random.chance(5) { random.integer() } else { keys.len().to_string().into_bytes() };
    let mut arguments = [vec![count], keys, vec![end(random)]].concat();
    if random.chance(60) {
        arguments.extend([random.any_case("COUNT"), random.integer()]);
    }
    arguments
}

fn positions(random: &mut Random) -> Vec<Argument> {
    let mut arguments = vec![random.key(), element(random)];
    for _ in 0..random.below(3) {
        let option = *random.pick(&["RANK", "COUNT", "MAXLEN", "FOO"]);
        let value =
            if random.chance(20) { random.integer() } else { random.below(4).to_string().into_bytes() };
        arguments.extend([random.any_case(option), value]);
    }
    arguments
}

fn insert(random: &mut Random) -> Vec<Argument> {
    let place = *random.pick(&["BEFORE", "AFTER", "BEFORE", "AFTER", "BESIDE"]);
    vec![random.key(), random.any_case(place), element(random), element(random)]
}

/// So short that a session does not stand still, or none at all.
fn timeout(random: &mut Random) -> Argument {
    random.pick(&["0.001", "0.002", "1e-3", "0.001", "-1", "abc", ""]).as_bytes().to_vec()
}

fn waiting(random: &mut Random, arguments: fn(&mut Random) -> Vec<Argument>) -> Vec<Argument> {
    let arguments = arguments(random);
    [arguments, vec![timeout(random)]].concat()
}
