//! Hashes. Fields are few, so that they are found again; at times many come at once, or a long one, so that hashes
//! outgrow a listpack. What has no order is compared without one.

use super::{Generator, exact};
use crate::compare::Compare;
use crate::random::{Argument, Random};

pub const GENERATORS: &[Generator] = &[
    exact("HSET", fields_and_values),
    exact("HSET", fields_and_values),
    exact("HSET", fields_and_values),
    exact("HMSET", fields_and_values),
    exact("HSETNX", |r| vec![r.key(), field(r), r.value()]),
    exact("HDEL", fields),
    exact("HGET", |r| vec![r.key(), field(r)]),
    exact("HMGET", fields),
    exact("HEXISTS", |r| vec![r.key(), field(r)]),
    exact("HSTRLEN", |r| vec![r.key(), field(r)]),
    exact("HLEN", |r| vec![r.key()]),
    unordered("HGETALL", |r| vec![r.key()]),
    unordered("HKEYS", |r| vec![r.key()]),
    unordered("HVALS", |r| vec![r.key()]),
    exact("HINCRBY", |r| vec![r.key(), field(r), r.integer()]),
    exact("HINCRBYFLOAT", |r| vec![r.key(), field(r), r.float()]),
    unordered("HRANDFIELD", all_at_random),
    Generator { command: "HRANDFIELD", make: some_at_random, compare: Compare::Type },
    Generator { command: "HSCAN", make: scan, compare: Compare::Iteration },
];

const fn unordered(command: &'static str, make: fn(&mut Random) -> Vec<Argument>) -> Generator {
    Generator { command, make, compare: Compare::Unordered }
}

fn field(random: &mut Random) -> Argument {
    match random.below(20) {
        0..=2 => random.value(),
        _ => format!("f{}", random.below(8)).into_bytes(),
    }
}

fn fields(random: &mut Random) -> Vec<Argument> {
    let count = 1 + random.below(5);
    let mut arguments = vec![random.key()];
    arguments.extend((0..count).map(|_| field(random)));
    arguments
}

fn fields_and_values(random: &mut Random) -> Vec<Argument> {
    let mut arguments = vec![random.key()];
    match random.below(20) {
        0 => {
            let count = *random.pick(&[127, 128, 129, 200]);
            arguments.extend((0..2 * count).map(|n| (n / 2).to_string().into_bytes()));
        }
        _ => {
            let count = 1 + random.below(4);
            arguments.extend((0..count).flat_map(|_| [field(random), random.value()]));
        }
    }
    arguments
}

/// As many as there are, or none, or more than can be. (The last word may get lost: without the count it would be one
/// at random.)
fn all_at_random(random: &mut Random) -> Vec<Argument> {
    const COUNTS: &[&str] =
        &["0", "1000", "2000", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "a", ""];
    let mut arguments = vec![random.key(), random.pick(COUNTS).as_bytes().to_vec()];
    let option = *random.pick(&["WITHVALUES", "WITHVALUES", "WITHVALUES", "FOO"]);
    arguments.push(random.any_case(option));
    arguments
}

fn some_at_random(random: &mut Random) -> Vec<Argument> {
    let mut arguments = vec![random.key()];
    if random.chance(70) {
        arguments.push((random.below(21) as i64 - 10).to_string().into_bytes());
        arguments.extend(random.options(&[&["WITHVALUES"]]));
    }
    arguments
}

fn scan(random: &mut Random) -> Vec<Argument> {
    let cursor = *random.pick(&["0", "0", "0", "0", "0", "0", "a", "-1", ""]);
    let mut arguments = vec![random.key(), cursor.as_bytes().to_vec()];
    arguments.extend(random.options(&[
        &["COUNT", "1"],
        &["COUNT", "1000"],
        &["COUNT", "0"],
        &["COUNT", "a"],
        &["MATCH", "f*"],
        &["MATCH", "*1*"],
        &["TYPE", "hash"],
        &["FOO"],
    ]));
    arguments
}
