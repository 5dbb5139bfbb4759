//! Commands: one declaration each, from which everything else follows.
//!
//! A family is one file (or folder) that ends in a list of its types. Adding a command touches its family and its
//! test, nothing else: dispatch, COMMAND INFO/DOCS/GETKEYS, ACL categories, arity and the gates come from `SPEC`.
pub mod args;
mod command;
pub mod help;
pub mod key_positions;
pub mod loading;
pub mod memory;
pub mod monitors;
mod name_index;
mod outgoing;
pub mod pushes;
pub(crate) mod redis_names;
pub mod registry;
pub mod replication;
pub mod scripting;
pub mod session;
pub mod shipment;
pub mod span;
pub mod spec;
pub mod stage;
pub mod syntax;
pub mod tracking;
pub mod waiting;
pub mod watches;

mod bitmaps;
mod connection;
mod geo;
mod hashes;
mod hyperloglog;
mod keys;
mod lists;
mod pubsub;
mod server;
mod sets;
mod sort;
mod sorted_sets;
mod streams;
mod strings;
#[cfg(test)]
mod testing;
pub mod transactions;

/// Errors stand below commands, because the store and the reply writer speak of them, too.
pub use crate::error;
pub use command::*;
pub use connection::client_line;
pub use server::{
    saving::{may_write, misses_saves},
    value_digest,
};

/// The version of Redis that clients are told, because they choose features by it: HELLO and INFO.
pub const REDIS_VERSION: &str = "7.4.1";
