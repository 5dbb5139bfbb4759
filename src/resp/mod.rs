//! The wire protocol: bytes to requests, meanings to bytes.
//!
//! This folder is the only code that knows RESP2 from RESP3. A command never sees a protocol version: it says
//! `map(3)` or `null()`, and [`reply::Reply`] spells that for the client it answers.
pub mod command;
pub mod decode;
pub mod reply;
pub mod request;

pub use command::{encode_argument, encode_command, encode_count};
pub use decode::{Decoder, Limits, ProtocolError};
pub use reply::{Protocol, Reply};
pub use request::{Request, RequestBuilder};
