//! A disk in memory that fails when it is told to, and that forgets at a power cut what was not synced.
//!
//! What it keeps then is the worst that file systems are known for. Of what was written to a file since its last sync, any
//! part from the front may be there; of names that were given, changed or removed since their folder's last sync, any
//! selection. A sync that fails drops what it should have brought to the medium, as kernels do: the file reads well, a
//! later sync succeeds, and after a power cut there is garbage.
use super::{Disk, DiskFile};
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

const GARBAGE: u8 = 0;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Byte {
    Synced,
    Dirty,
    /// A sync has failed while it was dirty.
    Dropped,
}

#[derive(Clone, Default)]
struct Inode {
    bytes: Vec<u8>,
    states: Vec<Byte>,
    /// What is on the medium for sure.
    medium: Vec<u8>,
    /// It was cut since.
    was_cut: bool,
    is_garbled: bool,
}
impl Inode {
    fn append(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.states.resize(self.bytes.len(), Byte::Dirty);
    }
    fn cut(&mut self, length: usize) {
        self.was_cut |= length < self.bytes.len();
        self.bytes.truncate(length);
        self.states.truncate(length);
    }
    fn written_back(&self) -> Vec<u8> {
        let pairs = self.bytes.iter().zip(&self.states);
        pairs.map(|(byte, state)| if *state == Byte::Dropped { GARBAGE } else { *byte }).collect()
    }
    fn sync(&mut self) {
        self.medium = self.written_back();
        self.was_cut = false;
        self.replace_states(Byte::Synced);
    }
    fn replace_states(&mut self, new: Byte) {
        self.states.iter_mut().filter(|state| **state == Byte::Dirty).for_each(|state| *state = new);
    }
    fn lose_power(&mut self, rng: &mut fastrand::Rng) {
        let kept_whole = self.states.iter().take_while(|state| **state == Byte::Synced).count();
        let length_on_medium = if self.was_cut { 0 } else { self.medium.len() };
        let mut image = self.written_back();
        image.truncate(rng.usize(kept_whole.max(length_on_medium)..=image.len()));
        if rng.bool() || self.was_cut && rng.bool() {
            image = self.medium.clone();
        }
        self.is_garbled |= image.contains(&GARBAGE);
        self.bytes = image.clone();
        self.states = vec![Byte::Synced; image.len()];
        (self.medium, self.was_cut) = (image, false);
    }
}

/// What a name was made to mean; `None`: nothing any more.
type Naming = (PathBuf, Option<usize>);

#[derive(Default)]
struct State {
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    folders: BTreeSet<PathBuf>,
    names_on_medium: BTreeMap<PathBuf, usize>,
    folders_on_medium: BTreeSet<PathBuf>,
    /// Since their folder was synced, in order.
    namings: Vec<Naming>,
    /// Operations until one fails.
    until_failure: Option<usize>,
    /// From then on all fail.
    broken: bool,
    rng: fastrand::Rng,
}

/// Handles are shared: a clone is the same disk.
#[derive(Clone)]
pub struct FaultyDisk(Arc<Mutex<State>>);

impl FaultyDisk {
    pub fn new(rng: fastrand::Rng) -> FaultyDisk {
        FaultyDisk(Arc::new(Mutex::new(State { rng, ..State::default() })))
    }
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics while it holds this")
    }
    /// So many operations go well, and then one fails, or (`for_good`) all do.
    pub fn fail_after(&self, operations: usize, for_good: bool) {
        let mut state = self.state();
        state.until_failure = Some(operations);
        state.broken = for_good;
    }
    /// From now on nothing fails.
    pub fn mend(&self) {
        self.state().until_failure = None;
    }
    /// Only what is on the medium is there afterwards. Files that were open must not be used any more.
    pub fn lose_power(&self) {
        let State { inodes, names, folders, names_on_medium, folders_on_medium, namings, rng, .. } =
            &mut *self.state();
        for (path, inode) in namings.drain(..).filter(|_| rng.bool()) {
            match inode {
                Some(inode) => names_on_medium.insert(path, inode),
                None => names_on_medium.remove(&path),
            };
        }
        folders.retain(|folder| folders_on_medium.contains(folder) || rng.bool());
        names_on_medium.retain(|path, _| is_root(parent(path)) || folders.contains(parent(path)));
        *names = names_on_medium.clone();
        *folders_on_medium = folders.clone();
        inodes.iter_mut().for_each(|inode| inode.lose_power(rng));
    }
    pub fn read(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state();
        state.names.get(path).map(|inode| state.inodes[*inode].bytes.clone())
    }
    /// At a power cut there was garbage where a sync had failed.
    pub fn is_garbled(&self) -> bool {
        self.state().inodes.iter().any(|inode| inode.is_garbled)
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}
fn is_root(folder: &Path) -> bool {
    folder.as_os_str().is_empty() || folder == Path::new(".")
}
fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl State {
    /// Whether the next operation fails.
    fn fails(&mut self) -> bool {
        match self.until_failure {
            None => false,
            Some(0) => {
                self.until_failure = self.broken.then_some(0);
                true
            }
            Some(more) => {
                self.until_failure = Some(more - 1);
                false
            }
        }
    }
    fn operation(&mut self) -> io::Result<()> {
        if self.fails() { Err(self.error()) } else { Ok(()) }
    }
    fn error(&mut self) -> io::Error {
        let code = if self.rng.bool() { libc::ENOSPC } else { libc::EIO };
        io::Error::from_raw_os_error(code)
    }
    fn name(&mut self, path: &Path, inode: Option<usize>) -> io::Result<()> {
        let folder = parent(path);
        if !is_root(folder) && !self.folders.contains(folder) {
            return Err(not_found());
        }
        match inode {
            Some(inode) => self.names.insert(path.into(), inode),
            None => self.names.remove(path),
        };
        self.namings.push((path.into(), inode));
        Ok(())
    }
    fn inode(&mut self, path: &Path) -> io::Result<usize> {
        if let Some(inode) = self.names.get(path) {
            return Ok(*inode);
        }
        self.new_inode(path)
    }
    fn new_inode(&mut self, path: &Path) -> io::Result<usize> {
        self.inodes.push(Inode::default());
        let inode = self.inodes.len() - 1;
        self.name(path, Some(inode))?;
        Ok(inode)
    }
}

struct File {
    disk: FaultyDisk,
    inode: usize,
}

impl DiskFile for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let state = &mut *self.disk.state();
        let fails = state.fails();
        // A disk that is nearly full takes a part.
        let taken =
            if fails || state.rng.u8(..4) == 0 { state.rng.usize(..=bytes.len()) } else { bytes.len() };
        if fails && (taken == 0 || state.rng.bool()) {
            return Err(state.error());
        }
        let taken = taken.max(1).min(bytes.len());
        state.inodes[self.inode].append(&bytes[..taken]);
        if fails {
            // The rest of it will not fit either.
            state.until_failure = Some(0);
        }
        Ok(taken)
    }
    fn sync(&mut self) -> io::Result<()> {
        let state = &mut *self.disk.state();
        if state.fails() {
            state.inodes[self.inode].replace_states(Byte::Dropped);
            return Err(state.error());
        }
        state.inodes[self.inode].sync();
        Ok(())
    }
    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        let state = &mut *self.disk.state();
        state.operation()?;
        state.inodes[self.inode].cut(bytes as usize);
        Ok(())
    }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.operation()?;
        let inode = state.new_inode(path)?;
        Ok(Box::new(File { disk: self.clone(), inode }))
    }
    fn append(&self, path: &Path) -> io::Result<(Box<dyn DiskFile>, u64)> {
        let mut state = self.state();
        state.operation()?;
        let inode = state.inode(path)?;
        let length = state.inodes[inode].bytes.len() as u64;
        Ok((Box::new(File { disk: self.clone(), inode }), length))
    }
    fn open(&self, path: &Path) -> io::Result<(Box<dyn Read + Send>, u64)> {
        self.state().operation()?;
        let bytes = self.read(path).ok_or_else(not_found)?;
        let length = bytes.len() as u64;
        Ok((Box::new(io::Cursor::new(bytes)), length))
    }
    /// One that fails may have been done.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        let fails = state.fails();
        if !fails || state.rng.u8(..4) == 0 {
            let inode = *state.names.get(from).ok_or_else(not_found)?;
            state.name(to, Some(inode))?;
            state.name(from, None)?;
        }
        if fails { Err(state.error()) } else { Ok(()) }
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.operation()?;
        if !state.names.contains_key(path) {
            return Err(not_found());
        }
        state.name(path, None)
    }
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.operation()?;
        state.folders.insert(path.into());
        Ok(())
    }
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        let state = &mut *self.state();
        state.operation()?;
        let is_inside = |inner: &Path| parent(inner) == path || is_root(parent(inner)) && is_root(path);
        for folder in state.folders.iter().filter(|folder| is_inside(folder)) {
            state.folders_on_medium.insert(folder.clone());
        }
        let (synced, rest) =
            std::mem::take(&mut state.namings).into_iter().partition(|(name, _)| is_inside(name));
        state.namings = rest;
        let synced: Vec<Naming> = synced;
        for (name, inode) in synced {
            match inode {
                Some(inode) => state.names_on_medium.insert(name, inode),
                None => state.names_on_medium.remove(&name),
            };
        }
        Ok(())
    }
    fn exists(&self, path: &Path) -> bool {
        let state = self.state();
        state.names.contains_key(path) || state.folders.contains(path)
    }
    fn is_file(&self, path: &Path) -> bool {
        self.state().names.contains_key(path)
    }
    fn names(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        let state = self.state();
        let inside = state.names.keys().filter(|path| parent(path) == folder);
        Ok(inside.filter_map(|path| path.file_name().map(OsString::from)).collect())
    }
}
