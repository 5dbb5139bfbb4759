//! Callboard: a Redis-compatible in-memory data server, built as a cast of actors.
pub mod config;
