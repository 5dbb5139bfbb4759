//! The global allocator: mimalloc, with a count of what it handed out.
//!
//! `used_memory` is read often and must be true, so it is counted where memory is handed out. Every thread counts
//! in a slot of its own cache line, with a plain load and store; a reader adds the slots up. What one thread
//! allocates and another frees leaves one slot too high and another too low; the sum is right.
use mimalloc::MiMalloc;
use std::{
    alloc::{GlobalAlloc, Layout},
    cell::Cell,
    sync::atomic::{AtomicIsize, AtomicUsize, Ordering::Relaxed},
};

/// Threads with a slot of their own; any more share the last one, and pay a locked instruction.
const SLOTS: usize = 128;

#[repr(align(128))]
struct Slot(AtomicIsize);

static SLOT: [Slot; SLOTS] = [const { Slot(AtomicIsize::new(0)) }; SLOTS];
static NEXT_SLOT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// This thread's slot; `SLOTS` until it has one.
    static MINE: Cell<usize> = const { Cell::new(SLOTS) };
}

pub struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The block that mimalloc hands out for a request of this size, in bytes: multiples of 16 up to 128, then four
/// sizes to each doubling.
#[inline]
fn block_bytes(size: usize) -> usize {
    if size <= 8 {
        return 8;
    }
    if size <= 128 {
        return size.next_multiple_of(16);
    }
    let step = 1 << ((size - 1).ilog2() - 2);
    if step >= 64 * 1024 { size.next_multiple_of(64 * 1024) } else { size.next_multiple_of(step) }
}

#[inline]
fn count(bytes: isize) {
    // A thread that is going down has no slot any more: it counts in the shared one.
    let slot = MINE.try_with(|mine| {
        if mine.get() == SLOTS {
            mine.set(NEXT_SLOT.fetch_add(1, Relaxed).min(SLOTS - 1));
        }
        mine.get()
    });
    match slot {
        Ok(slot) if slot < SLOTS - 1 => {
            let counter = &SLOT[slot].0;
            counter.store(counter.load(Relaxed) + bytes, Relaxed);
        }
        _ => {
            SLOT[SLOTS - 1].0.fetch_add(bytes, Relaxed);
        }
    }
}

/// Memory that the program holds, in bytes: the blocks that the allocator handed out and has not got back.
pub fn used_bytes() -> usize {
    SLOT.iter().map(|slot| slot.0.load(Relaxed)).sum::<isize>().max(0) as usize
}

// SAFETY: every call goes to mimalloc unchanged; counting touches no memory of the caller's.
unsafe impl GlobalAlloc for Counting {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(block_bytes(layout.size()) as isize);
        // SAFETY: the caller's promise is passed on.
        unsafe { MiMalloc.alloc(layout) }
    }
    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(block_bytes(layout.size()) as isize);
        // SAFETY: the caller's promise is passed on.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }
    #[inline]
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(block_bytes(layout.size()) as isize));
        // SAFETY: the caller's promise is passed on.
        unsafe { MiMalloc.dealloc(at, layout) }
    }
    #[inline]
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(block_bytes(new_size) as isize - block_bytes(layout.size()) as isize);
        // SAFETY: the caller's promise is passed on.
        unsafe { MiMalloc.realloc(at, layout, new_size) }
    }
}

/// Gives memory that the calling thread holds unused back to the system.
pub fn purge() {
    // SAFETY: collecting touches no block that is handed out.
    unsafe { libmimalloc_sys::mi_collect(true) }
}
/// The allocator's own figures, as JSON.
pub fn statistics() -> Option<String> {
    MiMalloc::stats_json().ok().map(|text| text.to_string_lossy().into_owned())
}
/// Name and version of the allocator.
pub fn name() -> String {
    let version = MiMalloc.version();
    format!("mimalloc-{}.{}.{}", version / 100 % 100, version / 10 % 10, version % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_those_of_the_allocator() {
        for size in (1..2000).chain([4096, 5000, 10_000, 65_536, 100_000]) {
            // SAFETY: the pointer is fresh, and freed with the layout that it was allocated with.
            let usable = unsafe {
                let layout = Layout::from_size_align(size, 8).unwrap();
                let at = MiMalloc.alloc(layout);
                let usable = MiMalloc.usable_size(at);
                MiMalloc.dealloc(at, layout);
                usable
            };
            let counted = block_bytes(size);
            assert!(
                counted.abs_diff(usable) * 50 <= usable.max(800),
                "{size}: counted {counted}, usable {usable}"
            );
        }
    }

    #[test]
    fn what_is_allocated_is_counted_and_what_is_freed_is_not() {
        let before = used_bytes() as isize;
        let held: Vec<Vec<u8>> = (0..1000).map(|_| Vec::with_capacity(100_000)).collect();
        assert!(used_bytes() as isize - before >= 90_000_000);
        std::thread::spawn(move || drop(held)).join().unwrap();
        assert!((used_bytes() as isize - before).abs() < 50_000_000);
    }
}
