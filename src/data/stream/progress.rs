//! How far a consumer group has come: how many entries it has read, and how many are still before it.
//!
//! A group remembers an ID, not a number. The number is kept beside it as long as it is known for certain: entries that
//! were deleted between what is read and the end, and groups that are set to an ID in the middle, make it unknown. Then
//! it is found again at the two places where it follows from the stream alone: its beginning and its end. The rules are
//! those of Redis 7.4, so that the figures of XINFO are the same.
use super::{Group, Log, StreamId};

impl Log {
    /// Whether an entry was deleted by name, from this ID on, while the stream has entries before it.
    fn has_holes_from(&self, id: StreamId) -> bool {
        let hole = self.max_deleted_id();
        !self.is_empty() && hole != StreamId::MIN && self.first_id() <= hole && id <= hole
    }
    /// How many entries were added up to this ID; `None` if that cannot be told.
    pub fn entries_up_to(&self, id: StreamId) -> Option<i64> {
        let added = self.entries_added() as i64;
        if added == 0 {
            return Some(0);
        }
        if id == self.last_id() || (self.is_empty() && id < self.last_id()) {
            return Some(added);
        }
        let hole = self.max_deleted_id();
        if id > self.last_id() || (hole != StreamId::MIN && hole >= self.first_id()) {
            return None;
        }
        let before_first = added.wrapping_sub(self.len() as i64);
        match id.cmp(&self.first_id()) {
            std::cmp::Ordering::Less => Some(before_first),
            std::cmp::Ordering::Equal => Some(before_first.wrapping_add(1)),
            std::cmp::Ordering::Greater => None,
        }
    }
    /// How many entries a group has not read yet; `None` if that cannot be told.
    pub fn lag(&self, group: &Group) -> Option<i64> {
        let added = self.entries_added() as i64;
        if added == 0 {
            return Some(0);
        }
        let read = match group.entries_read {
            Some(read) if !self.has_holes_from(group.last_id) => read,
            _ => self.entries_up_to(group.last_id)?,
        };
        Some(added.wrapping_sub(read))
    }
}

impl Group {
    /// Moves on to an entry that is delivered, if it lies behind those before; says whether it does.
    pub fn advance(&mut self, log: &Log, id: StreamId) -> bool {
        if id <= self.last_id {
            return false;
        }
        self.entries_read = match self.entries_read {
            Some(read) if !log.has_holes_from(id) => Some(read.wrapping_add(1)),
            unknown if log.entries_added() == 0 => unknown,
            _ => log.entries_up_to(id),
        };
        self.last_id = id;
        true
    }
}
