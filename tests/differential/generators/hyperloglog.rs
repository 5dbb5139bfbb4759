//! HyperLogLog. The values are compared byte by byte at the end: the format is Redis' own.

use super::{Generator, exact};
use crate::random::{Argument, Random};

pub const GENERATORS: &[Generator] = &[
    exact("PFADD", |r| {
        let mut arguments = vec![r.key()];
        let count = *r.pick(&[0, 1, 1, 3, 10, 200]);
        arguments.extend(elements(r, count));
        arguments
    }),
    exact("PFCOUNT", |r| r.keys(3)),
    exact("PFMERGE", |r| r.keys(4)),
    exact("PFDEBUG", |r| {
        let subcommand = *r.pick(&["ENCODING", "DECODE", "TODENSE", "FOO"]);
        vec![r.any_case(subcommand), r.key()]
    }),
    // It computes for a second, so only its refusal is compared here.
    exact("PFSELFTEST", |r| vec![r.value()]),
];

fn elements(random: &mut Random, count: usize) -> Vec<Argument> {
    (0..count).map(|_| format!("element:{}", random.below(5000)).into_bytes()).collect()
}
