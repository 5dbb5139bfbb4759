//! TLS: sessions of OpenSSL on our sockets, those that clients open and those that we open.
//!
//! OpenSSL, because the configuration speaks its language: lists of ciphers in its notation, folders of certificates named
//! by its hashes, keys under a passphrase, parameters for Diffie-Hellman. Whatever a redis.conf says about TLS means here
//! what it means there.
//!
//! * `contexts.rs`: certificates, keys and rules, read from the configuration; what sessions are made from.
//! * `stream.rs`: a socket with a session on it, which can move to another thread.
//! * `channel.rs`: a connection that we open, with TLS or without.
//!
//! The module knows no actor.
mod channel;
mod contexts;
mod stream;

pub use channel::Channel;
pub use contexts::{Contexts, Unfit};
pub use stream::Stream;

use openssl::error::ErrorStack;

/// What OpenSSL complains about first, as its own tools print it: where in its sources that was helps no operator.
fn brief(stack: &ErrorStack) -> String {
    match stack.errors().first() {
        Some(error) => format!(
            "error:{:08X}:{}::{}",
            error.code(),
            error.library().unwrap_or("?"),
            error.reason().unwrap_or("unknown")
        ),
        None => "OpenSSL has failed, and does not say why".into(),
    }
}
