//! The server is killed, its files are damaged, its disk is full: what must be there afterwards is there.
//!
//! `CRASH_ROUNDS` says how often each kind of server is killed, `CRASH_SEED` what the rounds are made of. What a seed
//! does not decide is how far a server has come when it dies: a seed that found something may need several runs.
mod damage;
mod faults;
mod history;
mod load;
mod rounds;
mod site;
#[path = "../support/mod.rs"]
mod support;
mod switching;

/// A number from the environment, or its default.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}
