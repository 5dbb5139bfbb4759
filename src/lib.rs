//! Callboard: a Redis-compatible in-memory data server, built as a cast of actors.
//!
//! # Code map
//!
//! Imports point one way, and `tests/tidy.rs` fails when one points the other:
//! `data ← store ← commands ← actors ← server`.
//!
//! * [`data`]: pure structures (key table, members, ranking, listpack, intset, quicklist, stream nodes, timing wheel,
//!   geohash, globs, bit strings, HyperLogLog, numbers as text).
//! * [`store`]: entries, databases, and the two ways to reach them: `View` looks, `Changes` writes and records.
//! * [`commands`]: one declaration per command; `Stage` takes each through its gates.
//! * [`formats`]: what data looks like in files, to the byte.
//! * [`resp`]: the wire protocol, the only code that knows RESP2 from RESP3. [`error`]: what a client is told when
//!   something is wrong.
//! * [`script`]: Lua scripts and functions, which ask for commands and are answered in the wire protocol.
//! * [`cli`]: tools beside the server. [`disk`]: files, as Persistence reads and writes them.
//! * [`tls`]: sessions of OpenSSL on sockets. [`config`]: one table of all parameters. [`board`]: facts that every actor may read.
//! * [`actors`]: the cast and its messages, the only code beside [`server`] that knows actix.
//!
//! # Invariants
//!
//! * Data is owned by one actor, the Keyspace. There is no lock around it, and no other way to it than a message.
//! * What data becomes depends on nothing but the commands: time and randomness are handed to the store. Clocks are
//!   read below `actors` only to measure (the time of a command, uptime) and by TIME; DEBUG SLEEP sleeps.
//! * A reply is written by meaning; no command tests for a protocol version.
pub mod actors;
pub mod allocator;
pub mod board;
pub mod cli;
pub mod commands;
pub mod config;
pub mod data;
pub mod disk;
pub mod error;
pub mod formats;
pub mod log;
pub mod resp;
pub mod script;
pub mod server;
pub mod store;
pub mod tls;
