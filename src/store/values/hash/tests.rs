//! Every form of a hash against a plain model, and what users see of the forms.
use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

type Model = BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)>;

#[derive(Clone, Debug)]
enum Step {
    Set(Vec<u8>, Vec<u8>),
    SetInPlace(Vec<u8>, Vec<u8>),
    Remove(Vec<u8>),
    SetDeadline(Vec<u8>, Option<i64>),
    RemoveDue(i64, usize),
    RemoveDueNamed(i64, Vec<Vec<u8>>),
    MakeRoom(usize, usize),
    Duplicate,
}

/// Few of them, so that they meet; integers and long ones among them.
fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => (0..20i64).prop_map(|n| (n * 37 - 9).to_string().into_bytes()),
        8 => (0..20u8).prop_map(|n| vec![b'a' + n; 1 + n as usize / 4]),
        1 => (0..3u8).prop_map(|n| vec![b'A' + n; 100 + 100 * n as usize]),
        1 => Just(Vec::new()),
    ]
}
fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => any::<i64>().prop_map(|n| n.to_string().into_bytes()),
        4 => proptest::collection::vec(any::<u8>(), 0..12),
        1 => proptest::collection::vec(any::<u8>(), 10..400),
    ]
}
fn step() -> impl Strategy<Value = Step> {
    let moment = || 1..200i64;
    prop_oneof![
        6 => (name(), value()).prop_map(|(name, value)| Step::Set(name, value)),
        2 => (name(), value()).prop_map(|(name, value)| Step::SetInPlace(name, value)),
        3 => name().prop_map(Step::Remove),
        3 => (name(), proptest::option::weighted(0.8, moment())).prop_map(|(name, at)| Step::SetDeadline(name, at)),
        1 => (moment(), 1..5usize).prop_map(|(now, limit)| Step::RemoveDue(now / 4, limit)),
        1 => (moment(), proptest::collection::vec(name(), 0..4)).prop_map(|(now, names)| Step::RemoveDueNamed(now, names)),
        1 => (0..12usize, 0..40usize).prop_map(|(fields, bytes)| Step::MakeRoom(fields, bytes)),
        1 => Just(Step::Duplicate),
    ]
}

fn limits(entries: usize, bytes: usize) -> EncodingLimits {
    EncodingLimits {
        hash_listpack_entries_max: entries,
        hash_listpack_value_bytes_max: bytes,
        ..EncodingLimits::default()
    }
}

fn take(hash: &mut Hash, model: &mut Model, step: Step, limits: &EncodingLimits) {
    match step {
        Step::Set(name, value) => {
            let new = model.insert(name.clone(), (value.clone(), None)).is_none();
            assert_eq!(hash.set(&name, &value, limits), new);
        }
        Step::SetInPlace(name, value) => {
            let deadline = model.get(&name).and_then(|(_, deadline)| *deadline);
            let new = model.insert(name.clone(), (value.clone(), deadline)).is_none();
            assert_eq!(hash.set_in_place(&name, &value, limits), new);
        }
        Step::Remove(name) => assert_eq!(hash.remove(&name), model.remove(&name).is_some()),
        Step::SetDeadline(name, at) => {
            let there = model.get_mut(&name).map(|(_, deadline)| *deadline = at).is_some();
            assert_eq!(hash.set_deadline(&name, at), there);
        }
        Step::RemoveDue(now_ms, limit) => {
            let is_due = |deadline: Option<i64>| deadline.is_some_and(|deadline| deadline <= now_ms);
            let due = model.values().filter(|(_, deadline)| is_due(*deadline)).count();
            let gone = hash.remove_due(now_ms, limit);
            assert_eq!(gone.len(), due.min(limit));
            // The earliest go first.
            let last = gone.iter().filter_map(|name| model.remove(&name[..])?.1).max();
            let first = model.values().filter_map(|(_, deadline)| *deadline).min();
            assert!(last.is_none() || first.is_none() || last <= first);
        }
        Step::RemoveDueNamed(now_ms, names) => {
            let names: Vec<Bytes> = names.into_iter().map(Bytes::from).collect();
            let gone = hash.remove_due_named(&names, now_ms);
            let mut expected = Vec::new();
            for name in names {
                let due = model.get(&name[..]).is_some_and(|(_, at)| at.is_some_and(|at| at <= now_ms));
                if due {
                    model.remove(&name[..]);
                    expected.push(name);
                }
            }
            assert_eq!(gone, expected);
        }
        Step::MakeRoom(fields, bytes) => {
            hash.make_room(fields, std::iter::once(&vec![0; bytes][..]), limits);
        }
        Step::Duplicate => *hash = hash.duplicate(),
    }
}

fn contents(hash: &Hash) -> Model {
    let mut contents = Model::new();
    hash.for_each(|Field { name, value, deadline }| {
        let old = contents.insert(name.to_bytes().to_vec(), (value.to_bytes().to_vec(), deadline));
        assert!(old.is_none(), "a field stands there once");
    });
    contents
}

proptest! {
    #[test]
    fn a_hash_is_a_map_in_whatever_form(
        steps in proptest::collection::vec(step(), 1..120),
        entries in 0..30usize,
        bytes in 3..200usize,
    ) {
        let (mut hash, mut model) = (Hash::default(), Model::new());
        let limits = limits(entries, bytes);
        for step in steps {
            let was_table = !hash.is_packed();
            take(&mut hash, &mut model, step, &limits);
            prop_assert_eq!(&contents(&hash), &model);
            prop_assert_eq!(hash.len(), model.len());
            let first = model.values().filter_map(|(_, deadline)| *deadline).min();
            prop_assert_eq!(hash.next_deadline(), first);
            prop_assert!(hash.is_packed() || was_table || model.len() <= 1 + entries.max(model.len()));
            if hash.is_packed() {
                prop_assert!(model.len() <= entries);
                prop_assert!(model.iter().all(|(name, (value, _))| name.len().max(value.len()) <= bytes));
            }
            if was_table {
                prop_assert!(!hash.is_packed(), "there is no way back");
            }
        }
        for (name, (value, deadline)) in &model {
            let field = hash.get(name).unwrap();
            prop_assert!(field.value.equals(value));
            prop_assert_eq!(field.deadline, *deadline);
        }
        let alive = model.values().filter(|(_, deadline)| deadline.is_none_or(|at| at > 100)).count();
        prop_assert_eq!(hash.count_alive(100), alive);
        let (mut scanned, mut cursor) = (Model::new(), 0);
        loop {
            cursor = hash.scan(cursor, 3, &mut |Field { name, value, deadline }| {
                scanned.insert(name.to_bytes().to_vec(), (value.to_bytes().to_vec(), deadline));
            });
            if cursor == 0 {
                break;
            }
        }
        prop_assert_eq!(scanned, model);
    }

    #[test]
    fn triples_stand_in_the_order_of_their_deadlines(steps in proptest::collection::vec(step(), 1..80)) {
        let (mut hash, mut model) = (Hash::default(), Model::new());
        hash.admit_deadlines();
        for step in steps {
            take(&mut hash, &mut model, step, &limits(1000, 1000));
            prop_assert_eq!(hash.encoding(), "listpackex");
            let mut deadlines = Vec::new();
            hash.for_each(|field| deadlines.push(field.deadline.unwrap_or(i64::MAX)));
            prop_assert!(deadlines.is_sorted());
        }
    }
}

/// What a session at the prompt shows of the order: that of Redis.
#[test]
fn small_hashes_keep_the_order_of_redis() {
    let order = |hash: &Hash| {
        let mut names = Vec::new();
        hash.for_each(|field| names.push(String::from_utf8_lossy(&field.name.to_bytes()).into_owned()));
        names.join(" ")
    };
    let (mut hash, limits) = (Hash::default(), limits(128, 64));
    for name in ["a", "b", "c", "d", "e"] {
        assert!(hash.set(name.as_bytes(), b"v", &limits));
    }
    assert!(!hash.set(b"b", b"w", &limits));
    assert_eq!(order(&hash), "a b c d e");
    hash.set_deadline(b"c", Some(200));
    hash.set_deadline(b"d", Some(100));
    assert_eq!(order(&hash), "d c a b e");
    hash.set_deadline(b"e", Some(100));
    assert_eq!(order(&hash), "e d c a b", "the last of equal ones comes first");
    hash.set_deadline(b"d", None);
    assert_eq!(order(&hash), "e c a b d");
    assert!(!hash.set(b"e", b"x", &limits));
    assert_eq!(order(&hash), "c a b d e", "a field that is set loses its deadline and its place");
    assert!(!hash.set_in_place(b"c", b"y", &limits));
    assert!(!hash.set(b"a", b"z", &limits));
    assert_eq!(order(&hash), "c a b d e");
}

#[test]
fn a_hash_takes_no_more_memory_than_the_design_says() {
    let limits = EncodingLimits::default();
    let mut small = Hash::default();
    for n in 0..10 {
        small.set(format!("field{n}").as_bytes(), format!("value{n:06}").as_bytes(), &limits);
    }
    // Entry, table and box of the value take 60 more at the most.
    assert!(small.memory_bytes(0) <= 230, "{} bytes", small.memory_bytes(0));
    const FIELDS: usize = 100_000;
    let mut large = Hash::default();
    for n in 0..FIELDS {
        large.set(format!("field:{n:010}").as_bytes(), &[b'v'; 32], &limits);
    }
    let each = large.memory_bytes(0) as f64 / FIELDS as f64;
    assert!(each <= 64.0, "{each} bytes a field");
}

#[test]
fn each_field_is_equally_likely() {
    const DRAWS: u64 = 20_000;
    for entries in [0, 128] {
        let (mut hash, limits) = (Hash::default(), limits(entries, 64));
        for n in 0..40u8 {
            hash.set(&[b'a' + n], b"v", &limits);
        }
        let (mut rng, mut drawn) = (fastrand::Rng::with_seed(7), BTreeMap::new());
        for _ in 0..DRAWS {
            let field = hash.random(&mut || rng.u64(..)).unwrap();
            *drawn.entry(field.name.to_bytes()).or_insert(0u64) += 1;
        }
        assert_eq!(drawn.len(), 40);
        let expected = DRAWS / 40;
        let off = drawn.values().map(|count| count.abs_diff(expected).pow(2)).sum::<u64>() as f64;
        // Chi-squared with 39 degrees of freedom is above 72.1 once in a thousand.
        assert!(off / (expected as f64) < 72.1, "{drawn:?}");
    }
    assert!(Hash::default().random(&mut || 0).is_none());
}
