//! Replication, with Debian's redis-server and with ourselves, as master and as replica, in pairs and in chains.
//!
//! Data are compared by DEBUG DIGEST once the offsets are equal. `REPLICATION_SEED` says what the load is made of,
//! `REPLICATION_SEQUENCES` how many sequences each constellation plays: to repeat one failure, give its seed and 1.
#[path = "../differential/compare.rs"]
#[allow(dead_code, reason = "what compares replies is not needed here")]
mod compare;
#[path = "../differential/events.rs"]
#[allow(dead_code, reason = "what compares events is not needed here")]
mod events;
#[path = "../differential/generators/mod.rs"]
#[allow(dead_code, reason = "what says how replies are compared is not needed here")]
mod generators;
#[path = "../differential/peers.rs"]
#[allow(dead_code, reason = "only its steps are played here")]
mod peers;
#[path = "../differential/random.rs"]
#[allow(dead_code, reason = "not every kind of argument is needed here")]
mod random;
#[path = "../differential/shrink.rs"]
mod shrink;
#[path = "../support/mod.rs"]
mod support;

mod behaviour;
mod crashes;
mod eviction;
mod files;
mod limits;
mod links;
mod load;
mod loading;
mod node;
mod options;
mod pairs;
mod proxy;
mod puppet;
mod state;
mod tls;

/// A number from the environment, or its default.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}
