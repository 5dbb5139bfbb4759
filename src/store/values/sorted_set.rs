//! Placeholder on the way: the value of this type is being built.
use super::Stored;

#[derive(Default)]
pub struct SortedSet;
impl Stored for SortedSet {
    fn len(&self) -> usize {
        0
    }
    fn encoding(&self) -> &'static str {
        "zset"
    }
    fn memory_bytes(&self, _: usize) -> usize {
        0
    }
    fn weight(&self) -> usize {
        0
    }
    fn duplicate(&self) -> Self {
        SortedSet
    }
}
