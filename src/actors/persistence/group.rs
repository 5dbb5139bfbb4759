//! How many replies wait for one sync.
//!
//! Clients that write and wait move in step: all who were confirmed by one sync ask again at about the same time. Syncing
//! as soon as the first of them has come would leave the others to the next sync, and take two for what one could do. So
//! the next one waits a moment for as many as there were: at most half of what the last sync took, which is all that can be
//! lost by it.
use std::time::{Duration, Instant};

pub struct Group {
    /// Replies that the last sync confirmed, and when.
    confirmed: usize,
    at: Instant,
    /// How long that sync took.
    took: Duration,
    /// How many are waited for; `None` until the first has come.
    expected: Option<usize>,
}

/// What comes so soon behind a sync had come before it ended: these are others than those who were confirmed.
const MEANWHILE: Duration = Duration::from_micros(30);
const WAIT_MAX: Duration = Duration::from_millis(5);

impl Group {
    pub fn new(now: Instant) -> Group {
        Group { confirmed: 0, at: now, took: Duration::ZERO, expected: None }
    }
    /// A sync that took so long has confirmed these replies.
    pub fn confirm(&mut self, replies: usize, took: Duration, now: Instant) {
        *self = Group { confirmed: replies, at: now, took, expected: None };
    }
    /// Whether it pays to wait for more, if so many replies wait now.
    pub fn is_growing(&mut self, waiting: usize, now: Instant) -> bool {
        let since = now - self.at;
        let others = if since < MEANWHILE { waiting } else { 0 };
        let expected = *self.expected.get_or_insert(self.confirmed + others);
        waiting < expected && since < (self.took / 2).min(WAIT_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn after(confirmed: usize, took: Duration) -> (Group, Instant) {
        let start = Instant::now();
        let mut group = Group::new(start);
        group.confirm(confirmed, took, start);
        (group, start)
    }

    #[test]
    fn as_many_as_were_confirmed_are_waited_for() {
        let (mut group, start) = after(50, 4 * MS);
        assert!(group.is_growing(3, start + MS / 2));
        assert!(group.is_growing(49, start + MS));
        assert!(!group.is_growing(50, start + MS));
    }

    #[test]
    fn nobody_is_waited_for_longer_than_half_a_sync() {
        let (mut group, start) = after(50, 4 * MS);
        assert!(!group.is_growing(3, start + 2 * MS));
        let (mut group, start) = after(50, 100 * MS);
        assert!(!group.is_growing(3, start + WAIT_MAX));
    }

    #[test]
    fn those_who_came_during_the_sync_wait_for_those_whom_it_confirmed() {
        let (mut group, start) = after(5, 4 * MS);
        assert!(group.is_growing(45, start));
        assert!(group.is_growing(49, start + MS));
        assert!(!group.is_growing(50, start + MS));
    }

    #[test]
    fn one_client_never_waits_for_another() {
        let (mut group, start) = after(1, 4 * MS);
        assert!(!group.is_growing(1, start + MS / 10));
    }
}
