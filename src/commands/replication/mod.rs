//! Replication as commands see it: whom to follow, and what a replica or a lonely master refuses.
//!
//! * `replicaof`: REPLICAOF and SLAVEOF; * `gates`: what may be written and read here; * `faults`: commands of our
//!   master that cannot run.
pub mod faults;
pub mod gates;
mod replicaof;

use super::{Entry, control};

pub static COMMANDS: &[Entry] = &[control::<replicaof::ReplicaOf>(), control::<replicaof::SlaveOf>()];
