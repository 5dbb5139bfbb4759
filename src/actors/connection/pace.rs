//! How many requests a client's next turn takes, by what those of its last turn were answered.
//!
//! Whether a client reads is looked at between turns only. So the replies of one turn are what it may be given beyond
//! the limit, and they must not be many large ones. How large a reply will be is not known before; but pipelines tend
//! to ask for the same again.

/// Requests of one client in one turn: a long pipeline is served in parts, so that others come in between.
const REQUESTS_MAX: usize = 128;
/// What the replies of one turn should come to at the most, bytes.
const REPLY_BYTES_MAX: usize = 16 * 1024 * 1024;

pub struct Pace {
    requests: usize,
    /// Requests of the last turn whose replies are not known yet.
    taken: usize,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { requests: REQUESTS_MAX, taken: 0 }
    }
}
impl Pace {
    /// The most that the next turn may take; at least one.
    pub fn requests(&self) -> usize {
        self.requests
    }
    /// A turn took so many.
    pub fn took(&mut self, requests: usize) {
        self.taken += requests;
    }
    /// The replies since the last call; none if a turn is still under way.
    pub fn learn(&mut self, answered_bytes: Option<usize>) {
        if let Some(bytes) = answered_bytes
            && self.taken > 0
        {
            let taken = std::mem::take(&mut self.taken);
            // Rounded down, so that what is smaller than the room for one of a full turn never counts.
            let each_bytes = (bytes / taken).max(1);
            self.requests = (REPLY_BYTES_MAX / each_bytes).clamp(1, REQUESTS_MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(requests: usize, answered_bytes: usize) -> usize {
        let mut pace = Pace::default();
        pace.took(requests);
        pace.learn(None);
        pace.learn(Some(answered_bytes));
        pace.requests()
    }

    #[test]
    fn large_replies_make_short_turns() {
        assert_eq!(after(128, 128 * 5), 128);
        assert_eq!(after(128, 128 * 128 * 1024), 128);
        assert_eq!(after(128, 128 << 20), 16);
        assert_eq!(after(2, 10 << 20), 3);
        assert_eq!(after(1, 1 << 30), 1);
        assert_eq!(after(5, 0), 128);
    }

    #[test]
    fn small_replies_make_them_long_again() {
        let mut pace = Pace::default();
        for (bytes, requests) in [(100 << 20, 1), (5, 128), (1 << 20, 16)] {
            pace.took(1);
            pace.learn(Some(bytes));
            // Looking once more, without another turn, changes nothing.
            pace.learn(Some(0));
            assert_eq!(pace.requests(), requests);
        }
    }
}
