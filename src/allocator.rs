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

/// Threads with a slot of their own; any more share the last one, and pay a locked instruction. (Each test is a thread, and
/// some of them look at what they use themselves.)
const SLOTS: usize = if cfg!(test) { 4096 } else { 128 };

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

/// mimalloc aligns every block of at least 16 bytes to 16, and every smaller one to 8, without being asked. It must not
/// be asked for that either: its aligned allocation asks for up to `align - 1` bytes more, which is often the next
/// larger block.
const NATURAL_ALIGN: usize = 16;
/// Blocks above this have pages of their own.
const CLASSED_BYTES_MAX: usize = 512 << 10;

/// The block that mimalloc 3 hands out for a request of this size, in bytes: multiples of 16 up to 128, then four sizes
/// to each doubling; above 512 KiB whole units of the system's (mimalloc's `page-queue.c` and `_mi_os_good_alloc_size`).
#[inline]
pub fn block_bytes(size: usize) -> usize {
    if size <= 8 {
        return 8;
    }
    if size <= 128 {
        return size.next_multiple_of(16);
    }
    if size <= CLASSED_BYTES_MAX {
        return size.next_multiple_of(1 << ((size - 1).ilog2() - 2));
    }
    let unit = match size >> 20 {
        0..2 => 64 << 10,
        2..8 => 256 << 10,
        8..32 => 1 << 20,
        _ => 4 << 20,
    };
    // Nothing so large that this wraps is ever handed out: a layout ends at `isize::MAX`.
    size.next_multiple_of(unit)
}
/// What a buffer of this capacity takes.
#[inline]
pub fn held_bytes(capacity: usize) -> usize {
    if capacity == 0 { 0 } else { block_bytes(capacity) }
}
/// What a request is counted as. One that must be aligned more than blocks are is a guess; there are few.
#[inline]
fn counted(layout: Layout) -> isize {
    let slack = if is_natural(layout) { 0 } else { layout.align() - 1 };
    block_bytes(layout.size() + slack) as isize
}
/// Whether a block of this size is aligned enough as it is.
#[inline]
fn is_natural(layout: Layout) -> bool {
    layout.align() <= 8 || (layout.align() <= NATURAL_ALIGN && layout.size() > 8)
}

/// The slot that the calling thread counts in. One that is going down has none any more: it counts in the shared one.
#[inline]
fn own_slot() -> usize {
    let slot = MINE.try_with(|mine| {
        if mine.get() == SLOTS {
            mine.set(NEXT_SLOT.fetch_add(1, Relaxed).min(SLOTS - 1));
        }
        mine.get()
    });
    slot.unwrap_or(SLOTS - 1)
}
#[inline]
fn count(bytes: isize) {
    match own_slot() {
        slot if slot < SLOTS - 1 => {
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
    // Slots that no thread has taken yet are zero; each would be a line of the cache to be fetched.
    let taken = NEXT_SLOT.load(Relaxed).min(SLOTS - 1);
    let bytes: isize = SLOT[..taken].iter().chain(&SLOT[SLOTS - 1..]).map(|slot| slot.0.load(Relaxed)).sum();
    bytes.max(0) as usize
}
/// What the calling thread allocated, less what it freed, in bytes: two readings tell what it did between them. It may
/// be negative, where it frees what others allocated.
#[inline]
pub fn own_bytes() -> isize {
    SLOT[own_slot()].0.load(Relaxed)
}

// SAFETY: every call goes to mimalloc, which keeps `GlobalAlloc`'s contract; counting touches no memory of the caller's.
unsafe impl GlobalAlloc for Counting {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(counted(layout));
        if is_natural(layout) {
            // SAFETY: any size will do; the block is aligned, see `NATURAL_ALIGN`.
            return unsafe { libmimalloc_sys::mi_malloc(layout.size()) }.cast();
        }
        // SAFETY: the caller's promise is passed on.
        unsafe { MiMalloc.alloc(layout) }
    }
    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(counted(layout));
        if is_natural(layout) {
            // SAFETY: as in `alloc`.
            return unsafe { libmimalloc_sys::mi_zalloc(layout.size()) }.cast();
        }
        // SAFETY: the caller's promise is passed on.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }
    #[inline]
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-counted(layout));
        // SAFETY: the caller's promise is passed on.
        unsafe { MiMalloc.dealloc(at, layout) }
    }
    /// mimalloc would keep a block that is up to twice too large: it would be counted wrongly, and values that shrink
    /// would keep their memory. So the block changes whenever its class does.
    #[inline]
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the new size, rounded up to the alignment, is a size.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        if is_natural(layout) && is_natural(new_layout) && counted(layout) == counted(new_layout) {
            return at;
        }
        // SAFETY: the new size is not zero, as the caller promises, and so on for the rest; the blocks are two.
        unsafe {
            let new = self.alloc(new_layout);
            if !new.is_null() {
                new.copy_from_nonoverlapping(at, layout.size().min(new_size));
                self.dealloc(at, layout);
            }
            new
        }
    }
}

/// Gives memory that the calling thread holds unused back to the system.
pub fn purge() {
    // SAFETY: collecting touches no block that is handed out.
    unsafe { libmimalloc_sys::mi_collect(true) }
}
/// Lets go of the pages of the calling thread in which nothing is left, without giving them to the system yet: what
/// other threads freed in them is noticed only now.
pub fn release_pages() {
    // SAFETY: as in `purge`.
    unsafe { libmimalloc_sys::mi_collect(false) }
}
/// The allocator's own figures, as JSON.
pub fn statistics() -> Option<String> {
    MiMalloc::stats_json().ok().map(|text| text.to_string_lossy().into_owned())
}
/// Name and version of the allocator.
pub fn name() -> String {
    // Two decimal digits each for minor and patch.
    let version = MiMalloc.version();
    format!("mimalloc-{}.{}.{}", version / 10_000, version / 100 % 100, version % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What our allocator hands out for a size, as mimalloc itself measures it.
    fn usable_bytes(layout: Layout) -> usize {
        // SAFETY: the pointer is fresh, and freed with the layout that it was allocated with.
        unsafe {
            let at = ALLOCATOR.alloc(layout);
            assert_eq!(at as usize % layout.align(), 0, "{layout:?}");
            let usable = MiMalloc.usable_size(at);
            ALLOCATOR.dealloc(at, layout);
            usable
        }
    }

    #[test]
    fn blocks_are_those_of_the_allocator() {
        let edges =
            (12..27).flat_map(|power| [-1, 0, 1].map(|near| (1usize << power).wrapping_add_signed(near)));
        let between = (12..27).map(|power| 13 << (power - 3));
        for size in (1..5000).chain(edges).chain(between) {
            for align in [1, 8, 16].into_iter().filter(|align| *align <= 8 || size > 8) {
                let usable = usable_bytes(Layout::from_size_align(size, align).unwrap());
                assert_eq!(block_bytes(size), usable, "size {size}, alignment {align}");
            }
        }
    }

    #[test]
    fn blocks_of_higher_alignment_are_aligned() {
        for (size, align) in [(1, 16), (8, 16), (24, 32), (64, 64), (80, 64), (4096, 4096), (100_000, 128)] {
            assert!(usable_bytes(Layout::from_size_align(size, align).unwrap()) >= size);
        }
    }

    #[test]
    fn a_block_that_shrinks_gives_memory_back() {
        let mut bytes = vec![7u8; 3000];
        bytes.truncate(2000);
        bytes.shrink_to_fit();
        // SAFETY: the vector holds its block.
        let usable = unsafe { MiMalloc.usable_size(bytes.as_ptr()) };
        assert_eq!((usable, bytes), (2048, vec![7u8; 2000]));
    }
}
