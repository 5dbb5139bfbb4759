//! What is allocated is counted. A process of its own, as any other test would count in it, too.
use callboard::allocator::used_bytes;

#[test]
fn what_is_allocated_is_counted_and_what_is_freed_is_not() {
    const BLOCKS: usize = 1000;
    const BLOCK_BYTES: usize = 98_304;
    let before = used_bytes();
    let held: Vec<Vec<u8>> = (0..BLOCKS).map(|_| Vec::with_capacity(BLOCK_BYTES)).collect();
    let grown = used_bytes() - before;
    let expected = BLOCKS * (BLOCK_BYTES + size_of::<Vec<u8>>());
    assert!(grown.abs_diff(expected) * 50 <= expected, "{grown} counted, {expected} held");
    // Counted here, freed there.
    std::thread::spawn(move || drop(held)).join().expect("the thread only frees");
    assert!(used_bytes().abs_diff(before) * 50 <= expected);
}
