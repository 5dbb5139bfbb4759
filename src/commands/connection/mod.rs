//! Connections: who the client is, how it is spoken to, and what clients learn of and do to each other.
//!
//! Nearly all of this is answered by the connection itself, from its session and from the board, in its place among
//! the other replies. Only what concerns everybody (CLIENT PAUSE) goes to the Supervisor, and what concerns
//! blocked clients (CLIENT UNBLOCK) to the Keyspace, which holds them.
mod authentication;
mod client;
mod greeting;
#[cfg(test)]
mod tests;

pub use client::client_line;

use super::{
    Entry, container, session,
    spec::{Arity, Flags, *},
};

pub static COMMANDS: &[Entry] = &[
    session::<greeting::Ping>(),
    session::<greeting::Echo>(),
    session::<greeting::Hello>(),
    session::<greeting::Auth>(),
    session::<greeting::Select>(),
    session::<greeting::Reset>(),
    session::<greeting::Quit>(),
    container(client::SPEC, client::SUBCOMMANDS),
];

/// What may be said at any time, even by a client that has not authenticated.
const ALWAYS: Flags = NO_SCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY;

const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(Group::Connection, name, arity)
}
