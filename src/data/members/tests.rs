use super::*;
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

fn table(seed: u64) -> Members {
    Members::new(ahash::RandomState::with_seeds(seed, 2, 3, 4))
}
fn bytes(short: usize, long: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => proptest::collection::vec(any::<u8>(), 0..short),
        1 => proptest::collection::vec(any::<u8>(), 100..long),
    ]
}
#[derive(Clone, Debug)]
enum Step {
    Insert(Vec<u8>, Vec<u8>, bool),
    Remove(usize),
    TakeRandom(u64),
    Clone,
}
fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (bytes(3, 300), bytes(40, 400), any::<bool>()).prop_map(|(k, v, m)| Step::Insert(k, v, m)),
        2 => any::<usize>().prop_map(Step::Remove),
        1 => any::<u64>().prop_map(Step::TakeRandom),
        1 => Just(Step::Clone),
    ]
}

proptest! {
    #[test]
    fn it_does_what_a_map_does(steps in proptest::collection::vec(step(), 1..400)) {
        let (mut members, mut model) = (table(1), HashMap::new());
        for step in steps {
            match step {
                Step::Insert(key, value, marked) => {
                    let new = model.insert(key.clone(), (value.clone(), marked)).is_none();
                    prop_assert_eq!(members.insert(&key, &value, marked), new);
                }
                Step::Remove(index) if !model.is_empty() => {
                    let key: Vec<u8> = model.keys().nth(index % model.len()).cloned().unwrap();
                    let (value, _) = model.remove(&key).unwrap();
                    prop_assert_eq!(members.take(&key), Some(value));
                    prop_assert!(!members.remove(&key));
                }
                Step::TakeRandom(seed) => {
                    let mut rng = fastrand::Rng::with_seed(seed);
                    let key = members.take_random(&mut || rng.u64(..));
                    prop_assert_eq!(key.is_some(), !model.is_empty());
                    if let Some(key) = key {
                        prop_assert!(model.remove(&key).is_some());
                    }
                }
                Step::Clone => members = members.clone(),
                Step::Remove(_) => {}
            }
            prop_assert_eq!(members.len(), model.len());
        }
        for (key, (value, marked)) in &model {
            prop_assert_eq!(members.get(key), Some(Member { key, value, marked: *marked }));
        }
        prop_assert_eq!(members.iter().count(), model.len());
        prop_assert!(members.iter().all(|member| model.contains_key(member.key)));
        let copy = members.clone();
        prop_assert_eq!(copy.heap_bytes, copy.heap_bytes_counted());
        prop_assert_eq!(members.heap_bytes, members.heap_bytes_counted());
    }

    #[test]
    fn a_scan_finds_all_that_stay(count in 1..3000_usize, keep in 1..30_usize, seed in any::<u64>(), step in 1..50_usize) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut members = table(seed);
        (0..count).for_each(|n| { members.insert(format!("m{n}").as_bytes(), b"", false); });
        let (mut cursor, mut seen) = (0, HashSet::new());
        loop {
            cursor = members.scan(cursor, step, &mut |member| { seen.insert(member.key.to_vec()); });
            if cursor == 0 {
                break;
            }
            // Between two calls the table grows and shrinks; every `keep`-th member stays.
            for _ in 0..rng.usize(..60) {
                let n = rng.usize(..2 * count);
                if rng.bool() {
                    members.insert(format!("m{n}").as_bytes(), b"", false);
                } else if !n.is_multiple_of(keep) {
                    members.remove(format!("m{n}").as_bytes());
                }
            }
        }
        for n in (0..count).step_by(keep) {
            prop_assert!(seen.contains(format!("m{n}").as_bytes()), "m{}", n);
        }
    }
}

impl Members {
    fn heap_bytes_counted(&self) -> usize {
        let blocks: usize = self.chunks.iter().flatten().map(Bucket::memory_bytes).sum();
        let long = |bytes: &[u8], bytes_max| if bytes.len() > bytes_max { bytes.len() } else { 0 };
        blocks + self.iter().map(|member| long(member.key, 127) + long(member.value, 192)).sum::<usize>()
    }
}

#[test]
fn values_are_changed_in_place() {
    let mut members = table(1);
    members.insert(b"a", &1.5_f64.to_le_bytes(), false);
    members.value_mut(b"a").unwrap().copy_from_slice(&2.5_f64.to_le_bytes());
    assert_eq!(members.get(b"a").unwrap().value, 2.5_f64.to_le_bytes());
    assert!(members.value_mut(b"b").is_none());
    assert!(members.insert_new(b"b", b"x") && !members.insert_new(b"b", b"y"));
    assert_eq!(members.get(b"b").unwrap().value, b"x");
}

#[test]
fn random_members_are_equally_likely() {
    let mut members = table(5);
    const COUNT: usize = 333;
    const DRAWS: usize = 333 * 300;
    (0..COUNT).for_each(|n| {
        members.insert(format!("{n}").as_bytes(), b"", false);
    });
    let mut rng = fastrand::Rng::with_seed(7);
    let mut hits = HashMap::<Vec<u8>, usize>::new();
    for _ in 0..DRAWS {
        *hits.entry(members.random(&mut || rng.u64(..)).unwrap().key.to_vec()).or_default() += 1;
    }
    let expected = (DRAWS / COUNT) as f64;
    let chi_squared: f64 = hits.values().map(|&n| (n as f64 - expected).powi(2) / expected).sum();
    // 332 degrees of freedom: mean 332, standard deviation 26.
    assert!(hits.len() == COUNT && (chi_squared - 332.0).abs() < 5.0 * 26.0, "{chi_squared}");
}

#[test]
fn members_take_little_memory_and_give_it_back() {
    for (key_bytes, value_bytes, limit) in [(16, 0, 28), (16, 8, 38), (16, 32, 62)] {
        for count in [20_000, 26_000, 33_000, 40_000] {
            let mut members = table(3);
            for n in 0..count {
                let key = format!("{n:0key_bytes$}");
                members.insert(key.as_bytes(), &vec![b'v'; value_bytes], false);
            }
            let each = members.memory_bytes() / count;
            assert!(each <= limit, "{count} members of {key_bytes} and {value_bytes}: {each} bytes each");
            for n in 1..count {
                assert!(members.remove(format!("{n:0key_bytes$}").as_bytes()));
            }
            assert!(members.memory_bytes() < 40_000, "{}", members.memory_bytes());
            assert_eq!((members.len(), members.buckets), (1, 1));
        }
    }
}
