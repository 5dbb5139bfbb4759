//! File descriptors: whether the process may open one for each client that `maxclients` allows.
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::fmt;

/// File descriptors beside those of clients: listeners, files, the reactors.
const RESERVED: u64 = 32;

/// The system does not allow as many clients as were asked for.
#[derive(Debug)]
pub struct Short {
    pub clients_max: u32,
}
impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let clients = self.clients_max;
        write!(
            f,
            "The operating system is not able to handle the specified number of clients, try with {clients}."
        )
    }
}

/// Raises the limit of open files as far as so many clients need and as the system allows.
///
/// # Errors
/// If that is not far enough.
pub fn make_room(clients: u32) -> Result<(), Short> {
    let wanted = clients as u64 + RESERVED;
    if limit() >= wanted {
        return Ok(());
    }
    let hard = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(_, hard)| hard);
    // The hard limit can be raised by root only; anybody may go up to it.
    let _ = setrlimit(Resource::RLIMIT_NOFILE, wanted, hard.max(wanted))
        .or_else(|_| setrlimit(Resource::RLIMIT_NOFILE, wanted.min(hard), hard));
    if limit() >= wanted {
        return Ok(());
    }
    Err(Short { clients_max: limit().saturating_sub(RESERVED) as u32 })
}
fn limit() -> u64 {
    getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft)
}
