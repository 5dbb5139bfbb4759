//! Sorted sets. Scores are multiples of a quarter, which both servers print alike: 7.0 shows 17 digits of all others.
//!
//! What takes members by name only meets keys whose scores are all equal: else Redis' answer depends on chance.

use super::{Generator, exact};
use crate::compare::Compare;
use crate::random::{Argument, Random};

pub const GENERATORS: &[Generator] = &[
    exact("ZADD", zadd),
    exact("ZADD", zadd),
    exact("ZADD", |r| [vec![r.key()], scored_members(r, 6)].concat()),
    exact("ZADD", many_members),
    exact("ZADD", members_of_one_score),
    exact("ZINCRBY", |r| vec![r.key(), score(r), member(r)]),
    exact("ZREM", |r| [vec![r.key()], members(r, 4)].concat()),
    exact("ZCARD", |r| vec![r.key()]),
    exact("ZSCORE", |r| vec![r.key(), member(r)]),
    exact("ZMSCORE", |r| [vec![r.key()], members(r, 4)].concat()),
    exact("ZRANK", |r| vec![r.key(), member(r)]),
    exact("ZREVRANK", |r| vec![r.key(), member(r)]),
    exact("ZCOUNT", |r| vec![r.key(), bound(r), bound(r)]),
    exact("ZLEXCOUNT", |r| vec![lex_key(r), name_bound(r), name_bound(r)]),
    exact("ZRANGE", |r| {
        [vec![r.key(), r.integer(), r.integer()], range_options(r, &["REV", "WITHSCORES"])].concat()
    }),
    exact("ZRANGE", by_score),
    exact("ZRANGE", by_name),
    exact("ZRANGESTORE", |r| [vec![r.key()], by_score(r)].concat()),
    exact("ZRANGESTORE", |r| vec![r.key(), r.key(), r.integer(), r.integer()]),
    exact("ZREVRANGE", |r| {
        [vec![r.key(), r.integer(), r.integer()], range_options(r, &["WITHSCORES"])].concat()
    }),
    exact("ZRANGEBYSCORE", |r| {
        [vec![r.key(), bound(r), bound(r)], range_options(r, &["WITHSCORES", "LIMIT"])].concat()
    }),
    exact("ZREVRANGEBYSCORE", |r| {
        [vec![r.key(), bound(r), bound(r)], range_options(r, &["WITHSCORES", "LIMIT"])].concat()
    }),
    exact("ZRANGEBYLEX", |r| {
        [vec![lex_key(r), name_bound(r), name_bound(r)], range_options(r, &["LIMIT"])].concat()
    }),
    exact("ZREVRANGEBYLEX", |r| {
        [vec![lex_key(r), name_bound(r), name_bound(r)], range_options(r, &["LIMIT"])].concat()
    }),
    exact("ZREMRANGEBYRANK", |r| vec![r.key(), r.integer(), r.integer()]),
    exact("ZREMRANGEBYSCORE", |r| vec![r.key(), bound(r), bound(r)]),
    exact("ZREMRANGEBYLEX", |r| vec![lex_key(r), name_bound(r), name_bound(r)]),
    exact("ZPOPMIN", pop),
    exact("ZPOPMAX", pop),
    exact("ZMPOP", |r| [counted_keys(r), end(r)].concat()),
    exact("BZPOPMIN", wait),
    exact("BZPOPMAX", wait),
    exact("BZMPOP", |r| [vec![timeout(r)], counted_keys(r), end(r)].concat()),
    exact("ZUNION", |r| combination(r, true)),
    exact("ZINTER", |r| combination(r, true)),
    exact("ZDIFF", |r| combination(r, true)),
    exact("ZUNIONSTORE", |r| [vec![r.key()], combination(r, false)].concat()),
    exact("ZINTERSTORE", |r| [vec![r.key()], combination(r, false)].concat()),
    exact("ZDIFFSTORE", |r| [vec![r.key()], combination(r, false)].concat()),
    exact("ZINTERCARD", |r| {
        [
            counted_keys(r),
            r.options(&[&["LIMIT", "2"], &["LIMIT", "0"], &["LIMIT", "-1"], &["LIMIT"], &["FOO"]]),
        ]
        .concat()
    }),
    Generator { command: "ZRANDMEMBER", make: zrandmember, compare: Compare::Type },
    Generator { command: "ZSCAN", make: zscan, compare: Compare::Iteration },
];

/// Few, so that commands meet; around the longest that a compact encoding takes, too.
fn member(random: &mut Random) -> Argument {
    match random.below(20) {
        0 => random.value(),
        1 => vec![b'x'; *random.pick(&[63, 64, 65, 66])],
        2..10 => random.below(9).to_string().into_bytes(),
        _ => format!("m{}", random.below(12)).into_bytes(),
    }
}
fn members(random: &mut Random, most: usize) -> Vec<Argument> {
    (0..1 + random.below(most)).map(|_| member(random)).collect()
}
fn score(random: &mut Random) -> Argument {
    const EDGES: &[&str] = &[
        "inf",
        "-inf",
        "+inf",
        "INFINITY",
        "nan",
        "",
        "abc",
        "1e400",
        "1e-400",
        " 1",
        "1 ",
        "0x10",
        ".5",
        "5.",
        "+7",
        "-0",
        "1e3",
        "1_0",
        "100000000000000",
    ];
    if random.chance(15) {
        return random.pick(EDGES).as_bytes().to_vec();
    }
    let quarters = random.below(80) as f64 - 40.0;
    (quarters / 4.0).to_string().into_bytes()
}
fn scored_members(random: &mut Random, most: usize) -> Vec<Argument> {
    (0..1 + random.below(most)).flat_map(|_| [score(random), member(random)]).collect()
}
fn zadd(random: &mut Random) -> Vec<Argument> {
    let mut arguments = vec![random.key()];
    arguments.extend(random.options(&[&["NX"], &["XX"], &["GT"], &["LT"], &["CH"], &["INCR"]]));
    let most = if random.chance(50) { 1 } else { 4 };
    arguments.extend(scored_members(random, most));
    arguments
}
/// Around the most that a compact encoding takes.
fn many_members(random: &mut Random) -> Vec<Argument> {
    let (count, first) = (100 + random.below(35), random.below(60));
    let mut arguments = vec![random.key()];
    for number in first..first + count {
        arguments.extend([(number % 17).to_string().into_bytes(), format!("m{number}").into_bytes()]);
    }
    arguments
}
fn lex_key(random: &mut Random) -> Argument {
    format!("lex{}", random.below(2)).into_bytes()
}
fn members_of_one_score(random: &mut Random) -> Vec<Argument> {
    let mut arguments = vec![lex_key(random)];
    for _ in 0..1 + random.below(60) {
        arguments.extend([b"0".to_vec(), name(random)]);
    }
    arguments
}
fn name(random: &mut Random) -> Argument {
    let length = random.below(4);
    (0..length).map(|_| *random.pick(b"abcd0\xff")).collect()
}

fn bound(random: &mut Random) -> Argument {
    let mut bound = score(random);
    if random.chance(30) {
        bound.insert(0, b'(');
    }
    bound
}
fn name_bound(random: &mut Random) -> Argument {
    match random.below(12) {
        0 => b"-".to_vec(),
        1 => b"+".to_vec(),
        2 => name(random),
        number => {
            let mut bound = name(random);
            bound.insert(0, if number % 2 == 0 { b'[' } else { b'(' });
            bound
        }
    }
}
fn limit(random: &mut Random) -> Vec<Argument> {
    // 7.4 takes a negative offset from the other end, of large sorted sets only.
    let offset = random.below(8).to_string().into_bytes();
    vec![random.any_case("LIMIT"), offset, random.integer()]
}
fn range_options(random: &mut Random, allowed: &[&str]) -> Vec<Argument> {
    let mut arguments = Vec::new();
    for option in allowed {
        if random.chance(35) {
            match *option {
                "LIMIT" => arguments.extend(limit(random)),
                option => arguments.push(random.any_case(option)),
            }
        }
    }
    if random.chance(4) {
        arguments.extend(random.options(&[
            &["FOO"],
            &["REV"],
            &["BYLEX"],
            &["BYSCORE"],
            &["LIMIT", "0"],
            &["WITHSCORES"],
        ]));
    }
    arguments
}
fn by_score(random: &mut Random) -> Vec<Argument> {
    let mut arguments = vec![random.key(), bound(random), bound(random), random.any_case("BYSCORE")];
    arguments.extend(range_options(random, &["REV", "LIMIT"]));
    arguments
}
fn by_name(random: &mut Random) -> Vec<Argument> {
    let mut arguments =
        vec![lex_key(random), name_bound(random), name_bound(random), random.any_case("BYLEX")];
    arguments.extend(range_options(random, &["REV", "LIMIT"]));
    arguments
}

fn pop(random: &mut Random) -> Vec<Argument> {
    let mut arguments = vec![random.key()];
    if random.chance(50) {
        arguments.push(random.integer());
    }
    arguments
}
fn counted_keys(random: &mut Random) -> Vec<Argument> {
    let keys = random.keys(3);
    let count = match random.below(15) {
        0 => random.integer(),
        _ => keys.len().to_string().into_bytes(),
    };
    [vec![count], keys].concat()
}
fn end(random: &mut Random) -> Vec<Argument> {
    let word = *random.pick(&["MIN", "MAX"]);
    let mut arguments = random.words([word]);
    if random.chance(40) {
        arguments.extend([random.any_case("COUNT"), random.integer()]);
    }
    arguments
}
/// Short, as nobody will come: the session has one client.
fn timeout(random: &mut Random) -> Argument {
    random.pick(&["0.001", "0.001", "0.002", "-1", "abc", "1e-9"]).as_bytes().to_vec()
}
fn wait(random: &mut Random) -> Vec<Argument> {
    let mut arguments = random.keys(3);
    arguments.push(timeout(random));
    arguments
}

fn combination(random: &mut Random, shows: bool) -> Vec<Argument> {
    let mut arguments = counted_keys(random);
    let keys = arguments.len() - 1;
    if random.chance(30) {
        arguments.push(random.any_case("WEIGHTS"));
        for _ in 0..keys {
            arguments.push(score(random));
        }
    }
    if random.chance(30) {
        let aggregate = *random.pick(&["SUM", "MIN", "MAX", "FOO"]);
        arguments.extend(random.words(["AGGREGATE", aggregate]));
    }
    if random.chance(if shows { 50 } else { 4 }) {
        arguments.push(random.any_case("WITHSCORES"));
    }
    arguments
}

fn zrandmember(random: &mut Random) -> Vec<Argument> {
    let mut arguments = vec![random.key()];
    if random.chance(70) {
        let counts =
            ["0", "1", "3", "200", "-1", "-5", "-200", "9223372036854775807", "-9223372036854775808", "a"];
        arguments.push(random.pick(&counts).as_bytes().to_vec());
        arguments.extend(random.options(&[&["WITHSCORES"]]));
    }
    arguments
}
fn zscan(random: &mut Random) -> Vec<Argument> {
    let mut arguments = vec![random.key(), b"0".to_vec()];
    arguments.extend(random.options(&[
        &["COUNT", "3"],
        &["COUNT", "0"],
        &["MATCH", "m1*"],
        &["MATCH"],
        &["FOO"],
    ]));
    arguments
}
