//! The nodes of a stream in the order of the IDs that they are filed under.
//!
//! Nodes come at the end and go, mostly, at the beginning; a few go in between, and seeks are by binary search. So they
//! stand in runs of up to 64, one behind the other: all of this is quick, and a node costs its 24 bytes and little more,
//! where a tree would leave a third of its places empty.
use super::{StreamId, node::Node};
use std::collections::VecDeque;

/// Small in tests, so that they cross the ends of runs.
const RUN_NODES_MAX: usize = if cfg!(test) { 3 } else { 64 };

type Run = Vec<(StreamId, Node)>;

#[derive(Clone, Debug, Default)]
pub struct Nodes {
    /// None of them is empty.
    runs: VecDeque<Run>,
    len: usize,
}

/// Where a node stands; good until one is removed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spot {
    run: usize,
    index: usize,
}

impl Nodes {
    pub fn len(&self) -> usize {
        self.len
    }
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    pub fn get(&self, spot: Spot) -> (StreamId, &Node) {
        let (master, node) = &self.runs[spot.run][spot.index];
        (*master, node)
    }
    pub fn get_mut(&mut self, spot: Spot) -> (StreamId, &mut Node) {
        let (master, node) = &mut self.runs[spot.run][spot.index];
        (*master, node)
    }
    pub fn first(&self) -> Option<Spot> {
        (!self.is_empty()).then_some(Spot { run: 0, index: 0 })
    }
    pub fn last(&self) -> Option<Spot> {
        let run = self.runs.len().checked_sub(1)?;
        Some(Spot { run, index: self.runs[run].len() - 1 })
    }
    pub fn next(&self, Spot { run, index }: Spot) -> Option<Spot> {
        match index + 1 < self.runs[run].len() {
            true => Some(Spot { run, index: index + 1 }),
            false => (run + 1 < self.runs.len()).then_some(Spot { run: run + 1, index: 0 }),
        }
    }
    pub fn previous(&self, Spot { run, index }: Spot) -> Option<Spot> {
        match index.checked_sub(1) {
            Some(index) => Some(Spot { run, index }),
            None => run.checked_sub(1).map(|run| Spot { run, index: self.runs[run].len() - 1 }),
        }
    }
    /// The last node that is filed under this ID or one below it.
    pub fn at_or_below(&self, id: StreamId) -> Option<Spot> {
        let run = self.runs.partition_point(|run| run[0].0 <= id).checked_sub(1)?;
        let index = self.runs[run].partition_point(|(master, _)| *master <= id) - 1;
        Some(Spot { run, index })
    }
    pub fn iter(&self) -> impl Iterator<Item = (StreamId, &Node)> {
        self.runs.iter().flatten().map(|(master, node)| (*master, node))
    }
    /// Files a node behind all others.
    pub fn push(&mut self, master: StreamId, node: Node) {
        self.len += 1;
        match self.runs.back_mut() {
            Some(run) if run.len() < RUN_NODES_MAX => run.push((master, node)),
            _ => self.runs.push_back(vec![(master, node)]),
        }
    }
    pub fn remove(&mut self, Spot { run, index }: Spot) {
        self.len -= 1;
        self.runs[run].remove(index);
        let left = self.runs[run].len();
        if left == 0 {
            self.runs.remove(run);
        } else if run + 1 < self.runs.len() && left + self.runs[run + 1].len() <= RUN_NODES_MAX / 2 {
            // Where much was deleted, what is left moves together.
            let behind = self.runs.remove(run + 1).unwrap_or_default();
            self.runs[run].extend(behind);
        }
    }
    /// Memory of the order, that of the nodes not included, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.runs.capacity() * size_of::<Run>()
            + self.runs.iter().map(|run| run.capacity() * size_of::<(StreamId, Node)>()).sum::<usize>()
    }
}
