//! Streams as values.
use super::Stored;
use crate::data::stream::Node;

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
        let (count, samples) = (nodes.len(), if samples == 0 { usize::MAX } else { samples });
        let looked_at = count.min(samples);
        let packs: usize = nodes.take(samples).map(|(_, node)| node.listpack().memory_bytes()).sum();
        let groups: usize = self.groups.iter().map(|(name, group)| name.len() + group.memory_bytes()).sum();
        // The ordered map holds seven of eleven places on the average.
        let map = count * (size_of::<crate::data::stream::StreamId>() + size_of::<Node>()) * 11 / 7;
        packs * count / looked_at.max(1) + map + groups
    }
    fn weight(&self) -> usize {
        let pending: usize = self.groups.values().map(|group| group.pending().len()).sum();
        self.log.nodes().len() + pending / 4
    }
    fn duplicate(&self) -> Self {
        self.clone()
    }
}
