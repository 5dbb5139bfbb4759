//! Pure data structures: bytes and numbers in, bytes and numbers out.
//!
//! Nothing here knows a command, a client or an actor, and nothing reads a clock or a file: what a
//! structure needs of the world is an argument. So each can be tested against a simple model.

pub mod bits;
pub mod crc64;
pub mod geohash;
pub mod glob;
pub mod grisu;
pub mod hyperloglog;
pub mod intset;
pub mod listpack;
pub mod long_double;
pub mod lzf;
pub mod members;
pub mod number;
pub mod patterns;
pub mod quicklist;
pub mod quoting;
pub mod ranking;
pub mod room;
pub mod stream;
pub mod table;
pub mod wheel;

use std::fmt;

/// Bytes from outside that are not the structure that they claim to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;
impl fmt::Display for Corrupt {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the bytes are damaged or not of this format")
    }
}
impl std::error::Error for Corrupt {}
