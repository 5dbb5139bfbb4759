//! Stretches of what replicas are sent, and the memory that they are in.
//!
//! A stretch is shared by the backlog and by all Replicas that have still to write it. So nobody can tell from what he holds
//! how much memory goes when he lets go of it; the memory itself knows who is left.
use crate::{allocator::block_bytes, board::Gauge};
use bytes::Bytes;
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::Relaxed},
};

/// So few small pieces behind each other are left as they are: where large commits come between small ones, these are one piece.
pub const SMALL_PIECES_MAX: usize = 2;

/// Bytes for replicas, for as many as need them.
#[derive(Clone, Debug)]
pub struct Stretch {
    pub bytes: Bytes,
    /// What they are a view into.
    pub(super) memory: Arc<Memory>,
}
impl Stretch {
    /// One that has its memory for itself. While nobody but replicas needs it, it is in the gauge.
    pub fn new(bytes: Bytes, gauge: &Gauge) -> Stretch {
        let memory = Memory::new(bytes.len(), gauge);
        Stretch { bytes, memory }
    }
    /// The same, with room that is not used.
    pub fn with_room(bytes: Vec<u8>, gauge: &Gauge) -> Stretch {
        let memory = Memory::new(bytes.capacity(), gauge);
        Stretch { bytes: bytes.into(), memory }
    }
    /// The part of it from here on.
    pub fn from(&self, begin: usize) -> Stretch {
        Stretch { bytes: self.bytes.slice(begin..), memory: self.memory.clone() }
    }
}

/// What keeps account of a piece of memory takes so much itself, bytes: a `Memory` that is shared, and `Bytes`' own.
const KEEPERS_BYTES: usize = 48 + 32;

/// A piece of memory that stretches are in. It is in the gauge while the backlog does not need it.
#[derive(Debug)]
pub struct Memory {
    bytes: usize,
    /// So many parts of the backlog need it. Writer: Primary.
    uses: AtomicU32,
    gauge: Gauge,
}
impl Memory {
    pub(super) fn new(bytes: usize, gauge: &Gauge) -> Arc<Memory> {
        let bytes = block_bytes(bytes) + KEEPERS_BYTES;
        gauge.fetch_add(bytes as u64, Relaxed);
        Arc::new(Memory { bytes, uses: AtomicU32::new(0), gauge: gauge.clone() })
    }
    pub(super) fn len(&self) -> usize {
        self.bytes
    }
    pub(super) fn has_one_use(&self) -> bool {
        self.uses.load(Relaxed) == 1
    }
    /// The backlog needs it. Tells by how many bytes it has become larger.
    pub(super) fn keep(&self) -> usize {
        if self.uses.fetch_add(1, Relaxed) > 0 {
            return 0;
        }
        self.gauge.fetch_sub(self.bytes as u64, Relaxed);
        self.bytes
    }
    /// The reverse of [`Memory::keep`], before it is let go of.
    pub(super) fn release(&self) -> usize {
        if self.uses.fetch_sub(1, Relaxed) > 1 {
            return 0;
        }
        self.gauge.fetch_add(self.bytes as u64, Relaxed);
        self.bytes
    }
}
impl Drop for Memory {
    fn drop(&mut self) {
        self.gauge.fetch_sub(self.bytes as u64, Relaxed);
    }
}
