//! Every key that may go can be chosen, and no other.
use super::*;
use crate::store::{AccessPolicy, Deadline, Record, Text, Wants};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const NOW_MS: i64 = 1_700_000_000_000;
const RANDOM: [MaxmemoryPolicy; 2] = [MaxmemoryPolicy::AllKeysRandom, MaxmemoryPolicy::VolatileRandom];

struct Scene {
    store: Store,
    record: Record,
    evictor: Evictor,
    selection: Selection,
}
impl Scene {
    fn new(policy: MaxmemoryPolicy, seed: u64) -> Scene {
        let mut store = Store::new(4, seed);
        store.set_now_ms(NOW_MS);
        let access = match policy.is_lfu() {
            true => AccessPolicy::Frequency { log_factor: 10, decay_minutes: 1 },
            false => AccessPolicy::Recency,
        };
        store.set_access_policy(access);
        let record = Record::new(Wants { effects: true, ..Wants::default() });
        let selection = Selection { policy, ..Selection::default() };
        Scene { store, record, evictor: Evictor::default(), selection }
    }
    fn changes(&mut self, db: usize) -> Changes<'_> {
        Changes { store: &mut self.store, db, touches: true, record: &mut self.record }
    }
    fn set(&mut self, db: usize, key: &str, deadline: Option<i64>) {
        let deadline = deadline.map_or(Deadline::Clear, |after_ms| Deadline::At(NOW_MS + after_ms));
        self.changes(db).set_string(key.as_bytes(), Text::Inline(b"v"), deadline);
    }
    /// The key was not used for so many seconds.
    fn rest(&mut self, key: &str, seconds: u64) {
        let clock = self.store.access_clock().idle_for(seconds);
        self.store.database(0).find(key.as_bytes()).expect("it is there").set_clock(clock);
    }
    fn choose(&mut self) -> Option<(usize, String)> {
        // Where those that may go are rare, the walk may take several calls.
        for _ in 0..100_000 {
            match self.evictor.choose(&self.store, self.selection) {
                Choice::Key { db, key } => return Some((db, String::from_utf8(key.to_vec()).unwrap())),
                Choice::Nothing => return None,
                Choice::NotYet => {}
            }
        }
        panic!("it goes round and round");
    }
    fn evict(&mut self) -> Option<(usize, String)> {
        let (db, key) = self.choose()?;
        let freed = self.changes(0).evict(db, key.as_bytes(), b"DEL");
        assert!(freed > 0, "{key}");
        Some((db, key))
    }
}

fn any_policy() -> impl Strategy<Value = MaxmemoryPolicy> {
    use MaxmemoryPolicy::*;
    prop::sample::select(vec![
        AllKeysLru,
        AllKeysLfu,
        AllKeysRandom,
        VolatileLru,
        VolatileLfu,
        VolatileRandom,
        VolatileTtl,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 3 } else { 60 }))]

    /// Down to the last of them each key that may go is there, and goes once; others stay. Meanwhile keys come and go.
    #[test]
    fn all_that_may_go_goes(
        policy in any_policy(),
        seed in any::<u64>(),
        keys in prop::collection::btree_map((0..4usize, 0..5000u32), prop::option::of(1..100_000i64), 0..400),
        samples in 1..10usize,
        others in prop::collection::vec((0..4usize, 0..5000u32, any::<bool>()), 0..40),
    ) {
        let mut scene = Scene::new(policy, seed);
        scene.selection.samples = samples;
        let mut model: BTreeMap<(usize, String), bool> = BTreeMap::new();
        for ((db, number), deadline) in keys {
            let key = format!("key:{number}");
            scene.set(db, &key, deadline);
            model.insert((db, key), deadline.is_some() || !policy.spares_lasting_keys());
        }
        let mut others = others.into_iter();
        while let Some(gone) = scene.evict() {
            prop_assert_eq!(model.remove(&gone), Some(true), "{:?}", gone);
            if let Some((db, number, is_new)) = others.next() {
                let key = format!("key:{number}");
                if is_new {
                    scene.set(db, &key, None);
                    model.insert((db, key), !policy.spares_lasting_keys());
                } else {
                    scene.changes(db).remove(key.as_bytes());
                    model.remove(&(db, key));
                }
            }
        }
        prop_assert!(model.values().all(|may_go| !may_go), "{:?}", model);
        for (db, key) in model.keys() {
            prop_assert!(scene.store.database(*db).find(key.as_bytes()).is_some());
        }
        prop_assert_eq!(scene.store.keys(), model.len());
    }
}

/// Each is the first to go for some seed: none is out of reach.
#[test]
fn any_key_may_be_the_first() {
    for policy in RANDOM {
        let first = (0..1500).map(|seed| {
            let mut scene = Scene::new(policy, seed);
            (0..20).for_each(|number| scene.set(0, &format!("key:{number}"), Some(1000)));
            scene.choose().expect("a key").1
        });
        assert_eq!(first.collect::<BTreeSet<_>>().len(), 20, "{policy:?}");
    }
}

#[test]
fn databases_take_turns() {
    for policy in RANDOM {
        let mut scene = Scene::new(policy, 1);
        for number in 0..300 {
            scene.set(if number < 290 { 0 } else { 3 }, &format!("key:{number}"), Some(1000));
        }
        let first: Vec<usize> = (0..20).map(|_| scene.evict().expect("a key").0).collect();
        assert_eq!(first.iter().filter(|db| **db == 3).count(), 10, "{policy:?}: {first:?}");
    }
}

#[test]
fn one_key_with_a_deadline_is_found_among_many() {
    let mut scene = Scene::new(MaxmemoryPolicy::VolatileLru, 5);
    (0..20_000).for_each(|number| scene.set(0, &format!("key:{number}"), None));
    assert_eq!(scene.choose(), None);
    scene.set(0, "one", Some(5000));
    let mut calls = 1;
    while scene.evictor.choose(&scene.store, scene.selection) == Choice::NotYet {
        calls += 1;
    }
    assert!((1..=21).contains(&calls), "a round is made in {calls} calls");
    assert_eq!((scene.evict(), scene.evict()), (Some((0, "one".into())), None));
}

#[test]
fn who_was_not_used_for_longest_goes_first() {
    for policy in [MaxmemoryPolicy::AllKeysLru, MaxmemoryPolicy::VolatileLru] {
        let mut scene = Scene::new(policy, 3);
        // As many as the samples, so that all are looked at.
        scene.selection.samples = 64;
        for number in 0..12 {
            scene.set(0, &format!("key:{number}"), Some(1000));
            scene.rest(&format!("key:{number}"), 100 * ((number * 5) % 12 + 1));
        }
        let order: Vec<_> = std::iter::from_fn(|| scene.evict()).map(|(_, key)| key).collect();
        let expected: Vec<_> = (0..12).rev().map(|rank| format!("key:{}", rank * 5 % 12)).collect();
        assert_eq!(order, expected, "{policy:?}");
    }
}

#[test]
fn who_was_used_since_it_became_a_candidate_is_none() {
    let mut scene = Scene::new(MaxmemoryPolicy::AllKeysLru, 3);
    scene.selection.samples = 64;
    for number in 0..10 {
        scene.set(0, &format!("key:{number}"), None);
        scene.rest(&format!("key:{number}"), 1000 + number);
    }
    assert_eq!(scene.evict(), Some((0, "key:9".into())));
    // It is in the pool by now, and the best there.
    scene.rest("key:8", 0);
    scene.selection.samples = 1;
    for _ in 0..8 {
        assert_ne!(scene.evict(), Some((0, "key:8".into())));
    }
    assert_eq!(scene.evict(), Some((0, "key:8".into())));
}

#[test]
fn the_nearest_deadline_goes_first() {
    let mut scene = Scene::new(MaxmemoryPolicy::VolatileTtl, 3);
    scene.selection.samples = 64;
    (0..10).for_each(|number| scene.set(0, &format!("key:{number}"), Some(1000 * ((number * 3) % 10 + 1))));
    scene.set(0, "lasting", None);
    let order: Vec<_> = std::iter::from_fn(|| scene.evict()).map(|(_, key)| key).collect();
    assert_eq!(order, (0..10).map(|rank| format!("key:{}", rank * 7 % 10)).collect::<Vec<_>>());
}

#[test]
fn who_is_seldom_used_goes_first() {
    let mut scene = Scene::new(MaxmemoryPolicy::AllKeysLfu, 3);
    scene.selection.samples = 64;
    for number in 0..10_u8 {
        let key = format!("key:{number}");
        scene.set(0, &key, None);
        let clock = scene.store.access_clock().with_frequency(200 - 10 * number);
        scene.store.database(0).find(key.as_bytes()).expect("it is there").set_clock(clock);
    }
    let order: Vec<_> = std::iter::from_fn(|| scene.evict()).map(|(_, key)| key).collect();
    assert_eq!(order, (0..10).rev().map(|number| format!("key:{number}")).collect::<Vec<_>>());
}

#[test]
fn another_policy_begins_anew() {
    let mut scene = Scene::new(MaxmemoryPolicy::AllKeysLru, 3);
    (0..10).for_each(|number| scene.set(0, &format!("key:{number}"), None));
    scene.evict();
    scene.selection.policy = MaxmemoryPolicy::VolatileTtl;
    assert_eq!(scene.choose(), None);
    scene.set(0, "short", Some(10));
    assert_eq!(scene.choose(), Some((0, "short".into())));
    scene.selection.policy = MaxmemoryPolicy::NoEviction;
    assert_eq!(scene.choose(), None);
}

#[test]
fn what_goes_is_told() {
    let mut scene = Scene::new(MaxmemoryPolicy::AllKeysRandom, 3);
    scene.set(2, "k", None);
    let dirty = scene.record.dirty;
    scene.changes(0).evict(2, b"k", b"UNLINK");
    let told = String::from_utf8(scene.record.take_effects()).unwrap();
    assert!(told.ends_with("SELECT\r\n$1\r\n2\r\n*2\r\n$6\r\nUNLINK\r\n$1\r\nk\r\n"), "{told:?}");
    assert_eq!((scene.store.counts.evicted, scene.record.dirty), (1, dirty), "it is no change of a client's");
}

/// What is freed elsewhere counts as if it were free.
#[test]
fn a_large_value_is_weighed() {
    let mut scene = Scene::new(MaxmemoryPolicy::AllKeysRandom, 3);
    scene.store.weighs_garbage = true;
    let large = Bytes::from(vec![b'x'; 1 << 20]);
    scene.changes(0).set_string(b"large", Text::Shared(large), Deadline::Clear);
    let freed = scene.changes(0).evict(0, b"large", b"DEL");
    assert!((1 << 20..(1 << 20) + 200_000).contains(&freed), "{freed}");
    assert!(scene.store.garbage_bytes() >= 1 << 20);
    let weighed: usize = scene.store.take_garbage().iter().map(crate::store::Garbage::bytes).sum();
    assert!((1 << 20..=freed).contains(&weighed), "{weighed}");
    assert_eq!(scene.store.garbage_bytes(), 0);
}

/// Among very many without a deadline, those that were given one lately are found at once; one that has lost it is not taken.
#[test]
fn those_that_are_rare_are_remembered() {
    for policy in
        [MaxmemoryPolicy::VolatileLru, MaxmemoryPolicy::VolatileRandom, MaxmemoryPolicy::VolatileTtl]
    {
        let mut scene = Scene::new(policy, 3);
        (0..20_000).for_each(|number| scene.set(0, &format!("lasting:{number}"), None));
        let names: BTreeSet<String> = (0..50).map(|number| format!("short:{number}")).collect();
        names.iter().for_each(|name| scene.set(0, name, Some(1_000_000)));
        scene.set(0, "kept", Some(1_000_000));
        scene.set(1, "short:elsewhere", Some(1_000_000));
        let entries = scene.store.take_deadlines();
        scene.evictor.note_deadlines(&scene.store, &entries);
        scene.set(0, "kept", None);
        assert!(
            matches!(scene.evictor.choose(&scene.store, scene.selection), Choice::Key { .. }),
            "{policy:?}"
        );
        let gone: BTreeSet<String> = (0..51).map(|_| scene.evict().expect("one that may go").1).collect();
        assert!(names.iter().all(|name| gone.contains(name)) && gone.contains("short:elsewhere"));
        assert_eq!(scene.choose(), None);
        // Nothing is remembered where they are many.
        (0..2000).for_each(|number| scene.set(0, &format!("many:{number}"), Some(1_000_000)));
        scene.evict();
        assert!(scene.evictor.recent.is_empty());
    }
}
