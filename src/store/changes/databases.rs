//! Whole databases: emptied, exchanged, replaced.
use super::Changes;
use crate::store::Database;

impl Changes<'_> {
    /// Empties a database.
    pub fn clear(&mut self, db: usize) {
        let count = self.store.databases[db].len() as u64;
        self.record.upheaval = true;
        if count > 0 {
            self.touch_all(db, db);
            let (id, hasher) = (self.store.databases[db].id, self.store.hasher.clone());
            let fresh = Database::new(id, self.store.generations, hasher);
            self.store.generations += 1;
            let old = std::mem::replace(&mut self.store.databases[db], fresh);
            self.record.dirty += count;
            self.store.detach(old);
        }
    }
    /// Exchanges the data of two databases. For clients of either, every key that stands in one of them has changed.
    pub fn swap(&mut self, a: usize, b: usize) {
        self.record.dirty += 1;
        if a != b {
            self.record.upheaval = true;
            for (db, seen_at) in [(a, a), (a, b), (b, a), (b, b)] {
                self.touch_all(db, seen_at);
            }
            self.store.databases.swap(a, b)
        }
    }
    /// Puts others in the place of all databases. For clients of each, every key that stands in either has changed.
    pub fn replace_databases(&mut self, fresh: Vec<Database>) {
        self.record.upheaval = true;
        for (db, mut database) in fresh.into_iter().enumerate() {
            self.touch_all(db, db);
            std::mem::swap(&mut self.store.databases[db], &mut database);
            self.touch_all(db, db);
            self.record.dirty += database.len() as u64;
            self.store.detach(database);
        }
    }
    /// States that every key of `db` changed, for clients of `seen_at`: however large the database is, only few keys are of
    /// interest.
    fn touch_all(&mut self, db: usize, seen_at: usize) {
        let database = &self.store.databases[db];
        let interests = self.record.interests.of(seen_at);
        let there = interests.filter(|key| database.find(key).is_some());
        self.record.touched.extend(there.map(|key| (seen_at, key.clone())));
    }
}
