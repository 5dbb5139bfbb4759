//! What changes or tells of the connection, without ending it.

use super::{Generator, exact};
use crate::compare::Compare;

pub const GENERATORS: &[Generator] = &[
    exact("PING", |r| if r.chance(50) { vec![] } else { vec![r.value()] }),
    exact("ECHO", |r| vec![r.value()]),
    // Without NUL bytes: 7.0 refuses them, 7.2 and later check a name only up to the first.
    exact("CLIENT SETNAME", |r| vec![r.value().into_iter().filter(|byte| *byte != 0).collect()]),
    exact("CLIENT GETNAME", |_| vec![]),
    exact("CLIENT NO-EVICT", |r| r.words(["ON"])),
    exact("CLIENT UNPAUSE", |_| vec![]),
    exact("CLIENT UNBLOCK", |_| vec![b"123456789".to_vec()]),
    Generator { command: "CLIENT ID", make: |_| vec![], compare: Compare::Type },
    Generator { command: "TIME", make: |_| vec![], compare: Compare::Type },
    // Only its refusal: a real RESET would change the protocol under the comparison.
    exact("RESET", |r| vec![r.value()]),
];
