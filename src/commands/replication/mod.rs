//! Replication, as clients and replicas ask for it.
//!
//! * `replconf`: what a replica says of itself before it follows; * `psync`: how it asks to be brought into step.
mod psync;
mod replconf;
#[cfg(test)]
mod tests;

pub use psync::{Wish, ip_of, replica_name};
pub use replconf::Announced;

use super::{
    Entry, session,
    spec::{Arity, Group, Spec},
};

pub static COMMANDS: &[Entry] =
    &[session::<replconf::ReplConf>(), session::<psync::Psync>(), session::<psync::Sync>()];

const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(Group::Server, name, arity)
}
