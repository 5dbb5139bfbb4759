//! Bitmaps and bit fields.

use super::{Generator, exact};
use crate::random::{Argument, Random};

pub const GENERATORS: &[Generator] = &[
    exact("SETBIT", |r| {
        vec![r.key(), r.bit_offset(), r.pick(&["0", "1", "1", "1", "2", ""]).as_bytes().to_vec()]
    }),
    exact("GETBIT", |r| vec![r.key(), r.bit_offset()]),
    exact("BITCOUNT", |r| {
        let mut arguments = vec![r.key()];
        arguments.extend(range(r));
        arguments
    }),
    exact("BITPOS", |r| {
        let mut arguments = vec![r.key(), r.pick(&["0", "1", "1", "2", "a"]).as_bytes().to_vec()];
        arguments.extend(range(r));
        arguments
    }),
    exact("BITOP", |r| {
        let operation = *r.pick(&["AND", "OR", "XOR", "NOT", "NAND"]);
        let mut arguments = vec![r.any_case(operation), r.key()];
        let most = if operation == "NOT" { 2 } else { 4 };
        arguments.extend(r.keys(most));
        arguments
    }),
    exact("BITFIELD", |r| fields(r, &["GET", "SET", "INCRBY", "OVERFLOW"])),
    exact("BITFIELD_RO", |r| fields(r, &["GET", "GET", "GET", "GET", "SET"])),
];

fn range(random: &mut Random) -> Vec<Argument> {
    let mut arguments = Vec::new();
    if random.chance(70) {
        arguments.push(random.integer());
        if random.chance(85) {
            arguments.push(random.integer());
            arguments.extend(random.options(&[&["BIT"], &["BYTE"], &["BIT"]]).into_iter().take(1));
        }
    }
    arguments
}

fn fields(random: &mut Random, operations: &[&str]) -> Vec<Argument> {
    const TYPES: &[&str] =
        &["u1", "u4", "i5", "u8", "i8", "i16", "u32", "u63", "i64", "u64", "i65", "u0", "x8", ""];
    let mut arguments = vec![random.key()];
    for _ in 0..random.below(5) {
        let operation = *random.pick(operations);
        arguments.push(random.any_case(operation));
        if operation == "OVERFLOW" {
            let overflow = *random.pick(&["WRAP", "SAT", "FAIL", "FAIL", "OTHER"]);
            arguments.push(random.any_case(overflow));
            continue;
        }
        let kinds = if random.chance(90) { &TYPES[..9] } else { TYPES };
        arguments.push(random.pick(kinds).as_bytes().to_vec());
        arguments.push(match random.chance(30) {
            true => format!("#{}", random.below(12)).into_bytes(),
            false => random.bit_offset(),
        });
        if operation != "GET" {
            arguments.push(random.integer());
        }
    }
    arguments
}
