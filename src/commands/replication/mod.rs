//! Replication, as clients and replicas ask for it.
//!
//! * `replicaof`: REPLICAOF and SLAVEOF; * `failover`: FAILOVER; * `replconf`: what a replica says of itself before it follows; * `psync`: how it asks
//!   to be brought into step; * `gates`: what a replica or a lonely master refuses; * `faults`: commands of our master that
//!   cannot run.
mod failover;
pub mod faults;
pub mod gates;
mod psync;
mod replconf;
mod replicaof;
#[cfg(test)]
mod tests;

pub use psync::{Wish, ip_of, replica_name};
pub use replconf::Announced;

use super::{
    Entry, control, session,
    spec::{Arity, Group, Spec},
};

pub static COMMANDS: &[Entry] = &[
    session::<replconf::ReplConf>(),
    session::<psync::Psync>(),
    session::<psync::Sync>(),
    control::<failover::Failover>(),
    control::<replicaof::ReplicaOf>(),
    control::<replicaof::SlaveOf>(),
];

const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(Group::Server, name, arity)
}
