//! When is what due: a hierarchical timing wheel at 1 ms, for the deadlines of keys.
//!
//! The scheme is that of Varghese and Lauck ("Hashed and Hierarchical Timing Wheels", 1987). Six levels of
//! 64 slots each stand for the six-bit digits of a deadline; an item lies on the level of the highest digit in
//! which its deadline differs from the wheel's own time, `base_ms`. When the time reaches the start of an upper
//! slot, its items move down (they *cascade*), at most once per level. Together the levels span 2^36 ms, about
//! two years; what lies beyond waits in an overflow map, one bucket per 2^32 ms.
//!
//! Three decisions are Callboard's own:
//!
//! * **An item is 12 bytes**, of which the deadline takes only its low 32 bits. The rest follows from where the
//!   item lies: a slot spans at most 2^30 ms and an overflow bucket exactly 2^32.
//! * **A slot is a list of 1 KiB chunks.** A million keys may share one slot, so a slot that grew by doubling would
//!   stall on the copy and waste up to half its memory. Chunks make it 12.2 bytes an item, and empty ones are reused.
//! * **Work is counted, not only results.** An item moved down costs as much as one that comes out, so both count
//!   towards the budget of [`Wheel::advance`], and a crowded upper slot moves down over several calls. Until it is
//!   empty nothing behind it can come out, which keeps the order right.
//!
//! Invariant: an item on level `l > 0` in slot `s` agrees with `base_ms` in all digits above `l`, and `s` is greater
//! than digit `l` of `base_ms`, except while that very slot cascades (then they are equal, which is how
//! [`Wheel::advance`] knows where it stopped).
//!
//! # When the clock jumps
//!
//! *Forward*: only occupied slots are visited, so a jump of years costs as much as the items it makes due.
//! *Back*: nothing in the wheel is due before its deadline, so it simply waits. The wheel itself never turns back;
//! deadlines in the stretch which it has already passed go to a small ordered map beside it, and still come out
//! at their millisecond. The same map takes deadlines that are past when they are set, so that these need no rule.

use std::collections::BTreeMap;

/// Bits of a deadline that one level stands for.
const DIGIT_BITS: u32 = 6;
const SLOTS_PER_LEVEL: usize = 1 << DIGIT_BITS;
const LEVELS: usize = 6;
/// Bits of a deadline that an item stores itself.
const STORED_BITS: u32 = 32;
/// With a length and a link beside them, these make a chunk of exactly 1 KiB, which allocators serve without slack.
const ITEMS_PER_CHUNK: usize = 84;
/// Empty chunks kept for reuse; more than these go back to the allocator, so that a burst leaves no lasting mark.
const SPARE_CHUNKS_MAX: usize = 256;

/// What is due: a database and the position of a key in it, in 12 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Item([u32; 3]);

impl Item {
    /// The number of bits of a position that an item holds.
    pub const POSITION_BITS: u32 = 48;

    /// An item for the key at `position` (the top 48 bits of its hash, as a number below 2^48) of `database`.
    ///
    /// Bits of `position` above the 48th are dropped.
    pub fn new(position: u64, database: u16) -> Item {
        debug_assert!(position < 1 << Item::POSITION_BITS, "a position has 48 bits");
        let high = (position >> 16) as u32;
        let low = (position as u32) << 16 | u32::from(database);
        Item([high, low, 0])
    }

    /// The key's position, below 2^48.
    pub fn position(self) -> u64 {
        u64::from(self.0[0]) << 16 | u64::from(self.0[1] >> 16)
    }

    /// The key's database.
    pub fn database(self) -> u16 {
        self.0[1] as u16
    }

    /// The low 32 bits of the deadline in milliseconds that the item was inserted with (0 before that).
    pub fn deadline_low_ms(self) -> u32 {
        self.0[2]
    }

    fn with_deadline(self, deadline_ms: u64) -> Item {
        Item([self.0[0], self.0[1], deadline_ms as u32])
    }

    /// The whole deadline, given any instant of the same 2^32 ms.
    fn deadline_near(self, instant_ms: u64) -> u64 {
        instant_ms >> STORED_BITS << STORED_BITS | u64::from(self.0[2])
    }
}

struct Chunk {
    next: Option<Box<Chunk>>,
    len: u32,
    items: [Item; ITEMS_PER_CHUNK],
}

const _: () = assert!(size_of::<Chunk>() == 1024);

/// Empty chunks at hand, linked to each other, and the count of all chunks.
#[derive(Default)]
struct Pool {
    spare: Option<Box<Chunk>>,
    spare_chunks: usize,
    chunks: usize,
}

impl Pool {
    fn take(&mut self) -> Box<Chunk> {
        if let Some(mut chunk) = self.spare.take() {
            self.spare = chunk.next.take();
            self.spare_chunks -= 1;
            return chunk;
        }
        self.chunks += 1;
        Box::new(Chunk { next: None, len: 0, items: [Item::default(); ITEMS_PER_CHUNK] })
    }

    fn give_back(&mut self, mut chunk: Box<Chunk>) {
        if self.spare_chunks < SPARE_CHUNKS_MAX {
            chunk.next = self.spare.take();
            self.spare = Some(chunk);
            self.spare_chunks += 1;
        } else {
            self.chunks -= 1;
        }
    }
}

/// A stack of items in chunks. Only the first chunk may be partly filled; none is empty.
#[derive(Default)]
struct ChunkList {
    head: Option<Box<Chunk>>,
}

impl ChunkList {
    fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    fn push(&mut self, item: Item, pool: &mut Pool) {
        match &mut self.head {
            Some(chunk) if (chunk.len as usize) < ITEMS_PER_CHUNK => {
                chunk.items[chunk.len as usize] = item;
                chunk.len += 1;
            }
            head => {
                let mut chunk = pool.take();
                chunk.next = head.take();
                chunk.items[0] = item;
                chunk.len = 1;
                *head = Some(chunk);
            }
        }
    }

    fn pop(&mut self, pool: &mut Pool) -> Option<Item> {
        let chunk = self.head.as_mut()?;
        chunk.len -= 1;
        let item = chunk.items[chunk.len as usize];
        if chunk.len == 0 {
            let rest = chunk.next.take();
            if let Some(empty) = std::mem::replace(&mut self.head, rest) {
                pool.give_back(empty);
            }
        }
        Some(item)
    }
}

impl Drop for ChunkList {
    /// Frees one chunk after the other: the derived way would recurse once per chunk.
    fn drop(&mut self) {
        let mut next = self.head.take();
        while let Some(mut chunk) = next {
            next = chunk.next.take();
        }
    }
}

/// Items of one key in an ordered map. The map may have many keys with a few items each, where a chunk for each would
/// waste memory: the first chunk's worth lives in a vector.
#[derive(Default)]
struct Bucket {
    few: Vec<Item>,
    more: ChunkList,
}

impl Bucket {
    fn is_empty(&self) -> bool {
        self.few.is_empty() && self.more.is_empty()
    }

    fn push(&mut self, item: Item, pool: &mut Pool) {
        if self.few.len() < ITEMS_PER_CHUNK {
            self.few.push(item);
        } else {
            self.more.push(item, pool);
        }
    }

    fn pop(&mut self, pool: &mut Pool) -> Option<Item> {
        self.more.pop(pool).or_else(|| self.few.pop())
    }
}

struct Level {
    /// Bit `i` is set when slot `i` holds an item.
    occupied: u64,
    slots: [ChunkList; SLOTS_PER_LEVEL],
}

impl Level {
    fn new() -> Level {
        Level { occupied: 0, slots: std::array::from_fn(|_| ChunkList::default()) }
    }
}

/// The next thing to do as the time goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Work {
    /// Let items out whose deadline the wheel had passed when they were set.
    Belated,
    /// Let the items of a slot of level 0 out.
    Release { slot: usize },
    /// Move the items of an upper slot down.
    Cascade { level: usize, slot: usize },
    /// Bring the first overflow bucket into the levels.
    Return,
}

/// The wheel. See the head of the file for how it turns.
pub struct Wheel {
    /// The time that the wheel has turned to. All that is due before has come out, all in the levels is due then or later.
    base_ms: u64,
    levels: Box<[Level; LEVELS]>,
    /// By deadline >> 32.
    overflow: BTreeMap<u64, Bucket>,
    /// By deadline; all keys are less than `base_ms`.
    belated: BTreeMap<u64, Bucket>,
    pool: Pool,
    len: usize,
}

impl Wheel {
    /// An empty wheel at `now_ms` (milliseconds since the Unix epoch, or any other fixed instant).
    pub fn new(now_ms: u64) -> Wheel {
        Wheel {
            base_ms: now_ms,
            levels: Box::new(std::array::from_fn(|_| Level::new())),
            overflow: BTreeMap::new(),
            belated: BTreeMap::new(),
            pool: Pool::default(),
            len: 0,
        }
    }

    /// How many items wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no item waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes allocated for items, with the slack in partly filled chunks and the empty chunks kept for reuse.
    /// Takes time in proportion to the overflow buckets.
    pub fn allocated_bytes(&self) -> usize {
        let vectors = self
            .overflow
            .values()
            .chain(self.belated.values())
            .map(|bucket| bucket.few.capacity() * size_of::<Item>() + size_of::<(u64, Bucket)>());
        self.pool.chunks * size_of::<Chunk>() + vectors.sum::<usize>()
    }

    /// Has `item` come out at `deadline_ms`, or at the next [`Wheel::advance`] if that is past.
    pub fn insert(&mut self, deadline_ms: u64, item: Item) {
        self.len += 1;
        let item = item.with_deadline(deadline_ms);
        if deadline_ms >= self.base_ms {
            self.place(deadline_ms, item);
        } else {
            self.belated.entry(deadline_ms).or_default().push(item, &mut self.pool);
        }
    }

    /// Tells the wheel the time and appends what is due at or before `now_ms` to `due`, earliest millisecond first
    /// (within one millisecond in no particular order).
    ///
    /// Handles at most `budget` items, counting those that come out and those that only move down a level. Returns
    /// whether work is left for `now_ms`: the caller then calls again, when it likes. After `false`, everything due
    /// has come out. A budget of 0 does nothing but answer.
    pub fn advance(&mut self, now_ms: u64, budget: usize, due: &mut Vec<Item>) -> bool {
        let mut left = budget;
        while let Some((at_ms, work)) = self.next_work()
            && at_ms <= now_ms
        {
            if left == 0 {
                return true;
            }
            self.base_ms = self.base_ms.max(at_ms);
            left -= self.perform(work, left, due);
        }
        self.base_ms = self.base_ms.max(now_ms);
        false
    }

    /// The next instant at which [`Wheel::advance`] has something to do, if anything waits.
    ///
    /// No item is due before it, but possibly none is due then either, because an upper slot moves down.
    pub fn next_due_ms(&self) -> Option<u64> {
        self.next_work().map(|(at_ms, _)| at_ms)
    }

    fn place(&mut self, deadline_ms: u64, item: Item) {
        let difference = deadline_ms ^ self.base_ms;
        let level = difference.checked_ilog2().unwrap_or(0) / DIGIT_BITS;
        let level = level as usize;
        if level >= LEVELS {
            let bucket = self.overflow.entry(deadline_ms >> STORED_BITS).or_default();
            bucket.push(item, &mut self.pool);
            return;
        }
        let slot = digit(deadline_ms, level);
        self.levels[level].slots[slot].push(item, &mut self.pool);
        self.levels[level].occupied |= 1 << slot;
    }

    /// What comes next, and when.
    fn next_work(&self) -> Option<(u64, Work)> {
        if let Some((&at_ms, _)) = self.belated.first_key_value() {
            return Some((at_ms, Work::Belated));
        }
        if let Some(work) = self.unfinished_cascade() {
            return Some((self.base_ms, work));
        }
        let overflow = self.overflow.keys().next().map(|epoch| (epoch << STORED_BITS, Work::Return));
        let levels = self.first_occupied_slot();
        // At the same instant the bucket comes first, for it may hold items for that very slot.
        match (overflow, levels) {
            (Some(overflow), Some(levels)) => Some(if overflow.0 <= levels.0 { overflow } else { levels }),
            (overflow, levels) => overflow.or(levels),
        }
    }

    /// The work of moving down that has begun: it goes before everything else, because what has not moved yet may be
    /// due earlier than what has.
    fn unfinished_cascade(&self) -> Option<Work> {
        if self.overflow.keys().next().is_some_and(|&epoch| epoch <= self.base_ms >> STORED_BITS) {
            return Some(Work::Return);
        }
        (1..LEVELS).rev().find_map(|level| {
            let slot = digit(self.base_ms, level);
            (self.levels[level].occupied >> slot & 1 == 1).then_some(Work::Cascade { level, slot })
        })
    }

    /// The earliest slot in use, with the instant at which it starts. All of a level's time lies before all of the
    /// next, so that it is the first slot of the lowest level in use.
    fn first_occupied_slot(&self) -> Option<(u64, Work)> {
        let level = self.levels.iter().position(|level| level.occupied != 0)?;
        let slot = self.levels[level].occupied.trailing_zeros() as usize;
        let shift = level as u32 * DIGIT_BITS;
        let start_ms = (self.base_ms >> shift >> DIGIT_BITS << DIGIT_BITS | slot as u64) << shift;
        let work = if level == 0 { Work::Release { slot } } else { Work::Cascade { level, slot } };
        Some((start_ms, work))
    }

    /// Does `work` on at most `budget` items, and returns on how many.
    fn perform(&mut self, work: Work, budget: usize, due: &mut Vec<Item>) -> usize {
        match work {
            Work::Belated => self.release_belated(budget, due),
            Work::Release { slot } => self.release(slot, budget, due),
            Work::Cascade { level, slot } => self.cascade(level, slot, budget),
            Work::Return => self.return_overflow(budget),
        }
    }

    fn release(&mut self, slot: usize, budget: usize, due: &mut Vec<Item>) -> usize {
        let level = &mut self.levels[0];
        let list = &mut level.slots[slot];
        let before = due.len();
        due.extend(std::iter::from_fn(|| list.pop(&mut self.pool)).take(budget));
        if list.is_empty() {
            level.occupied &= !(1 << slot);
        }
        let released = due.len() - before;
        self.len -= released;
        released
    }

    fn release_belated(&mut self, budget: usize, due: &mut Vec<Item>) -> usize {
        let Some(mut entry) = self.belated.first_entry() else { return 0 };
        let before = due.len();
        let bucket = entry.get_mut();
        due.extend(std::iter::from_fn(|| bucket.pop(&mut self.pool)).take(budget));
        if bucket.is_empty() {
            entry.remove();
        }
        let released = due.len() - before;
        self.len -= released;
        released
    }

    fn cascade(&mut self, level: usize, slot: usize, budget: usize) -> usize {
        let mut list = std::mem::take(&mut self.levels[level].slots[slot]);
        let mut moved = 0;
        while moved < budget
            && let Some(item) = list.pop(&mut self.pool)
        {
            // A slot spans at most 2^30 ms and begins at the base, which thus tells the bits that an item lacks.
            self.place(item.deadline_near(self.base_ms), item);
            moved += 1;
        }
        if list.is_empty() {
            self.levels[level].occupied &= !(1 << slot);
        }
        self.levels[level].slots[slot] = list;
        moved
    }

    fn return_overflow(&mut self, budget: usize) -> usize {
        let Some((epoch, mut bucket)) = self.overflow.pop_first() else { return 0 };
        let mut moved = 0;
        while moved < budget
            && let Some(item) = bucket.pop(&mut self.pool)
        {
            self.place(item.deadline_near(epoch << STORED_BITS), item);
            moved += 1;
        }
        if !bucket.is_empty() {
            self.overflow.insert(epoch, bucket);
        }
        moved
    }
}

/// The six-bit digit of `ms` that `level` stands for.
fn digit(ms: u64, level: usize) -> usize {
    (ms >> (level as u32 * DIGIT_BITS)) as usize % SLOTS_PER_LEVEL
}

#[cfg(test)]
mod tests {
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
        for distance_ms in [0, 1, 63, 64, 4095, 4096, 1 << 20, (1 << 32) - 1, 1 << 32, 1 << 36, (1 << 40) + 7]
        {
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
        assert!(wheel.allocated_bytes() <= SPARE_CHUNKS_MAX * 1024);
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
    }
}
