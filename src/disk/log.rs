//! The files of the append-only file: the manifest, the increment at hand, and how they change together.
//!
//! The order of each change is what a crash leaves whole. A file is on the medium, with its name, before a manifest tells
//! of it, and no file goes before a manifest that does without it is on the medium. A change that fails leaves the log as
//! it was, to be written on: the manifest on disk may be the old one or the new one then (it has its name, but its folder
//! could not be synced), and so nothing of either is taken away.
use super::{Journal, Output, Shared, replace};
use crate::formats::aof::{BaseFormat, Manifest, Names, Opening, Part, manifest::Logging};
use std::{
    ffi::{OsStr, OsString},
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Where the files are, and what they are called.
#[derive(Clone)]
pub struct LogFolder {
    disk: Shared,
    path: PathBuf,
    /// `appendfilename`
    filename: String,
}

impl LogFolder {
    pub fn new(disk: Shared, path: &str, filename: &str) -> LogFolder {
        LogFolder { disk, path: path.into(), filename: filename.into() }
    }
    pub fn path(&self) -> &Path {
        &self.path
    }
    pub fn names(&self) -> Names<'_> {
        Names(&self.filename)
    }
    fn at(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.path.join(name.as_ref())
    }
    /// Makes the folder if there is none. Else all in it could be gone with it.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn create(&self) -> io::Result<()> {
        self.disk.create_folder(&self.path)?;
        self.disk.sync_folder(self.path.parent().unwrap_or(Path::new("")))
    }
    /// Removes what a server left behind that was killed. None may be writing here.
    pub fn remove_leftovers(&self) {
        let names = self.names();
        // A manifest that was about to get its name may be all that tells of increments which have theirs.
        let is_needed = !self.disk.exists(&self.at(names.manifest()))
            && self.unlisted().is_ok_and(|increments| !increments.is_empty());
        let manifest = (!is_needed).then(|| names.temporary_manifest());
        for name in manifest.into_iter().chain([names.temporary_increment()]) {
            // It would only take room, and is made anew when it is needed.
            let _ = self.disk.remove(&self.at(name));
        }
    }
    /// The manifest on disk; `None` if there is none.
    ///
    /// # Errors
    /// Whatever the disk says, or what is wrong with it.
    pub fn read_manifest(&self) -> io::Result<Option<Manifest>> {
        let path = self.at(self.names().manifest());
        if !self.disk.exists(&path) {
            return Ok(None);
        }
        let mut text = Vec::new();
        self.disk.open(&path)?.0.read_to_end(&mut text)?;
        let manifest = Manifest::parse(&text)
            .map_err(|error| io::Error::other(format!("{error}\nThe file is {}", path.display())))?;
        Ok(Some(manifest))
    }
    /// Increments that something is in, or that cannot be looked into; for where no manifest tells of them.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn unlisted(&self) -> io::Result<Vec<OsString>> {
        let is_meant = |name: &OsString| {
            let path = self.at(name);
            let has_bytes = || self.disk.open(&path).map_or(true, |(_, bytes)| bytes > 0);
            self.names().is_increment(name) && self.disk.is_file(&path) && has_bytes()
        };
        Ok(self.disk.names(&self.path)?.into_iter().filter(is_meant).collect())
    }
    /// # Errors
    /// Whatever the disk says.
    pub fn write_manifest(&self, manifest: &Manifest) -> io::Result<()> {
        let (temporary, name) = (self.names().temporary_manifest(), self.names().manifest());
        replace(&*self.disk, &self.path, &temporary, &name, manifest.to_text().as_bytes())
    }
    /// Deletes the files that the manifest calls history. What cannot be deleted stays history.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn delete_history(&self, manifest: &mut Manifest) -> io::Result<()> {
        if manifest.history().is_empty() {
            return Ok(());
        }
        let mut first_error = None;
        let mut shorter = manifest.clone();
        shorter.retain_history(|part| match self.disk.remove(&self.at(&part.name)) {
            Ok(()) => false,
            // One that is gone already is as good as deleted.
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => {
                first_error.get_or_insert(error);
                true
            }
        });
        if shorter != *manifest {
            self.write_manifest(&shorter)?;
            *manifest = shorter;
        }
        first_error.map_or(Ok(()), Err)
    }
    /// A rewrite that was asked for while nothing is logged: a base, which nothing follows. Returns the new manifest.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn adopt_alone(&self, base: Output, format: BaseFormat) -> io::Result<Manifest> {
        let manifest = self.read_manifest()?.unwrap_or_default();
        let rewritten = manifest.rewritten(self.names(), format, Logging::Off);
        base.finish(&self.at(&rewritten.base))?;
        self.write_manifest(&rewritten.manifest)?;
        Ok(rewritten.manifest)
    }
    fn bytes_of(&self, part: &Part) -> u64 {
        self.disk.open(&self.at(&part.name)).map_or(0, |(_, bytes)| bytes)
    }
}

/// The append-only file, while it is on.
pub struct LogFiles {
    folder: LogFolder,
    pub journal: Journal,
    manifest: Manifest,
    /// It was switched on, and there is no base yet: commands go to the temporary increment.
    beginning: bool,
    /// Bytes of all parts but the increment at hand.
    older_bytes: u64,
    /// Of increments before the one at hand not everything may be on the medium.
    doubtful: bool,
}

impl LogFiles {
    /// Opens the log behind what was loaded, after the folder's manifest. There is a base in any case: `write_base` writes
    /// it under this name if there is nothing yet.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn open(
        folder: LogFolder,
        manifest: Manifest,
        format: BaseFormat,
        write_base: impl FnOnce(&Path) -> io::Result<()>,
    ) -> io::Result<LogFiles> {
        let opening = Opening::of(manifest.clone(), folder.names(), format);
        if let Some(base) = &opening.new_base {
            write_base(&folder.at(base))?;
        }
        // A server that was killed may have left the one before to the kernel, if it had failed to go on to the last.
        for part in manifest.increments() {
            folder.disk.append(&folder.at(&part.name))?.0.sync()?;
        }
        let journal =
            Journal::open(folder.disk.clone(), &folder.at(&opening.increment), opening.increment_is_new)?;
        if opening.manifest != manifest {
            folder.write_manifest(&opening.manifest)?;
        }
        let older = opening.manifest.parts().filter(|part| part.name != opening.increment);
        let older_bytes = older.map(|part| folder.bytes_of(part)).sum();
        let manifest = opening.manifest;
        Ok(LogFiles { folder, journal, manifest, beginning: false, older_bytes, doubtful: false })
    }
    /// It was switched on just now, in a folder that is there: until there is a base, commands are gathered.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn begin(folder: LogFolder) -> io::Result<LogFiles> {
        let name = folder.names().temporary_increment();
        // What is in an earlier one belongs to no base.
        let journal = Journal::open(folder.disk.clone(), &folder.at(name), true)?;
        let manifest = folder.read_manifest()?.unwrap_or_default();
        Ok(LogFiles { folder, journal, manifest, beginning: true, older_bytes: 0, doubtful: false })
    }
    /// The one at hand; `None` where commands go to the temporary one.
    pub fn increment(&self) -> Option<&Part> {
        self.manifest.increments().last().filter(|_| !self.beginning)
    }
    pub fn is_beginning(&self) -> bool {
        self.beginning
    }
    /// The disk has failed to sync something that may be lost since: only a new base heals that.
    pub fn is_doubtful(&self) -> bool {
        self.doubtful || self.journal.is_doubtful()
    }
    pub fn bytes(&self) -> u64 {
        self.older_bytes + self.journal.bytes()
    }
    pub fn base_bytes(&self) -> u64 {
        self.manifest.base().map_or(0, |part| self.folder.bytes_of(part))
    }
    /// A rewrite begins: what is pushed from here on goes to a new increment.
    ///
    /// # Errors
    /// Whatever the disk says; then it goes on in the old one.
    pub fn rotate(&mut self) -> io::Result<()> {
        self.journal.write()?;
        self.journal.sync()?;
        let mut manifest = self.manifest.clone();
        let path = self.folder.at(&manifest.add_increment(self.folder.names()).name);
        let next = Journal::open(self.folder.disk.clone(), &path, true)?;
        // Nobody would look for commands in it before.
        self.folder.write_manifest(&manifest)?;
        self.older_bytes += self.journal.bytes();
        self.doubtful |= self.journal.is_doubtful();
        (self.manifest, self.journal) = (manifest, next);
        Ok(())
    }
    /// The new base takes the place of all that came before the increment at hand.
    ///
    /// # Errors
    /// Whatever the disk says; then it goes on without it.
    pub fn adopt(&mut self, base: Output, format: BaseFormat) -> io::Result<()> {
        let logging = if self.beginning { Logging::Beginning } else { Logging::On };
        let (folder, bytes) = (&self.folder, base.bytes);
        let rewritten = self.manifest.rewritten(folder.names(), format, logging);
        base.finish(&folder.at(&rewritten.base))?;
        if let Some(increment) = &rewritten.increment {
            // Its first commands must be there before a manifest tells of it.
            self.journal.write()?;
            self.journal.sync()?;
            folder.disk.rename(&folder.at(folder.names().temporary_increment()), &folder.at(increment))?;
            folder.disk.sync_folder(&folder.path)?;
        }
        folder.write_manifest(&rewritten.manifest)?;
        self.manifest = rewritten.manifest;
        (self.beginning, self.doubtful) = (false, false);
        self.older_bytes = bytes;
        Ok(())
    }
    /// # Errors
    /// As [`LogFolder::delete_history`].
    pub fn delete_history(&mut self) -> io::Result<()> {
        self.folder.delete_history(&mut self.manifest)
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
