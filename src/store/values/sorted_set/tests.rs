//! Both encodings against a plain model, across the thresholds.
use super::*;
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn limits(members_max: usize, member_bytes_max: usize) -> EncodingLimits {
    EncodingLimits {
        sorted_set_listpack_entries_max: members_max,
        sorted_set_listpack_value_bytes_max: member_bytes_max,
        ..EncodingLimits::default()
    }
}

type Item = (Vec<u8>, f64);

fn items_of(set: &SortedSet, direction: Direction) -> Vec<Item> {
    let items = set.range(0..set.len(), direction);
    items.map(|(member, score)| (member.bytes(&mut itoa::Buffer::new()).to_vec(), score)).collect()
}
fn sorted(model: &BTreeMap<Vec<u8>, f64>) -> Vec<Item> {
    let mut items: Vec<Item> = model.iter().map(|(member, score)| (member.clone(), *score)).collect();
    items.sort_by(|one, other| one.1.partial_cmp(&other.1).unwrap().then_with(|| one.0.cmp(&other.0)));
    items
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (0..40u8).prop_map(|n| n.to_string().into_bytes()),
        3 => proptest::collection::vec(b'a'..b'e', 0..3),
        1 => (58..68usize).prop_map(|n| vec![b'z'; n]),
    ]
}
fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-4..4i32).prop_map(f64::from),
        (-40..40i32).prop_map(|n| f64::from(n) / 8.0),
        prop_oneof![Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(1e300), Just(-0.0), Just(0.1)],
    ]
}
fn adding() -> impl Strategy<Value = Adding> {
    let presence = prop_oneof![3 => Just(Presence::Any), 1 => Just(Presence::New), 1 => Just(Presence::Old)];
    let change = prop_oneof![3 => Just(Change::Any), 1 => Just(Change::Greater), 1 => Just(Change::Less)];
    (presence, change, any::<bool>()).prop_map(|(presence, change, increments)| Adding {
        presence,
        change,
        increments,
    })
}

#[derive(Clone, Debug)]
enum Step {
    Add(Vec<u8>, f64, Adding),
    Remove(Vec<u8>),
    RemoveRange(usize, usize),
}
fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (member(), score(), adding()).prop_map(|(member, score, adding)| Step::Add(member, score, adding)),
        3 => member().prop_map(Step::Remove),
        1 => (0..12usize, 0..6usize).prop_map(|(from, count)| Step::RemoveRange(from, count)),
    ]
}

/// The same, said plainly.
fn expected(old: Option<f64>, score: f64, adding: Adding) -> Result<Added, NotANumber> {
    let blocked = match old {
        Some(_) => adding.presence == Presence::New,
        None => adding.presence == Presence::Old,
    };
    if blocked {
        return Ok(Added::Refused);
    }
    let new = if adding.increments { old.unwrap_or(0.0) + score } else { score };
    if new.is_nan() {
        return Err(NotANumber);
    }
    Ok(match (old, adding.change) {
        (None, _) => Added::New(new),
        (Some(old), Change::Greater) if new <= old => Added::Refused,
        (Some(old), Change::Less) if new >= old => Added::Refused,
        (Some(old), _) if new == old => Added::Same(new),
        _ => Added::Rescored(new),
    })
}

proptest! {
    #[test]
    fn it_is_a_map_in_order(members_max in 0..12usize, steps in proptest::collection::vec(step(), 1..120)) {
        let limits = limits(members_max, 64);
        let (mut set, mut model) = (SortedSet::new(0, 0, &limits), BTreeMap::new());
        let mut must_be_ranked = false;
        for step in steps {
            match step {
                Step::Add(member, score, adding) => {
                    let wanted = expected(model.get(&member).copied(), score, adding);
                    prop_assert_eq!(set.add(&member, score, adding, &limits), wanted);
                    if let Ok(Added::New(score) | Added::Rescored(score)) = wanted {
                        must_be_ranked |= member.len() > 64;
                        model.insert(member, score);
                    }
                }
                Step::Remove(member) => prop_assert_eq!(set.remove(&member), model.remove(&member).is_some()),
                Step::RemoveRange(from, count) => {
                    let to = (from + count).min(model.len());
                    set.remove_range(from.min(to)..to);
                    for (member, _) in &sorted(&model)[from.min(to)..to] {
                        model.remove(member);
                    }
                }
            }
            must_be_ranked |= model.len() > members_max;
            prop_assert_eq!(set.encoding(), if must_be_ranked { "skiplist" } else { "listpack" });
            let mut wanted = sorted(&model);
            prop_assert_eq!(items_of(&set, Direction::Forward), wanted.clone());
            for (rank, (member, score)) in wanted.iter().enumerate() {
                prop_assert_eq!(set.score(member), Some(*score));
                prop_assert_eq!(set.rank(member, Direction::Forward), Some((rank, *score)));
                prop_assert_eq!(set.rank(member, Direction::Backward), Some((wanted.len() - 1 - rank, *score)));
            }
            prop_assert_eq!(items_of(&set.duplicate(), Direction::Forward), wanted.clone());
            let again = SortedSet::from_sorted(&wanted, &limits);
            prop_assert_eq!(items_of(&again, Direction::Forward), wanted.clone());
            let mut seen = BTreeMap::new();
            prop_assert_eq!(set.scan(0, usize::MAX, &mut |member, score| { seen.insert(member.to_vec(), score); }), 0);
            prop_assert_eq!(&seen, &model);
            wanted.reverse();
            prop_assert_eq!(items_of(&set, Direction::Backward), wanted);
        }
    }

    #[test]
    fn ranges_hold_what_is_between_their_bounds(
        members_max in prop_oneof![Just(0usize), Just(100)],
        items in proptest::collection::btree_map(member(), score(), 0..30),
        (min, max, excludes_min, excludes_max) in (score(), score(), any::<bool>(), any::<bool>()),
        (low, high, form) in (member(), member(), 0..16u8),
    ) {
        let limits = limits(members_max, 100);
        let set = SortedSet::from_sorted(&sorted(&items), &limits);
        let range = ScoreRange { min, max, excludes_min, excludes_max };
        let is_in = |score: f64| (if excludes_min { score > min } else { score >= min })
            && (if excludes_max { score < max } else { score <= max });
        let wanted: Vec<Item> = sorted(&items).into_iter().filter(|(_, score)| is_in(*score)).collect();
        let ranks = set.ranks_of_scores(&range);
        prop_assert_eq!(&items_of(&set, Direction::Forward)[ranks], wanted);

        let same_score: Vec<Item> = items.into_keys().map(|member| (member, 0.0)).collect();
        let set = SortedSet::from_sorted(&same_score, &limits);
        let bound = |member: &[u8], form: u8| match form {
            0 => Bound::Lowest,
            1 => Bound::Highest,
            2 => Bound::Including(Bytes::copy_from_slice(member)),
            _ => Bound::Excluding(Bytes::copy_from_slice(member)),
        };
        let range = MemberRange { min: bound(&low, form % 4), max: bound(&high, form / 4) };
        let is_in = |member: &[u8]| (match &range.min {
            Bound::Lowest => true,
            Bound::Highest => false,
            Bound::Including(min) => member >= &min[..],
            Bound::Excluding(min) => member > &min[..],
        }) && (match &range.max {
            Bound::Lowest => false,
            Bound::Highest => true,
            Bound::Including(max) => member <= &max[..],
            Bound::Excluding(max) => member < &max[..],
        });
        let wanted: Vec<Item> = same_score.into_iter().filter(|(member, _)| is_in(member)).collect();
        for direction in [Direction::Forward, Direction::Backward] {
            let ranks = set.ranks_of_members(&range, direction);
            prop_assert_eq!(&items_of(&set, Direction::Forward)[ranks], &wanted[..]);
        }
    }
}

#[test]
fn the_value_is_small_and_its_limits_are_those_of_the_configuration() {
    assert!(size_of::<SortedSet>() <= 16);
    let limits = EncodingLimits::default();
    assert_eq!(
        (limits.sorted_set_listpack_entries_max, limits.sorted_set_listpack_value_bytes_max),
        (128, 64)
    );
}
