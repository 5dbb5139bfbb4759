//! A file that becomes what it is to be only when it is whole: a snapshot, or the base of an append-only file.
use super::{DiskFile, Shared, write_all};
use std::{
    io,
    path::{Path, PathBuf},
};

/// With `rdb-save-incremental-fsync` it is synced each time it has grown by so much, bytes: else the last sync would
/// have everything to write, and hold up others who write.
const SYNC_BYTES: usize = 4 * 1024 * 1024;

pub struct Output {
    disk: Shared,
    file: Box<dyn DiskFile>,
    temporary: PathBuf,
    incremental_sync: bool,
    unsynced: usize,
    pub bytes: u64,
    /// It is where it belongs.
    finished: bool,
}
impl Output {
    /// # Errors
    /// If no file can be made at `temporary`.
    pub fn create(disk: Shared, temporary: PathBuf, incremental_sync: bool) -> io::Result<Output> {
        let file = disk.create(&temporary)?;
        Ok(Output { disk, file, temporary, incremental_sync, unsynced: 0, bytes: 0, finished: false })
    }
    /// # Errors
    /// Whatever the disk says. The output is of no use then, and goes when it is dropped.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        write_all(&mut *self.file, bytes)?;
        self.bytes += bytes.len() as u64;
        self.unsynced += bytes.len();
        if self.incremental_sync && self.unsynced >= SYNC_BYTES {
            self.sync()?;
        }
        Ok(())
    }
    /// # Errors
    /// Whatever the disk says.
    pub fn sync(&mut self) -> io::Result<()> {
        self.unsynced = 0;
        self.file.sync()
    }
    /// What was written so far, to be read, whatever name it will have.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn reader(&self) -> io::Result<Box<dyn std::io::Read + Send>> {
        self.disk.open(&self.temporary).map(|(reader, _)| reader)
    }
    /// Everything is written: syncs it and gives it its name, in the place of what had it.
    ///
    /// # Errors
    /// Whatever the disk says; what had the name is as it was then.
    pub fn finish(mut self, path: &Path) -> io::Result<()> {
        self.sync()?;
        self.disk.rename(&self.temporary, path)?;
        self.finished = true;
        self.disk.sync_folder(path.parent().unwrap_or(Path::new("")))
    }
}
impl Drop for Output {
    fn drop(&mut self) {
        if !self.finished {
            // It is of no use to anybody; if it cannot be removed, the next start does.
            let _ = self.disk.remove(&self.temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::testing::FaultyDisk;
    use std::sync::Arc;

    fn save(disk: &FaultyDisk, text: &str) -> io::Result<()> {
        let mut output = Output::create(Arc::new(disk.clone()), "temp-1.rdb".into(), true)?;
        text.as_bytes().chunks(10).try_for_each(|piece| output.write(piece))?;
        output.finish(Path::new("dump.rdb"))
    }

    #[test]
    fn a_snapshot_is_the_old_one_or_the_new_one() {
        for seed in 0..3000 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let disk = FaultyDisk::new(rng.fork());
            // What may be found: the last one that was saved for sure, and those that failed since.
            let mut possible = vec![None];
            for number in 0..6 {
                let text = format!("snapshot {number} ").repeat(rng.usize(1..10));
                disk.fail_after(rng.usize(..30), rng.bool());
                if save(&disk, &text).is_ok() {
                    possible.clear();
                }
                possible.push(Some(text));
                disk.mend();
                let cut = rng.bool();
                if cut {
                    disk.lose_power();
                }
                let found = disk.read(Path::new("dump.rdb"));
                let found = found.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
                assert!(possible.contains(&found), "seed {seed}: {found:?}, not among {possible:?}");
                if cut {
                    possible = vec![found];
                }
            }
        }
    }
}
