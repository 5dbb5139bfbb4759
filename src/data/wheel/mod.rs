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

mod chunks;

use chunks::{Bucket, ChunkList, Pool};
use std::collections::BTreeMap;

/// Bits of a deadline that one level stands for.
const DIGIT_BITS: u32 = 6;
const SLOTS_PER_LEVEL: usize = 1 << DIGIT_BITS;
const LEVELS: usize = 6;
/// Bits of a deadline that an item stores itself.
const STORED_BITS: u32 = 32;

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
    /// Lists that were taken out of their slots: see [`Wheel::set_aside`].
    aside: Vec<ChunkList>,
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
            aside: Vec::new(),
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
        let buckets = self.overflow.values().chain(self.belated.values());
        self.pool.allocated_bytes() + buckets.map(Bucket::allocated_bytes).sum::<usize>()
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

    /// Sets aside what is due later than `after_ms`, to be taken out some at a time and put in again as far as it is still
    /// wanted. It is not due before. What lies in a slot that begins earlier, or beyond all slots, stays.
    pub fn set_aside(&mut self, after_ms: u64) {
        for (index, level) in self.levels.iter_mut().enumerate() {
            let shift = index as u32 * DIGIT_BITS;
            let first_ms = self.base_ms >> shift >> DIGIT_BITS << DIGIT_BITS << shift;
            for slot in digit(self.base_ms, index) + 1..SLOTS_PER_LEVEL {
                let is_later = first_ms + ((slot as u64) << shift) > after_ms;
                if is_later && level.occupied >> slot & 1 == 1 {
                    level.occupied &= !(1 << slot);
                    self.aside.push(std::mem::take(&mut level.slots[slot]));
                }
            }
        }
    }

    /// Takes out so many items of what was set aside; none if that is all.
    pub fn take_aside(&mut self, count: usize, items: &mut Vec<Item>) {
        let before = items.len();
        while items.len() - before < count
            && let Some(list) = self.aside.last_mut()
        {
            match list.pop(&mut self.pool) {
                Some(item) => items.push(item),
                None => drop(self.aside.pop()),
            }
        }
        self.len -= items.len() - before;
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
mod tests;
