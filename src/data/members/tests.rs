//! The table beside a `HashMap`.

use std::collections::{BTreeSet, HashMap};

use ahash::RandomState;
use proptest::prelude::*;

use super::*;

type Model = HashMap<Vec<u8>, (Vec<u8>, bool)>;

fn hasher() -> RandomState {
    RandomState::with_seeds(1, 2, 3, 4)
}

fn key(number: usize) -> Vec<u8> {
    format!("key:{number:06}").into_bytes()
}

fn table_of(numbers: std::ops::Range<usize>) -> Members {
    let mut table = Members::new(hasher());
    numbers.for_each(|number| assert!(table.insert(&key(number), b"", false)));
    table
}

/// Some keys, of lengths around those at which they are held otherwise.
fn any_key() -> impl Strategy<Value = Vec<u8>> {
    let padded = |(number, len): (u16, usize)| {
        let mut key = number.to_string().into_bytes();
        key.resize(len.max(key.len()), b'.');
        key
    };
    let len = prop_oneof![8 => Just(0usize), 1 => 7usize..10, 1 => 126usize..131, 1 => Just(1000usize)];
    prop_oneof![1 => Just(Vec::new()), 20 => (0u16..300, len).prop_map(padded)]
}

fn any_value() -> impl Strategy<Value = Vec<u8>> {
    let len = prop_oneof![Just(0usize), Just(8), 0usize..20, 126usize..131, Just(1000)];
    (len, any::<u8>()).prop_map(|(len, byte)| vec![byte; len])
}

#[derive(Clone, Debug)]
enum Step {
    Insert(Vec<u8>, Vec<u8>, bool),
    Add(Vec<u8>),
    Remove(Vec<u8>),
    Mark(Vec<u8>, bool),
    Overwrite(Vec<u8>, u8),
    TakeRandom(u64),
    Fill(u16),
    Drain(u16),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (any_key(), any_value(), any::<bool>()).prop_map(|(key, value, mark)| Step::Insert(key, value, mark)),
        2 => any_key().prop_map(Step::Add),
        6 => any_key().prop_map(Step::Remove),
        2 => (any_key(), any::<bool>()).prop_map(|(key, mark)| Step::Mark(key, mark)),
        2 => (any_key(), any::<u8>()).prop_map(|(key, byte)| Step::Overwrite(key, byte)),
        4 => any::<u64>().prop_map(Step::TakeRandom),
        1 => (0u16..400).prop_map(Step::Fill),
        1 => (0u16..400).prop_map(Step::Drain),
    ]
}

fn contents<'a>(members: impl Iterator<Item = Member<'a>>) -> Model {
    let mut all = Model::new();
    for member in members {
        let old = all.insert(member.key.to_vec(), (member.value.to_vec(), member.marked));
        assert!(old.is_none(), "an entry was visited twice");
    }
    all
}

fn apply(table: &mut Members, model: &mut Model, step: &Step) {
    match step {
        Step::Insert(key, value, marked) => {
            let new = model.insert(key.clone(), (value.clone(), *marked)).is_none();
            assert_eq!(table.insert(key, value, *marked), new);
        }
        Step::Add(key) => {
            let new = !model.contains_key(key);
            model.entry(key.clone()).or_default();
            assert_eq!(table.add(key), new);
        }
        Step::Remove(key) => {
            let taken = table.take(key, |member| (member.value.to_vec(), member.marked));
            assert_eq!(taken, model.remove(key));
        }
        Step::Mark(key, marked) => {
            let found = model.get_mut(key).map(|(_, mark)| *mark = *marked);
            assert_eq!(table.mark(key, *marked), found.is_some());
        }
        Step::Overwrite(key, byte) => {
            let found = model.get_mut(key).map(|(value, _)| value.fill(*byte));
            assert_eq!(table.value_mut(key).map(|value| value.fill(*byte)), found);
        }
        Step::TakeRandom(seed) => {
            let mut random = fastrand::Rng::with_seed(*seed);
            let taken = table.take_random(&mut || random.u64(..), |member| member.key.to_vec());
            assert_eq!(taken.is_none(), model.is_empty());
            assert!(taken.is_none_or(|key| model.remove(&key).is_some()));
        }
        Step::Fill(count) => {
            for number in 0..*count {
                model.insert(key(number.into()), Default::default());
                table.insert(&key(number.into()), b"", false);
            }
        }
        Step::Drain(count) => {
            for number in 0..*count {
                assert_eq!(table.remove(&key(number.into())), model.remove(&key(number.into())).is_some());
            }
        }
    }
}

fn check(table: &Members, model: &Model) {
    assert_eq!((table.len(), table.is_empty()), (model.len(), model.is_empty()));
    assert_eq!(contents(table.iter()), *model);
    for (key, (value, marked)) in model {
        assert_eq!(table.get(key), Some(Member { key, value, marked: *marked }));
    }
    assert!(!table.contains(b"nobody") && table.get(b"nobody").is_none());
    let mut scanned = Vec::new();
    let mut cursor = 0;
    loop {
        let before = scanned.len();
        cursor = table.scan(cursor, 7, &mut |member| scanned.push(member));
        if cursor == 0 {
            break;
        }
        assert!(scanned.len() - before >= 7, "too few entries in a step");
    }
    assert_eq!(contents(scanned.into_iter()), *model);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]
    #[test]
    fn a_table_is_a_map(steps in prop::collection::vec(any_step(), 0..120)) {
        let (mut table, mut model) = (Members::new(hasher()), Model::new());
        for step in &steps {
            apply(&mut table, &mut model, step);
        }
        check(&table, &model);
        let copy = table.clone();
        drop(table);
        check(&copy, &model);
    }

    /// Between the calls of a scan entries come and go; those that stay are all seen.
    #[test]
    fn a_scan_misses_nothing_that_stays(
        start in 0usize..3000,
        count in 1usize..40,
        changes in prop::collection::vec((any::<bool>(), 0usize..800), 1..20),
    ) {
        let mut table = table_of(0..start);
        let mut staying: BTreeSet<Vec<u8>> = (0..start).map(key).collect();
        let (mut seen, mut cursor, mut fresh, mut gone) = (BTreeSet::new(), 0, start, 0);
        let mut changes = changes.iter().cycle();
        loop {
            cursor = table.scan(cursor, count, &mut |member| {
                seen.insert(member.key.to_vec());
            });
            if cursor == 0 {
                break;
            }
            match changes.next() {
                Some((true, more)) if table.len() < 20_000 => {
                    (0..*more).for_each(|number| assert!(table.insert(&key(fresh + number), b"", false)));
                    fresh += more;
                }
                Some((_, fewer)) => {
                    let end = (gone + fewer).min(fresh);
                    for number in gone..end {
                        assert!(table.remove(&key(number)));
                        staying.remove(&key(number));
                    }
                    gone = end;
                }
                None => unreachable!("it is a cycle"),
            }
        }
        prop_assert!(staying.is_subset(&seen));
    }
}

#[test]
fn any_cursor_is_safe() {
    let table = table_of(0..1000);
    let cursors = (0..64).map(|shift| 1 << shift).chain([u64::MAX, (1 << 48) - 1, 1 << 48]);
    for cursor in cursors {
        table.scan(cursor, 1, &mut |_| ());
    }
    assert_eq!(Members::new(hasher()).scan(0, 10, &mut |_| panic!("nothing is there")), 0);
}

#[test]
fn a_count_of_zero_and_one_beyond_all_are_fine() {
    let table = table_of(0..100);
    let mut seen = 0;
    assert_ne!(table.scan(0, 0, &mut |_| seen += 1), 0);
    assert_eq!(table.scan(0, usize::MAX, &mut |_| seen += 1), 0);
    assert!(seen > 100);
}

/// Draws from a table of so many entries; the sum of squares must be what chance makes it.
fn assert_fair(table: &Members) {
    const DRAWS_PER_ENTRY: usize = 100;
    let mut random = fastrand::Rng::with_seed(7);
    let mut drawn: HashMap<Vec<u8>, usize> = HashMap::new();
    for _ in 0..table.len() * DRAWS_PER_ENTRY {
        let picked = table.random(&mut || random.u64(..)).unwrap();
        *drawn.entry(picked.key.to_vec()).or_default() += 1;
    }
    let expected = DRAWS_PER_ENTRY as f64;
    let squares = table.iter().map(|member| {
        let off = drawn.get(member.key).copied().unwrap_or(0) as f64 - expected;
        off * off / expected
    });
    let (chi_squared, freedom) = (squares.sum::<f64>(), table.len() as f64 - 1.0);
    let deviation = (2.0 * freedom).sqrt();
    assert!(
        (chi_squared - freedom).abs() < 5.0 * deviation,
        "{chi_squared} with {freedom} degrees of freedom"
    );
}

#[test]
fn a_random_pick_is_fair() {
    for len in [2, 3, 11, 50, 129, 1000, 1500, 2000] {
        assert_fair(&table_of(0..len));
    }
    let mut shrunk = table_of(0..5000);
    for (before, len) in [(5000, 1000), (1000, 30), (30, 7), (7, 2)] {
        (len..before).for_each(|number| assert!(shrunk.remove(&key(number))));
        assert_eq!(shrunk.len(), len);
        assert_fair(&shrunk);
    }
}

#[test]
fn randomness_that_never_hits_still_picks() {
    let mut table = table_of(0..1000);
    (0..990).for_each(|number| assert!(table.remove(&key(number))));
    let picked = (0..3).map(|kind| table.random(&mut || [0, u64::MAX / 2, u64::MAX][kind]));
    assert!(picked.into_iter().all(|picked| picked.is_some()));
}

#[test]
fn an_entry_costs_what_the_plan_says() {
    let cost = |value: &[u8]| {
        let mut worst = 0.0f64;
        let mut table = Members::new(hasher());
        for number in 0..40_000 {
            table.insert(format!("member:{number:09}").as_bytes(), value, false);
            if number >= 20_000 && number % 1000 == 0 {
                worst = worst.max(table.memory_bytes() as f64 / table.len() as f64);
            }
        }
        worst
    };
    let (alone, scored, field) = (cost(b""), cost(&[1; 8]), cost(&[1; 32]));
    assert!(alone < 25.0 && scored < 33.5 && field < 62.0, "{alone} {scored} {field}");
}

#[test]
fn a_table_that_is_emptied_gives_its_memory_back_as_it_goes() {
    const ALL: usize = 50_000;
    let mut table = table_of(0..ALL);
    let full = table.memory_bytes();
    for number in 0..ALL {
        table.remove(&key(number));
        if number % 1000 == 0 {
            let share = full * table.len() / ALL;
            assert!(table.memory_bytes() < 2 * share + 100_000, "{} of {share}", table.memory_bytes());
        }
    }
    assert!(table.memory_bytes() < 200, "{}", table.memory_bytes());
    assert_eq!((table.buckets.len(), table.allocations()), (1, 1));
}

#[test]
fn one_operation_divides_or_merges_one_bucket_at_most() {
    let mut table = Members::new(hasher());
    let mut before = table.buckets.len();
    let mut step = |table: &Members| {
        assert!(table.buckets.len().abs_diff(before) <= 1);
        before = table.buckets.len();
    };
    for number in 0..10_000 {
        table.insert(&key(number), b"", false);
        step(&table);
    }
    for number in 0..10_000 {
        table.remove(&key(number));
        step(&table);
    }
}

#[test]
fn prepared_buckets_are_not_divided_again() {
    let mut table = Members::with_capacity(hasher(), 100_000);
    let prepared = table.buckets.len();
    (0..100_000).for_each(|number| assert!(table.add(&key(number))));
    assert_eq!(table.buckets.len(), prepared);
    assert!((0..100_000).all(|number| table.contains(&key(number))));
}

#[test]
fn samples_estimate_what_all_buckets_take() {
    let mut table = Members::new(hasher());
    for number in 0..5000 {
        table.insert(&key(number), &vec![1; number % 400], false);
    }
    let (all, some) = (table.estimate(9999, Bucket::memory_bytes), table.estimate(50, Bucket::memory_bytes));
    assert!(some.abs_diff(all) * 4 < all, "{some} estimated of {all}");
    // About two thirds of the values are long.
    let allocations = table.allocations();
    assert!((2500..6000).contains(&allocations), "{allocations}");
}
