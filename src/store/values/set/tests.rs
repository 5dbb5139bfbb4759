//! Sets beside a `BTreeSet`, across the thresholds of their encodings.
use super::*;
use proptest::prelude::*;
use std::collections::{BTreeSet, HashMap};

type Model = BTreeSet<Vec<u8>>;

fn limits(integers: usize, packed: usize, bytes: usize) -> EncodingLimits {
    EncodingLimits {
        set_intset_entries_max: integers,
        set_listpack_entries_max: packed,
        set_listpack_value_bytes_max: bytes,
        ..EncodingLimits::default()
    }
}

fn any_member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        12 => (-30i64..60).prop_map(|number| number.to_string().into_bytes()),
        2 => any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        4 => (0u8..40).prop_map(|number| format!("m{number}").into_bytes()),
        1 => prop::sample::select(vec!["", "-0", "01", "+1", " 1", "9223372036854775808"])
            .prop_map(|text| text.as_bytes().to_vec()),
        1 => (0usize..40).prop_map(|len| vec![b'x'; len]),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Insert(Vec<u8>),
    Remove(Vec<u8>),
    TakeRandom(u64),
    TakeMany(u64, usize),
    Expect(usize),
    Copy,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => any_member().prop_map(Step::Insert),
        6 => any_member().prop_map(Step::Remove),
        2 => any::<u64>().prop_map(Step::TakeRandom),
        1 => (any::<u64>(), 0usize..20).prop_map(|(seed, count)| Step::TakeMany(seed, count)),
        1 => (0usize..12).prop_map(Step::Expect),
        1 => Just(Step::Copy),
    ]
}

fn members(set: &Set) -> Model {
    let listed: Vec<Vec<u8>> = set.iter().map(|member| member.to_bytes().to_vec()).collect();
    let all: Model = listed.iter().cloned().collect();
    assert_eq!(all.len(), listed.len(), "a member was visited twice");
    all
}

fn apply(set: &mut Set, model: &mut Model, limits: &EncodingLimits, step: &Step) {
    match step {
        Step::Insert(member) => {
            assert_eq!(set.insert(member, limits), model.insert(member.clone()));
        }
        Step::Remove(member) => assert_eq!(set.remove(member), model.remove(member)),
        Step::TakeRandom(seed) => {
            let taken =
                set.take_random(&mut fastrand::Rng::with_seed(*seed), |member| member.to_bytes().to_vec());
            assert_eq!(taken.is_none(), model.is_empty());
            assert!(taken.is_none_or(|member| model.remove(&member)));
        }
        Step::TakeMany(seed, count) if *count < model.len() => {
            let mut taken = 0;
            set.take_many(*count, &mut fastrand::Rng::with_seed(*seed), limits, &mut |member| {
                assert!(model.remove(&member.to_bytes()[..]));
                taken += 1;
            });
            assert_eq!(taken, *count);
        }
        Step::TakeMany(..) => {}
        Step::Expect(count) => set.expect(*count, limits),
        Step::Copy => *set = set.duplicate(),
    }
}

fn check(set: &Set, model: &Model, limits: &EncodingLimits) {
    assert_eq!((set.len(), set.is_empty()), (model.len(), model.is_empty()));
    assert_eq!(members(set), *model);
    assert!(model.iter().all(|member| set.contains(member)));
    assert!(set.iter().all(|member| set.contains_element(member)));
    assert!(!set.contains(b"nobody") && !set.contains(b"123456"));
    let (mut scanned, mut cursor) = (Vec::new(), 0);
    loop {
        cursor = set.scan(cursor, 3, &mut |member| scanned.push(member.to_bytes().to_vec()));
        if cursor == 0 {
            break;
        }
    }
    scanned.sort();
    assert!(scanned.iter().eq(model.iter()));
    match set.encoding() {
        "intset" => assert!(set.len() <= limits.set_intset_entries_max),
        "listpack" => {
            let longest = model.iter().map(Vec::len).max().unwrap_or(0);
            assert!(set.len() <= limits.set_listpack_entries_max);
            assert!(longest <= limits.set_listpack_value_bytes_max);
        }
        _ => {}
    }
}

proptest! {
    #[test]
    fn a_set_is_a_set_in_every_encoding(
        first in any_member(),
        (integers, packed, bytes) in (0usize..12, 0usize..12, 2usize..24),
        steps in prop::collection::vec(any_step(), 0..60),
    ) {
        let limits = limits(integers, packed, bytes);
        let (mut set, mut model) = (Set::new(&first, 1, &limits), Model::new());
        for step in &steps {
            apply(&mut set, &mut model, &limits, step);
            // An empty set is no more: its key is deleted.
            if !model.is_empty() {
                check(&set, &model, &limits);
            }
        }
    }

    #[test]
    fn a_sample_has_so_many_different_members(
        all in prop::collection::btree_set(any_member(), 1..60),
        packed in prop::sample::select(vec![0usize, 128]),
        share in 0usize..101,
        seed in any::<u64>(),
    ) {
        let limits = limits(512, packed, 64);
        let mut set = Set::new(&[], 1, &limits);
        all.iter().for_each(|member| assert!(set.insert(member, &limits)));
        let (count, mut sampled) = (all.len() * share / 100, Vec::new());
        let mut rng = fastrand::Rng::with_seed(seed);
        set.sample(count, &mut rng, &mut |member| sampled.push(member.to_bytes().to_vec()));
        prop_assert_eq!(sampled.len(), count);
        let different: Model = sampled.iter().cloned().collect();
        prop_assert!(different.len() == count && different.is_subset(&all));
        let mut drawn = 0;
        set.draw(count, &mut rng, &mut |member| {
            assert!(all.contains(&member.to_bytes()[..]));
            drawn += 1;
        });
        prop_assert_eq!(drawn, count);
    }
}

/// A set of the integers up to `len`, in one of the encodings.
fn numbers(encoding: &str, len: usize) -> Set {
    let limits = match encoding {
        "intset" => limits(len, len, 64),
        "listpack" => limits(0, len, 64),
        _ => limits(0, 0, 64),
    };
    let mut set = Set::new(b"1", 1, &limits);
    (1..=len).for_each(|number| assert!(set.insert(number.to_string().as_bytes(), &limits)));
    assert_eq!(set.encoding(), encoding);
    set
}

#[test]
fn each_member_is_as_likely_as_the_others() {
    const LEN: usize = 40;
    const DRAWS: usize = 400;
    type Draw = fn(&Set, &mut fastrand::Rng, &mut dyn FnMut(Element));
    let ways: [(&str, usize, Draw); 5] = [
        ("random", 1, |set, rng, visit| visit(set.random(rng).expect("there is one"))),
        ("take_random", 1, |set, rng, visit| {
            set.duplicate().take_random(rng, visit);
        }),
        ("draw", 20, |set, rng, visit| set.draw(20, rng, &mut |member| visit(member))),
        ("sample", 5, |set, rng, visit| set.sample(5, rng, &mut |member| visit(member))),
        ("take_many", 30, |set, rng, visit| {
            set.duplicate().take_many(30, rng, &EncodingLimits::default(), visit)
        }),
    ];
    for encoding in ["intset", "listpack", "hashtable"] {
        let (set, mut rng) = (numbers(encoding, LEN), fastrand::Rng::with_seed(5));
        for (name, each, draw) in ways {
            let mut seen: HashMap<i64, usize> = HashMap::new();
            let rounds = LEN * DRAWS / each;
            for _ in 0..rounds {
                draw(&set, &mut rng, &mut |member| *seen.entry(member.integer().unwrap()).or_default() += 1);
            }
            assert_eq!(seen.values().sum::<usize>(), rounds * each);
            let expected = DRAWS as f64;
            let chi_squared: f64 =
                seen.values().map(|&count| (count as f64 - expected).powi(2) / expected).sum();
            // 39 degrees of freedom: by chance it is above 80 once in ten thousand times.
            assert!(seen.len() == LEN && chi_squared < 80.0, "{encoding}, {name}: {chi_squared}");
        }
    }
}

#[test]
fn encodings_change_where_those_of_redis_do() {
    let limits = limits(3, 4, 5);
    let encodings = |members: &[&str]| {
        let mut set = Set::new(members[0].as_bytes(), 1, &limits);
        let mut told = Vec::new();
        for member in members {
            set.insert(member.as_bytes(), &limits);
            told.push(set.encoding());
        }
        told
    };
    const I: &str = "intset";
    const L: &str = "listpack";
    const H: &str = "hashtable";
    assert_eq!(encodings(&["1", "2", "3", "3", "4"]), [I, I, I, I, H]);
    assert_eq!(encodings(&["1", "2", "3", "a", "b"]), [I, I, I, L, H]);
    assert_eq!(encodings(&["a", "b", "c", "d", "d", "e"]), [L, L, L, L, L, H]);
    assert_eq!(encodings(&["a", "12345", "123456"]), [L, L, H]);
    assert_eq!(encodings(&["12345", "a"]), [I, L]);
    assert_eq!(encodings(&["-12345", "1", "a"]), [I, I, H]);
    assert_eq!(encodings(&["1", "a23456"]), [I, H]);
    assert_eq!(Set::new(b"1", 3, &limits).encoding(), I);
    assert_eq!(Set::new(b"1", 4, &limits).encoding(), L);
    assert_eq!(Set::new(b"1", 5, &limits).encoding(), H);
    for (members, encoding) in [(3, I), (4, H)] {
        let mut set = numbers(I, 2);
        set.expect(members, &limits);
        assert_eq!((set.encoding(), set.len()), (encoding, 2));
    }
}

#[test]
fn integers_settle_in_an_intset_unless_there_are_too_many() {
    for (encoding, most, settled) in
        [("listpack", 10, "intset"), ("hashtable", 10, "intset"), ("hashtable", 9, "hashtable")]
    {
        let mut set = numbers(encoding, 10);
        let before = members(&set);
        set.settle_integers(&limits(most, 128, 64));
        assert_eq!((set.encoding(), members(&set)), (settled, before));
    }
}
