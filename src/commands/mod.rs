//! Commands: one declaration each, from which everything else follows.
//!
//! A family is one file (or folder) that ends in a list of its types. Adding a command touches its family and its
//! test, nothing else: dispatch, COMMAND INFO/DOCS/GETKEYS, ACL categories, arity and the gates come from `SPEC`.
pub mod args;
mod command;
pub mod error;
pub mod registry;
pub mod session;
pub mod spec;
pub mod stage;

mod help;
mod keys;
mod strings;

pub use command::*;
