//! What is allocated is counted, and what structures of our own allocate is freed. A process of its own, as any other
//! test would count in it, too; and one test at a time.
use std::sync::Mutex;

use callboard::allocator::used_bytes;
use callboard::data::members::Members;

/// What the harness may allocate or free meanwhile on its own thread (it tells how the other test went), bytes. A member that
/// is leaked or not counted shows in all of 100,000 steps.
const NOISE_BYTES: usize = 8192;

static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn what_is_allocated_is_counted_and_what_is_freed_is_not() {
    let _alone = ALONE.lock();
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

/// Keys and values in the table and outside of it, replaced by shorter and longer ones, moved by growth, and removed.
#[test]
fn members_free_what_they_allocate_and_know_how_much_that_is() {
    let _alone = ALONE.lock();
    const KEYS: usize = 5000;
    let before = used_bytes();
    let mut members = Members::new(ahash::RandomState::with_seeds(1, 2, 3, 4));
    let mut random = fastrand::Rng::with_seed(1);
    for step in 0..100_000 {
        if step % 10_000 == 0 {
            // The harness may have freed something since: then it is less than before.
            let (held, expected) = (grown_since(before), members.memory_bytes() as isize);
            assert!(held.abs_diff(expected) < NOISE_BYTES, "{held}: {expected}");
        }
        let number = random.usize(..KEYS);
        let key = vec![b'k'; if number.is_multiple_of(5) { 100 + number } else { number % 64 }];
        let key = [&key, number.to_string().as_bytes()].concat();
        match random.u8(..4) {
            0 => _ = members.remove(&key),
            1 => _ = members.mark(&key, true),
            _ => _ = members.insert(&key, &vec![b'v'; random.usize(..200)], false),
        }
    }
    let copy = members.clone();
    drop(members);
    assert!(grown_since(before).abs_diff(copy.memory_bytes() as isize) < NOISE_BYTES);
    drop(copy);
    assert!(used_bytes().abs_diff(before) < NOISE_BYTES, "{} left over", grown_since(before));
}

fn grown_since(before: usize) -> isize {
    used_bytes() as isize - before as isize
}
