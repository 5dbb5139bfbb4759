//! Streams as values.
use super::Stored;

pub use crate::data::stream::Stream;

impl Stored for Stream {
    fn len(&self) -> usize {
        self.log.len() as usize
    }
    fn encoding(&self) -> &'static str {
        "stream"
    }
    fn memory_bytes(&self, samples: usize) -> usize {
        let nodes = self.log.nodes();
        let samples = if samples == 0 { usize::MAX } else { samples };
        let looked_at = nodes.len().min(samples).max(1);
        let packs = nodes.iter().take(samples).map(|(_, node)| node.listpack().memory_bytes());
        let groups = self.groups.iter().map(|(name, group)| name.len() + group.memory_bytes());
        packs.sum::<usize>() * nodes.len() / looked_at + nodes.memory_bytes() + groups.sum::<usize>()
    }
    fn weight(&self) -> usize {
        let pending: usize = self.groups.values().map(|group| group.pending().len()).sum();
        self.log.nodes().len() + pending / 4
    }
    fn duplicate(&self) -> Self {
        self.clone()
    }
}
