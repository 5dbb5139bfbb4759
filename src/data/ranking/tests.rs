//! The tree against a plain sorted vector, and what it costs.
use super::*;
use proptest::prelude::*;

/// The obvious implementation.
#[derive(Default)]
struct Model(Vec<(f64, Vec<u8>)>);
impl Model {
    fn position(&self, score: f64, member: &[u8]) -> Result<usize, usize> {
        self.0.binary_search_by(|item| {
            item.0.partial_cmp(&score).expect("no NaN").then_with(|| item.1.as_slice().cmp(member))
        })
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert(f64, Vec<u8>),
    /// Of the item at this fraction of the ranks.
    Remove(f64),
    Rescore(f64, f64),
    RemoveRange(f64, f64),
    PopFirst(usize),
    PopLast(usize),
}

/// Few scores, so that many are equal, and members decide; both zeroes among them.
fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-3..3i32).prop_map(f64::from),
        1 => Just(-0.0),
        1 => prop_oneof![Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(f64::MAX), Just(5e-324)],
        4 => -1e6..1e6f64,
    ]
}
/// Around the limit between members inside and outside, too; and with long common beginnings.
fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => proptest::collection::vec(b'a'..b'd', 0..6),
        4 => (0..100_000u32).prop_map(|n| format!("member:{n:08}").into_bytes()),
        2 => (120..140usize, any::<u8>()).prop_map(|(n, last)| [vec![b'x'; n], vec![last]].concat()),
        1 => (0..400usize, any::<u8>()).prop_map(|(n, last)| [vec![b'x'; n], vec![last]].concat()),
    ]
}
fn step() -> impl Strategy<Value = Step> {
    let fraction = || 0.0..1.0f64;
    prop_oneof![
        40 => (score(), member()).prop_map(|(score, member)| Step::Insert(score, member)),
        8 => fraction().prop_map(Step::Remove),
        6 => (fraction(), score()).prop_map(|(at, score)| Step::Rescore(at, score)),
        1 => (fraction(), fraction()).prop_map(|(from, count)| Step::RemoveRange(from, count * count * count)),
        1 => (0..40usize).prop_map(Step::PopFirst),
        1 => (0..40usize).prop_map(Step::PopLast),
    ]
}

fn apply(step: Step, ranking: &mut Ranking, model: &mut Model) {
    let count = model.0.len();
    let at = |fraction: f64| ((fraction * count as f64) as usize).min(count);
    match step {
        Step::Insert(score, member) => {
            if let Err(place) = model.position(score, &member) {
                ranking.insert(score, &member);
                model.0.insert(place, (score, member));
            }
        }
        Step::Remove(place) if at(place) < count => {
            let (score, member) = model.0.remove(at(place));
            assert!(ranking.remove(score, &member));
            assert!(!ranking.remove(score, &member));
        }
        Step::Rescore(place, new) if at(place) < count => {
            let (score, member) = model.0.remove(at(place));
            match model.position(new, &member) {
                Err(place) => {
                    assert!(ranking.rescore(score, &member, new));
                    model.0.insert(place, (new, member));
                }
                Ok(_) => assert!(ranking.remove(score, &member)),
            }
        }
        Step::RemoveRange(from, count_part) => {
            let range = at(from)..count.min(at(from) + at(count_part));
            ranking.remove_range(range.clone());
            model.0.drain(range);
        }
        Step::PopFirst(most) => {
            for _ in 0..most.min(count) {
                let (score, member) = model.0.remove(0);
                assert_eq!(ranking.get(0), Some((score, &member[..])));
                assert!(ranking.remove(score, &member));
            }
        }
        Step::PopLast(most) => {
            for (score, member) in model.0.split_off(count - most.min(count)).into_iter().rev() {
                assert_eq!(ranking.get(ranking.len() - 1), Some((score, &member[..])));
                assert!(ranking.remove(score, &member));
            }
        }
        _ => {}
    }
}

fn same(ranking: &Ranking, model: &Model) {
    assert_eq!(ranking.len(), model.0.len());
    let seen: Vec<(u64, &[u8])> = ranking.iter().map(|(score, member)| (score.to_bits(), member)).collect();
    let wanted: Vec<(u64, &[u8])> =
        model.0.iter().map(|(score, member)| (score.to_bits(), &member[..])).collect();
    assert_eq!(seen, wanted);
    let mut backward: Vec<&[u8]> = ranking.iter().rev().map(|(_, member)| member).collect();
    backward.reverse();
    assert!(backward.into_iter().eq(model.0.iter().map(|(_, member)| &member[..])));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn it_is_a_sorted_vector(steps in proptest::collection::vec(step(), 1..3000)) {
        let (mut ranking, mut model) = (Ranking::new(), Model::default());
        for (number, step) in steps.into_iter().enumerate() {
            apply(step, &mut ranking, &mut model);
            if number % 97 == 0 {
                same(&ranking, &model);
            }
        }
        same(&ranking, &model);
        same(&ranking.clone(), &model);
        for (rank, (score, member)) in model.0.iter().enumerate() {
            prop_assert_eq!(ranking.rank(*score, member), Some(rank));
            prop_assert_eq!(ranking.get(rank), Some((*score, &member[..])));
        }
        prop_assert_eq!(ranking.get(ranking.len()), None);
    }

    #[test]
    fn bounds_become_ranks_and_ranges(
        items in proptest::collection::vec((score(), member()), 0..1500),
        bound in score(), name in member(), from in 0..1600usize, count in 0..1600usize,
    ) {
        let (mut ranking, mut model) = (Ranking::new(), Model::default());
        for (score, member) in items {
            apply(Step::Insert(score, member), &mut ranking, &mut model);
        }
        let below = model.0.iter().filter(|item| item.0 < bound).count();
        prop_assert_eq!(ranking.partition_point(|score, _| score < bound), below);
        let up_to = model.0.iter().filter(|item| item.0 <= bound).count();
        prop_assert_eq!(ranking.partition_point(|score, _| score <= bound), up_to);
        prop_assert_eq!(ranking.rank(bound, &name), model.position(bound, &name).ok());

        let end = (from + count).min(model.0.len());
        let wanted = &model.0[from.min(end)..end];
        let range = ranking.range(from..from + count);
        prop_assert_eq!(range.len(), wanted.len());
        prop_assert!(range.clone().map(|item| item.1).eq(wanted.iter().map(|item| &item.1[..])));
        prop_assert!(range.clone().rev().map(|item| item.1).eq(wanted.iter().rev().map(|item| &item.1[..])));
        prop_assert_eq!(range.clone().nth(count / 2).map(|item| item.1), wanted.get(count / 2).map(|item| &item.1[..]));
        // From both ends at once.
        let (mut range, mut both) = (range, Vec::new());
        while let Some(item) = range.next() {
            both.push(item.1);
            both.extend(range.next_back().map(|item| item.1));
        }
        prop_assert_eq!(both.len(), wanted.len());

        // Members alone, where all scores are equal.
        let mut by_name = Ranking::new();
        let mut names: Vec<Vec<u8>> = model.0.into_iter().map(|item| item.1).collect();
        names.sort();
        names.dedup();
        names.iter().for_each(|name| by_name.insert(0.0, name));
        prop_assert_eq!(by_name.partition_point(|_, member| member < &name[..]), names.partition_point(|other| *other < name));
    }
}

/// What one allocation of 16-byte members costs in all, in bytes for each.
fn bytes_each(scores: impl Iterator<Item = f64>) -> f64 {
    let mut ranking = Ranking::new();
    for (number, score) in scores.enumerate() {
        ranking.insert(score, format!("member:{number:09}").as_bytes());
    }
    ranking.memory_bytes() as f64 / ranking.len() as f64
}

#[test]
fn a_member_costs_little_more_than_its_bytes_and_its_score() {
    let mut rng = fastrand::Rng::with_seed(7);
    let random = bytes_each((0..300_000).map(|_| rng.f64()));
    let ascending = bytes_each((0..300_000).map(f64::from));
    let descending = bytes_each((0..300_000).rev().map(f64::from));
    let equal = bytes_each((0..300_000).map(|_| 1.0));
    println!("random {random:.1}, ascending {ascending:.1}, descending {descending:.1}, equal {equal:.1}");
    assert!(random <= 32.0, "{random}");
    assert!(ascending <= 28.0 && descending <= 28.0 && equal <= 28.0, "{ascending} {descending} {equal}");
}

#[test]
fn memory_follows_what_is_left() {
    let mut rng = fastrand::Rng::with_seed(8);
    let mut ranking = Ranking::new();
    let mut items: Vec<(f64, String)> =
        (0..100_000).map(|number| (rng.f64(), format!("member:{number:09}"))).collect();
    items.iter().for_each(|(score, member)| ranking.insert(*score, member.as_bytes()));
    rng.shuffle(&mut items);
    for (score, member) in items.drain(5_000..) {
        assert!(ranking.remove(score, member.as_bytes()));
    }
    let each = ranking.memory_bytes() as f64 / ranking.len() as f64;
    assert!(each <= 52.0, "{each}");
    for (score, member) in items {
        assert!(ranking.remove(score, member.as_bytes()));
    }
    assert!(ranking.is_empty() && ranking.memory_bytes() == 0 && ranking.get(0).is_none());
}

#[test]
fn a_long_member_is_held_once_however_often_it_moves() {
    let mut ranking = Ranking::new();
    let long = vec![b'x'; 100_000];
    for number in 0..200 {
        ranking.insert(f64::from(number), format!("m{number}").as_bytes());
    }
    ranking.insert(99.5, &long);
    (0..300).for_each(|number| ranking.insert(99.5 + f64::from(number) / 1e6, b"y"));
    assert!(ranking.memory_bytes() < 130_000, "{}", ranking.memory_bytes());
    assert_eq!(ranking.rank(99.5, &long), Some(100));
}

/// The properties above on trees of three levels, which random steps alone do not reach.
#[test]
fn it_is_a_sorted_vector_when_it_is_high_too() {
    let mut rng = fastrand::Rng::with_seed(9);
    let (mut ranking, mut model) = (Ranking::new(), Model::default());
    let grow = |to: usize, ranking: &mut Ranking, model: &mut Model, rng: &mut fastrand::Rng| {
        while model.0.len() < to {
            let member = format!("{}:{}", "x".repeat(rng.usize(..60)), rng.u32(..));
            apply(Step::Insert(f64::from(rng.u8(..9)), member.into_bytes()), ranking, model);
        }
    };
    for _ in 0..4 {
        grow(12_000, &mut ranking, &mut model, &mut rng);
        same(&ranking, &model);
        for number in 0..400 {
            let step = match rng.u8(..10) {
                0 => Step::RemoveRange(rng.f64(), rng.f64() / 20.0),
                1 => Step::PopFirst(rng.usize(..200)),
                2 => Step::PopLast(rng.usize(..200)),
                3..6 => Step::Rescore(rng.f64(), f64::from(rng.u8(..9))),
                _ => Step::Remove(rng.f64()),
            };
            apply(step, &mut ranking, &mut model);
            if number % 80 == 0 {
                same(&ranking, &model);
            }
        }
        apply(Step::RemoveRange(rng.f64() / 2.0, 0.9), &mut ranking, &mut model);
        same(&ranking, &model);
    }
}
