//! How far those are that the effects go to, as they tell themselves.

/// How far the stream of effects to replicas is, as its keeper tells.
#[derive(Clone, Debug, Default)]
pub struct StreamProgress {
    /// Effects go to it.
    pub is_on: bool,
    /// Offset behind what was taken of it; what is written and not taken yet follows.
    pub end: u64,
    /// We follow another server: the stream is its, not ours.
    pub follows: bool,
    /// What replicas said to have: each one's offset, and that of what it has on its medium.
    pub copies: Vec<(u64, Option<u64>)>,
}
impl StreamProgress {
    /// How many replicas have applied the stream up to here.
    pub fn applied(&self, offset: u64) -> usize {
        self.copies.iter().filter(|(applied, _)| *applied >= offset).count()
    }
    /// How many have it on their media. What is before all of the stream is on any, as Redis has it.
    pub fn synced(&self, offset: u64) -> usize {
        self.copies.iter().filter(|(_, synced)| synced.unwrap_or(0) >= offset).count()
    }
}

/// How far the log of effects is, as its keeper tells: what is taken at one time is a *commit*, and has a number.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogProgress {
    /// There shall be one (`appendonly`).
    pub is_wanted: bool,
    /// Effects go to it.
    pub is_on: bool,
    /// Of the last commit.
    pub committed: u64,
    /// Of the last commit that is on the medium, as the log's owner has told us behind the replies that waited for it.
    pub synced: u64,
    /// The same, as it stands on the board before those go out: whoever has read one may ask.
    pub posted: u64,
    /// Of the one that says that what there was when the log began is in its base.
    pub begun: u64,
}
