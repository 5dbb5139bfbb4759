//! Pure data structures: bytes and numbers in, bytes and numbers out.
//!
//! Nothing here knows a command, a client or an actor, and nothing reads a clock or a file: what a
//! structure needs of the world is an argument. So each can be tested against a simple model.

pub mod bits;
pub mod glob;
pub mod hyperloglog;
pub mod long_double;
pub mod number;
pub mod quoting;
pub mod table;
pub mod wheel;
