//! Streams. IDs are explicit, as each server's own would be other times.

use super::{Generator, exact};
use crate::compare::Compare;
use crate::random::{Argument, Random};

pub const GENERATORS: &[Generator] = &[
    exact("XADD", xadd),
    exact("XADD", xadd),
    exact("XADD", xadd),
    exact("XLEN", |r| vec![r.key()]),
    exact("XRANGE", |r| {
        let mut arguments = vec![r.key(), bound(r), bound(r)];
        arguments.extend(count(r));
        arguments
    }),
    exact("XREVRANGE", |r| {
        let mut arguments = vec![r.key(), bound(r), bound(r)];
        arguments.extend(count(r));
        arguments
    }),
    exact("XDEL", |r| with_ids(r, |r| vec![r.key()])),
    exact("XTRIM", |r| {
        let mut arguments = vec![r.key()];
        arguments.extend(trim(r));
        arguments
    }),
    exact("XSETID", |r| {
        let mut arguments = vec![r.key(), high_id(r)];
        if r.chance(40) {
            arguments.extend([r.any_case("ENTRIESADDED"), r.integer()]);
        }
        if r.chance(40) {
            arguments.extend([r.any_case("MAXDELETEDID"), id(r)]);
        }
        arguments
    }),
    exact("XREAD", |r| {
        let mut arguments = count(r);
        if r.chance(10) {
            arguments.extend([r.any_case("BLOCK"), r.pick(&["1", "-1", "a", "2"]).as_bytes().to_vec()]);
        }
        arguments.extend(streams(r, &["$", "+", ">", "0"]));
        arguments
    }),
    exact("XREADGROUP", |r| {
        let mut arguments = vec![r.any_case("GROUP"), group(r), consumer(r)];
        arguments.extend(count(r));
        if r.chance(20) {
            arguments.push(r.any_case("NOACK"));
        }
        arguments.extend(streams(r, &[">", ">", ">", ">", "0", "$"]));
        arguments
    }),
    exact("XGROUP CREATE", |r| {
        let mut arguments = vec![r.key(), group(r), position(r)];
        if r.chance(50) {
            arguments.push(r.any_case("MKSTREAM"));
        }
        arguments.extend(entries_read(r));
        arguments
    }),
    exact("XGROUP SETID", |r| {
        let mut arguments = vec![r.key(), group(r), position(r)];
        arguments.extend(entries_read(r));
        arguments
    }),
    exact("XGROUP DESTROY", |r| vec![r.key(), group(r)]),
    exact("XGROUP CREATECONSUMER", |r| vec![r.key(), group(r), consumer(r)]),
    exact("XGROUP DELCONSUMER", |r| vec![r.key(), group(r), consumer(r)]),
    exact("XACK", |r| with_ids(r, |r| vec![r.key(), group(r)])),
    Generator { command: "XPENDING", make: xpending, compare: Compare::Pending },
    exact("XCLAIM", |r| {
        let mut arguments = with_ids(r, |r| vec![r.key(), group(r), consumer(r), idle(r)]);
        arguments.extend(claim_options(r));
        arguments
    }),
    exact("XAUTOCLAIM", |r| {
        let mut arguments = vec![r.key(), group(r), consumer(r), idle(r), bound(r)];
        arguments.extend(count(r));
        if r.chance(30) {
            arguments.push(r.any_case("JUSTID"));
        }
        arguments
    }),
    exact("XINFO GROUPS", |r| vec![r.key()]),
];

/// Low ones, so that ranges meet entries; at times the ends, or none.
fn id(random: &mut Random) -> Argument {
    const EDGES: &[&str] = &[
        "0-0",
        "0-1",
        "0",
        "18446744073709551615-18446744073709551615",
        "18446744073709551615-18446744073709551614",
        "18446744073709551615",
        "18446744073709551616-1",
        "5-18446744073709551615",
        "-",
        "+",
        "$",
        "(5-1",
        "",
        "5-",
        "-5",
        "5-*",
        "05-01",
        "1-2-3",
        "a-1",
    ];
    match random.below(40) {
        0 => random.pick(EDGES).as_bytes().to_vec(),
        1..=4 => random.below(12).to_string().into_bytes(),
        _ => format!("{}-{}", random.below(12), random.below(4)).into_bytes(),
    }
}
/// Mostly above those that are there.
fn high_id(random: &mut Random) -> Argument {
    if random.chance(30) {
        return id(random);
    }
    format!("{}-{}", 8 + random.below(8), random.below(4)).into_bytes()
}
fn bound(random: &mut Random) -> Argument {
    match random.below(10) {
        0..=2 => b"-".to_vec(),
        3..=5 => b"+".to_vec(),
        6 => [b"(", &id(random)[..]].concat(),
        _ => id(random),
    }
}
fn with_ids(random: &mut Random, before: fn(&mut Random) -> Vec<Argument>) -> Vec<Argument> {
    let mut arguments = before(random);
    let count = 1 + random.below(4);
    arguments.extend((0..count).map(|_| id(random)));
    arguments
}
fn group(random: &mut Random) -> Argument {
    format!("g{}", random.below(2)).into_bytes()
}
fn consumer(random: &mut Random) -> Argument {
    format!("c{}", random.below(3)).into_bytes()
}
/// Nothing was delivered long ago, but for what is said to have been.
fn idle(random: &mut Random) -> Argument {
    random.pick(&["0", "0", "0", "0", "900000000", "-1", "a"]).as_bytes().to_vec()
}
fn count(random: &mut Random) -> Vec<Argument> {
    if random.chance(60) {
        return Vec::new();
    }
    vec![random.any_case("COUNT"), random.pick(&["1", "2", "3", "10", "0", "-1", "x"]).as_bytes().to_vec()]
}
fn trim(random: &mut Random) -> Vec<Argument> {
    let by_id = random.chance(40);
    let mut arguments = vec![random.any_case(if by_id { "MINID" } else { "MAXLEN" })];
    arguments.extend(random.pick(&[None, None, Some(b"="), Some(b"~")]).map(|sign| sign.to_vec()));
    arguments.push(if by_id {
        id(random)
    } else {
        random.pick(&["0", "1", "2", "3", "5", "-1"]).as_bytes().to_vec()
    });
    if random.chance(15) {
        arguments
            .extend([random.any_case("LIMIT"), random.pick(&["0", "1", "100", "-1"]).as_bytes().to_vec()]);
    }
    arguments
}
fn xadd(random: &mut Random) -> Vec<Argument> {
    let mut arguments = vec![random.key()];
    if random.chance(10) {
        arguments.push(random.any_case("NOMKSTREAM"));
    }
    if random.chance(15) {
        arguments.extend(trim(random));
    }
    arguments.push(match random.below(10) {
        0 => format!("{}-*", random.below(12)).into_bytes(),
        _ => id(random),
    });
    let pairs = *random.pick(&[1, 1, 1, 2, 3]);
    for _ in 0..pairs {
        arguments.extend([random.pick(&["f", "g", "12"]).as_bytes().to_vec(), random.value()]);
    }
    arguments
}
fn streams(random: &mut Random, special: &[&str]) -> Vec<Argument> {
    let count = *random.pick(&[1, 1, 1, 2, 3]);
    let mut arguments = vec![random.any_case("STREAMS")];
    arguments.extend((0..count).map(|_| random.key()));
    for _ in 0..count {
        let wanted = if random.chance(50) { random.pick(special).as_bytes().to_vec() } else { id(random) };
        arguments.push(wanted);
    }
    arguments
}
fn position(random: &mut Random) -> Argument {
    match random.below(4) {
        0 => b"$".to_vec(),
        1 => b"0".to_vec(),
        _ => id(random),
    }
}
fn entries_read(random: &mut Random) -> Vec<Argument> {
    if random.chance(80) {
        return Vec::new();
    }
    vec![random.any_case("ENTRIESREAD"), random.pick(&["0", "1", "3", "-1", "-2", "x"]).as_bytes().to_vec()]
}
fn claim_options(random: &mut Random) -> Vec<Argument> {
    let mut arguments = Vec::new();
    for (word, values) in [
        ("FORCE", &[][..]),
        ("JUSTID", &[]),
        ("IDLE", &["0", "1000000000", "-5", "9223372036854775807", "x"]),
        ("TIME", &["0", "1", "-5", "1600000000000", "9223372036854775807", "x"]),
        ("RETRYCOUNT", &["0", "5", "-1", "9223372036854775807", "x"]),
        ("LASTID", &["0", "3-0", "9-1", "x"]),
    ] {
        if random.chance(25) {
            arguments.push(random.any_case(word));
            if !values.is_empty() {
                arguments.push(random.pick(values).as_bytes().to_vec());
            }
        }
    }
    arguments
}
fn xpending(random: &mut Random) -> Vec<Argument> {
    let mut arguments = vec![random.key(), group(random)];
    if random.chance(30) {
        return arguments;
    }
    if random.chance(20) {
        arguments.extend([random.any_case("IDLE"), idle(random)]);
    }
    arguments.extend([
        bound(random),
        bound(random),
        random.pick(&["10", "1", "0", "-1", "x"]).as_bytes().to_vec(),
    ]);
    if random.chance(40) {
        arguments.push(consumer(random));
    }
    arguments
}
