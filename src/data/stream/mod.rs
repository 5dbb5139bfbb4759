//! Streams: a log of entries with rising IDs, and the consumer groups that read it.
//!
//! The two stand side by side, so that a command can walk the log while it keeps the books of a group.
mod group;
mod id;
mod log;
mod node;
mod nodes;
mod progress;
#[cfg(test)]
mod tests;

pub use group::{Consumer, ConsumerNumber, Group, Groups, Pending};
pub use id::{ID_TEXT_BYTES_MAX, StreamId};
pub use log::{AppendError, Backward, Forward, Log, NodeLimits, Threshold, Trim};
pub use node::{Entry, Node};
pub use nodes::{Nodes, Spot};

#[derive(Clone, Debug, Default)]
pub struct Stream {
    pub log: Log,
    pub groups: Groups,
}
