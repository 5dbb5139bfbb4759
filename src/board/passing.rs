//! Memory that is on its way and goes again by itself: effects on their way to a file, a snapshot's pieces, what slow replicas
//! have still to be sent. It is no reason for any key to go: more keys that went would be more effects, and larger pieces.
use crate::allocator::held_bytes;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// How much there is, bytes.
pub type Gauge = Arc<AtomicU64>;

/// A buffer's share in it, for as long as it is held.
#[derive(Debug)]
pub struct Share {
    bytes: u64,
    gauge: Gauge,
}
impl Share {
    /// Of a buffer with this capacity.
    pub fn of(capacity: usize, gauge: &Gauge) -> Share {
        let mut share = Share { bytes: 0, gauge: gauge.clone() };
        share.resize(capacity);
        share
    }
    /// The buffer has this capacity now.
    pub fn resize(&mut self, capacity: usize) {
        let bytes = held_bytes(capacity) as u64;
        self.gauge.fetch_add(bytes, Relaxed);
        self.gauge.fetch_sub(std::mem::replace(&mut self.bytes, bytes), Relaxed);
    }
}
impl Drop for Share {
    fn drop(&mut self) {
        self.gauge.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_counted() {
        let gauge = Gauge::default();
        let mut one = Share::of(1000, &gauge);
        let other = Share::of(0, &gauge);
        assert_eq!(gauge.load(Relaxed) as usize, held_bytes(1000));
        one.resize(5);
        assert_eq!(gauge.load(Relaxed) as usize, held_bytes(5));
        drop((one, other));
        assert_eq!(gauge.load(Relaxed), 0);
    }
}
