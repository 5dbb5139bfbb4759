//! In which commit of the log the last write of each client is: WAITAOF waits for that one, and for nobody else's.
use hashbrown::HashMap;

/// From this many clients on it is looked at which of them still matter.
const MANY: usize = 1024;

#[derive(Debug)]
pub struct Writers {
    commits: HashMap<u64, u64, ahash::RandomState>,
    /// What was noted last: a client that writes again before the next commit costs a comparison.
    last: (u64, u64),
    many: usize,
}
impl Default for Writers {
    fn default() -> Writers {
        Writers { commits: HashMap::default(), last: (0, 0), many: MANY }
    }
}
impl Writers {
    /// States that a client's last write is in this commit.
    #[inline]
    pub fn note(&mut self, client: u64, commit: u64) {
        if self.last != (client, commit) {
            self.last = (client, commit);
            self.commits.insert(client, commit);
        }
    }
    /// `None` if nothing is known: it is on the medium, or there was none.
    pub fn commit_of(&self, client: u64) -> Option<u64> {
        self.commits.get(&client).copied()
    }
    pub fn are_many(&self) -> bool {
        self.commits.len() >= self.many
    }
    /// Forgets those whose last write is safe (in a commit up to `synced`) and those who are gone. To be called when
    /// there are many: then it costs a few ns for each that came since.
    pub fn forget(&mut self, synced: u64, is_here: impl Fn(u64) -> bool) {
        self.commits.retain(|client, commit| *commit > synced && is_here(*client));
        self.last = (0, 0);
        self.many = MANY.max(self.commits.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_safe_or_gone_is_forgotten() {
        let mut writers = Writers::default();
        for client in 1..=MANY as u64 {
            assert!(!writers.are_many());
            writers.note(client, client / 2);
        }
        writers.note(7, 600);
        assert!(writers.are_many());
        writers.forget(500, |client| client != 1010);
        assert_eq!(writers.commit_of(7), Some(600));
        assert_eq!((writers.commit_of(1001), writers.commit_of(1002)), (None, Some(501)));
        assert_eq!(writers.commit_of(1010), None);
        assert!(!writers.are_many());
        writers.note(7, 600);
        assert_eq!(writers.commit_of(7), Some(600));
    }
}
