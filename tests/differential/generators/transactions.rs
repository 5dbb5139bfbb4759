//! What opens and ends transactions. What stands in one is made by [`crate::peers::transaction`].
use super::{Generator, exact};

pub const GENERATORS: &[Generator] = &[
    // A session is no transaction as a rule: MULTI mostly gets an argument too many here.
    exact("MULTI", |r| vec![r.value()]),
    exact("EXEC", |_| vec![]),
    exact("DISCARD", |_| vec![]),
    exact("WATCH", |r| r.keys(3)),
    exact("UNWATCH", |_| vec![]),
];
