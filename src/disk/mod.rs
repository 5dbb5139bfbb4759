//! Files: what the Persistence actor does with them, as plain synchronous code.
//!
//! All of it goes through [`Disk`], so that a test can hand in a disk that is full, breaks, or loses what was not synced.
//! Paths are relative to the working directory, which is `dir`.
mod journal;
mod log;
mod output;
mod reading;
#[cfg(test)]
mod testing;

pub use journal::Journal;
pub use log::{LogFiles, LogFolder};
pub use output::Output;
pub use reading::{
    CHUNK_BYTES, Chunks, Sink, Trouble, next_chunk, read_log, read_snapshot, read_snapshot_from,
};

use std::{
    fs,
    io::{self, Read, Write},
    path::Path,
    sync::Arc,
};

/// A file that is being written.
pub trait DiskFile: Send {
    /// Writes some of `bytes`, and says how many.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Has everything written so far brought to the medium.
    fn sync(&mut self) -> io::Result<()>;
    fn truncate(&mut self, bytes: u64) -> io::Result<()>;
}

/// Where files are.
pub trait Disk: Send + Sync {
    /// A new and empty file in the place of whatever stood there: that may have another name, under which it stays.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// A file to be written behind what it holds, and how long it is; it is made if there is none.
    fn append(&self, path: &Path) -> io::Result<(Box<dyn DiskFile>, u64)>;
    /// A file to be read, and how long it is.
    fn open(&self, path: &Path) -> io::Result<(Box<dyn Read + Send>, u64)>;
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    fn create_folder(&self, path: &Path) -> io::Result<()>;
    /// Has renamings, new and removed files in a folder brought to the medium.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
    fn exists(&self, path: &Path) -> bool;
    fn is_file(&self, path: &Path) -> bool;
    /// The names of what is in a folder.
    fn names(&self, folder: &Path) -> io::Result<Vec<std::ffi::OsString>>;
}

/// The files of the operating system.
pub struct Real;

struct RealFile(fs::File);
impl DiskFile for RealFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }
}

impl Disk for Real {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(Box::new(RealFile(fs::File::create_new(path)?))),
        }
    }
    fn append(&self, path: &Path) -> io::Result<(Box<dyn DiskFile>, u64)> {
        let file = fs::OpenOptions::new().append(true).create(true).open(path)?;
        let length = file.metadata()?.len();
        Ok((Box::new(RealFile(file)), length))
    }
    fn open(&self, path: &Path) -> io::Result<(Box<dyn Read + Send>, u64)> {
        let file = fs::File::open(path)?;
        let length = file.metadata()?.len();
        Ok((Box::new(file), length))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        match fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            result => result,
        }
    }
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        fs::File::open(if path.as_os_str().is_empty() { Path::new(".") } else { path })?.sync_all()
    }
    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }
    fn is_file(&self, path: &Path) -> bool {
        path.is_file()
    }
    fn names(&self, folder: &Path) -> io::Result<Vec<std::ffi::OsString>> {
        fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect()
    }
}

/// A disk to be shared.
pub type Shared = Arc<dyn Disk>;

/// Puts `bytes` at `path` as a whole: whoever looks, also after a crash, finds the old file or the new one.
///
/// # Errors
/// Whatever the disk says; the old file is whole then.
pub fn replace(disk: &dyn Disk, folder: &Path, temporary: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = folder.join(temporary);
    let write = || -> io::Result<()> {
        let mut file = disk.create(&temporary)?;
        write_all(&mut *file, bytes)?;
        file.sync()?;
        disk.rename(&temporary, &folder.join(name))?;
        disk.sync_folder(folder)
    };
    write().inspect_err(|_| {
        // What is left of it would be overwritten the next time anyway.
        let _ = disk.remove(&temporary);
    })
}

/// # Errors
/// Whatever the disk says, after as much as it took.
pub fn write_all(file: &mut dyn DiskFile, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
