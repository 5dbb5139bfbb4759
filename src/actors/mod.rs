//! The cast. Each folder is one actor: its state and lifecycle, its messages, its handlers.
//!
//! Rules of the house:
//! * Messages only: no actor holds another's state. Handlers are synchronous, and answers travel by `do_send`: a
//!   `send` future that is dropped before it is handled takes its message along.
//! * What a turn of an arbiter gathers crosses threads as one message. An outbox posts a letter to its own actor when
//!   the first thing falls in; the letter arrives after all that was already waiting, and carries the lot.
//! * The Keyspace decides nothing by timers and futures of its own: time comes to it as messages of Expiry, one at a time.
//!   (It has some for when to let others go first: before a piece of a snapshot, before a commit that nobody waits for.)
pub mod connection;
pub mod courier;
pub mod expiry;
pub mod keyspace;
pub mod listener;
pub mod migration;
pub mod persistence;
pub mod primary;
pub mod pubsub;
pub mod replica;
pub mod supervisor;
pub mod upstream;

use std::time::{SystemTime, UNIX_EPOCH};

/// The time of day, ms since 1970: read here and handed down as a value.
#[inline]
pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// Gives an arbiter's thread the name that `top -H` and profilers show.
pub fn name_thread(arbiter: &actix::Arbiter, name: String) {
    arbiter.spawn_fn(move || {
        if let Ok(name) = std::ffi::CString::new(name) {
            // A thread without a name works as well.
            let _ = nix::sys::prctl::set_name(&name);
        }
    });
}
