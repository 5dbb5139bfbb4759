//! When an interpreter's garbage is collected at once, and not as its own collector comes to it.
//!
//! That one begins again when the heap has grown by a share of what it held last. What a script held that was large
//! counts there as if it were still used: a single string of 50 MB, and the next cycle begins 25 MB later. Small scripts
//! may be many before they have made that.

/// Less garbage is not worth a collection.
const GROWTH_BYTES_MIN: usize = 1 << 20;
/// While a heap is larger than that, its collector is told to begin at every so many scripts, one for so many bytes of the heap:
/// so it comes round, also where what was in use has become garbage (scripts and libraries that are not kept any more), and
/// what that costs is as little for each script, whatever the heap's size.
const BYTES_PER_SCRIPT: usize = 4096;

/// What is known of a heap.
#[derive(Debug)]
pub struct Garbage {
    /// No more than this can be in use: it was all that there was.
    lived_bytes: usize,
    /// When the heap is larger than this, growth is no excuse to wait.
    crowded_bytes: usize,
    scripts: usize,
}

impl Garbage {
    pub fn new(held_bytes: usize, crowded_bytes: usize) -> Garbage {
        Garbage { lived_bytes: held_bytes, crowded_bytes, scripts: 0 }
    }
    /// Whether all garbage is to be collected. What a collection costs grows with what is in use: so it waits until twice as
    /// much has come as was in use, and costs each byte that comes a constant. (The interpreter's own begins at once as much, and
    /// is mostly through by then, without stopping anybody.)
    pub fn is_due(&mut self, held_bytes: usize) -> bool {
        self.lived_bytes = self.lived_bytes.min(held_bytes);
        let grown = held_bytes - self.lived_bytes;
        grown > GROWTH_BYTES_MIN && (grown > 2 * self.lived_bytes || held_bytes > self.crowded_bytes)
    }
    /// All garbage was collected, and this is left.
    pub fn collected(&mut self, held_bytes: usize) {
        self.lived_bytes = held_bytes;
    }
    /// A script has ended: whether it is one behind which the collector takes a step.
    pub fn is_turn(&mut self, held_bytes: usize) -> bool {
        if held_bytes <= GROWTH_BYTES_MIN {
            return false;
        }
        self.scripts += 1;
        let is_turn = self.scripts > held_bytes / BYTES_PER_SCRIPT;
        if is_turn {
            self.scripts = 0;
        }
        is_turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collection_waits_for_as_much_as_was_in_use() {
        let mut garbage = Garbage::new(60 << 10, 512 << 20);
        assert!(!garbage.is_due(1 << 20));
        assert!(garbage.is_due(2 << 20));
        garbage.collected(13 << 20);
        assert!(!garbage.is_due(39 << 20));
        assert!(garbage.is_due(40 << 20));
        // What goes by itself was not in use.
        assert!(!garbage.is_due(3 << 20));
        assert!(garbage.is_due(10 << 20));
    }
    #[test]
    fn steps_are_taken_while_a_heap_is_large() {
        let mut garbage = Garbage::new(0, 512 << 20);
        let mut turns = |held_bytes| (0..10_000).filter(|_| garbage.is_turn(held_bytes)).count();
        assert_eq!((turns(100 << 10), turns(2 << 20), turns(16 << 20)), (0, 19, 2));
    }
    #[test]
    fn a_crowded_heap_waits_for_little_but_not_for_nothing() {
        let mut garbage = Garbage::new(0, 512 << 20);
        garbage.collected(600 << 20);
        assert!(!garbage.is_due(600 << 20));
        assert!(garbage.is_due(602 << 20));
    }
}
