//! An increment of the append-only file while it is written, and what the disk has not taken of it yet.
use super::{DiskFile, Shared};
use std::{io, path::Path};

pub struct Journal {
    file: Box<dyn DiskFile>,
    /// Bytes that the file holds and that `pending` does not: all of them whole commands.
    settled: u64,
    /// What follows them. The first `written` bytes of it are in the file, but are kept until they are synced.
    pending: Vec<u8>,
    written: usize,
    /// Something was written since the last sync.
    unsynced: bool,
    /// Some of that was not kept.
    unkept: bool,
    /// A sync has failed: what was kept is to be written once more.
    again: bool,
    /// A sync has failed, and something is lost that was not kept.
    lost: bool,
    /// Keep what is written until it is synced. If a sync fails, the kernel may have dropped what it could not write, and
    /// says so only once: then it is written again.
    pub keeps: bool,
}

/// Room that is kept for the next commands, bytes.
const ROOM_BYTES: usize = 1024 * 1024;

impl Journal {
    /// Opens an increment, to be written behind what is in it; one that is `new` has nothing in it, whatever lies there.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn open(disk: Shared, path: &Path, new: bool) -> io::Result<Journal> {
        if new {
            disk.create(path)?;
        }
        let (mut file, settled) = disk.append(path)?;
        // A server that was killed has left it to the kernel; what was loaded of it is shown to clients from now on.
        file.sync()?;
        disk.sync_folder(path.parent().unwrap_or(Path::new("")))?;
        Ok(Journal {
            file,
            settled,
            pending: Vec::new(),
            written: 0,
            unsynced: false,
            unkept: false,
            again: false,
            lost: false,
            keeps: false,
        })
    }
    /// Bytes in the file.
    pub fn bytes(&self) -> u64 {
        self.settled + self.written as u64
    }
    /// Bytes that the disk has not taken.
    pub fn pending_bytes(&self) -> usize {
        self.pending.len() - self.written
    }
    /// Memory that it holds, bytes.
    pub fn memory_bytes(&self) -> usize {
        self.pending.capacity()
    }
    /// Makes room for so many bytes more. While what there is moves there it is in memory twice: `announce` is told of both before.
    pub fn reserve(&mut self, bytes: usize, announce: impl FnOnce(usize)) {
        let (wanted, room) = (self.pending.len() + bytes, self.pending.capacity());
        if wanted > room {
            let larger = wanted.max(2 * room);
            announce(room + larger);
            self.pending.reserve_exact(larger - self.pending.len());
        }
    }
    /// Something was written, and not synced since.
    pub fn is_unsynced(&self) -> bool {
        self.unsynced
    }
    /// Something that was written may be lost.
    pub fn is_doubtful(&self) -> bool {
        self.lost
    }
    pub fn push(&mut self, commands: &[u8]) {
        self.pending.extend_from_slice(commands)
    }
    /// Writes what is pending.
    ///
    /// # Errors
    /// Whatever the disk says. Nothing is lost: what it did not take is tried again with the next call. If it took a
    /// part, that is cut off again, if that can be done: who reads the file should find whole commands.
    pub fn write(&mut self) -> io::Result<()> {
        self.begin_again()?;
        let before = self.written;
        let result = loop {
            if self.written == self.pending.len() {
                break Ok(());
            }
            match self.file.write(&self.pending[self.written..]) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.unsynced |= self.written > before;
        let to_be_cut = result.is_err() && self.written > before;
        if to_be_cut && self.file.truncate(self.settled + before as u64).is_ok() {
            self.written = before;
        }
        if !self.keeps {
            self.unkept |= self.written > 0;
            self.forget_written();
        }
        result
    }
    fn forget_written(&mut self) {
        self.settled += self.written as u64;
        self.pending.drain(..std::mem::take(&mut self.written));
        if self.pending.is_empty() && self.pending.capacity() > ROOM_BYTES {
            self.pending = Vec::new();
        }
    }
    /// Brings what was written to the medium.
    ///
    /// # Errors
    /// Whatever the disk says. What was kept will be written anew.
    pub fn sync(&mut self) -> io::Result<()> {
        if self.again {
            self.write()?;
        }
        if self.unsynced {
            if let Err(error) = self.file.sync() {
                self.again |= self.written > 0;
                self.lost |= self.unkept;
                return Err(error);
            }
            (self.unsynced, self.unkept) = (false, false);
        }
        self.forget_written();
        Ok(())
    }
    /// Cuts off what may be lost, to write it anew.
    fn begin_again(&mut self) -> io::Result<()> {
        if self.again {
            self.file.truncate(self.settled)?;
            (self.written, self.again) = (0, false);
        }
        Ok(())
    }
}
