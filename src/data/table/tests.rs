//! The table beside a `HashMap`, under good and broken hash functions.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher};
use std::ptr::NonNull;
use std::rc::Rc;

use proptest::prelude::*;

use super::segment::Segment;
use super::{Entry, Table};

/// What the tests store: a key, a value, and a share in a count of living entries.
#[repr(align(16))]
struct Node {
    key: [u8; 4],
    value: u32,
    living: Rc<Cell<usize>>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.living.set(self.living.get() - 1);
    }
}

// SAFETY: the address of a box of a type aligned to 16 bytes; the key lies in the box and is never written.
unsafe impl Entry for Box<Node> {
    fn into_raw(self) -> NonNull<u8> {
        NonNull::from(Box::leak(self)).cast()
    }

    unsafe fn from_raw(raw: NonNull<u8>) -> Self {
        // SAFETY: the caller passes what `into_raw` leaked, once.
        unsafe { Box::from_raw(raw.cast().as_ptr()) }
    }

    unsafe fn key<'a>(raw: NonNull<u8>) -> &'a [u8] {
        // SAFETY: the caller keeps the entry alive.
        unsafe { &raw.cast::<Node>().as_ref().key }
    }
}

/// A hash function that keeps only the bits of `mask`.
#[derive(Clone, Copy, Debug)]
struct Masked(u64);

struct MaskedHasher(u64, u64);

impl BuildHasher for Masked {
    type Hasher = MaskedHasher;

    fn build_hasher(&self) -> MaskedHasher {
        MaskedHasher(0, self.0)
    }
}

impl Hasher for MaskedHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            self.0 ^= self.0 >> 29;
        }
    }

    fn finish(&self) -> u64 {
        let mixed = self.0.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 32)) & self.1
    }
}

const GOOD: Masked = Masked(u64::MAX);

/// The table, its model, and the count of living entries.
struct Pair {
    table: Table<Box<Node>, Masked>,
    model: HashMap<u32, u32>,
    living: Rc<Cell<usize>>,
}

fn key_of(raw: NonNull<u8>) -> u32 {
    // SAFETY: the tests look at entries only while these are in the table.
    u32::from_be_bytes(unsafe { <Box<Node>>::key(raw) }.try_into().unwrap())
}

fn value_of(raw: NonNull<u8>) -> u32 {
    // SAFETY: as in `key_of`.
    unsafe { raw.cast::<Node>().as_ref().value }
}

impl Pair {
    fn new(hasher: Masked) -> Pair {
        Pair { table: Table::new(hasher), model: HashMap::new(), living: Rc::default() }
    }

    fn hash(&self, key: u32) -> u64 {
        self.table.hash(&key.to_be_bytes())
    }

    fn set(&mut self, key: u32, value: u32) {
        self.living.set(self.living.get() + 1);
        let node = Box::new(Node { key: key.to_be_bytes(), value, living: Rc::clone(&self.living) });
        let hash = self.hash(key);
        match self.model.insert(key, value) {
            None if key.is_multiple_of(2) => self.table.insert(hash, node),
            old => {
                let replaced = self.table.replace(hash, &key.to_be_bytes(), node);
                assert_eq!(replaced.map(|node| node.value), old);
            }
        }
    }

    fn remove(&mut self, key: u32) {
        let removed = self.table.remove(self.hash(key), &key.to_be_bytes());
        assert_eq!(removed.map(|node| node.value), self.model.remove(&key));
    }

    fn find(&self, key: u32) {
        self.table.prefetch_slots(self.hash(key));
        self.table.prefetch_entry(self.hash(key));
        let found = self.table.find(self.hash(key), &key.to_be_bytes());
        assert_eq!(found.map(value_of), self.model.get(&key).copied());
        assert!(found.is_none_or(|raw| key_of(raw) == key));
        let mut at_position = Vec::new();
        self.table.visit_position(self.hash(key) >> 16, &mut |raw| at_position.push(key_of(raw)));
        assert_eq!(at_position.contains(&key), found.is_some());
        assert!(at_position.iter().all(|other| self.hash(*other) >> 16 == self.hash(key) >> 16));
    }

    fn random(&self, seed: u64) {
        let mut state = fastrand::Rng::with_seed(seed);
        let picked = self.table.random(&mut || state.u64(..));
        assert_eq!(picked.is_none(), self.model.is_empty());
        assert!(picked.is_none_or(|raw| self.model.contains_key(&key_of(raw))));
    }

    /// One whole scan, in steps of `count`; each key exactly once, in order.
    fn scan(&self, count: usize) {
        let mut keys = Vec::new();
        let mut cursor = 0;
        loop {
            let before = keys.len();
            cursor = self.table.scan(cursor, count, &mut |raw| keys.push(key_of(raw)));
            if cursor == 0 {
                break;
            }
            assert!(keys.len() - before >= count, "too few entries in a step");
        }
        assert_eq!(keys.len(), self.model.len());
        assert!(keys.is_sorted_by_key(|key| self.hash(*key) >> 44), "not in order of position");
        assert_eq!(keys.into_iter().collect::<HashSet<_>>(), self.model.keys().copied().collect());
    }

    fn check(&self) {
        self.table.directory.check();
        for segment in self.table.directory.segments() {
            check_tags(&self.table, segment);
        }
        assert_eq!(self.table.len(), self.model.len());
        assert_eq!(self.living.get(), self.model.len(), "an entry was leaked or dropped twice");
    }
}

/// Panics unless each entry stands in the segment and under the tag that its hash says.
fn check_tags(table: &Table<Box<Node>, Masked>, segment: Segment) {
    for slot in segment.occupied() {
        let hash = table.hash(&key_of(slot.entry()).to_be_bytes());
        assert_eq!(table.directory.locate(hash).slots().as_ptr(), segment.slots().as_ptr());
        assert_eq!(slot.tag(), segment.tag(hash));
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Set { first: u32, count: u32, value: u32 },
    Remove { first: u32, count: u32 },
    Find { key: u32 },
    Random { seed: u64 },
    Scan { count: usize },
    Visit { cursor: u64 },
    Reserve { additional: usize },
    Take,
}

/// Keys are numbers below `keys`; ranges of up to `run` of them are set or removed at once.
fn operations(keys: u32, run: u32, length: usize) -> impl Strategy<Value = Vec<Operation>> {
    let operation = prop_oneof![
        8 => (0..keys, 1..run, any::<u32>())
            .prop_map(|(first, count, value)| Operation::Set { first, count, value }),
        8 => (0..keys, 1..run).prop_map(|(first, count)| Operation::Remove { first, count }),
        4 => (0..keys).prop_map(|key| Operation::Find { key }),
        2 => any::<u64>().prop_map(|seed| Operation::Random { seed }),
        2 => (1_usize..100).prop_map(|count| Operation::Scan { count }),
        2 => any::<u64>().prop_map(|cursor| Operation::Visit { cursor }),
        1 => (0_usize..5000).prop_map(|additional| Operation::Reserve { additional }),
        1 => Just(Operation::Take),
    ];
    prop::collection::vec(operation, 1..length)
}

fn masks() -> impl Strategy<Value = Masked> {
    // All bits, none, a few at the top, in the tags, behind the tags, and at the end.
    prop::sample::select(vec![
        u64::MAX,
        0,
        0xf << 60,
        0x3ff << 54,
        0xff << 40,
        0xffff << 24,
        0xffff,
        0xf000_0000_0000_000f,
        0x5555 << 48,
    ])
    .prop_map(Masked)
}

fn run(hasher: Masked, operations: Vec<Operation>) {
    let mut pair = Pair::new(hasher);
    for operation in operations {
        match operation {
            Operation::Set { first, count, value } => {
                (first..first + count).for_each(|key| pair.set(key, value.wrapping_add(key)));
            }
            Operation::Remove { first, count } => (first..first + count).for_each(|key| pair.remove(key)),
            Operation::Find { key } => pair.find(key),
            Operation::Random { seed } => pair.random(seed),
            Operation::Scan { count } => pair.scan(count),
            Operation::Visit { cursor } => {
                pair.table.scan(cursor, 3, &mut |raw| assert!(pair.model.contains_key(&key_of(raw))));
                pair.table.scan(cursor >> 16, 3, &mut |raw| assert!(pair.model.contains_key(&key_of(raw))));
                pair.table.visit_position(cursor, &mut |_| ());
            }
            Operation::Reserve { additional } => pair.table.reserve(additional),
            Operation::Take => {
                let mut taken: Vec<_> = pair.table.take().into_iter().take(pair.model.len() / 2).collect();
                taken.drain(..).for_each(|node| assert_eq!(pair.model[&key_of_node(&node)], node.value));
                pair.model.clear();
            }
        }
        pair.check();
    }
    drop(pair.table);
    assert_eq!(pair.living.get(), 0);
}

fn key_of_node(node: &Node) -> u32 {
    u32::from_be_bytes(node.key)
}

fn config(cases: u32) -> ProptestConfig {
    let cases = if cfg!(miri) { 3 } else { cases };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Under an interpreter everything is smaller.
const SCALE: u32 = if cfg!(miri) { 16 } else { 1 };

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn agrees_with_a_map_when_small(hasher in masks(), operations in operations(60, 8, 200 / SCALE as usize)) {
        run(hasher, operations);
    }

    #[test]
    fn agrees_with_a_map_under_a_broken_hash(
        hasher in masks(), operations in operations(3000 / SCALE, 700 / SCALE, 24)
    ) {
        run(hasher, operations);
    }
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn agrees_with_a_map_when_large(operations in operations(20_000 / SCALE, 8_000 / SCALE, 40)) {
        run(GOOD, operations);
    }

    /// Keys below 500 stay; others come and go between the steps of a scan, so that segments grow, split and merge.
    #[test]
    fn a_scan_misses_nothing_that_stays(
        hasher in masks(),
        changes in prop::collection::vec((500_u32..9_000, 1_u32..4_000, any::<bool>()), 1..(32 / SCALE as usize)),
        count in 1_usize..50,
    ) {
        let stays = 500 / SCALE;
        let mut pair = Pair::new(hasher);
        (0..stays).for_each(|key| pair.set(key, key));
        let mut changes = changes.into_iter();
        let mut seen = HashSet::new();
        let mut cursor = 0;
        loop {
            cursor = pair.table.scan(cursor, count, &mut |raw| { seen.insert(key_of(raw)); });
            if cursor == 0 {
                break;
            }
            if let Some((first, length, come)) = changes.next() {
                let keys = first..first + length / SCALE;
                keys.for_each(|key| if come { pair.set(key, 0) } else { pair.remove(key) });
            }
        }
        prop_assert!((0..stays).all(|key| seen.contains(&key)));
    }
}

#[test]
fn it_is_dropped_in_parts() {
    let mut pair = Pair::new(GOOD);
    let keys = 20_000 / SCALE;
    (0..keys).for_each(|key| pair.set(key, key));
    let living = pair.living.clone();
    let mut left = vec![];
    pair.table.drop_in_parts(|| left.push(living.get()));
    assert!(left.is_sorted_by(|before, after| before > after), "{left:?}");
    assert!(left.len() > 3 && left[0] > 0, "{left:?}");
    assert_eq!(living.get(), 0);
}

#[test]
fn an_empty_table_has_nothing() {
    let pair = Pair::new(GOOD);
    pair.check();
    pair.find(1);
    pair.scan(10);
    pair.random(1);
}

#[test]
#[cfg_attr(miri, ignore = "too slow")]
fn shrinks_to_nothing() {
    let mut pair = Pair::new(GOOD);
    let empty_bytes = pair.table.memory_bytes();
    let keys = 50_000 / SCALE;
    (0..keys).for_each(|key| pair.set(key, key));
    pair.check();
    pair.scan(1000);
    let full_bytes = pair.table.memory_bytes();
    (0..keys * 9 / 10).for_each(|key| pair.remove(key));
    pair.check();
    assert!(pair.table.memory_bytes() < full_bytes / 4);
    (0..keys).for_each(|key| pair.remove(key));
    pair.check();
    assert_eq!(pair.table.directory.depth(), 0);
    assert_eq!(pair.table.memory_bytes(), empty_bytes);
}

#[test]
fn a_reserved_table_does_not_split() {
    let mut pair = Pair::new(GOOD);
    pair.table.reserve(30_000);
    let depth = pair.table.directory.depth();
    (0..30_000 / SCALE).for_each(|key| pair.set(key, key));
    pair.check();
    assert_eq!(pair.table.directory.depth(), depth);
}

#[test]
fn a_broken_hash_does_not_blow_up_memory() {
    for mask in [0, 1, 1 << 63, 0xffff] {
        let mut pair = Pair::new(Masked(mask));
        let keys = 2_000 / SCALE;
        (0..keys).for_each(|key| pair.set(key, key));
        pair.check();
        assert!(pair.table.memory_bytes() < 60 * keys as usize + 4096);
    }
}

#[test]
#[cfg_attr(miri, ignore = "too slow")]
fn keys_cost_about_ten_bytes() {
    let mut pair = Pair::new(GOOD);
    let mut costs = Vec::new();
    let mut next = 1_000;
    for key in 0..300_000 {
        pair.set(key, 0);
        if key + 1 == next {
            costs.push(pair.table.memory_bytes() as f64 / f64::from(next));
            next += next / 50;
        }
    }
    let mean = costs.iter().sum::<f64>() / costs.len() as f64;
    assert!(mean <= 10.5, "{mean} bytes a key");
    assert!(costs.iter().all(|cost| *cost <= 12.0), "{costs:?}");
}

#[test]
#[cfg_attr(miri, ignore = "too slow")]
fn random_is_fair() {
    for keys in [10_u32, 700, 3_000] {
        let mut pair = Pair::new(GOOD);
        (0..keys).for_each(|key| pair.set(key, key));
        let mut state = fastrand::Rng::with_seed(7);
        let mut picks = vec![0_u32; keys as usize];
        for _ in 0..keys * 400 {
            let raw = pair.table.random(&mut || state.u64(..)).unwrap();
            picks[key_of(raw) as usize] += 1;
        }
        // A binomial count of mean 400 and deviation 20: five deviations to either side.
        assert!(picks.iter().all(|count| (300..=500).contains(count)), "{keys} keys");
    }
}

#[test]
fn two_tables_of_one_hasher_agree_on_positions() {
    let (first, second) = (Pair::new(GOOD), Pair::new(GOOD));
    assert_eq!(first.hash(5), second.hash(5));
}
