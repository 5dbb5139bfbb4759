//! TLS: sessions of OpenSSL on our sockets, those that clients open and those that we open.
//!
//! OpenSSL, because the configuration speaks its language: lists of ciphers in its notation, folders of certificates named
//! by its hashes, keys under a passphrase, parameters for Diffie-Hellman. Whatever a redis.conf says about TLS means here
//! what it means there.
//!
//! * `contexts.rs`: certificates, keys and rules, read from the configuration; what sessions are made from.
//! * `stream.rs`: a socket with a session on it, which can move to another thread.
//! * `seat.rs`: the socket below it, which takes every record whole.
//! * `channel.rs`: a connection that we open, with TLS or without.
//!
//! The module knows no actor.
mod channel;
mod contexts;
mod seat;
mod stream;

pub use channel::Channel;
pub use contexts::{Contexts, Unfit};
pub use stream::Stream;

use openssl::{error::ErrorStack, ssl};
use std::io;

/// What OpenSSL complains about first, as its own tools print it: where in its sources that was helps no operator.
fn brief(stack: &ErrorStack) -> String {
    match stack.errors().first() {
        Some(error) => {
            let (code, library) = (error.code(), error.library().unwrap_or("?"));
            match error.reason() {
                Some(reason) => format!("error:{code:08X}:{library}::{reason}"),
                None => format!("error:{code:08X}:{library}::{}", system_reason(code as u32)),
            }
        }
        None => "OpenSSL has failed, and does not say why".into(),
    }
}
/// Marks the codes of OpenSSL that are an `errno` of the system.
const SYSTEM: u32 = 0x8000_0000;
fn system_reason(code: u32) -> String {
    match code & SYSTEM {
        0 => "unknown".into(),
        _ => nix::errno::Errno::from_raw((code & !SYSTEM) as i32).desc().into(),
    }
}
/// The same of what went wrong with a connection.
fn in_brief(error: io::Error) -> io::Error {
    let told = error.get_ref().and_then(|inner| inner.downcast_ref::<ssl::Error>());
    match told.and_then(ssl::Error::ssl_error) {
        Some(stack) => io::Error::other(brief(stack)),
        None => error,
    }
}
