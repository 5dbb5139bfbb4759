//! DUMP and RESTORE. What is dumped is each server's own bytes: at the end of a sequence each restores what the other
//! dumped.

use super::{Generator, exact};
use crate::compare::Compare;
use crate::random::{Argument, Random};

pub const GENERATORS: &[Generator] = &[
    Generator { command: "DUMP", make: |r| vec![r.key()], compare: Compare::Type },
    exact("RESTORE", restore),
    exact("RESTORE-ASKING", restore),
];

/// Of a string, a list, a set, a hash, a sorted set; and what is none.
const PAYLOADS: &[&[u8]] = &[
    b"\x00\x04text\x0a\x00\x7c\xf3\x26\x6d\xca\xb5\xa5\x31",
    b"\x12\x01\x02\x0c\x0c\x00\x00\x00\x02\x00\x81\x61\x02\x01\x01\xff\x0a\x00\x94\x96\x2b\x23\xac\x17\xaa\x85",
    b"\x0b\x14\x04\x00\x00\x00\x03\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x70\x11\x01\x00\x0a\x00\x85\xd5\xc1\x06\
      \x5b\x1d\xd0\x55",
    b"\x10\x12\x12\x00\x00\x00\x04\x00\x81\x66\x02\x81\x76\x02\x81\x67\x02\x0c\x01\xff\x0a\x00\xde\x13\x39\x93\xf7\x83\
      \x81\x7e",
    b"\x11\x14\x14\x00\x00\x00\x04\x00\x81\x61\x02\x01\x01\x81\x62\x02\x83\x32\x2e\x35\x04\xff\x0a\x00\xd4\x4c\x6e\xa4\
      \xf6\x44\xd9\xd7",
    b"\x00\x04text\x0a\x00\x7c\xf3\x26\x6d\xca\xb5\xa5\x30",
    b"",
];

fn restore(random: &mut Random) -> Vec<Argument> {
    let ttl = *random.pick(&["0", "0", "0", "100000", "-1", "x"]);
    let mut arguments = vec![random.key(), ttl.as_bytes().to_vec(), random.pick(PAYLOADS).to_vec()];
    arguments.extend(random.options(&[
        &["REPLACE"],
        &["REPLACE"],
        &["ABSTTL"],
        &["IDLETIME", "5"],
        &["IDLETIME", "-1"],
        &["FREQ", "9"],
        &["FREQ", "256"],
        &["FREQ"],
        &["FOO"],
    ]));
    arguments
}
