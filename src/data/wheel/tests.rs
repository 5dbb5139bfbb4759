//! The wheel against a sorted list of deadlines.
use super::*;
use proptest::prelude::*;

const START_MS: u64 = 1_700_000_000_000;

fn item(id: u64) -> Item {
    Item::new(id, (id % 16) as u16)
}

fn drain(wheel: &mut Wheel, now_ms: u64, budget: usize) -> Vec<u64> {
    let mut due = Vec::new();
    loop {
        let before = due.len();
        let more = wheel.advance(now_ms, budget, &mut due);
        assert!(due.len() - before <= budget);
        if !more {
            return due.iter().map(|item| item.position()).collect();
        }
    }
}

#[test]
fn an_item_holds_what_it_was_given() {
    let item = Item::new(0xffee_ddcc_bbaa, 0x1234);
    assert_eq!(size_of::<Item>(), 12);
    assert_eq!((item.position(), item.database()), (0xffee_ddcc_bbaa, 0x1234));
    assert_eq!(item.with_deadline(0x5_6789_abcd).deadline_low_ms(), 0x6789_abcd);
}

#[test]
fn an_item_comes_out_at_its_millisecond_whatever_the_distance() {
    for distance_ms in [0, 1, 63, 64, 4095, 4096, 1 << 20, (1 << 32) - 1, 1 << 32, 1 << 36, (1 << 40) + 7] {
        let mut wheel = Wheel::new(START_MS);
        let deadline_ms = START_MS + distance_ms;
        wheel.insert(deadline_ms, item(1));
        if distance_ms > 0 {
            assert!(drain(&mut wheel, deadline_ms - 1, 10).is_empty(), "{distance_ms} ms: early");
        }
        assert_eq!(drain(&mut wheel, deadline_ms, 10), [1], "{distance_ms} ms");
        assert!(wheel.is_empty());
    }
}

#[test]
fn a_past_deadline_is_due_at_once() {
    let mut wheel = Wheel::new(START_MS);
    wheel.insert(5, item(1));
    assert!(wheel.next_due_ms() <= Some(START_MS));
    assert_eq!(drain(&mut wheel, START_MS, 10), [1]);
}

#[test]
fn a_clock_that_jumps_back_delays_nothing_that_is_set_afterwards() {
    let mut wheel = Wheel::new(START_MS);
    wheel.insert(START_MS + 10, item(1));
    assert!(drain(&mut wheel, START_MS - 3_600_000, 10).is_empty());
    wheel.insert(START_MS - 3_599_000, item(2));
    wheel.insert(7, item(3));
    assert!(wheel.next_due_ms() <= Some(START_MS - 3_600_000));
    assert_eq!(drain(&mut wheel, START_MS - 3_600_000, 10), [3]);
    assert!(drain(&mut wheel, START_MS - 3_599_001, 10).is_empty());
    assert_eq!(drain(&mut wheel, START_MS - 3_599_000, 10), [2]);
    assert_eq!(drain(&mut wheel, START_MS + 10, 10), [1]);
}

#[test]
fn a_million_items_cost_little_more_than_twelve_bytes_each_and_move_down_in_steps() {
    const ITEMS: u64 = 1_000_000;
    let mut wheel = Wheel::new(START_MS);
    for id in 0..ITEMS {
        wheel.insert(START_MS + 100_000 + id % 3, item(id));
    }
    assert!(wheel.allocated_bytes() as u64 * 2 <= ITEMS * 25, "{} bytes", wheel.allocated_bytes());

    let mut due = Vec::new();
    let mut calls = 0;
    while wheel.advance(START_MS + 100_001, 10_000, &mut due) {
        calls += 1;
        assert!(wheel.allocated_bytes() as u64 * 2 <= ITEMS * 25);
    }
    assert_eq!(due.len() as u64, ITEMS.div_ceil(3) + (ITEMS - 1).div_ceil(3));
    assert!(calls >= 166, "every item had to be handled twice or more: {calls} calls");
    due.clear();
    while wheel.advance(START_MS + 100_002, 10_000, &mut due) {}
    assert!(wheel.is_empty());
    assert!(wheel.allocated_bytes() <= chunks::SPARE_CHUNKS_MAX * 1024);
}

#[test]
fn far_deadlines_with_an_epoch_each_do_not_cost_a_chunk_each() {
    let mut wheel = Wheel::new(START_MS);
    for id in 0..1000 {
        wheel.insert((1 << 50) + (id << 32), item(id));
    }
    assert!(wheel.allocated_bytes() < 200_000, "{}", wheel.allocated_bytes());
    assert_eq!(drain(&mut wheel, u64::MAX, 7), (0..1000).collect::<Vec<_>>());
}

#[test]
fn a_long_list_is_freed_without_recursion() {
    let mut wheel = Wheel::new(START_MS);
    (0..3_000_000).for_each(|id| wheel.insert(START_MS + 5, item(id)));
}

#[derive(Clone, Debug)]
enum Step {
    Insert(i64),
    Advance(i64),
}

fn distance() -> impl Strategy<Value = i64> {
    prop_oneof![-3i64..200, 0i64..10_000, 0i64..(1 << 24), (1i64 << 31)..(1 << 34), 0i64..(1 << 40)]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => distance().prop_map(Step::Insert),
        1 => distance().prop_map(Step::Advance),
        1 => (0i64..100).prop_map(Step::Advance),
    ];
    prop::collection::vec(step, 1..200)
}

/// Steps with a clock that also jumps back, even before the start.
fn steps_with_a_bad_clock() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => distance().prop_map(Step::Insert),
        1 => distance().prop_map(Step::Advance),
        1 => distance().prop_map(|distance| Step::Advance(-distance)),
    ];
    prop::collection::vec(step, 1..200)
}

/// Runs `steps` on a wheel and on an ordered map, which must release the same items at each advance.
fn check(steps: Vec<Step>, budget: usize) {
    let (mut now_ms, mut next_id) = (START_MS * 2, 0);
    let mut wheel = Wheel::new(now_ms);
    let mut model: BTreeMap<(u64, u64), ()> = BTreeMap::new();
    for step in steps {
        match step {
            Step::Insert(distance_ms) => {
                let deadline_ms = now_ms.saturating_add_signed(distance_ms);
                wheel.insert(deadline_ms, item(next_id));
                model.insert((deadline_ms, next_id), ());
                next_id += 1;
            }
            Step::Advance(distance_ms) => {
                now_ms = now_ms.saturating_add_signed(distance_ms);
                let later = model.split_off(&(now_ms + 1, 0));
                let mut expected: Vec<u64> = model.keys().map(|&(_, id)| id).collect();
                model = later;
                let mut released = drain(&mut wheel, now_ms, budget);
                expected.sort_unstable();
                released.sort_unstable();
                assert_eq!(released, expected);
            }
        }
        assert_eq!(wheel.len(), model.len());
        let first_ms = model.keys().next().map(|&(deadline_ms, _)| deadline_ms.max(now_ms));
        assert_eq!(wheel.next_due_ms().is_some(), first_ms.is_some());
        assert!(wheel.next_due_ms() <= first_ms, "a timer set so would be late");
    }
    drain(&mut wheel, u64::MAX, budget);
    assert!(wheel.is_empty() && wheel.next_due_ms().is_none());
}

proptest! {
    #[test]
    fn releases_what_an_ordered_map_releases(steps in steps()) {
        check(steps, usize::MAX);
    }

    #[test]
    fn a_small_budget_releases_the_same_over_several_calls(steps in steps(), budget in 1usize..5) {
        check(steps, budget);
    }

    #[test]
    fn a_bad_clock_loses_nothing(steps in steps_with_a_bad_clock(), budget in 1usize..50) {
        check(steps, budget);
    }

    #[test]
    fn inserting_in_the_midst_of_a_cascade_keeps_the_order(
        first in prop::collection::vec(0u64..10_000, 1..100),
        second in prop::collection::vec(0u64..10_000, 1..100),
        calls in 1usize..100,
    ) {
        let mut wheel = Wheel::new(START_MS);
        let mut due = Vec::new();
        first.iter().for_each(|&deadline| wheel.insert(START_MS + deadline, item(deadline)));
        for _ in 0..calls {
            wheel.advance(START_MS + 5_000, 1, &mut due);
        }
        second.iter().for_each(|&deadline| wheel.insert(START_MS + deadline, item(deadline)));
        while wheel.advance(START_MS + 5_000, 1, &mut due) {}
        let mut released: Vec<u64> = due.iter().map(|item| item.position()).collect();
        let mut expected: Vec<u64> = first.into_iter().chain(second).filter(|&d| d <= 5_000).collect();
        released.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(released, expected);
    }

    /// What is set aside is due later than was said, and if it is put in again nothing is lost; what is not is not there.
    #[test]
    fn what_is_set_aside_can_be_put_in_again(
        deadlines in prop::collection::vec(0u64..200_000, 1..300),
        passed in 0u64..50_000,
        after in 0u64..100_000,
        batch in 1usize..100,
    ) {
        let mut wheel = Wheel::new(START_MS);
        deadlines.iter().for_each(|&deadline| wheel.insert(START_MS + deadline, item(deadline)));
        let mut released: Vec<u64> = drain(&mut wheel, START_MS + passed, usize::MAX);
        wheel.set_aside(START_MS + passed + after);
        prop_assert_eq!(wheel.len(), deadlines.len() - released.len());
        let (mut dropped, mut items) = (Vec::new(), Vec::new());
        loop {
            wheel.take_aside(batch, &mut items);
            if items.is_empty() {
                break;
            }
            prop_assert!(items.len() <= batch);
            for item in items.drain(..) {
                let deadline = item.position();
                prop_assert!(deadline > passed + after, "{} is due too soon", deadline);
                match deadline % 3 {
                    0 => dropped.push(deadline),
                    _ => wheel.insert(START_MS + deadline, item),
                }
            }
        }
        prop_assert_eq!(wheel.len(), deadlines.len() - released.len() - dropped.len());
        released.extend(drain(&mut wheel, START_MS + 200_000, 7));
        released.extend(dropped);
        released.sort_unstable();
        let mut expected = deadlines;
        expected.sort_unstable();
        prop_assert_eq!(released, expected);
        prop_assert!(wheel.is_empty());
    }
}
