//! Sorted sets: members, each with a score, in the order of their scores.
//!
//! A small one is a listpack in order, each member followed by its score, as Redis has it. From the thresholds of
//! `zset-max-listpack-entries` and `-value` on it is two structures: a table from member to score, and a ranking of
//! both (see [`crate::data::ranking`]). It never goes back, except that a command which makes a new sorted set makes it
//! as small as it can be.
mod items;
mod load;
mod packed;
mod ranges;
#[cfg(test)]
mod tests;

pub use items::{Direction, Items};
pub use ranges::{Bound, MemberRange, ScoreRange};

use super::Stored;
use crate::{
    data::{
        listpack::Listpack,
        members::Members,
        number::{format_17_digits, format_double},
        ranking::Ranking,
    },
    store::EncodingLimits,
};
use std::ops::Range;

pub struct SortedSet(Encoding);

enum Encoding {
    Packed(Listpack),
    Ranked(Box<Ranked>),
}
struct Ranked {
    /// The score of each, as the eight bytes of a double.
    members: Members,
    ranking: Ranking,
}

/// When a score is set (ZADD's options).
#[derive(Clone, Copy, Debug, Default)]
pub struct Adding {
    /// NX, XX.
    pub presence: Presence,
    /// GT, LT: of a member that is there already, how the new score must compare to its own.
    pub change: Change,
    /// The score is added to that of the member.
    pub increments: bool,
}
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Presence {
    #[default]
    Any,
    New,
    Old,
}
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Change {
    #[default]
    Any,
    Greater,
    Less,
}
/// What became of a member that was to be added.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Added {
    New(f64),
    Rescored(f64),
    /// It is there with that very score.
    Same(f64),
    /// The options said no.
    Refused,
}
/// The sum of a score and an increment is not a number: of the two infinities.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NotANumber;

impl Adding {
    /// What is to become of a member with this score (`None` if it is not there).
    fn decide(self, old: Option<f64>, score: f64) -> Result<Added, NotANumber> {
        let Some(old) = old else {
            return Ok(if self.presence == Presence::Old { Added::Refused } else { Added::New(score) });
        };
        if self.presence == Presence::New {
            return Ok(Added::Refused);
        }
        let score = if self.increments { old + score } else { score };
        if score.is_nan() {
            return Err(NotANumber);
        }
        let refused = match self.change {
            Change::Any => false,
            Change::Greater => score <= old,
            Change::Less => score >= old,
        };
        Ok(match () {
            _ if refused => Added::Refused,
            _ if score == old => Added::Same(score),
            _ => Added::Rescored(score),
        })
    }
}

/// Whether a listpack may take in one member more.
fn admits(limits: &EncodingLimits, list: &Listpack, member: &[u8]) -> bool {
    list.len() / 2 < limits.sorted_set_listpack_entries_max
        && member.len() <= limits.sorted_set_listpack_value_bytes_max
        && list.fits(member.len())
}

impl SortedSet {
    /// An empty one, to which about so many members will be added, the first of them so long.
    pub fn new(members: usize, member_bytes: usize, limits: &EncodingLimits) -> SortedSet {
        if members <= limits.sorted_set_listpack_entries_max
            && member_bytes <= limits.sorted_set_listpack_value_bytes_max
        {
            SortedSet(Encoding::Packed(Listpack::new()))
        } else {
            SortedSet(Encoding::Ranked(Box::new(Ranked::new(limits))))
        }
    }
    /// A sorted set of items in order, no member twice, as small as it can be.
    pub fn from_sorted<M: AsRef<[u8]>>(items: &[(M, f64)], limits: &EncodingLimits) -> SortedSet {
        let length_max = items.iter().map(|(member, _)| member.as_ref().len()).max().unwrap_or(0);
        let bytes = items.iter().map(|(member, _)| member.as_ref().len()).sum();
        let fits = Listpack::new().fits(bytes);
        let mut set = SortedSet::new(if fits { items.len() } else { usize::MAX }, length_max, limits);
        for (member, score) in items {
            match &mut set.0 {
                Encoding::Packed(list) => packed::push(list, member.as_ref(), *score),
                Encoding::Ranked(ranked) => ranked.insert(member.as_ref(), *score),
            }
        }
        set
    }
    /// The listpack, while it is one.
    pub fn as_listpack(&self) -> Option<&Listpack> {
        if let Encoding::Packed(list) = &self.0 { Some(list) } else { None }
    }
    /// Makes ready for a command that names so many members.
    pub fn expect(&mut self, members: usize, limits: &EncodingLimits) {
        if members > limits.sorted_set_listpack_entries_max {
            self.rank_all(limits);
        }
    }

    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match &self.0 {
            Encoding::Packed(list) => packed::find(list, member).map(|(_, score)| score),
            Encoding::Ranked(ranked) => ranked.score(member),
        }
    }
    /// Adds a member or changes its score.
    ///
    /// # Errors
    /// If the score would not be a number. Nothing is changed then.
    pub fn add(
        &mut self,
        member: &[u8],
        score: f64,
        adding: Adding,
        limits: &EncodingLimits,
    ) -> Result<Added, NotANumber> {
        if let Encoding::Packed(list) = &mut self.0 {
            let found = packed::find(list, member);
            let added = adding.decide(found.map(|(_, score)| score), score)?;
            match (added, found) {
                (Added::Rescored(score), Some((position, _))) => {
                    list.remove_run(position, 2);
                    packed::insert(list, member, score);
                }
                (Added::New(_), _) if !admits(limits, list, member) => {
                    self.rank_all(limits);
                    return self.add(member, score, adding, limits);
                }
                (Added::New(score), _) => packed::insert(list, member, score),
                _ => {}
            }
            return Ok(added);
        }
        let Encoding::Ranked(ranked) = &mut self.0 else { unreachable!("it is one or the other") };
        let old = ranked.score(member);
        let added = adding.decide(old, score)?;
        match (added, old) {
            (Added::New(score), _) => ranked.insert(member, score),
            (Added::Rescored(score), Some(old)) => ranked.rescore(member, old, score),
            _ => {}
        }
        Ok(added)
    }
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.0 {
            Encoding::Packed(list) => match packed::find(list, member) {
                Some((position, _)) => {
                    list.remove_run(position, 2);
                    true
                }
                None => false,
            },
            Encoding::Ranked(ranked) => ranked.remove(member),
        }
    }
    /// Removes members by their ranks.
    pub fn remove_range(&mut self, ranks: Range<usize>) {
        match &mut self.0 {
            Encoding::Packed(list) => list.remove_range(2 * ranks.start as isize, 2 * ranks.len()),
            Encoding::Ranked(ranked) => ranked.remove_range(ranks),
        }
    }
    /// The rank of a member, counted from that end, and its score.
    pub fn rank(&self, member: &[u8], direction: Direction) -> Option<(usize, f64)> {
        let (rank, score) = match &self.0 {
            Encoding::Packed(list) => packed::rank(list, member)?,
            Encoding::Ranked(ranked) => {
                let score = ranked.score(member)?;
                (ranked.ranking.rank(score, member)?, score)
            }
        };
        match direction {
            Direction::Forward => Some((rank, score)),
            Direction::Backward => Some((self.len() - 1 - rank, score)),
        }
    }
    /// Members by their ranks (from the lowest score), in either direction.
    pub fn range(&self, ranks: Range<usize>, direction: Direction) -> Items<'_> {
        let ranks = ranks.start..ranks.end.min(self.len());
        match &self.0 {
            Encoding::Packed(list) => Items::of_list(list, ranks, direction),
            Encoding::Ranked(ranked) => Items::of_ranking(&ranked.ranking, ranks, direction),
        }
    }
    pub fn iter(&self) -> Items<'_> {
        self.range(0..self.len(), Direction::Forward)
    }
    /// Gives some members and where to go on: ZSCAN's step. A small sorted set is given whole.
    pub fn scan(&self, cursor: u64, count: usize, visit: &mut dyn FnMut(&[u8], f64)) -> u64 {
        match &self.0 {
            Encoding::Packed(_) => {
                self.iter().for_each(|(member, score)| visit(member.bytes(&mut itoa::Buffer::new()), score));
                0
            }
            Encoding::Ranked(ranked) => ranked
                .members
                .scan(cursor, count, &mut |member| visit(member.key, score_of_bytes(member.value))),
        }
    }

    /// Whether it is in the compact encoding.
    pub fn is_packed(&self) -> bool {
        matches!(self.0, Encoding::Packed(_))
    }
    /// A score as ZSCAN prints it: in the compact encoding it is a text already, of others 17 digits are shown.
    pub fn scanned_text(&self, score: f64) -> String {
        match &self.0 {
            Encoding::Packed(_) => format_double(score),
            Encoding::Ranked(_) => format_17_digits(score),
        }
    }
    /// Leaves the compact encoding, if it is in it.
    fn rank_all(&mut self, limits: &EncodingLimits) {
        if let Encoding::Packed(_) = &self.0 {
            let mut ranked = Box::new(Ranked::new(limits));
            let mut digits = itoa::Buffer::new();
            self.iter().for_each(|(member, score)| ranked.insert(member.bytes(&mut digits), score));
            self.0 = Encoding::Ranked(ranked);
        }
    }
}

impl Ranked {
    fn new(limits: &EncodingLimits) -> Ranked {
        Ranked { members: Members::new(limits.hasher()), ranking: Ranking::new() }
    }
    fn score(&self, member: &[u8]) -> Option<f64> {
        self.members.get(member).map(|found| score_of_bytes(found.value))
    }
    /// Inserts a member that is not there yet.
    fn insert(&mut self, member: &[u8], score: f64) {
        self.members.insert(member, &score.to_le_bytes(), false);
        self.ranking.insert(score, member);
    }
    fn rescore(&mut self, member: &[u8], old: f64, score: f64) {
        if let Some(value) = self.members.value_mut(member) {
            value.copy_from_slice(&score.to_le_bytes());
        }
        self.ranking.rescore(old, member, score);
    }
    fn remove(&mut self, member: &[u8]) -> bool {
        let Some(score) = self.score(member) else { return false };
        self.members.remove(member);
        self.ranking.remove(score, member)
    }
    fn remove_range(&mut self, ranks: Range<usize>) {
        for (_, member) in self.ranking.range(ranks.clone()) {
            self.members.remove(member);
        }
        self.ranking.remove_range(ranks);
    }
}

fn score_of_bytes(bytes: &[u8]) -> f64 {
    f64::from_le_bytes(bytes.try_into().unwrap_or_default())
}

impl Stored for SortedSet {
    fn len(&self) -> usize {
        match &self.0 {
            Encoding::Packed(list) => list.len() / 2,
            Encoding::Ranked(ranked) => ranked.ranking.len(),
        }
    }
    fn encoding(&self) -> &'static str {
        match &self.0 {
            Encoding::Packed(_) => "listpack",
            Encoding::Ranked(_) => "skiplist",
        }
    }
    /// Both structures know what they hold without a look at every member, so nothing is estimated.
    fn memory_bytes(&self, _samples: usize) -> usize {
        match &self.0 {
            Encoding::Packed(list) => list.memory_bytes(),
            Encoding::Ranked(ranked) => {
                size_of::<Ranking>() + ranked.members.memory_bytes() + ranked.ranking.memory_bytes()
            }
        }
    }
    fn weight(&self) -> usize {
        /// Members in a run of the ranking, about.
        const MEMBERS_EACH: usize = 40;
        match &self.0 {
            Encoding::Packed(_) => 1,
            Encoding::Ranked(ranked) => {
                2 + ranked.members.allocations() + ranked.ranking.len() / MEMBERS_EACH
            }
        }
    }
    fn duplicate(&self) -> SortedSet {
        SortedSet(match &self.0 {
            Encoding::Packed(list) => Encoding::Packed(list.clone()),
            Encoding::Ranked(ranked) => Encoding::Ranked(Box::new(Ranked {
                members: ranked.members.clone(),
                ranking: ranked.ranking.clone(),
            })),
        })
    }
}
