//! What a command sends to another server, and what it hears of it.
//!
//! The command itself does not know how: whoever drives the stage has somebody do it, and tells the outcome. Meanwhile
//! its client waits, and nobody else.
use bytes::Bytes;

/// Requests for another server.
#[derive(Debug)]
pub struct Shipment {
    pub host: String,
    pub port: u16,
    /// Who asks there.
    pub credentials: Option<Credentials>,
    /// The database there.
    pub db: usize,
    /// How long the other may be silent, ms.
    pub timeout_ms: u64,
    /// In RESP. Each is answered by one line.
    pub requests: Vec<Vec<u8>>,
    /// Keys of this database, in order, that nobody may change before the answer has come.
    pub keys: Vec<Bytes>,
}
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// `None`: the default user.
    pub user: Option<Bytes>,
    pub password: Bytes,
}

/// What became of a shipment.
#[derive(Debug, Default)]
pub struct Delivery {
    /// To each request, as far as they came: whether it was done.
    pub answers: Vec<bool>,
    /// The first error that the other server replied, without the `-`.
    pub refusal: Option<String>,
    /// Why the rest was not answered.
    pub trouble: Option<Trouble>,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    Connecting,
    Writing,
    Reading,
}
