//! Keys of any type, and databases.

use super::{Generator, exact};
use crate::compare::Compare;
use crate::random::{Argument, Random};

pub const GENERATORS: &[Generator] = &[
    exact("DEL", |r| r.keys(3)),
    exact("UNLINK", |r| r.keys(3)),
    exact("EXISTS", |r| r.keys(4)),
    exact("TOUCH", |r| r.keys(3)),
    exact("TYPE", |r| vec![r.key()]),
    Generator { command: "KEYS", make: |r| vec![r.pattern()], compare: Compare::Unordered },
    Generator { command: "SCAN", make: scan, compare: Compare::Iteration },
    // A random choice: only that there is one is compared.
    Generator { command: "RANDOMKEY", make: |_| vec![], compare: Compare::Type },
    exact("RENAME", |r| vec![r.key(), r.key()]),
    exact("RENAMENX", |r| vec![r.key(), r.key()]),
    exact("COPY", |r| {
        let mut arguments = vec![r.key(), r.key()];
        arguments.extend(r.options(&[
            &["REPLACE"],
            &["DB", "1"],
            &["DB", "3"],
            &["DB", "99"],
            &["DB"],
            &["FOO"],
        ]));
        arguments
    }),
    exact("MOVE", |r| vec![r.key(), r.database()]),
    exact("SWAPDB", |r| vec![r.database(), r.database()]),
    exact("SELECT", |r| vec![r.database()]),
    Generator { command: "DBSIZE", make: |_| vec![], compare: Compare::Visited },
    exact("FLUSHDB", flush),
    exact("FLUSHALL", flush),
    exact("OBJECT ENCODING", |r| vec![r.key()]),
    // Sharing of small integers is each server's own: only that the key is there is compared.
    Generator { command: "OBJECT REFCOUNT", make: |r| vec![r.key()], compare: Compare::Type },
    // Redis' access clock ticks behind its own readings now and then, and wraps to 16777 seconds.
    Generator { command: "OBJECT IDLETIME", make: |r| vec![r.key()], compare: Compare::Type },
    exact("OBJECT FREQ", |r| vec![r.key()]),
];

/// Rarely with arguments that work: an empty data set finds little.
fn flush(random: &mut Random) -> Vec<Argument> {
    let word = *random.pick(&["FOO", "FOO", "FOO", "FOO", "FOO", "FOO", "ASYNC", "SYNC"]);
    vec![random.any_case(word)]
}

fn scan(random: &mut Random) -> Vec<Argument> {
    let cursor = *random.pick(&["0", "0", "0", "0", "0", "0", "a", "18446744073709551616"]);
    let mut arguments = vec![cursor.as_bytes().to_vec()];
    let count = *random.pick(&["1", "10", "1000000", "0", "-1", "a"]);
    let pattern = String::from_utf8(random.pattern()).expect("patterns are text");
    arguments.extend(random.options(&[
        &["COUNT", count],
        &["MATCH", &pattern],
        &["TYPE", "string"],
        &["TYPE", "list"],
        &["FOO"],
    ]));
    arguments
}
