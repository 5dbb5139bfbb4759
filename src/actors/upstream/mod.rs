//! Upstream: the link to our master, while we are a replica.
pub mod messages;
