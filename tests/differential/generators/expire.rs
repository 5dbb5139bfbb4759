//! Deadlines: far ahead or past, so that neither server reaches one during a sequence before the other.

use super::{Generator, exact};
use crate::compare::Compare;
use crate::random::{Argument, Random};

pub const GENERATORS: &[Generator] = &[
    exact("EXPIRE", |r| expire(r, |r| r.span(1000))),
    exact("PEXPIRE", |r| expire(r, |r| r.span(1))),
    exact("EXPIREAT", |r| expire(r, |r| r.instant(1000))),
    exact("PEXPIREAT", |r| expire(r, |r| r.instant(1))),
    Generator { command: "TTL", make: |r| vec![r.key()], compare: Compare::Within(2) },
    Generator { command: "PTTL", make: |r| vec![r.key()], compare: Compare::Within(2000) },
    Generator { command: "EXPIRETIME", make: |r| vec![r.key()], compare: Compare::Within(2) },
    Generator { command: "PEXPIRETIME", make: |r| vec![r.key()], compare: Compare::Within(2000) },
    exact("PERSIST", |r| vec![r.key()]),
];

fn expire(random: &mut Random, time: fn(&mut Random) -> Argument) -> Vec<Argument> {
    let mut arguments = vec![random.key(), time(random)];
    arguments.extend(random.options(&[&["NX"], &["XX"], &["GT"], &["LT"], &["FOO"]]));
    arguments
}
