//! Where the last write of each client stands, in the log (its commit) and in the stream to replicas (its offset):
//! WAIT and WAITAOF wait for that one, and for nobody else's.
use crate::data::room::Room;
use hashbrown::HashMap;

/// From this many clients on it is looked at which of them still matter.
const MANY: usize = 1024;

#[derive(Clone, Copy, Debug)]
struct Place {
    commit: u64,
    offset: u64,
}

#[derive(Debug)]
pub struct Writers {
    places: HashMap<u64, Place, ahash::RandomState>,
    /// What was noted last: a client that writes on costs a comparison.
    last: Option<(u64, Place)>,
    many: usize,
    /// The furthest offset of those who were forgotten: as to replicas, none of them waits for less.
    forgotten_offset: u64,
}
impl Default for Writers {
    fn default() -> Writers {
        Writers { places: HashMap::default(), last: None, many: MANY, forgotten_offset: 0 }
    }
}
impl Writers {
    /// States that a client's last write is in this commit, and ends at this offset.
    #[inline]
    pub fn note(&mut self, client: u64, commit: u64, offset: u64) {
        match &mut self.last {
            Some((last, place)) if *last == client => *place = Place { commit, offset },
            last => {
                if let Some((client, place)) = last.replace((client, Place { commit, offset })) {
                    self.places.insert(client, place);
                }
            }
        }
    }
    /// States that what replicas alone were told of a client ends at this offset.
    pub fn note_told(&mut self, client: u64, offset: u64) {
        let commit = self.commit_of(client).unwrap_or(0);
        self.note(client, commit, offset);
    }
    fn place_of(&self, client: u64) -> Option<Place> {
        match self.last {
            Some((last, place)) if last == client => Some(place),
            _ => self.places.get(&client).copied(),
        }
    }
    /// `None` if nothing is known: it is on the medium, or there was none.
    pub fn commit_of(&self, client: u64) -> Option<u64> {
        self.place_of(client).map(|place| place.commit)
    }
    /// 0 if there was none. Of a client that was forgotten it may be further than it was.
    pub fn offset_of(&self, client: u64) -> u64 {
        self.place_of(client).map_or(self.forgotten_offset, |place| place.offset)
    }
    /// Offsets count anew: another history of the data begins.
    pub fn forget_offsets(&mut self) {
        self.forgotten_offset = 0;
        self.places
            .values_mut()
            .chain(self.last.as_mut().map(|(_, place)| place))
            .for_each(|place| place.offset = 0);
    }
    pub fn are_many(&self) -> bool {
        self.places.len() >= self.many
    }
    /// Forgets those whose last write is safe (in a commit up to `synced`, and up to the offset `applied`) and those who
    /// are gone. To be called when there are many: then it costs a few ns for each that came since.
    pub fn forget(&mut self, synced: u64, applied: u64, is_here: impl Fn(u64) -> bool) {
        if let Some((client, place)) = self.last.take() {
            self.places.insert(client, place);
        }
        let mut forgotten_offset = self.forgotten_offset;
        self.places.retain(|client, place| {
            let is_safe = place.commit <= synced && place.offset <= applied;
            let stays = !is_safe && is_here(*client);
            if !stays {
                forgotten_offset = forgotten_offset.max(place.offset);
            }
            stays
        });
        self.places.fit();
        self.forgotten_offset = forgotten_offset;
        self.many = MANY.max(self.places.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_safe_or_gone_is_forgotten() {
        let mut writers = Writers::default();
        for client in 1..=MANY as u64 + 1 {
            assert!(!writers.are_many());
            writers.note(client, client / 2, client * 10);
        }
        writers.note(7, 600, 20_000);
        assert!(writers.are_many());
        writers.forget(500, u64::MAX, |client| client != 1010);
        assert_eq!(writers.commit_of(7), Some(600));
        assert_eq!((writers.commit_of(1001), writers.commit_of(1002)), (None, Some(501)));
        assert_eq!(writers.commit_of(1010), None);
        // Of those who were forgotten nobody knows which: they wait for the furthest of them.
        assert_eq!(
            [1001, 1002, 1010, 7].map(|client| writers.offset_of(client)),
            [10_100, 10_020, 10_100, 20_000]
        );
        assert!(!writers.are_many());
        writers.note(7, 600, 20_050);
        assert_eq!((writers.commit_of(7), writers.offset_of(7)), (Some(600), 20_050));
        writers.forget_offsets();
        assert_eq!((writers.offset_of(7), writers.offset_of(1001), writers.commit_of(7)), (0, 0, Some(600)));
    }
}
