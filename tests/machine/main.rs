//! The deterministic machine under random commands: a stage, without actors or sockets.
//!
//! The commands come from the registry, their arguments from the syntax in their specs: a new command takes part by
//! being registered. A new kind of argument needs a line in `commands::argument`, a new type of value one in
//! `machine::value_of`.
mod aof;
mod commands;
mod effects;
mod machine;
mod snapshots;

/// Where the time of all runs begins, ms since 1970.
const START_MS: i64 = 1_700_000_000_000;
const DATABASES: usize = 3;

/// A number from the environment, or its default.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

/// Bytes as a person reads them, the longest ones in part.
fn shorten(bytes: &[u8]) -> String {
    const SHOWN_BYTES: usize = 40;
    match bytes.len() {
        0..=SHOWN_BYTES => bytes.escape_ascii().to_string(),
        length => format!("{}…({length} bytes)", bytes[..SHOWN_BYTES].escape_ascii()),
    }
}
