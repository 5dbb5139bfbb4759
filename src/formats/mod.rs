//! What data looks like outside: files and payloads, to the byte.
//!
//! Nothing here knows a command or an actor, nor opens a file: bytes go in and values come out, and back. Who owns the
//! disk decides when it is read and written.
pub mod aof;
pub mod rdb;
